#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

bool rs_address_parse(const char *text, unsigned char ret[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, text, ret + 12) == 1)
        return true;
    return inet_pton(AF_INET6, text, ret) == 1;
}

enum rs_status rs_proxy_block_parse(const char *text, struct rs_proxy_block *ret,
                                    struct rs_err *reterr)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
    uint64_t bits = 0;
    bool ok = n < sizeof(address);
    if (ok) {
        memcpy(address, text, n);
        address[n] = '\0';
        ok = rs_address_parse(address, ret->address);
    }
    bool is_v4 = strchr(text, ':') == NULL;
    uint64_t bits_max = is_v4 ? 32 : 128;
    if (ok && slash != NULL)
        ok = rs_parse_u64(rs_str_of(slash + 1), bits_max, &bits);
    if (!ok)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "'%.100s' is neither an address nor a block of addresses (as 10.0.0.0/8)",
                       text);
    if (slash == NULL)
        bits = bits_max;
    ret->bits = (unsigned)(is_v4 ? bits + 96 : bits);
    return RS_OK;
}

bool rs_proxy_block_has(const struct rs_proxy_block *b, const unsigned char address[16])
{
    unsigned whole = b->bits / 8;
    unsigned rest = b->bits % 8;
    if (memcmp(b->address, address, whole) != 0)
        return false;
    return rest == 0 || ((b->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}
