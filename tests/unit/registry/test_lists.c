/* Lists of tags and repositories: pages, and who sees which rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "../quarantine/scene.h"
#include "../support/scratch.h"
#include "auth/auth.h"
#include "registry/lists.h"

#define READER (RS_PERM_PULL | RS_PERM_QUARANTINE_PULL)
#define PUBLISHER (RS_PERM_PULL | RS_PERM_PUSH)

struct world {
    struct scene scene;
    struct rs_services services;
    struct rs_arena arena;
};

static void world_open(struct world *w, void **state)
{
    struct rs_auth *auth = NULL;
    scene_open(&w->scene, scratch_path(state, "catalog.db"), "team/app");
    const struct rs_auth_options options = {.db = w->scene.db, .data_dir = scratch_path(state, "")};
    assert_int_equal(rs_auth_new(&options, &auth, NULL), RS_OK);
    w->services = (struct rs_services){.db = w->scene.db, .auth = auth};
    rs_arena_init(&w->arena, 1 << 20);
}

static void world_close(struct world *w)
{
    rs_arena_release(&w->arena);
    rs_auth_free(w->services.auth);
    scene_close(&w->scene);
}

/* "<json> -> <next>" of a page of tags. */
static const char *tags(struct world *w, uint32_t perms, const char *repository, unsigned n,
                        const char *last)
{
    const struct rs_identity identity = {.principal_id = 21, .name = "p", .has_credentials = true};
    const struct rs_access access = {.perms = perms, .scope = RS_PERM_PULL, .checks = ""};
    const struct rs_viewer viewer = {
        .identity = &identity, .access = &access, .repository = repository, .arena = &w->arena};
    const struct rs_page page = {.n = n, .last = last};
    struct rs_err err = RS_ERR_INIT;
    RS_AUTO(rs_list) struct rs_list list = {0};
    if (rs_registry_tags(&w->services, &viewer, &page, &list, &err) != RS_OK)
        return rs_status_name(err.status);
    return rs_arena_printf(&w->arena, "%s -> %s", rs_buf_text(&list.json),
                           list.next == NULL ? "end" : list.next);
}

static void tags_of_each_viewer(void **state)
{
    struct world w;
    world_open(&w, state);
    assert_string_equal(
        tags(&w, READER, "team/app", 100, ""),
        "{\"name\":\"team/app\",\"tags\":[\"both\",\"failed\",\"live\",\"staged\"]} -> end");
    assert_string_equal(tags(&w, PUBLISHER, "team/app", 100, ""),
                        "{\"name\":\"team/app\",\"tags\":[\"both\",\"live\"]} -> end");
    assert_string_equal(tags(&w, RS_PERM_PULL, "team/app", 100, ""),
                        "{\"name\":\"team/app\",\"tags\":[\"both\",\"live\"]} -> end");
    assert_string_equal(tags(&w, RS_PERM_ADMIN | RS_PERM_AUDIT_READ, "team/app", 100, ""),
                        "DENIED");
    /* A repository that is not there has an empty list. */
    assert_string_equal(tags(&w, RS_PERM_PULL, "team/nop", 100, ""),
                        "{\"name\":\"team/nop\",\"tags\":[]} -> end");
    assert_string_equal(tags(&w, RS_PERM_ADMIN, "team/nop", 100, ""), "DENIED");
    world_close(&w);
}

static void tags_in_pages(void **state)
{
    struct world w;
    world_open(&w, state);
    assert_string_equal(tags(&w, READER, "team/app", 2, ""),
                        "{\"name\":\"team/app\",\"tags\":[\"both\",\"failed\"]} -> failed");
    assert_string_equal(tags(&w, READER, "team/app", 2, "failed"),
                        "{\"name\":\"team/app\",\"tags\":[\"live\",\"staged\"]} -> end");
    assert_string_equal(tags(&w, READER, "team/app", 2, "fail"),
                        "{\"name\":\"team/app\",\"tags\":[\"failed\",\"live\"]} -> live");
    assert_string_equal(tags(&w, READER, "team/app", 4, ""),
                        tags(&w, READER, "team/app", 10000, ""));
    assert_string_equal(tags(&w, READER, "team/app", 0, ""),
                        "{\"name\":\"team/app\",\"tags\":[]} -> end");
    assert_string_equal(tags(&w, READER, "team/app", 5, "zzz"),
                        "{\"name\":\"team/app\",\"tags\":[]} -> end");
    /* Neither rows nor the next page tell how many staged tags lie in between. */
    assert_string_equal(tags(&w, PUBLISHER, "team/app", 1, ""),
                        "{\"name\":\"team/app\",\"tags\":[\"both\"]} -> both");
    assert_string_equal(tags(&w, PUBLISHER, "team/app", 1, "both"),
                        "{\"name\":\"team/app\",\"tags\":[\"live\"]} -> end");
    world_close(&w);
}

/* Names that are prefixes of each other, in the order of their bytes, whatever the page size. */
static void no_tag_is_lost_between_pages(void **state)
{
    static const char *const names[] = {"A",  "Z",   "_",  "a",  "a-", "a-b",
                                        "a.", "a.b", "a0", "aB", "ab", "b"};
    struct world w;
    world_open(&w, state);
    scene_sql(&w.scene, "DELETE FROM tag");
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql), "INSERT INTO tag VALUES(1, '%s', 1, 1, NULL, 0, 1, 1)",
                       names[i]);
        scene_sql(&w.scene, sql);
    }
    const char *const sorted[] = {"A",  "Z",   "_",  "a",  "a-", "a-b",
                                  "a.", "a.b", "a0", "aB", "ab", "b"};
    for (unsigned n = 1; n <= RS_ARRAY_LEN(names); n++) {
        const char *last = "";
        size_t at = 0;
        while (last != NULL) {
            char want[512];
            int len = snprintf(want, sizeof(want), "{\"name\":\"team/app\",\"tags\":[");
            const size_t end = at + n > RS_ARRAY_LEN(names) ? RS_ARRAY_LEN(names) : at + n;
            for (size_t first = at; at < end; at++)
                len += snprintf(want + len, sizeof(want) - (size_t)len, "%s\"%s\"",
                                at == first ? "" : ",", sorted[at]);
            const bool more = end < RS_ARRAY_LEN(names);
            (void)snprintf(want + len, sizeof(want) - (size_t)len, "]} -> %s",
                           more ? sorted[end - 1] : "end");
            assert_string_equal(tags(&w, RS_PERM_PULL, "team/app", n, last), want);
            last = more ? sorted[end - 1] : NULL;
        }
    }
    world_close(&w);
}

/* ---- repositories ---- */

static const char *catalog(struct world *w, int64_t principal_id, unsigned n, const char *last)
{
    const struct rs_identity identity = {
        .principal_id = principal_id, .name = "p", .has_credentials = true};
    const struct rs_page page = {.n = n, .last = last};
    struct rs_err err = RS_ERR_INIT;
    RS_AUTO(rs_list) struct rs_list list = {0};
    if (rs_registry_catalog(&w->services, &identity, &w->arena, &page, &list, &err) != RS_OK)
        return rs_status_name(err.status);
    return rs_arena_printf(&w->arena, "%s -> %s", rs_buf_text(&list.json),
                           list.next == NULL ? "end" : list.next);
}

/* Something held in every repository that has nothing yet: one that is empty is not listed. */
#define FILL                                                                                    \
    "INSERT INTO manifest(repository_id, digest, media_type, size, shape, state, publisher_id," \
    " publisher, pushed_with, pushed_ms, state_ms) SELECT id, 'sha256:0', 'm', 1, 'image',"     \
    " 'quarantined', 9, 'x', 'push', 1, 1 FROM repository WHERE id NOT IN"                      \
    " (SELECT repository_id FROM manifest);"                                                    \
    "INSERT INTO repository(name, created_ms) VALUES('c/nothing', 1), ('team/nothing', 1)"

enum { P_READER = 51, P_PUBLISHER, P_OTHER, P_CONSUMER, P_NARROW, P_NOTHING };

static void repositories_open(struct world *w, void **state)
{
    world_open(w, state);
    scene_sql(
        &w->scene,
        "INSERT INTO principal(id, kind, name, secret, created_ms) VALUES(51, 'user', 'r', 'x', 1), (52, 'user', 'p', 'x', 1),"
        " (53, 'user', 'o', 'x', 1), (54, 'user', 'c', 'x', 1), (55, 'user', 'n', 'x', 1), (56, 'user', 'x', 'x', 1);"
        "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES(51, 'quarantine-reader', '**', 1),"
        " (52, 'publisher', '**', 1), (53, 'publisher', '**', 1), (54, 'consumer', '**', 1),"
        " (55, 'consumer', 'team/' || '*', 1), (55, 'quarantine-reader', 'zone/a', 1), (55, 'maintainer', 'm**', 1),"
        " (56, 'admin', '**', 1);"
        /* only something in quarantine, pushed by 52 */
        "INSERT INTO repository(id, name, created_ms) VALUES(3, 'held/app', 1), (4, 'zone/a', 1), (5, 'zone/b', 1), (6, 'team', 1);"
        "INSERT INTO manifest(id, repository_id, digest, media_type, size, shape, state, publisher_id, publisher, pushed_with, pushed_ms, state_ms)"
        " VALUES(100, 3, 'sha256:1', 'm', 1, 'image', 'quarantined', 52, 'p', 'push', 1, 1),"
        " (101, 6, 'sha256:1', 'm', 1, 'image', 'released', 52, 'p', 'push', 1, 1);"
        "INSERT INTO manifest_pusher VALUES(100, 52, 'push', 1);" FILL);
}

static void repositories_of_each_viewer(void **state)
{
    struct world w;
    repositories_open(&w, state);
    assert_string_equal(
        catalog(&w, P_READER, 100, ""),
        "{\"repositories\":[\"held/app\",\"other/app\",\"team\",\"team/app\",\"zone/a\",\"zone/b\"]} -> end");
    assert_string_equal(catalog(&w, P_PUBLISHER, 100, ""),
                        "{\"repositories\":[\"held/app\",\"team\",\"team/app\"]} -> end");
    assert_string_equal(catalog(&w, P_OTHER, 100, ""),
                        "{\"repositories\":[\"team\",\"team/app\"]} -> end");
    assert_string_equal(catalog(&w, P_CONSUMER, 100, ""),
                        "{\"repositories\":[\"team\",\"team/app\"]} -> end");
    assert_string_equal(catalog(&w, P_NARROW, 100, ""),
                        "{\"repositories\":[\"team/app\",\"zone/a\"]} -> end");
    assert_string_equal(catalog(&w, P_NOTHING, 100, ""), "{\"repositories\":[]} -> end");
    assert_string_equal(catalog(&w, 999, 100, ""), "{\"repositories\":[]} -> end");
    world_close(&w);
}

static void repositories_in_pages(void **state)
{
    struct world w;
    repositories_open(&w, state);
    assert_string_equal(catalog(&w, P_READER, 2, ""),
                        "{\"repositories\":[\"held/app\",\"other/app\"]} -> other/app");
    assert_string_equal(catalog(&w, P_READER, 4, "other/app"),
                        "{\"repositories\":[\"team\",\"team/app\",\"zone/a\",\"zone/b\"]} -> end");
    assert_string_equal(catalog(&w, P_NARROW, 1, ""),
                        "{\"repositories\":[\"team/app\"]} -> team/app");
    assert_string_equal(catalog(&w, P_NARROW, 1, "team/app"),
                        "{\"repositories\":[\"zone/a\"]} -> end");
    assert_string_equal(catalog(&w, P_CONSUMER, 1, "held/app"),
                        "{\"repositories\":[\"team\"]} -> team");
    assert_string_equal(catalog(&w, P_READER, 0, ""), "{\"repositories\":[]} -> end");
    assert_string_equal(catalog(&w, P_READER, 3, "zzz"), "{\"repositories\":[]} -> end");
    world_close(&w);
}

/* The walk jumps over what no pattern can match, and loses nothing on the way. */
static void repositories_between_patterns_are_jumped_over(void **state)
{
    struct world w;
    world_open(&w, state);
    scene_sql(
        &w.scene,
        "INSERT INTO principal(id, kind, name, secret, created_ms) VALUES(61, 'user', 'r', 'x', 1);"
        "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES(61, 'quarantine-reader', 'c/' || '*', 1),"
        " (61, 'quarantine-reader', 'c/x/deep', 1), (61, 'quarantine-reader', 'f', 1), (61, 'quarantine-reader', 'p*' || '/q', 1);"
        "INSERT INTO repository(name, created_ms) VALUES('a', 1), ('b', 1), ('c', 1), ('c/a', 1), ('c/x/a', 1), ('c/x/deep', 1),"
        " ('c/z', 1), ('d', 1), ('e', 1), ('f', 1), ('f/a', 1), ('p/q', 1), ('p/r', 1), ('pp/q', 1), ('q', 1);" FILL);
    assert_string_equal(
        catalog(&w, 61, 100, ""),
        "{\"repositories\":[\"c/a\",\"c/x/deep\",\"c/z\",\"f\",\"p/q\",\"pp/q\"]} -> end");
    assert_string_equal(catalog(&w, 61, 2, "c/x"),
                        "{\"repositories\":[\"c/x/deep\",\"c/z\"]} -> c/z");
    assert_string_equal(catalog(&w, 61, 2, "c/z"), "{\"repositories\":[\"f\",\"p/q\"]} -> p/q");
    assert_string_equal(catalog(&w, 61, 2, "f"), "{\"repositories\":[\"p/q\",\"pp/q\"]} -> end");
    world_close(&w);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tags_of_each_viewer),          TEST(tags_in_pages),
        TEST(no_tag_is_lost_between_pages), TEST(repositories_of_each_viewer),
        TEST(repositories_in_pages),        TEST(repositories_between_patterns_are_jumped_over),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
