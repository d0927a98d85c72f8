#include "crypto/ed25519.h"

#include <string.h>

#include "../cm.h"
#include "base/text.h"

/* RFC 8032 section 7.1, tests 1 and 3 */
static const struct {
    const char *seed;
    const char *public_key;
    const char *message;
    size_t message_n;
    const char *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", 0,
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82", 2,
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void rfc_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        unsigned char seed[RS_ED25519_KEY_BYTES];
        unsigned char key[RS_ED25519_KEY_BYTES];
        unsigned char signature[RS_ED25519_SIGNATURE_BYTES];
        char hex[2 * RS_ED25519_SIGNATURE_BYTES + 1];
        assert_true(rs_hex_decode(rs_str_of(vectors[i].seed), seed, sizeof(seed)));
        assert_int_equal(rs_ed25519_public(seed, key, NULL), RS_OK);
        rs_hex_encode(key, sizeof(key), hex);
        assert_string_equal(hex, vectors[i].public_key);
        assert_int_equal(
            rs_ed25519_sign(seed, vectors[i].message, vectors[i].message_n, signature, NULL),
            RS_OK);
        rs_hex_encode(signature, sizeof(signature), hex);
        assert_string_equal(hex, vectors[i].signature);
        assert_true(rs_ed25519_verify(key, vectors[i].message, vectors[i].message_n, signature));
    }
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    unsigned char seed[RS_ED25519_KEY_BYTES];
    unsigned char key[RS_ED25519_KEY_BYTES];
    unsigned char signature[RS_ED25519_SIGNATURE_BYTES];
    char message[] = "checkpoint 42";
    rs_ed25519_generate(seed);
    assert_int_equal(rs_ed25519_public(seed, key, NULL), RS_OK);
    assert_int_equal(rs_ed25519_sign(seed, message, sizeof(message), signature, NULL), RS_OK);
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_false(rs_ed25519_verify(key, message, sizeof(message), signature));
        signature[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    message[3] ^= 1;
    assert_false(rs_ed25519_verify(key, message, sizeof(message), signature));
    message[3] ^= 1;
    assert_false(rs_ed25519_verify(key, message, sizeof(message) - 1, signature));
    assert_true(rs_ed25519_verify(key, message, sizeof(message), signature));
    key[0] ^= 1;
    assert_false(rs_ed25519_verify(key, message, sizeof(message), signature));
}

static void keys_differ(void **state)
{
    (void)state;
    unsigned char a[RS_ED25519_KEY_BYTES];
    unsigned char b[RS_ED25519_KEY_BYTES];
    rs_ed25519_generate(a);
    rs_ed25519_generate(b);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
