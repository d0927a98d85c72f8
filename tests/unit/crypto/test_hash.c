#include "crypto/hash.h"

#include <string.h>

#include "../cm.h"
#include "base/text.h"

/* FIPS 180-4 examples. */
static const struct {
    enum rs_hash_algorithm algorithm;
    const char *in;
    const char *out;
} vectors[] = {
    {RS_HASH_SHA256, "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {RS_HASH_SHA256, "abc",
     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {RS_HASH_SHA512, "",
     "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {RS_HASH_SHA512, "abc",
     "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        char text[RS_HASH_TEXT_BYTES];
        rs_hash_text(vectors[i].algorithm, vectors[i].in, strlen(vectors[i].in), text);
        assert_string_equal(text, vectors[i].out);
    }
}

static void raw_bytes(void **state)
{
    (void)state;
    unsigned char raw[RS_HASH_BYTES_MAX];
    char hex[2 * RS_HASH_BYTES_MAX + 1];
    rs_hash_sha256("abc", 3, raw);
    rs_hex_encode(raw, RS_SHA256_BYTES, hex);
    assert_string_equal(hex, vectors[1].out + 7);
    rs_hash_sha512("abc", 3, raw);
    rs_hex_encode(raw, RS_SHA512_BYTES, hex);
    assert_string_equal(hex, vectors[3].out + 7);
}

static void in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        RS_AUTO(rs_hasher) struct rs_hasher *h = NULL;
        char text[RS_HASH_TEXT_BYTES];
        assert_int_equal(rs_hasher_new(vectors[i].algorithm, &h, NULL), RS_OK);
        for (const char *p = vectors[i].in; *p != '\0'; p++)
            assert_int_equal(rs_hasher_update(h, p, 1, NULL), RS_OK);
        assert_int_equal(rs_hasher_update(h, "", 0, NULL), RS_OK);
        assert_int_equal(rs_hasher_final_text(h, text, NULL), RS_OK);
        assert_string_equal(text, vectors[i].out);
    }
}

static void a_clone_goes_its_own_way(void **state)
{
    (void)state;
    RS_AUTO(rs_hasher) struct rs_hasher *h = NULL;
    RS_AUTO(rs_hasher) struct rs_hasher *copy = NULL;
    char text[RS_HASH_TEXT_BYTES];
    assert_int_equal(rs_hasher_new(RS_HASH_SHA256, &h, NULL), RS_OK);
    assert_int_equal(rs_hasher_update(h, "ab", 2, NULL), RS_OK);
    assert_int_equal(rs_hasher_clone(h, &copy, NULL), RS_OK);
    assert_int_equal(rs_hasher_update(copy, "X", 1, NULL), RS_OK);
    assert_int_equal(rs_hasher_update(h, "c", 1, NULL), RS_OK);
    assert_int_equal(rs_hasher_final_text(h, text, NULL), RS_OK);
    assert_string_equal(text, vectors[1].out);
    char other[RS_HASH_TEXT_BYTES];
    char expected[RS_HASH_TEXT_BYTES];
    assert_int_equal(rs_hasher_final_text(copy, other, NULL), RS_OK);
    rs_hash_text(RS_HASH_SHA256, "abX", 3, expected);
    assert_string_equal(other, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once),
        cmocka_unit_test(raw_bytes),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(a_clone_goes_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
