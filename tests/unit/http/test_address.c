/* Blocks of trusted proxies: they decide whose word about the client's address counts. */
#include "http/address.h"

#include "../cm.h"

static void membership(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        const char *address;
        bool is_in;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.128/25", "10.1.2.128", true},
        {"10.1.2.128/25", "10.1.2.127", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "1.2.3.4", true},
        {"::/0", "fe80::1", true},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe00::1", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_proxy_block b;
        unsigned char address[16];
        assert_int_equal(rs_proxy_block_parse(rows[i].block, &b, NULL), RS_OK);
        assert_true(rs_address_parse(rows[i].address, address));
        if (rs_proxy_block_has(&b, address) != rows[i].is_in)
            fail_msg("%s in %s", rows[i].address, rows[i].block);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",          "x",
        "10.0.0",    "10.0.0.0/33",
        "10.0.0.0/", "10.0.0.0/-1",
        "::/129",    "10.0.0.1/8/8",
        "localhost", "10.0.0.0 /8",
        "0x7f.1",    "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_proxy_block b;
        struct rs_err err = RS_ERR_INIT;
        if (rs_proxy_block_parse(rows[i], &b, &err) != RS_BAD_REQUEST)
            fail_msg("%s was taken", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(membership), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
