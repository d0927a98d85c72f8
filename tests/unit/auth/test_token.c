#include "../cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/scratch.h"
#include "auth/token.h"
#include "crypto/hmac.h"

#define NOW ((int64_t)1800000000)
#define SERVICE "registry.example"
#define ALL (RS_TOKEN_ACCESS | RS_TOKEN_REFRESH)

static struct rs_arena arena;
static struct rs_keys *keys;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    rs_arena_init(&arena, (size_t)16 << 20);
    return rs_keys_open(scratch_path(state, ""), NOW, 1000, &keys, NULL) == RS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    rs_keys_free(keys);
    rs_arena_release(&arena);
    return scratch_teardown(state);
}

static struct rs_token_claims claims(enum rs_token_use use)
{
    struct rs_token_claims c = {
        .use = use,
        .principal_id = 42,
        .credential = "0123456789abcde",
        .proved_unix_s = NOW - 5,
        .issued_unix_s = NOW,
        .expires_unix_s = NOW + 300,
    };
    struct rs_scope *scope = rs_scope_new(&arena);
    assert_int_equal(rs_scope_parse(scope, "repository:team/app:pull,push", &arena, NULL), RS_OK);
    c.scope = scope;
    return c;
}

static const char *written(const struct rs_token_claims *c)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_TOKEN_BYTES_MAX);
    assert_int_equal(rs_token_write(keys, SERVICE, c, &text, NULL), RS_OK);
    return rs_arena_strdup(&arena, rs_buf_text(&text));
}

static enum rs_status read_at(const char *text, unsigned uses, int64_t now,
                              struct rs_token_claims *ret)
{
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_token_read(keys, SERVICE, rs_str_of(text), uses, now, &arena, ret, &err);
    assert_int_equal(s, err.status);
    return s;
}

static void refused(const char *text)
{
    struct rs_token_claims c = {.principal_id = -7};
    if (read_at(text, ALL, NOW, &c) != RS_UNAUTHORIZED)
        fail_msg("taken: %s", text);
    assert_int_equal(c.principal_id, -7);
}

/* Sign whatever header and payload with whatever key. */
static const char *forged(const char *header, const char *payload, const void *key, size_t key_n)
{
    char *h = rs_arena_alloc(&arena, 4 * (strlen(header) + 3));
    char *p = rs_arena_alloc(&arena, 4 * (strlen(payload) + 3));
    unsigned char mac[RS_HMAC_BYTES];
    char signature[64];
    rs_base64url_encode(header, strlen(header), h);
    rs_base64url_encode(payload, strlen(payload), p);
    struct rs_str parts[] = {rs_str_of(h), rs_str_of("."), rs_str_of(p)};
    assert_int_equal(rs_hmac_sha256(key, key_n, parts, 3, mac, NULL), RS_OK);
    rs_base64url_encode(mac, sizeof mac, signature);
    return rs_arena_printf(&arena, "%s.%s.%s", h, p, signature);
}

static const char *good_header(const struct rs_key *key)
{
    return rs_arena_printf(&arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->id);
}

#define PAYLOAD                                                                              \
    "{\"iss\":\"roadstead\",\"sub\":\"42\",\"aud\":\"registry.example\",\"exp\":1800000300," \
    "\"nbf\":1800000000,\"iat\":1800000000,\"jti\":\"x\",\"use\":\"access\","                \
    "\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZg\",\"auth_time\":1799999995,\"whole\":false,\"access\":[]}"

/* The token that everything below differs from in one point is good. */
static void the_pattern_of_the_forgeries_is_good(void **state)
{
    (void)state;
    struct rs_key key;
    struct rs_token_claims c;
    rs_keys_signing(keys, &key);
    const char *text = forged(good_header(&key), PAYLOAD, key.secret, sizeof key.secret);
    assert_int_equal(read_at(text, RS_TOKEN_ACCESS, NOW, &c), RS_OK);
    assert_int_equal(c.principal_id, 42);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_ACCESS);
    struct rs_token_claims out;
    const char *text = written(&in);
    assert_int_equal(read_at(text, RS_TOKEN_ACCESS, NOW + 299, &out), RS_OK);
    assert_int_equal(out.use, RS_TOKEN_ACCESS);
    assert_int_equal(out.principal_id, 42);
    assert_memory_equal(out.credential, in.credential, sizeof in.credential);
    assert_int_equal(out.proved_unix_s, NOW - 5);
    assert_int_equal(out.expires_unix_s, NOW + 300);
    assert_int_equal(rs_scope_actions(out.scope, "team/app"), RS_PERM_PULL | RS_PERM_PUSH);
    assert_string_not_equal(text, written(&in)); /* jti: no two tokens are the same */
}

static void a_use_is_not_another(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_REFRESH);
    struct rs_token_claims out;
    in.scope = NULL;
    const char *refresh = written(&in);
    assert_int_equal(read_at(refresh, RS_TOKEN_ACCESS, NOW, &out), RS_UNAUTHORIZED);
    assert_int_equal(read_at(refresh, RS_TOKEN_REFRESH, NOW, &out), RS_OK);
    assert_null(out.scope);
    in = claims(RS_TOKEN_ACCESS);
    assert_int_equal(read_at(written(&in), RS_TOKEN_REFRESH, NOW, &out), RS_UNAUTHORIZED);
}

static void time_is_judged(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_ACCESS);
    struct rs_token_claims out;
    const char *text = written(&in);
    assert_int_equal(read_at(text, ALL, NOW + 299, &out), RS_OK);
    assert_int_equal(read_at(text, ALL, NOW + 300, &out), RS_UNAUTHORIZED);
    assert_int_equal(read_at(text, ALL, NOW + 100000, &out), RS_UNAUTHORIZED);
    assert_int_equal(read_at(text, ALL, NOW - RS_TOKEN_SKEW_S, &out), RS_OK);
    assert_int_equal(read_at(text, ALL, NOW - RS_TOKEN_SKEW_S - 1, &out), RS_UNAUTHORIZED);
    assert_int_equal(read_at(text, ALL, 0, &out), RS_UNAUTHORIZED);
}

static void another_service_is_not_this_one(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_ACCESS);
    struct rs_token_claims out;
    const char *text = written(&in);
    assert_int_equal(
        rs_token_read(keys, "other.example", rs_str_of(text), ALL, NOW, &arena, &out, NULL),
        RS_UNAUTHORIZED);
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_ACCESS);
    char *text = rs_arena_strdup(&arena, written(&in));
    for (size_t i = 0; text[i] != '\0'; i++) {
        char was = text[i];
        static const char others[] = "AZaz09-_.=";
        for (size_t k = 0; k < sizeof others - 1; k++) {
            if (others[k] == was)
                continue;
            text[i] = others[k];
            refused(text);
        }
        text[i] = was;
    }
    for (size_t n = 0; n < strlen(text); n++)
        refused(rs_arena_strndup(&arena, text, n));
    refused(rs_arena_printf(&arena, "%s=", text));
    refused(rs_arena_printf(&arena, "%s.", text));
    refused(rs_arena_printf(&arena, " %s", text));
    refused(rs_arena_printf(&arena, "%s ", text));
}

static void shapes_that_are_no_tokens(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", ".", "..", "...", "a.b.c", "a.b", "null", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30."};
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++)
        refused(bad[i]);
    size_t n = (size_t)1 << 20;
    char *large = rs_arena_alloc(&arena, n + 1);
    memset(large, 'a', n);
    refused(large);
    memset(large, '.', n);
    refused(large);
}

/* A token cannot choose how it is verified. */
static void headers_choose_nothing(void **state)
{
    (void)state;
    struct rs_key key;
    rs_keys_signing(keys, &key);
    const char *const headers[] = {
        "{}",
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        rs_arena_printf(&arena, "{\"alg\":\"none\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key.id),
        rs_arena_printf(&arena, "{\"alg\":\"HS512\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key.id),
        rs_arena_printf(&arena, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key.id),
        rs_arena_printf(&arena, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key.id),
        /* even harmless variations: there is one spelling */
        rs_arena_printf(&arena, "{\"kid\":\"%s\",\"alg\":\"HS256\",\"typ\":\"JWT\"}", key.id),
        rs_arena_printf(&arena, "{\"alg\": \"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key.id),
        rs_arena_printf(&arena, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", key.id),
        /* keys brought along */
        rs_arena_printf(
            &arena,
            "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"jwk\":{\"kty\":\"oct\","
            "\"k\":\"AAAA\"}}",
            key.id),
        rs_arena_printf(&arena,
                        "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\","
                        "\"jku\":\"http://127.0.0.1/keys\"}",
                        key.id),
        rs_arena_printf(&arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"x5u\":\"x\"}",
                        key.id),
        rs_arena_printf(&arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"x5c\":[]}",
                        key.id),
        rs_arena_printf(&arena,
                        "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"crit\":[\"exp\"]}",
                        key.id),
        /* other keys named */
        "{\"alg\":\"HS256\",\"kid\":\"../../../../dev/null\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\",\"typ\":\"JWT\"}",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(headers); i++) {
        refused(forged(headers[i], PAYLOAD, key.secret, sizeof key.secret));
        refused(forged(headers[i], PAYLOAD, "", 0));
        refused(forged(headers[i], PAYLOAD, key.id, strlen(key.id)));
    }
    /* the right header with another key, with an empty one, with what everybody can read of it */
    refused(forged(good_header(&key), PAYLOAD, "AAAA", 4));
    refused(forged(good_header(&key), PAYLOAD, "", 0));
    refused(forged(good_header(&key), PAYLOAD, key.id, strlen(key.id)));
    refused(forged(good_header(&key), PAYLOAD, key.header, strlen(key.header)));
}

/* Our own signature is under each of these: still nothing is taken that the registry would not
 * write. */
static void payloads_are_read_strictly(void **state)
{
    (void)state;
    struct rs_key key;
    rs_keys_signing(keys, &key);
    static const struct {
        const char *part;
        const char *with;
    } changes[] = {
        {"\"iss\":\"roadstead\"", "\"iss\":\"other\""},
        {"\"iss\":\"roadstead\"", "\"iss\":null"},
        {"\"iss\":\"roadstead\",", ""},
        {"\"aud\":\"registry.example\"", "\"aud\":\"other\""},
        {"\"aud\":\"registry.example\"", "\"aud\":[\"registry.example\"]"},
        {"\"aud\":\"registry.example\",", ""},
        {"\"sub\":\"42\"", "\"sub\":42"},
        {"\"sub\":\"42\"", "\"sub\":\"-1\""},
        {"\"sub\":\"42\"", "\"sub\":\"+42\""},
        {"\"sub\":\"42\"", "\"sub\":\"42 \""},
        {"\"sub\":\"42\"", "\"sub\":\"\""},
        {"\"sub\":\"42\"", "\"sub\":\"99999999999999999999\""},
        {"\"sub\":\"42\"", "\"sub\":\"41\",\"sub\":\"42\""},
        {"\"exp\":1800000300", "\"exp\":1799999999"},
        {"\"exp\":1800000300", "\"exp\":\"1800000300\""},
        {"\"exp\":1800000300", "\"exp\":1800000300.5"},
        {"\"exp\":1800000300", "\"exp\":1e30"},
        {"\"exp\":1800000300", "\"exp\":1800000300,\"exp\":1900000000"},
        {"\"exp\":1800000300,", ""},
        {"\"nbf\":1800000000", "\"nbf\":1800000100"},
        {"\"iat\":1800000000", "\"iat\":1800000100"},
        {"\"iat\":1800000000", "\"iat\":null"},
        {"\"auth_time\":1799999995", "\"auth_time\":1800000001"},
        {"\"auth_time\":1799999995", "\"auth_time\":-1"},
        {"\"use\":\"access\"", "\"use\":\"session\""},
        {"\"use\":\"access\"", "\"use\":3"},
        {"\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZg\"", "\"cred\":\"\""},
        {"\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZg\"", "\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZg==\""},
        {"\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZg\"",
         "\"cred\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\""},
        {"\"jti\":\"x\"", "\"jti\":7"},
        {"\"whole\":false", "\"whole\":true"},
        {"\"whole\":false", "\"whole\":0"},
        {"\"access\":[]", "\"access\":{}"},
        {"\"access\":[]", "\"access\":null"},
        {"\"access\":[]", "\"access\":[],\"admin\":true"},
        {"{\"iss\"", "[{\"iss\""},
        {"\"access\":[]}", "\"access\":[]}{}"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(changes); i++) {
        const char *at = strstr(PAYLOAD, changes[i].part);
        assert_non_null(at);
        const char *payload = rs_arena_printf(&arena, "%.*s%s%s", (int)(at - PAYLOAD), PAYLOAD,
                                              changes[i].with, at + strlen(changes[i].part));
        refused(forged(good_header(&key), payload, key.secret, sizeof key.secret));
    }
}

static void a_token_for_too_many_is_not_written(void **state)
{
    (void)state;
    struct rs_token_claims c = claims(RS_TOKEN_ACCESS);
    struct rs_scope *scope = rs_scope_new(&arena);
    for (unsigned i = 0; i < RS_SCOPE_REPOSITORIES_MAX; i++) {
        char text[300];
        (void)snprintf(text, sizeof text, "repository:r%u/%0200d:*", i, 0);
        assert_int_equal(rs_scope_parse(scope, text, &arena, NULL), RS_OK);
    }
    c.scope = scope;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_TOKEN_BYTES_MAX);
    assert_int_equal(rs_token_write(keys, SERVICE, &c, &text, NULL), RS_BAD_REQUEST);
    assert_int_equal(text.len, 0);
}

static void the_key_may_change_in_between(void **state)
{
    (void)state;
    struct rs_token_claims in = claims(RS_TOKEN_ACCESS);
    struct rs_token_claims out;
    const char *old = written(&in);
    assert_int_equal(rs_keys_rotate(keys, NOW, NULL), RS_OK);
    const char *new = written(&in);
    assert_int_equal(read_at(old, ALL, NOW, &out), RS_OK);
    assert_int_equal(read_at(new, ALL, NOW, &out), RS_OK);
    assert_memory_not_equal(old, new, strcspn(old, "."));
    /* one key's signature under the other's header */
    const char *mixed =
        rs_arena_printf(&arena, "%.*s%s", (int)strcspn(new, "."), new, strchr(old, '.'));
    refused(mixed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_pattern_of_the_forgeries_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_use_is_not_another, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(another_service_is_not_this_one, setup, teardown),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes_that_are_no_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_choose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(payloads_are_read_strictly, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_for_too_many_is_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_may_change_in_between, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
