#include "http/route.h"

#include <string.h>

#include "../cm.h"

static enum rs_status handler(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)r;
    (void)re;
    (void)reterr;
    return RS_OK;
}

static enum rs_status begin(struct rs_request *r, struct rs_sink *ret_sink, struct rs_err *reterr)
{
    (void)r;
    (void)ret_sink;
    (void)reterr;
    return RS_OK;
}

#define ROW(m, p, n)                                                                          \
    {                                                                                         \
        .methods = (m), .pattern = (p), .need = (n), .body = RS_BODY_NONE, .handler = handler \
    }

static const struct rs_route table[] = {
    ROW(RS_GET, "/healthz", RS_NEED_NOTHING),
    ROW(RS_GET, "/v2/", RS_NEED_LOGIN),
    ROW(RS_GET, "/v2/_catalog", RS_NEED_LOGIN),
    ROW(RS_GET, "/v2/_roadstead/quarantine", RS_NEED_LOGIN),
    ROW(RS_GET | RS_HEAD, "/v2/{name}/manifests/{reference}", RS_NEED_READ),
    ROW(RS_DELETE, "/v2/{name}/manifests/{reference}", RS_NEED_DELETE),
    ROW(RS_GET, "/v2/{name}/tags/list", RS_NEED_READ),
    ROW(RS_GET, "/v2/{name}/blobs/{digest}", RS_NEED_READ),
    ROW(RS_POST, "/v2/{name}/blobs/uploads/", RS_NEED_UPLOAD),
    ROW(RS_PATCH | RS_PUT, "/v2/{name}/blobs/uploads/{session}", RS_NEED_UPLOAD),
    ROW(RS_PUT, "/v2/{name}/_roadstead/quarantine/{digest}/checks/{check}", RS_NEED_STATE),
};

static struct rs_routes *compiled(void)
{
    struct rs_routes *routes = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_routes_new(table, RS_ARRAY_LEN(table), &routes, &err) != RS_OK)
        fail_msg("%s", err.message);
    return routes;
}

static void matches(void **state)
{
    (void)state;
    static const struct {
        enum rs_method method;
        const char *path;
        int row;            /* -1: none */
        const char *params; /* "name=value ..." */
    } rows[] = {
        {RS_GET, "/healthz", 0, ""},
        {RS_HEAD, "/healthz", 0, ""}, /* GET brings HEAD */
        {RS_GET, "/healthz/", -1, ""},
        {RS_GET, "/v2/", 1, ""},
        {RS_GET, "/v2", 1, ""},
        {RS_GET, "/", -1, ""},
        {RS_GET, "/v2/_catalog", 2, ""},
        {RS_GET, "/v2/_roadstead/quarantine", 3, ""},
        {RS_GET, "/v2/a/manifests/latest", 4, "name=a reference=latest "},
        {RS_GET, "/v2/a/b/c/manifests/sha256:1", 4, "name=a/b/c reference=sha256:1 "},
        {RS_HEAD, "/v2/a/manifests/latest", 4, "name=a reference=latest "},
        {RS_DELETE, "/v2/a/manifests/latest", 5, "name=a reference=latest "},
        {RS_GET, "/v2/a/manifests/", -1, ""},
        {RS_GET, "/v2/a/manifests", -1, ""},
        {RS_GET, "/v2/manifests/latest", -1, ""},
        {RS_GET, "/v2/a/manifests/x/", -1, ""},
        /* words of the API as components of a name: the end of the path decides */
        {RS_GET, "/v2/manifests/manifests/manifests", 4, "name=manifests reference=manifests "},
        {RS_GET, "/v2/a/manifests/b/manifests/c", 4, "name=a/manifests/b reference=c "},
        {RS_GET, "/v2/tags/list/tags/list", 6, "name=tags/list "},
        {RS_GET, "/v2/a/blobs/uploads/tags/list", 6, "name=a/blobs/uploads "},
        {RS_GET, "/v2/blobs/blobs/sha256:1", 7, "name=blobs digest=sha256:1 "},
        {RS_POST, "/v2/a/blobs/uploads/", 8, "name=a "},
        {RS_POST, "/v2/a/blobs/uploads", 8, "name=a "},
        {RS_PATCH, "/v2/a/b/blobs/uploads/0f", 9, "name=a/b session=0f "},
        {RS_PATCH, "/v2/a/blobs/uploads/", -1, ""},
        {RS_PUT, "/v2/a/_roadstead/quarantine/sha256:1/checks/scan", 10,
         "name=a digest=sha256:1 check=scan "},
        {RS_GET, "/v2/A/manifests/x", -1, ""},
        {RS_GET, "/v2/_uploads/manifests/x", -1, ""},
        {RS_GET, "/v1/a/manifests/x", -1, ""},
    };
    struct rs_routes *routes = compiled();
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_route_match m;
        rs_routes_match(routes, rows[i].method, rs_str_of(rows[i].path), &m);
        const struct rs_route *want = rows[i].row < 0 ? NULL : &table[rows[i].row];
        if (m.route != want)
            fail_msg("%s: row %d", rows[i].path, m.route == NULL ? -1 : (int)(m.route - table));
        struct rs_buf params = RS_BUF_INIT(1024);
        for (unsigned k = 0; k < m.params_n; k++)
            (void)rs_buf_addf(&params, "%s=%.*s ", m.params[k].name, (int)m.params[k].value.n,
                              m.params[k].value.p);
        assert_string_equal(rs_buf_text(&params), rows[i].params);
        rs_buf_release(&params);
    }
    rs_routes_free(routes);
}

static void why_nothing_matches(void **state)
{
    (void)state;
    struct rs_routes *routes = compiled();
    struct rs_route_match m;
    char allowed[RS_ALLOW_BYTES];
    rs_routes_match(routes, RS_POST, rs_str_of("/v2/a/manifests/x"), &m);
    assert_null(m.route);
    rs_methods_format(m.allowed, allowed);
    assert_string_equal(allowed, "GET, HEAD, DELETE");
    rs_routes_match(routes, RS_GET, rs_str_of("/v2/A/manifests/x"), &m);
    assert_true(m.bad_name);
    assert_int_equal(m.allowed, 0);
    rs_routes_match(routes, RS_GET, rs_str_of("/nowhere"), &m);
    assert_false(m.bad_name);
    assert_int_equal(m.allowed, 0);
    rs_methods_format(RS_GET | RS_HEAD | RS_PUT | RS_POST | RS_PATCH | RS_DELETE, allowed);
    assert_string_equal(allowed, "GET, HEAD, PUT, POST, PATCH, DELETE");
    rs_routes_free(routes);
}

static void long_names(void **state)
{
    (void)state;
    struct rs_routes *routes = compiled();
    struct rs_route_match m;
    char path[600];
    /* 128 components of one letter are 255 bytes; one more is too many */
    for (int n = 127; n <= 200; n++) {
        size_t at = 4;
        memcpy(path, "/v2/", 4);
        for (int i = 0; i < n; i++) {
            path[at++] = 'a';
            path[at++] = '/';
        }
        memcpy(path + at, "tags/list", 10);
        rs_routes_match(routes, RS_GET, rs_str_of(path), &m);
        assert_int_equal(m.route != NULL, n <= 128);
    }
    rs_routes_free(routes);
}

static void refused_tables(void **state)
{
    (void)state;
    const struct rs_route rows[] = {
        {.pattern = "/a", .need = RS_NEED_LOGIN, .body = RS_BODY_NONE, .handler = handler},
        {.methods = 1 << 9,
         .pattern = "/a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET, .pattern = "/a", .body = RS_BODY_NONE, .handler = handler},
        {.methods = RS_GET, .pattern = "/a", .need = RS_NEED_LOGIN, .handler = handler},
        {.methods = RS_GET, .pattern = "/a", .need = RS_NEED_LOGIN, .body = RS_BODY_NONE},
        {.methods = RS_GET,
         .pattern = "a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET, .need = RS_NEED_LOGIN, .body = RS_BODY_NONE, .handler = handler},
        {.methods = RS_PUT,
         .pattern = "/a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_MEMORY,
         .handler = handler},
        {.methods = RS_PUT,
         .pattern = "/a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_NONE,
         .body_max = 1,
         .handler = handler},
        {.methods = RS_PUT,
         .pattern = "/a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_STREAM,
         .handler = handler},
        {.methods = RS_PUT,
         .pattern = "/a",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_MEMORY,
         .body_max = 1,
         .begin = begin,
         .handler = handler},
        {.methods = RS_GET,
         .pattern = "/a",
         .need = RS_NEED_READ,
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET,
         .pattern = "/{name}",
         .need = RS_NEED_ADMIN,
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET,
         .pattern = "/{name}/{name}",
         .need = RS_NEED_READ,
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET,
         .pattern = "/{name}",
         .need = RS_NEED_READ,
         .scope = "registry:catalog:*",
         .body = RS_BODY_NONE,
         .handler = handler},
        {.methods = RS_GET,
         .pattern = "/{a}/{b}/{c}/{d}/{e}",
         .need = RS_NEED_LOGIN,
         .body = RS_BODY_NONE,
         .handler = handler},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_routes *routes = NULL;
        struct rs_err err = RS_ERR_INIT;
        if (rs_routes_new(&rows[i], 1, &routes, &err) != RS_INTERNAL)
            fail_msg("row %zu was taken", i);
        assert_non_null(strstr(err.message, "route 0"));
    }
    const struct rs_route twice[] = {ROW(RS_GET, "/a", RS_NEED_LOGIN),
                                     ROW(RS_GET | RS_PUT, "/a", RS_NEED_LOGIN)};
    struct rs_routes *routes = NULL;
    assert_int_equal(rs_routes_new(twice, 2, &routes, NULL), RS_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(why_nothing_matches),
        cmocka_unit_test(long_names),
        cmocka_unit_test(refused_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
