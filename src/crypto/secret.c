#include "crypto/secret.h"

#include <string.h>

#include <openssl/crypto.h>

bool rs_secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

bool rs_secret_equal_text(const char *given, const char *secret)
{
    /* Every byte of `given` is looked at, against a byte of the secret or, past its end, its
     * NUL. */
    size_t given_n = strlen(given);
    size_t secret_n = strlen(secret);
    unsigned differ = given_n != secret_n;
    for (size_t i = 0; i < given_n; i++) {
        volatile const char *s = secret + (i < secret_n ? i : secret_n);
        differ |= (unsigned)(unsigned char)given[i] ^ (unsigned)(unsigned char)*s;
    }
    return differ == 0;
}

void rs_secret_wipe(void *p, size_t n)
{
    if (n > 0)
        OPENSSL_cleanse(p, n);
}
