#include "crypto/hmac.h"

#include <string.h>

#include "../cm.h"

static void check(const void *key, size_t key_n, const struct rs_str *parts, size_t n,
                  const char *expected)
{
    unsigned char mac[RS_HMAC_BYTES];
    char hex[2 * RS_HMAC_BYTES + 1];
    assert_int_equal(rs_hmac_sha256(key, key_n, parts, n, mac, NULL), RS_OK);
    rs_hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, expected);
}

/* RFC 4231 */
static void vectors(void **state)
{
    (void)state;
    unsigned char key[131];
    memset(key, 0x0b, 20);
    check(key, 20, &(struct rs_str){"Hi There", 8}, 1,
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check("Jefe", 4, &(struct rs_str){"what do ya want for nothing?", 28}, 1,
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    check(key, 131, &(struct rs_str){"Test Using Larger Than Block-Size Key - Hash Key First", 54},
          1, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void parts_are_joined(void **state)
{
    (void)state;
    static const struct rs_str parts[] = {
        {"what do", 7}, {"", 0}, {" ya want", 8}, {" for nothing?", 13}};
    check("Jefe", 4, parts, 4, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void nothing_at_all(void **state)
{
    (void)state;
    check(NULL, 0, NULL, 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
