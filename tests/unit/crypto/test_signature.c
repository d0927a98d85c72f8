#include "crypto/signature.h"

#include <string.h>

#include "../cm.h"
#include "base/text.h"

#define MESSAGE "held until it is proven fit"
static const char modulus[] =
    "hlOFXuvBKZnCFi7ZuLp-VIeTsBeqw9hvGPG6-duLdFeqfHcFFTL3J3BDXhSZyQIrxumQi_h0M5IZIF4-hb6grwU2xT"
    "y3mH301yQgV9VVGhQ08f_LySMJc99wt1pmlwGrTAjKgMUkjEfFL5sp0qq84U0oqPaFupxAITkQHeqj7bWSZGTOTB7G"
    "wPzLGV7n2YcXutDfowJlHAMGgD1PabbYTsVdYtLRrF5-xcp0vKfQ8VFrnCFkH-CkRnYK0-JXv5NR5cM_F7454DFFKc"
    "TknALgfLQZk3b4FJlVuRCWwKf94MzrIJa55pRmptJLwnG1G7Bo6UeQDBy13M_SCoNfPmZEAQ";
static const char exponent[] = "AQAB";
static const char small_modulus[] =
    "1RnOUTEuOlBc5RSij-mMKuOpwHKcnkST1xL5PLtNYCyZBUdfgtJ-TVP7a0aiRjwLOQR-HdntMRUouxZpaG5sySBp8L"
    "4ucFaFPjAfoB73iXWI0xkNBpIA6-ntLk6K_zuGBjhHdSB8zdGdVAze16MwkFapB3YbcBhouMfzVZzz0bM";

/* Made with another implementation.  kind: "RSA" (the key above), "Ed25519" (x), or a curve. */
static const struct vector {
    const char *algorithm;
    const char *kind;
    const char *x;
    const char *y;
    const char *signature;
} vectors[] = {
    {"RS256", "RSA", NULL, NULL,
     "PVxQE0H8RVK6OecWYE5OTJPss5Rrpun8hk7_rYfay7_Rzb5dhh_eqCbLQAXrL4C97e8AElkLf_kGdCotEmStZ9SKJ"
     "tpRW9VhVJewpZcQ1_acFDDm89iHCQqZLgnQwbGsInnplfSfzEPhAtzSvyNRCyUN2e7dev2h-LjXxFLUar5ETYYvjM"
     "z4ESra5DePPD8PY0Fv7p6cy_aeNXcbEP_1vbzDQvYhjt5NayGnI4c9oNeIJTQDNhd5Y0K7FYMozuS7F4yzAbnkb-i"
     "tCYDfD42G53F1Ajj82wlJDs1n2yHvNe4NFBRqgnOymSCJ_rgh47x2UkG0F5tCye4MEMKkRT2fmw"},
    {"RS384", "RSA", NULL, NULL,
     "aXLtDPUzZQyFBow_zeyjQwq5JeAXu9tGU8dQ9KF3eKcSGLq_ZeoQE1kBI36NHaV8Grh_naXFi9z5qYiePfgIFpf-y"
     "cQ2xAjRmOaYPzWyaftMMNmMd-1YF7X3qirsDtCbulDq7lgMe3_KVSJMJZtXYXn_ckbzrbheN0NdZVdJS2V2Psj2cq"
     "UxfdjVE1UEwE5CeG9Dph5962KtepJ2C2uZIgTnNAVdqbPJEB1zRmYiZbua2Bkx0A7amaMzNW0cvfJtqcMPbYOyXkC"
     "tWNP2RYqkRa0meSJsBYuMWDJrVxccYfCG3Fexmh4TCQKhCZXEPGDFAqApTcJ4GJcVsAqJ9Ch7Sg"},
    {"RS512", "RSA", NULL, NULL,
     "DtU19r7CkYeVC1Yi8OtzXcZItiGqgDbgbPfH_CH8Cvk1cupJSMe0WZ4t-JFXjkOAeD9uUpWmE-OEMbTdw2vzBPQjh"
     "9YoZiQV_73AQ5k6MuprypbDTBkNutc_8yPH-3Zf4n_irGUmwE1OFT4wFC-UPSC4Yr8L8yhqWF6n5olaPIUZmLcD0o"
     "GJZ9dad806QoIcHfGjn4VfQwl1BdFFJvbX-C4ngJtzxEIG74Gg6PjTZF7w4jxiKM41NbZej3NESQdxGYxVs8_2h8J"
     "gubvXtgPx7mPy4psExDI6vCZfDJYInbtGzKXLu6-ndqI95QVCGmr0G54Rem2UHkZZTc4-FubeJg"},
    {"PS256", "RSA", NULL, NULL,
     "AKu-ig2SwjH3dUi7Eb26AXdmkWe_LbRGaXyJmgaeKaG8bsNzX8qbNsD5kht3ZZAy-dqsiN57P-8Unch4e1QW94O7_"
     "Fd1kHY9cbxMf0BsrZYhzBl0VtDhscqk333cNJYbTHXcOpIbnDoITDYgADh_Jytft59N9ehoUmf8bPRdeHTY1ApOD7"
     "MYfWb3u_f1m--JQ12IZCgHLGwFd53z7vzu34NoM_SgcD1UEWncnfZaUXQbetsMxVmJLIuuuTZnv2qsJI9a2IXRhUp"
     "E14LRv0NS5q8zwLGHwpu261JNVZJJveSX9bdrY1peEH-eNYL6JOCG4WEpSS3Cv-UZ9K5ofTIRgA"},
    {"PS384", "RSA", NULL, NULL,
     "LxS0UR1QuJVPz_kGdTWYr2ArSQv7VhLdAUVEqI3BLEOE5A6cFuigm0ZzOL7s-1DMpCJ5B7y_VUZpDo7ukCc1JIIgI"
     "021nWfj3r4YdG9tulEsCtor2dwLP4nkTZz2Xe1wtQQS2XFbgjXUrlNE0yQxooVeGGM-YWiidz_fT0P3XfmByMfYp8"
     "f7akQV35tvvYBKbkcj2FRMaR_U4Mhz38v_1cYzMasilmhyhz3DWZUAxLzWI2NU7Oe2ZHUpz9IVz7u3lqRdyLjv0O2"
     "Sl4o6M2aXKunbMEN3Gw8NtwjLZwuJJJVH6g6S2_li4MQvHs0lU7eLBcYuPn4hUxRWLoTZSHdxhw"},
    {"PS512", "RSA", NULL, NULL,
     "Y_18E-PNDYDsfwVJcPofkDoPYieoqepb997cQp0F-gPgY7GKw4gdPtV-mR6Ew9MqLNJs8Mn0O0apxUbCnn8FVDBtN"
     "81qTnkjI4Nc0p2byoHEqYJwpJNsf9kxNHI1J-JON0_C-0i-1i_BgyXlX4U6YKsA5X3JRe8_LtNVA6FNfrBZzrUB20"
     "jsRKJcDJd8_Qut5i4tZokZi9X5g1od7EnP6PgMc-9oszw7reiV2lH9YMhqXSpRFBZ5CS59wbbos88-yPDcHWuBr6V"
     "Rf8DsMA-qn0fslLOTBXTMCLDv-2gpZxftpwlTx6oEPJVE0_6oCyCf-N_IOXer9v-cPedN1HZVXA"},
    {"ES256", "P-256", "cGm8DYeDdGw7lnRtZZTh2I_N_NTm_Ni253QM3ynd2o0",
     "uT18jbCtQO1dqJqQ8X1CHK56X-VBtkHutmT6wY7G6P4",
     "IiyC-mykdzJEw3MOi379l5NUHuX5svZ1CgOi0hlAzknimEaI757Gi4szLkFI9W2rmBcvvvUVlyt6Pys8mmQyPg"},
    {"ES384", "P-384", "Dd4qkhQORvHUnCg0snC9thawdh5SLBIUwboN_ZmSd11cYE7AYdPtqtUNUV2-5B68",
     "GJoUkB7QRs5a5UxU5tYPoyPyKvp5KzfIGtjshbsGAwd6Auuyj3a0k1KpQMRLE-iN",
     "_CqBr50DbpNm2pC7H3TYDU3UhAmf4ua13KzErUYNlB1fykLGA1JZxivNdPhby6j7V_AyITKO34RPQRP7JevuOniK4"
     "m-i_64WTwQDCmkvs1L4THZF656BOnf4VxA4AnMF"},
    {"ES512", "P-521",
     "Adl1c9MF0WZvKq0TFtfeI1CAwv-nmg-URUXN5rLYKbHgFe6g9Q7Jcser3xNvGU2g4M-GPCrNtyu2QGnBQ8uFtB6j",
     "AVp8a296v8LwWA0cnyedo9Exi4rcC9C41flXQVQok_uHYSv1M6dEZep5mMOFBhiJnCUjePqacK7ZOJQBrmtp0cJV",
     "ALsn1VEm13nm7LSuKaLlhqsn7i1lHVJ-IDLTEXhnO7VkbQD46ECpvdMBI5HHQSUr-aeFUuDiUvsBaYzC99gC8wVqA"
     "Gy8qs9FR05U03kF7XvBqtP5FnqRyQekLXR0Q95J7so4qUzN_UTYrXDLa2ct318PYirWXDVlScE-ufckoVcQPl2Y"},
    {"EdDSA", "Ed25519", "nzIp9kgiXoWNB75H20e_Uk_ps_8j9SCXWg5ZG2jxTlo", NULL,
     "99MIY7X8h9VqJxITlIZ1sjJCaTM3CRg22oWh9I-7Kew-IKMHSWb_dblGyIdzJYYjI1H7eOPs5V8JYcKkYg0fAQ"},
};

#define BYTES_MAX 1100

struct bytes {
    unsigned char data[BYTES_MAX];
    size_t n;
};

static struct bytes decode(const char *text)
{
    struct bytes b = {.n = 0};
    if (text != NULL)
        assert_true(rs_base64url_decode(rs_str_of(text), b.data, &b.n));
    return b;
}

static struct rs_str str(const struct bytes *b)
{
    return rs_str_n((const char *)b->data, b->n);
}

static struct rs_public_key *key_of(const struct vector *v)
{
    struct rs_public_key *key = NULL;
    struct bytes a = decode(strcmp(v->kind, "RSA") == 0 ? modulus : v->x);
    struct bytes b = decode(strcmp(v->kind, "RSA") == 0 ? exponent : v->y);
    enum rs_status s;
    if (strcmp(v->kind, "RSA") == 0)
        s = rs_public_key_rsa(str(&a), str(&b), &key, NULL);
    else if (strcmp(v->kind, "Ed25519") == 0)
        s = rs_public_key_ed25519(str(&a), &key, NULL);
    else
        s = rs_public_key_ec(v->kind, str(&a), str(&b), &key, NULL);
    assert_int_equal(s, RS_OK);
    return key;
}

static enum rs_signature_algorithm algorithm_of(const struct vector *v)
{
    enum rs_signature_algorithm algorithm = RS_SIGNATURE_RS256;
    assert_true(rs_signature_algorithm_parse(v->algorithm, &algorithm));
    return algorithm;
}

static void good_signatures_are_taken_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        RS_AUTO(rs_public_key) struct rs_public_key *key = key_of(&vectors[i]);
        enum rs_signature_algorithm algorithm = algorithm_of(&vectors[i]);
        struct bytes signature = decode(vectors[i].signature);
        struct rs_str message = rs_str_of(MESSAGE);
        assert_true(rs_public_key_verify(key, algorithm, message, str(&signature)));
        assert_false(rs_public_key_verify(key, algorithm, rs_str_of(MESSAGE "!"), str(&signature)));
        for (size_t byte = 0; byte < signature.n; byte += 7) {
            signature.data[byte] ^= 0x10;
            assert_false(rs_public_key_verify(key, algorithm, message, str(&signature)));
            signature.data[byte] ^= 0x10;
        }
        for (size_t n = 0; n < signature.n; n += 13)
            assert_false(rs_public_key_verify(key, algorithm, message,
                                              rs_str_n((const char *)signature.data, n)));
        signature.data[signature.n++] = 0;
        assert_false(rs_public_key_verify(key, algorithm, message, str(&signature)));
    }
}

/* The classic one of ECDSA: r = s = 0. */
static void nothing_signs_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        RS_AUTO(rs_public_key) struct rs_public_key *key = key_of(&vectors[i]);
        struct bytes zeros = {.n = decode(vectors[i].signature).n};
        assert_false(
            rs_public_key_verify(key, algorithm_of(&vectors[i]), rs_str_of(MESSAGE), str(&zeros)));
        assert_false(rs_public_key_verify(key, algorithm_of(&vectors[i]), rs_str_of(MESSAGE),
                                          rs_str_n(NULL, 0)));
    }
}

static void a_key_serves_its_own_algorithms_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        RS_AUTO(rs_public_key) struct rs_public_key *key = key_of(&vectors[i]);
        struct bytes signature = decode(vectors[i].signature);
        for (size_t j = 0; j < RS_ARRAY_LEN(vectors); j++) {
            bool is_same_kind = strcmp(vectors[i].kind, vectors[j].kind) == 0;
            enum rs_signature_algorithm other = algorithm_of(&vectors[j]);
            assert_true(rs_public_key_serves(key, other) == is_same_kind);
            assert_true(rs_public_key_verify(key, other, rs_str_of(MESSAGE), str(&signature)) ==
                        (i == j));
        }
    }
}

static void other_algorithms_are_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {"none",   "None", "",       "HS256", "HS512", "rs256",
                                        "RS256 ", "RS1",  "ES256K", "eddsa", "RSA",   "A128KW"};
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++) {
        enum rs_signature_algorithm algorithm;
        assert_false(rs_signature_algorithm_parse(names[i], &algorithm));
    }
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    struct rs_public_key *key = NULL;
    struct bytes n = decode(modulus);
    struct bytes e = decode(exponent);
    struct bytes small = decode(small_modulus);
    struct bytes even = {.data = {2}, .n = 1};
    struct bytes one = {.data = {1}, .n = 1};
    struct bytes large = {.n = RS_RSA_BITS_MAX / 8 + 1};
    memset(large.data, 0xff, large.n);
    assert_int_equal(rs_public_key_rsa(str(&small), str(&e), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_rsa(str(&large), str(&e), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_rsa(str(&n), str(&even), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_rsa(str(&n), str(&one), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_rsa(str(&n), str(&n), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_rsa(rs_str_n("", 0), str(&e), &key, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_public_key_ed25519(str(&n), &key, NULL), RS_BAD_REQUEST);
    for (size_t i = 0; i < RS_ARRAY_LEN(vectors); i++) {
        struct bytes x = decode(vectors[i].x);
        struct bytes y = decode(vectors[i].y);
        if (y.n == 0)
            continue;
        assert_int_equal(rs_public_key_ec("P-192", str(&x), str(&y), &key, NULL), RS_BAD_REQUEST);
        assert_int_equal(rs_public_key_ec("secp256k1", str(&x), str(&y), &key, NULL),
                         RS_BAD_REQUEST);
        assert_int_equal(rs_public_key_ec(vectors[i].kind, str(&x), str(&x), &key, NULL),
                         RS_BAD_REQUEST); /* not on the curve */
        y.n--;
        assert_int_equal(rs_public_key_ec(vectors[i].kind, str(&x), str(&y), &key, NULL),
                         RS_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_signatures_are_taken_and_no_others),
        cmocka_unit_test(nothing_signs_nothing),
        cmocka_unit_test(a_key_serves_its_own_algorithms_only),
        cmocka_unit_test(other_algorithms_are_unknown),
        cmocka_unit_test(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
