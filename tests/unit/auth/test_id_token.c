#include "auth/id_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "base/buf.h"

#define CLAIMS "{\"iss\":\"https://issuer.example\",\"exp\":100}"

/* "header.claims.signature" out of JSON texts. */
static char *token_of(const char *header, const char *claims)
{
    static char text[32768];
    char part[16384];
    rs_base64url_encode(header, strlen(header), part);
    int n = snprintf(text, sizeof text, "%s.", part);
    rs_base64url_encode(claims, strlen(claims), part);
    (void)snprintf(text + n, sizeof text - (size_t)n, "%s.c2ln", part);
    return text;
}

static void a_token_is_taken_apart(void **state)
{
    (void)state;
    RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
    const char *text = token_of("{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"JWT\"}", CLAIMS);
    assert_int_equal(rs_id_token_parse(text, &t, NULL), RS_OK);
    assert_int_equal(t.algorithm, RS_SIGNATURE_ES256);
    assert_string_equal(t.kid, "a");
    assert_string_equal(t.issuer, "https://issuer.example");
    assert_int_equal(t.message.n, strlen(text) - 5);
    assert_int_equal(t.signature.n, 3);
    assert_memory_equal(t.signature.p, "sig", 3);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool is_good;
    } rows[] = {
        {"{\"alg\":\"RS256\"}", true},
        {"{\"alg\":\"RS256\",\"typ\":\"jwt\"}", true},
        {"{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", true},
        {"{\"alg\":\"RS256\",\"typ\":\"application/AT+JWT\"}", true},
        {"{\"alg\":\"RS256\",\"jku\":\"https://evil.example\",\"jwk\":{},\"x5c\":[]}", true},
        {"{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", false},
        {"{\"alg\":\"RS256\",\"typ\":\"JOSE+JSON\"}", false},
        {"{\"alg\":\"RS256\",\"typ\":\"\"}", false},
        {"{\"alg\":\"RS256\",\"typ\":null}", false},
        {"{\"alg\":\"RS256\",\"crit\":[]}", false},
        {"{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", false},
        {"{\"alg\":\"RS256\",\"kid\":7}", false},
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}", false},
        {"{\"alg\":\"none\"}", false},
        {"{\"alg\":\"NONE\"}", false},
        {"{\"alg\":\"HS256\"}", false},
        {"{\"alg\":\"HS512\"}", false},
        {"{\"alg\":[\"RS256\"]}", false},
        {"{\"alg\":\"\"}", false},
        {"{}", false},
        {"[]", false},
        {"\"RS256\"", false},
        {"", false},
        {"{\"alg\":\"RS256\"", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
        enum rs_status s = rs_id_token_parse(token_of(rows[i].json, CLAIMS), &t, NULL);
        if (s != (rows[i].is_good ? RS_OK : RS_UNAUTHORIZED))
            fail_msg("%s", rows[i].json);
    }
}

static void claims(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "null",
        "{\"iss\":\"issuer.example\"}",
        "{\"iss\":\"http://issuer.example\"}",
        "{\"iss\":7}",
        "{\"iss\":\"https://issuer.example\",\"iss\":\"https://other.example\"}",
        "{\"iss\":\"https://issuer.example\\u0000\"}",
        "{\"iss\":\"https://issuer.example\",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
        if (rs_id_token_parse(token_of("{\"alg\":\"RS256\"}", bad[i]), &t, NULL) != RS_UNAUTHORIZED)
            fail_msg("%s", bad[i]);
    }
}

static void texts_that_are_no_token(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        ".",        "..",        "a.b",
                                      "a.b.c",   "....",     "e30",       "e30.",
                                      "e30.e30", "e30.e30.", "e30.e30.=", "e30.e30.e30"};
    RS_AUTO_FREE char *long_one = calloc(1, 2 * RS_ID_TOKEN_BYTES_MAX);
    RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        if (rs_id_token_parse(bad[i], &t, NULL) != RS_UNAUTHORIZED)
            fail_msg("%s", bad[i]);
    }
    assert_non_null(long_one);
    char *good = token_of("{\"alg\":\"RS256\"}", CLAIMS);
    memset(long_one, 'A', RS_ID_TOKEN_BYTES_MAX + 4);
    memcpy(long_one, good, strlen(good));
    assert_int_equal(rs_id_token_parse(long_one, &t, NULL), RS_UNAUTHORIZED);
    /* one signature has one spelling */
    (void)strcat(good, "=");
    assert_int_equal(rs_id_token_parse(good, &t, NULL), RS_UNAUTHORIZED);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        bool is_valid; /* at 1000 */
    } rows[] = {
        {"\"exp\":1001", true},
        {"\"exp\":1000.9", false}, /* rounded down */
        {"\"exp\":1001.5", true},
        {"\"exp\":1000", false},
        {"\"exp\":999", false},
        {"\"exp\":-1", false},
        {"\"exp\":\"1001\"", false},
        {"\"exp\":null", false},
        {"\"exp\":1e300", false},
        {"\"iat\":1", false},
        {"\"exp\":1001,\"nbf\":1000,\"iat\":1000", true},
        {"\"exp\":2000,\"nbf\":1060", true},
        {"\"exp\":2000,\"nbf\":1061", false},
        {"\"exp\":2000,\"nbf\":1060.9", true},
        {"\"exp\":2000,\"iat\":1060", true},
        {"\"exp\":2000,\"iat\":1061", false},
        {"\"exp\":2000,\"nbf\":\"1\"", false},
        {"\"exp\":2000,\"iat\":null", false},
        {"\"exp\":9007199254740992", true},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
        struct rs_err err = RS_ERR_INIT;
        char json[256];
        int64_t expires = 0;
        (void)snprintf(json, sizeof json, "{\"iss\":\"https://issuer.example\",%s}",
                       rows[i].claims);
        assert_int_equal(rs_id_token_parse(token_of("{\"alg\":\"RS256\"}", json), &t, NULL), RS_OK);
        enum rs_status s = rs_id_token_check_time(&t, 1000, &expires, &err);
        if (s != (rows[i].is_valid ? RS_OK : RS_UNAUTHORIZED) ||
            (s != RS_OK && err.message[0] == '\0') || (s == RS_OK && expires <= 1000))
            fail_msg("%s: %s", rows[i].claims, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_taken_apart),
        cmocka_unit_test(headers),
        cmocka_unit_test(claims),
        cmocka_unit_test(texts_that_are_no_token),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
