#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

struct block {
    uint32_t first;
    unsigned bits;
};

#define V4(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* IANA's registry of special-purpose IPv4 addresses (RFC 6890), and multicast. */
static const struct block special_v4[] = {
    {V4(0, 0, 0, 0), 8},       /* "this network"; 0.0.0.0 reaches the host itself */
    {V4(10, 0, 0, 0), 8},      /* private */
    {V4(100, 64, 0, 0), 10},   /* shared (carrier-grade NAT) */
    {V4(127, 0, 0, 0), 8},     /* loopback */
    {V4(169, 254, 0, 0), 16},  /* link-local, cloud metadata */
    {V4(172, 16, 0, 0), 12},   /* private */
    {V4(192, 0, 0, 0), 24},    /* protocol assignments */
    {V4(192, 0, 2, 0), 24},    /* documentation */
    {V4(192, 88, 99, 0), 24},  /* 6to4 relays */
    {V4(192, 168, 0, 0), 16},  /* private */
    {V4(198, 18, 0, 0), 15},   /* benchmarking */
    {V4(198, 51, 100, 0), 24}, /* documentation */
    {V4(203, 0, 113, 0), 24},  /* documentation */
    {V4(224, 0, 0, 0), 3},     /* multicast, reserved, broadcast */
};

static bool is_public_v4(uint32_t address)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(special_v4); i++)
        if ((address ^ special_v4[i].first) >> (32 - special_v4[i].bits) == 0)
            return false;
    return true;
}

static uint32_t v4_at(const uint8_t *p)
{
    return V4(p[0], p[1], p[2], p[3]);
}

static bool begins_with(const uint8_t *address, const char *prefix, size_t n)
{
    return memcmp(address, prefix, n) == 0;
}

/*
 * Only 2000::/3 is global unicast, and of it not what carries an IPv4 address of somebody's choice
 * or is set aside.  NAT64 (64:ff9b::/96) lies outside and so do mapped, compatible, ULA, link-local
 * and multicast addresses; mapped ones are judged by the caller as what they are.
 */
static bool is_public_v6(const uint8_t *a)
{
    if ((a[0] & 0xe0) != 0x20)
        return false;
    if (begins_with(a, "\x20\x01", 2) && a[2] < 0x02) /* 2001::/23: protocol assignments, Teredo */
        return false;
    if (begins_with(a, "\x20\x01\x0d\xb8", 4)) /* documentation */
        return false;
    if (begins_with(a, "\x3f\xff", 2) && a[2] < 0x10) /* 3fff::/20, documentation */
        return false;
    if (begins_with(a, "\x20\x02", 2)) /* 6to4: an IPv4 address of somebody's choice is inside */
        return is_public_v4(v4_at(a + 2));
    return true;
}

static bool is_mapped(const uint8_t *a)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(a, prefix, sizeof(prefix)) == 0;
}

/* 16 bytes, an IPv4 address as mapped; false for another family. */
static bool bytes_of(const struct sockaddr *address, uint8_t out[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        memset(out, 0, 10);
        memset(out + 10, 0xff, 2);
        memcpy(out + 12, &v4.sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(out, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

bool rs_address_is_public(const struct sockaddr *address)
{
    uint8_t a[16];
    if (!bytes_of(address, a))
        return false;
    /* A mapped IPv6 address is refused by the IPv6 rules; only a true IPv4 socket is judged as
     * such. */
    if (address->sa_family == AF_INET)
        return is_public_v4(v4_at(a + 12));
    return is_public_v6(a);
}

/* Is every bit behind the first `bits` zero? */
static bool is_clean(const uint8_t *a, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if ((a[i / 8] & (0x80U >> (i % 8))) != 0)
            return false;
    return true;
}

bool rs_network_parse(const char *text, struct rs_network *ret)
{
    char host[INET6_ADDRSTRLEN + 1];
    size_t n = strcspn(text, "/");
    if (n == 0 || n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    struct rs_network network = {.bits = 128};
    unsigned width = 128;
    if (inet_pton(AF_INET, host, network.bytes + 12) == 1) {
        network.bytes[10] = 0xff;
        network.bytes[11] = 0xff;
        width = 32;
    } else if (inet_pton(AF_INET6, host, network.bytes) != 1) {
        return false;
    }
    uint64_t prefix = width;
    if (text[n] == '/' && !rs_parse_u64(rs_str_of(text + n + 1), width, &prefix))
        return false;
    network.bits = 128 - width + (unsigned)prefix;
    if (!is_clean(network.bytes, network.bits))
        return false;
    *ret = network;
    return true;
}

bool rs_network_contains(const struct rs_network *network, const struct sockaddr *address)
{
    uint8_t a[16];
    if (!bytes_of(address, a))
        return false;
    /* "::/0" means IPv6 addresses: a v4 one is inside of its own networks only. */
    if (address->sa_family == AF_INET && network->bits < 96)
        return false;
    for (unsigned i = 0; i < network->bits; i++)
        if (((a[i / 8] ^ network->bytes[i / 8]) & (0x80U >> (i % 8))) != 0)
            return false;
    return true;
}

enum rs_status rs_reach_init(struct rs_reach *ret, const char *key, const char *const *texts,
                             size_t n, struct rs_err *reterr)
{
    *ret = (struct rs_reach){.networks = calloc(n + 1, sizeof *ret->networks)};
    if (ret->networks == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (; ret->n < n; ret->n++) {
        if (!rs_network_parse(texts[ret->n], &ret->networks[ret->n]))
            return rs_fail(reterr, RS_BAD_REQUEST, "%s: %.100s is no network like 10.0.0.0/8", key,
                           texts[ret->n]);
    }
    return RS_OK;
}

void rs_reach_release(struct rs_reach *reach)
{
    free(reach->networks);
    *reach = (struct rs_reach){0};
}

bool rs_reach_permits(const struct sockaddr *address, void *arg)
{
    const struct rs_reach *reach = arg;
    if (rs_address_is_public(address))
        return true;
    for (size_t i = 0; i < reach->n; i++) {
        if (rs_network_contains(&reach->networks[i], address))
            return true;
    }
    return false;
}

void rs_address_format(const struct sockaddr *address, char out[RS_ADDRESS_TEXT_BYTES])
{
    uint8_t a[16];
    out[0] = '\0';
    if (!bytes_of(address, a))
        return;
    bool is_v4 = address->sa_family == AF_INET || is_mapped(a);
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? a + 12 : a, out, RS_ADDRESS_TEXT_BYTES) ==
        NULL)
        out[0] = '\0'; /* cannot be: the buffer is large enough */
}
