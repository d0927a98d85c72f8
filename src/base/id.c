#include "base/id.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/text.h"

void rs_random_bytes(void *out, size_t n)
{
    unsigned char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        rs_assert(got > 0); /* without randomness nothing here is safe */
        p += got;
        n -= (size_t)got;
    }
}

void rs_id_new(char out[RS_ID_TEXT_BYTES])
{
    unsigned char raw[16];
    rs_random_bytes(raw, sizeof(raw));
    rs_hex_encode(raw, sizeof(raw), out);
}
