/*
 * http/address.h: addresses of clients, and blocks of them.
 * Layer: http.  Threads: any (pure functions).
 * An IPv4 address is kept as the IPv6 one that it is mapped to, so that both families are compared
 * alike.
 */
#ifndef RS_HTTP_ADDRESS_H
#define RS_HTTP_ADDRESS_H

#include <stdbool.h>

#include "base/err.h"

struct rs_proxy_block {
    unsigned char address[16];
    unsigned bits; /* leading bits that count */
};

/* "10.0.0.0/8", "fd00::/8", or one address.  RS_BAD_REQUEST for anything else. */
RS_MUST_CHECK enum rs_status rs_proxy_block_parse(const char *text, struct rs_proxy_block *ret,
                                                  struct rs_err *reterr);
bool rs_proxy_block_has(const struct rs_proxy_block *b, const unsigned char address[16]);
/* false for anything but an IPv4 or IPv6 address. */
RS_MUST_CHECK bool rs_address_parse(const char *text, unsigned char ret[16]);

#endif
