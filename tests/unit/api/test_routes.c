/* The real table: it starts, and every row says what it must. */
#include "api/routes.h"

#include <stdlib.h>
#include <string.h>

#include "../cm.h"

static void the_table_starts(void **state)
{
    (void)state;
    struct rs_routes *routes = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_routes_new(rs_routes, rs_routes_n, &routes, &err) != RS_OK)
        fail_msg("%s", err.message);
    rs_routes_free(routes);
}

/* What needs nothing is a short list that somebody has thought about. */
static void open_routes(void **state)
{
    (void)state;
    static const char *const open[] = {
        "/healthz", "/readyz", "/token", "/oauth2/token", "/oauth2/exchange",
    };
    for (unsigned i = 0; i < rs_routes_n; i++) {
        if (rs_routes[i].need != RS_NEED_NOTHING)
            continue;
        bool is_listed = false;
        for (size_t k = 0; k < RS_ARRAY_LEN(open); k++)
            is_listed = is_listed || strcmp(open[k], rs_routes[i].pattern) == 0;
        if (!is_listed)
            fail_msg("%s is open to everybody", rs_routes[i].pattern);
    }
}

/* Changes never run on the loop's thread: they wait for the disk. */
static void changes_run_on_workers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rs_routes_n; i++) {
        if ((rs_routes[i].methods & ~(unsigned)(RS_GET | RS_HEAD)) != 0 &&
            rs_routes[i].runs != RS_RUNS_ON_WORKER)
            fail_msg("%s changes something inline", rs_routes[i].pattern);
    }
}

/* Azure's clients find their routes by this path: a row of theirs that does not say so turns them
 * away, and one of another API that does says less to its own. */
static void azures_routes_say_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rs_routes_n; i++) {
        bool is_azures = strncmp(rs_routes[i].pattern, "/acr/", strlen("/acr/")) == 0;
        if (is_azures != (rs_routes[i].dialect == RS_DIALECT_AZURE))
            fail_msg("%s is of the wrong dialect", rs_routes[i].pattern);
    }
}

static const struct rs_route *row_of(const struct rs_route *rows, enum rs_method method,
                                     const char *path)
{
    struct rs_routes *routes = NULL;
    struct rs_route_match match;
    assert_int_equal(rs_routes_new(rows, rs_routes_n, &routes, NULL), RS_OK);
    rs_routes_match(routes, method, rs_str_of(path), &match);
    rs_routes_free(routes);
    return match.route;
}

static void limits_are_the_configurations(void **state)
{
    (void)state;
    struct rs_config *config = NULL;
    const struct rs_config_flag flags[] = {{"limits.manifest_size", "1MiB"},
                                           {"limits.body_size", "64KiB"},
                                           {"limits.blob_size", "5GiB"}};
    const struct rs_config_sources sources = {.flags = flags, .n_flags = RS_ARRAY_LEN(flags)};
    assert_int_equal(rs_config_load(&sources, &config, NULL), RS_OK);
    struct rs_route *rows = rs_api_routes_configured(config);
    assert_non_null(rows);
    const struct rs_route *manifest = row_of(rows, RS_PUT, "/v2/a/manifests/b");
    const struct rs_route *blob = row_of(rows, RS_PATCH, "/v2/a/blobs/uploads/b");
    const struct rs_route *user = row_of(rows, RS_POST, "/v2/_roadstead/admin/users");
    assert_non_null(manifest);
    assert_non_null(blob);
    assert_non_null(user);
    assert_int_equal(manifest->body_max, 1 << 20);
    assert_true(blob->body_max == (uint64_t)5 << 30);
    assert_true(user->body_max <= 65536);
    for (unsigned i = 0; i < rs_routes_n; i++)
        assert_true(rows[i].body != RS_BODY_MEMORY || rows[i].body_max <= 4 << 20);
    free(rows);
    rs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_starts), cmocka_unit_test(open_routes),
        cmocka_unit_test(changes_run_on_workers), cmocka_unit_test(azures_routes_say_so),
        cmocka_unit_test(limits_are_the_configurations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
