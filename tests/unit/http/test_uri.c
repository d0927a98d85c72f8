#include "http/uri.h"

#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "base/buf.h"

static enum rs_status parse(const char *target, struct rs_arena *arena, struct rs_uri *ret)
{
    struct rs_err err = RS_ERR_INIT;
    rs_arena_init(arena, 1 << 20);
    enum rs_status s = rs_uri_parse(rs_str_of(target), arena, ret, &err);
    assert_int_equal(s, err.status);
    return s;
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum rs_status status;
        const char *path; /* NULL: as the target */
    } rows[] = {
        {"/", RS_OK, NULL},
        {"/v2/", RS_OK, NULL},
        {"/v2/a/manifests/sha256:abc", RS_OK, NULL},
        {"/a.b-c_d~e!$&'()*+,;=:@f", RS_OK, NULL},
        {"", RS_BAD_REQUEST, NULL},
        {"*", RS_BAD_REQUEST, NULL},
        {"v2/", RS_BAD_REQUEST, NULL},
        {"host:443", RS_BAD_REQUEST, NULL},
        {"//", RS_BAD_REQUEST, NULL},
        {"//v2/", RS_BAD_REQUEST, NULL},
        {"/v2//a", RS_BAD_REQUEST, NULL},
        {"/v2/a//", RS_BAD_REQUEST, NULL},
        {"/v2/./a", RS_BAD_REQUEST, NULL},
        {"/v2/../a", RS_BAD_REQUEST, NULL},
        {"/v2/a/..", RS_BAD_REQUEST, NULL},
        {"/v2/a/.", RS_BAD_REQUEST, NULL},
        {"/v2/a/...", RS_OK, NULL},
        {"/v2/a%2fb", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Fb", RS_BAD_REQUEST, NULL},
        {"/v2/a%3Ab", RS_BAD_REQUEST, NULL},
        {"/v2/%2e%2e/a", RS_BAD_REQUEST, NULL},
        {"/v2/%61", RS_BAD_REQUEST, NULL},
        {"/v2/%00", RS_BAD_REQUEST, NULL},
        {"/v2/%zz", RS_BAD_REQUEST, NULL},
        {"/v2/%", RS_BAD_REQUEST, NULL},
        {"/v2/a b", RS_BAD_REQUEST, NULL},
        {"/v2/a\tb", RS_BAD_REQUEST, NULL},
        {"/v2/a\x01", RS_BAD_REQUEST, NULL},
        {"/v2/a\x7f", RS_BAD_REQUEST, NULL},
        {"/v2/\xc3\xa9", RS_BAD_REQUEST, NULL},
        {"/v2/\xd0\xb0", RS_BAD_REQUEST, NULL},
        {"/v2/a#b", RS_BAD_REQUEST, NULL},
        {"/v2/a\\b", RS_BAD_REQUEST, NULL},
        {"/v2/a\"b", RS_BAD_REQUEST, NULL},
        {"/v2/<a>", RS_BAD_REQUEST, NULL},
        {"/v2/a|b", RS_BAD_REQUEST, NULL},
        /* the two escapes of Azure's clients, below /acr/v1/ ... */
        {"/acr/v1/team%2Fapp/_manifests/sha256%3Aabc", RS_OK,
         "/acr/v1/team/app/_manifests/sha256:abc"},
        {"/acr/v1/team%2fapp%3a1", RS_OK, "/acr/v1/team/app:1"},
        {"/acr/v1/%252F", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%2Eb", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%00", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%2", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%", RS_BAD_REQUEST, NULL},
        {"/acr/v1/..%2Fa", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%2F%2Fb", RS_BAD_REQUEST, NULL},
        {"/acr/v1/a%2F..%2Fb", RS_BAD_REQUEST, NULL},
        {"/acr/v1%2Fa", RS_BAD_REQUEST, NULL},
        {"/acr/v1", RS_OK, NULL},
        {"/acr/v2/a%2Fb", RS_BAD_REQUEST, NULL},
        /* ... and of manifests and blobs, never for a literal part of a route */
        {"/v2/team%2Fapp/manifests/v1", RS_OK, "/v2/team/app/manifests/v1"},
        {"/v2/a%2fb%2Fc/manifests/sha256%3Aabc", RS_OK, "/v2/a/b/c/manifests/sha256:abc"},
        {"/v2/a%2Fb/blobs/sha256%3aabc", RS_OK, "/v2/a/b/blobs/sha256:abc"},
        {"/v2/a%2Fb/blobs/uploads/", RS_OK, "/v2/a/b/blobs/uploads/"},
        {"/v2/a%2Fmanifests/manifests/v1", RS_OK, "/v2/a/manifests/manifests/v1"},
        {"/v2/a/manifests/x%2Fblobs/sha256:abc", RS_BAD_REQUEST, NULL},
        {"/v2/a%3A5000/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a/manifests/v1%2Fx", RS_BAD_REQUEST, NULL},
        {"/v2/a/manifests%2Fv1", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Fmanifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a/blobs%2Fuploads/", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Fb/tags/list", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Fb/referrers/sha256:abc", RS_BAD_REQUEST, NULL},
        {"/v2/_roadstead%2Fadmin%2Frobots/blobs/rotate", RS_BAD_REQUEST, NULL},
        {"/v2/_roadstead%2Fadmin/manifests/x", RS_BAD_REQUEST, NULL},
        {"/v2%2Fa/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/%2Fa/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%2F/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%2F..%2Fb/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/..%2Fb/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%252Fb/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Eb/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%5Cb/manifests/v1", RS_BAD_REQUEST, NULL},
        {"/v2/a%2Fb/manifests/v1%00", RS_BAD_REQUEST, NULL},
        {"/v2/a/manifests/%76%31", RS_BAD_REQUEST, NULL},
        {"/v3/a%2Fb/manifests/v1", RS_BAD_REQUEST, NULL},
        /* absolute-form */
        {"http://reg.example:5000/v2/", RS_OK, "/v2/"},
        {"HTTPS://[::1]:5000/v2/", RS_OK, "/v2/"},
        {"http:///v2/", RS_BAD_REQUEST, NULL},
        {"http://u@reg.example/v2/", RS_BAD_REQUEST, NULL},
        {"http://reg.example", RS_BAD_REQUEST, NULL},
        {"http://reg.example?x=1", RS_BAD_REQUEST, NULL},
        {"http://reg.example:99999/", RS_BAD_REQUEST, NULL},
        {"http://reg.example:/", RS_BAD_REQUEST, NULL},
        {"http://re%67/", RS_BAD_REQUEST, NULL},
        {"ftp://reg.example/v2/", RS_BAD_REQUEST, NULL},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_arena arena;
        struct rs_uri u;
        if (parse(rows[i].target, &arena, &u) != rows[i].status)
            fail_msg("%s", rows[i].target);
        if (rows[i].status == RS_OK) {
            const char *want = rows[i].path != NULL ? rows[i].path : rows[i].target;
            assert_string_equal(u.path.p, want);
            assert_int_equal(u.path.n, strlen(want));
        }
        rs_arena_release(&arena);
    }
}

static void lengths(void **state)
{
    (void)state;
    char target[RS_URI_PATH_BYTES_MAX + 10];
    struct rs_arena arena;
    struct rs_uri u;
    for (size_t i = 0; i < sizeof(target); i++)
        target[i] = i % 100 == 0 ? '/' : 'a';
    target[RS_URI_PATH_BYTES_MAX] = '\0';
    assert_int_equal(parse(target, &arena, &u), RS_OK);
    rs_arena_release(&arena);
    target[RS_URI_PATH_BYTES_MAX] = 'a';
    target[RS_URI_PATH_BYTES_MAX + 1] = '\0';
    assert_int_equal(parse(target, &arena, &u), RS_URI_TOO_LONG);
    rs_arena_release(&arena);
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[RS_URI_SEGMENT_BYTES_MAX + 1] = '\0';
    assert_int_equal(parse(target, &arena, &u), RS_OK);
    rs_arena_release(&arena);
    target[RS_URI_SEGMENT_BYTES_MAX + 1] = 'a';
    target[RS_URI_SEGMENT_BYTES_MAX + 2] = '\0';
    assert_int_equal(parse(target, &arena, &u), RS_BAD_REQUEST);
    rs_arena_release(&arena);
}

static void queries(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum rs_status status;
        const char *value; /* of "k"; NULL: absent */
    } rows[] = {
        {"/?k=v", RS_OK, "v"},
        {"/?k", RS_OK, ""},
        {"/?k=", RS_OK, ""},
        {"/", RS_OK, NULL},
        {"/?", RS_OK, NULL},
        {"/?&", RS_OK, NULL},
        {"/?&k=v&", RS_OK, "v"},
        {"/?a=1&k=v", RS_OK, "v"},
        {"/?k=a=b", RS_OK, "a=b"},
        {"/?k=sha256:abc", RS_OK, "sha256:abc"},
        {"/?k=sha256%3Aabc", RS_OK, "sha256:abc"},
        {"/?%6b=v", RS_OK, "v"},
        {"/?k=a+b%20c", RS_OK, "a b c"},
        {"/?k=%C3%A9", RS_OK, "\xc3\xa9"},
        {"/?k=a?b/c", RS_OK, "a?b/c"},
        {"/?=v", RS_BAD_REQUEST, NULL},
        {"/?k=%00", RS_BAD_REQUEST, NULL},
        {"/?k=%0a", RS_BAD_REQUEST, NULL},
        {"/?k=%7f", RS_BAD_REQUEST, NULL},
        {"/?k=%zz", RS_BAD_REQUEST, NULL},
        {"/?k=%4", RS_BAD_REQUEST, NULL},
        {"/?k=%", RS_BAD_REQUEST, NULL},
        {"/?k=%FF", RS_BAD_REQUEST, NULL},
        {"/?k=%C0%80", RS_BAD_REQUEST, NULL},
        {"/?k=%ED%A0%80", RS_BAD_REQUEST, NULL},
        {"/?k=\xc3\xa9", RS_BAD_REQUEST, NULL},
        {"/?k=a b", RS_BAD_REQUEST, NULL},
        {"/?k=a#b", RS_BAD_REQUEST, NULL},
        {"/?k=\"", RS_BAD_REQUEST, NULL},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_arena arena;
        struct rs_uri u;
        if (parse(rows[i].target, &arena, &u) != rows[i].status)
            fail_msg("%s", rows[i].target);
        if (rows[i].status == RS_OK) {
            const char *got = rs_uri_query(&u, "k", 0);
            if ((got == NULL) != (rows[i].value == NULL) ||
                (got != NULL && strcmp(got, rows[i].value) != 0))
                fail_msg("%s gave %s", rows[i].target, got);
        }
        rs_arena_release(&arena);
    }
}

static void repeated(void **state)
{
    (void)state;
    struct rs_arena arena;
    struct rs_uri u;
    assert_int_equal(parse("/?n=1&tag=a&x=&tag=b&%74ag=c", &arena, &u), RS_OK);
    assert_string_equal(rs_uri_repeated(&u, NULL), "tag");
    assert_string_equal(rs_uri_repeated(&u, "tagg ta"), "tag");
    assert_null(rs_uri_repeated(&u, "tag"));
    assert_null(rs_uri_repeated(&u, "scope tag"));
    assert_string_equal(rs_uri_query(&u, "tag", 0), "a");
    assert_string_equal(rs_uri_query(&u, "tag", 2), "c");
    assert_null(rs_uri_query(&u, "tag", 3));
    rs_arena_release(&arena);
    assert_int_equal(parse("/?a=1&b=2", &arena, &u), RS_OK);
    assert_null(rs_uri_repeated(&u, NULL));
    rs_arena_release(&arena);
}

static void many_parameters(void **state)
{
    (void)state;
    struct rs_arena arena;
    struct rs_uri u;
    struct rs_buf target = RS_BUF_INIT(4096);
    assert_int_equal(rs_buf_adds(&target, "/?"), RS_OK);
    for (int i = 0; i < RS_URI_PARAMS_MAX; i++)
        assert_int_equal(rs_buf_addf(&target, "k%d=v&", i), RS_OK);
    assert_int_equal(parse(rs_buf_text(&target), &arena, &u), RS_OK);
    assert_int_equal(u.params_n, RS_URI_PARAMS_MAX);
    rs_arena_release(&arena);
    assert_int_equal(rs_buf_adds(&target, "z=1"), RS_OK);
    assert_int_equal(parse(rs_buf_text(&target), &arena, &u), RS_BAD_REQUEST);
    rs_arena_release(&arena);
    rs_buf_release(&target);
}

static void out_of_memory(void **state)
{
    (void)state;
    struct rs_uri u;
    for (size_t cap = 0; cap < 2500; cap += 16) {
        struct rs_arena arena;
        struct rs_err err = RS_ERR_INIT;
        rs_arena_init(&arena, cap);
        enum rs_status s = rs_uri_parse(rs_str_of("/v2/a?b=c&d=e"), &arena, &u, &err);
        assert_true(s == RS_OK || s == RS_NOMEM);
        rs_arena_release(&arena);
    }
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool ok;
    } rows[] = {
        {"a", true},
        {"reg.example.org", true},
        {"reg:5000", true},
        {"127.0.0.1:1", true},
        {"[::1]", true},
        {"[::1]:80", true},
        {"[fe80::1%25eth0]", false},
        {"", false},
        {":80", false},
        {"a:", false},
        {"a:b", false},
        {"a:65536", false},
        {"a:1:2", false},
        {"[]", false},
        {"[::1", false},
        {"[::1]x", false},
        {"a/b", false},
        {"a@b", false},
        {"a b", false},
        {"a,b", false},
        {"a\"b", false},
        {"\xc3\xa9", false},
        {"a%41", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        if (rs_uri_host_is_valid(rs_str_of(rows[i].host)) != rows[i].ok)
            fail_msg("%s", rows[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),           cmocka_unit_test(lengths),
        cmocka_unit_test(queries),         cmocka_unit_test(repeated),
        cmocka_unit_test(many_parameters), cmocka_unit_test(out_of_memory),
        cmocka_unit_test(hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
