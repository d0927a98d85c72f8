#include "auth/key_set.h"

#include <string.h>

#include "../cm.h"
#include "base/buf.h"

/* Made with another implementation. */
#define MESSAGE "signed"
#define EC1                                                                                   \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"aSKBjV6huWzetyCTRsnVnae8sBiQ_txnDbxy_A2Bc6I\"," \
    "\"y\":\"KJQpmZk_VN-zL_jqM9od250H5H0Q5-sffCdi7sFLR00\""
#define SIGNED_EC1                                                 \
    "UQI3mxw04E79G5Ucjdh5fIxPUNrMsVUYxWQC-WrrRyvbvfuYYjXXLswUqwf1" \
    "FW1L2fNL2YcgCOEqN4LsndSr2g"
#define EC2                                                                                   \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gcXhUjIh9QoiaAyzIx06-kSQtPAJg4u3fpgVzpyuiVY\"," \
    "\"y\":\"y4VIQtCw71Yid_yuJT482hnYutonUmb3kisT3SqNIQM\""
#define SIGNED_EC2                                                 \
    "VW6vMWD5uSyjvQukP8_kQ5fKwVnE_qKw3aek7GTC9n_SyjnWXauxjvE456zE" \
    "WBrkX7gqnpoW7VoRExUNzmhmkA"
#define RSA1                                                                               \
    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                              \
    "yCeULOzQESBlYxOpzWAmzXPEH1kOHAwsLeZ9EkRi21xW5-_fE01aLSejRi9EvGSeVqSF9tezQu0eIgGzmDIe" \
    "4ac4-LUWpJh0yUYJ2MksnwCKBtTTlNL89MFsYVcmAbp-zr63cEDukwhajEwPK8pmUDkADJDlfvG6Zaj9c8JF" \
    "H5q1nPKS6qK9aCg6w4034sifDCV-IrCSSw5QMTeZgBQpxn76-DnEtiApSvQwbPpjHr1Xg_EWmaNQ1BcvgDoZ" \
    "S2XJyxb1sLXSTzZO2OEO68APjdma67-v9U8zxqLAAm4xhGwR6XMnow0hZxfU9zYQ3OxDyw6TLu1Zi8XFK4XA" \
    "qbjXQQ"                                                                               \
    "\""
#define RSA_SMALL                                                                          \
    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                              \
    "1mkzfyKxt0aCLtScsx67iyEV90-BmhoD6lQSIo0T7OMrK8tfcRsp9pZi52aCbIsIAerfwNiOG8IXFYu_ao-D" \
    "IXxBpNrtDkL4_jleKyX027pAZsJ6lgSkIHU8CFzx-5aCq4tqnbZoig64i8iL-SIUuYm5AqNcMVyntbVViTcn" \
    "vEk"                                                                                  \
    "\""
#define SIGNED_RSA1                                                                            \
    "gskLpjsceWjsbtpUUpTB8R15AzgYfXbfjGYqzugcjgCx3QhE8LnTMNN3Mlh2EHbYluUxcCuto4j4tXWJ4kb1-E6Q" \
    "-p7gHHir1u5Dp8-4f-DRtfjfatIpgn4nE-14ncXmXauN0nVq0Z7TlSTIkASBoFD2UTNWxt36m7UkZ7kEa7CihIOT" \
    "0vOAEYLcizna6G5lcdAsgPaVDTXp7-3VKfim04p5TKuaNld7GaturBxZHTISuOQZItmHijHJCmFceomfaGBdH1R4" \
    "pya4MmjO1mqj9kS7ZZVo0FOlZnr0F3WhQ2K62RgNyn-k4O-MoVUA7ICxLpjbnmfzvi6gH-NIdXxsrA"

#define SET(keys) "{\"keys\":[" keys "]}"
#define KID(kid) "\"kid\":\"" kid "\""

static struct rs_key_set *parse(const char *json)
{
    struct rs_key_set *set = NULL;
    assert_int_equal(rs_key_set_parse(rs_str_of(json), &set, NULL), RS_OK);
    return set;
}

static bool verifies(const char *json, const char *kid, enum rs_signature_algorithm algorithm,
                     const char *signature)
{
    RS_AUTO(rs_key_set) struct rs_key_set *set = parse(json);
    unsigned char bytes[600];
    size_t n = 0;
    assert_true(rs_base64url_decode(rs_str_of(signature), bytes, &n));
    return rs_key_set_verify(set, kid, algorithm, rs_str_of(MESSAGE),
                             rs_str_n((const char *)bytes, n));
}

static void the_key_with_the_kid_verifies(void **state)
{
    (void)state;
    static const char two[] =
        SET("{" KID("a") "," EC1 "},{" KID("b") "," EC2 "},{" KID("c") "," RSA1 "}");
    assert_true(verifies(two, "a", RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_true(verifies(two, "b", RS_SIGNATURE_ES256, SIGNED_EC2));
    assert_true(verifies(two, "c", RS_SIGNATURE_RS256, SIGNED_RSA1));
    assert_false(verifies(two, "b", RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_false(verifies(two, "c", RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_false(verifies(two, "a", RS_SIGNATURE_RS256, SIGNED_RSA1));
    assert_false(verifies(two, "c", RS_SIGNATURE_PS256, SIGNED_RSA1));
    assert_false(verifies(two, "A", RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_false(verifies(two, "", RS_SIGNATURE_ES256, SIGNED_EC1));
}

static void without_a_kid_there_must_be_no_choice(void **state)
{
    (void)state;
    static const char two[] = SET("{" KID("a") "," EC1 "},{" KID("b") "," EC2 "}");
    assert_true(verifies(SET("{" EC1 "}"), NULL, RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_true(verifies(SET("{" KID("a") "," EC1 "}"), NULL, RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_false(verifies(two, NULL, RS_SIGNATURE_ES256, SIGNED_EC1));
    /* a key without a name is never the one with a name */
    assert_false(verifies(SET("{" EC1 "}"), "a", RS_SIGNATURE_ES256, SIGNED_EC1));
}

static void two_keys_of_one_kid_are_both_tried(void **state)
{
    (void)state;
    static const char two[] = SET("{" KID("a") "," EC1 "},{" KID("a") "," EC2 "}");
    assert_true(verifies(two, "a", RS_SIGNATURE_ES256, SIGNED_EC1));
    assert_true(verifies(two, "a", RS_SIGNATURE_ES256, SIGNED_EC2));
}

static void a_key_keeps_to_its_own_algorithm(void **state)
{
    (void)state;
    assert_true(verifies(SET("{\"alg\":\"RS256\"," KID("a") "," RSA1 "}"), "a", RS_SIGNATURE_RS256,
                         SIGNED_RSA1));
    assert_false(verifies(SET("{\"alg\":\"RS512\"," KID("a") "," RSA1 "}"), "a", RS_SIGNATURE_RS256,
                          SIGNED_RSA1));
}

/* What is of no use is passed over, and the one that is of use stays. */
static void keys_of_no_use_are_passed_over(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "{\"use\":\"enc\"," KID("a") "," EC1 "}",
        "{\"use\":7," KID("a") "," EC1 "}",
        "{\"key_ops\":[\"sign\"]," KID("a") "," EC1 "}",
        "{\"key_ops\":[]," KID("a") "," EC1 "}",
        "{\"alg\":\"HS256\"," KID("a") "," EC1 "}",
        "{\"alg\":\"RS256\"," KID("a") "," EC1 "}",
        "{\"alg\":null," KID("a") "," EC1 "}",
        "{\"d\":\"AAAA\"," KID("a") "," EC1 "}",
        "{\"kid\":7," EC1 "}",
        "{" KID("a") "," RSA_SMALL "}",
        "{" KID("a") ",\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{" KID("a") ",\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}",
        "{" KID("a") ",\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"AQAB\"}",
        "{" KID("a") ",\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{" KID("a") ",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        "{" KID("a") "}",
        "[]",
        "null",
        "\"a\"",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(keys); i++) {
        RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(65536);
        struct rs_key_set *none = NULL;
        (void)rs_buf_addf(&json, "{\"keys\":[%s,{%s,%s}]}", keys[i], KID("z"), EC2);
        RS_AUTO(rs_key_set) struct rs_key_set *set = parse(rs_buf_text(&json));
        if (rs_key_set_has(set, "a") || !rs_key_set_has(set, "z"))
            fail_msg("%s", keys[i]);
        rs_buf_release(&json);
        (void)rs_buf_addf(&json, "{\"keys\":[%s]}", keys[i]);
        assert_int_equal(rs_key_set_parse(rs_str_of(rs_buf_text(&json)), &none, NULL),
                         RS_BAD_REQUEST);
    }
}

static void what_is_no_key_set_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "null",
                                        "\"x\"",
                                        "{\"keys\":{}}",
                                        "{\"keys\":[]}",
                                        "{\"keys\":[{" EC1 "}]} x",
                                        "{\"keys\":[{" EC1 "}],\"keys\":[]}"};
    for (size_t i = 0; i < RS_ARRAY_LEN(texts); i++) {
        struct rs_key_set *set = NULL;
        assert_int_equal(rs_key_set_parse(rs_str_of(texts[i]), &set, NULL), RS_BAD_REQUEST);
        assert_null(set);
    }
}

static void there_may_be_only_so_many_keys(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(RS_KEY_SET_BYTES_MAX + 4096);
    struct rs_key_set *set = NULL;
    (void)rs_buf_adds(&json, "{\"keys\":[{" EC1 "}");
    for (unsigned i = 0; i < RS_KEY_SET_KEYS_MAX; i++)
        (void)rs_buf_adds(&json, ",{" EC1 "}");
    (void)rs_buf_adds(&json, "]}");
    assert_int_equal(rs_key_set_parse(rs_str_of(rs_buf_text(&json)), &set, NULL), RS_BAD_REQUEST);
    while (json.len <= RS_KEY_SET_BYTES_MAX)
        (void)rs_buf_adds(&json,
                          "                                                                ");
    assert_int_equal(rs_key_set_parse(rs_str_of(rs_buf_text(&json)), &set, NULL), RS_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_with_the_kid_verifies),
        cmocka_unit_test(without_a_kid_there_must_be_no_choice),
        cmocka_unit_test(two_keys_of_one_kid_are_both_tried),
        cmocka_unit_test(a_key_keeps_to_its_own_algorithm),
        cmocka_unit_test(keys_of_no_use_are_passed_over),
        cmocka_unit_test(what_is_no_key_set_is_refused),
        cmocka_unit_test(there_may_be_only_so_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
