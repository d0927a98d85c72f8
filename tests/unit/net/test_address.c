#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "../cm.h"

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union any_address address_of(const char *text)
{
    union any_address a;
    memset(&a, 0, sizeof(a));
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
        a.v4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1)
        a.v6.sin6_family = AF_INET6;
    else
        fail_msg("%s", text);
    return a;
}

static void public_addresses(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "8.8.8.8",        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255", "128.0.0.1",       "169.253.255.255", "169.255.0.0",
        "172.15.255.255", "172.32.0.0",      "192.167.255.255", "192.169.0.0",     "198.17.255.255",
        "198.20.0.0",     "223.255.255.255", "2606:4700::1111", "2001:200::1",     "2a00:1450::1",
        "2002:808:808::1"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        union any_address a = address_of(rows[i]);
        if (!rs_address_is_public(&a.any))
            fail_msg("%s", rows[i]);
    }
}

static void other_addresses(void **state)
{
    (void)state;
    static const char *const rows[] = {"0.0.0.0",
                                       "0.1.2.3",
                                       "127.0.0.1",
                                       "127.255.255.255",
                                       "10.0.0.0",
                                       "10.255.255.255",
                                       "172.16.0.0",
                                       "172.31.255.255",
                                       "192.168.0.0",
                                       "192.168.255.255",
                                       "169.254.169.254",
                                       "169.254.0.0",
                                       "100.64.0.0",
                                       "100.127.255.255",
                                       "192.0.0.1",
                                       "192.0.2.1",
                                       "198.18.0.1",
                                       "198.19.255.255",
                                       "198.51.100.1",
                                       "203.0.113.1",
                                       "192.88.99.1",
                                       "224.0.0.1",
                                       "239.255.255.255",
                                       "240.0.0.1",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::ffff:127.0.0.1",
                                       "::ffff:8.8.8.8",
                                       "::127.0.0.1",
                                       "::8.8.8.8",
                                       "fc00::1",
                                       "fd12:3456::1",
                                       "fe80::1",
                                       "febf::1",
                                       "fec0::1",
                                       "ff02::1",
                                       "64:ff9b::7f00:1",
                                       "64:ff9b::808:808",
                                       "64:ff9b:1::1",
                                       "100::1",
                                       "2001::1",
                                       "2001:0:7f00:1::",
                                       "2001:10::1",
                                       "2001:db8::1",
                                       "2002:7f00:1::",
                                       "2002:a00:1::",
                                       "2002:a9fe:a9fe::",
                                       "3fff::1",
                                       "4000::1",
                                       "1fff::1"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        union any_address a = address_of(rows[i]);
        if (rs_address_is_public(&a.any))
            fail_msg("%s", rows[i]);
    }
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_false(rs_address_is_public((const struct sockaddr *)&local));
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *inside;
        const char *outside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
        {"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
        {"192.168.1.0/24", "192.168.1.255", "192.168.2.0"},
        {"192.168.1.128/25", "192.168.1.128", "192.168.1.127"},
        {"127.0.0.1", "127.0.0.1", "127.0.0.2"},
        {"0.0.0.0/0", "203.0.113.5", "fd00::1"},
        {"fd00::/8", "fd12::1", "fc00::1"},
        {"::1", "::1", "::2"},
        {"::/0", "2001:db8::1", "10.0.0.1"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_network network;
        union any_address in = address_of(rows[i].inside);
        union any_address out = address_of(rows[i].outside);
        assert_true(rs_network_parse(rows[i].network, &network));
        if (!rs_network_contains(&network, &in.any) || rs_network_contains(&network, &out.any))
            fail_msg("%s", rows[i].network);
    }
    static const char *const bad[] = {"",
                                      "/",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/8x",
                                      "10.0.0.1/8",
                                      "10.0.0/8",
                                      "10",
                                      "0x7f.1",
                                      "2130706433",
                                      "::/129",
                                      "::1/64",
                                      "fd00::/8/8",
                                      "localhost",
                                      "10.0.0.0 /8",
                                      "10.0.0.0/ 8",
                                      "01.2.3.4",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        struct rs_network network;
        if (rs_network_parse(bad[i], &network))
            fail_msg("%s", bad[i]);
    }
}

static void formats(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"127.0.0.1", "127.0.0.1"}, {"fd00:0::1", "fd00::1"}, {"::ffff:10.0.0.1", "10.0.0.1"}};
    char text[RS_ADDRESS_TEXT_BYTES];
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        union any_address a = address_of(rows[i][0]);
        rs_address_format(&a.any, text);
        assert_string_equal(text, rows[i][1]);
    }
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    rs_address_format((const struct sockaddr *)&local, text);
    assert_string_equal(text, "");
}

static void whom_requests_may_reach(void **state)
{
    (void)state;
    static const char *const networks[] = {"10.0.0.0/8", "::1"};
    static const char *const bad[] = {"10.0.0.0/8", "10.0.0.1/8"};
    static const struct {
        const char *address;
        bool may;
    } rows[] = {{"8.8.8.8", true},    {"10.1.2.3", true}, {"::1", true},
                {"127.0.0.1", false}, {"fe80::1", false}, {"192.168.0.1", false}};
    struct rs_reach reach;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_reach_init(&reach, "key", networks, 2, NULL), RS_OK);
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        union any_address a = address_of(rows[i].address);
        if (rs_reach_permits(&a.any, &reach) != rows[i].may)
            fail_msg("%s", rows[i].address);
    }
    rs_reach_release(&reach);
    assert_int_equal(rs_reach_init(&reach, "a.key", bad, 2, &err), RS_BAD_REQUEST);
    assert_non_null(strstr(err.message, "a.key: 10.0.0.1/8"));
    rs_reach_release(&reach);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses),
        cmocka_unit_test(other_addresses),
        cmocka_unit_test(networks),
        cmocka_unit_test(formats),
        cmocka_unit_test(whom_requests_may_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
