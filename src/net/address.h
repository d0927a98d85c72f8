/*
 * net/address.h: which addresses are public.  Layer: net.  Spec: TESTPLAN W3; RFC 6890.  Threads:
 * any (pure).
 */
#ifndef RS_NET_ADDRESS_H
#define RS_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct sockaddr;

/*
 * A global unicast address that a stranger may name.  Not: loopback, private (RFC 1918, ULA),
 * shared (CGNAT), link-local, multicast, unspecified, broadcast, documentation, benchmarking,
 * reserved; nor such an IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo);
 * nor any other family.
 */
bool rs_address_is_public(const struct sockaddr *address);

/* A CIDR block ("10.0.0.0/8", "fd00::/8") or a single address. */
struct rs_network {
    uint8_t bytes[16]; /* IPv4 as v4-mapped */
    unsigned bits;     /* of 128 */
};
/* False unless it is an address with an optional prefix length and no bits set behind it. */
RS_MUST_CHECK bool rs_network_parse(const char *text, struct rs_network *ret);
bool rs_network_contains(const struct rs_network *network, const struct sockaddr *address);

/* Public addresses, and these networks although they are not: whom requests of ours may reach. */
struct rs_reach {
    struct rs_network *networks;
    size_t n;
};
/* @key  of the configuration that the texts come from, for the message.  RS_BAD_REQUEST, RS_NOMEM;
 * *ret is then to be released all the same. */
RS_MUST_CHECK enum rs_status rs_reach_init(struct rs_reach *ret, const char *key,
                                           const char *const *texts, size_t n,
                                           struct rs_err *reterr);
void rs_reach_release(struct rs_reach *reach);
/* An rs_http_filter (net/http_client.h); `reach` is a struct rs_reach. */
bool rs_reach_permits(const struct sockaddr *address, void *reach);

#define RS_ADDRESS_TEXT_BYTES 64
/* The address without its port, "" for another family. */
void rs_address_format(const struct sockaddr *address, char out[RS_ADDRESS_TEXT_BYTES]);

#endif
