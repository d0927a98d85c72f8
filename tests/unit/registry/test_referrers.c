/* Referrers: whose descriptors are listed, what stands in them, pages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "../quarantine/scene.h"
#include "../support/scratch.h"
#include "crypto/hash.h"
#include "registry/referrers.h"

#define READER (RS_PERM_PULL | RS_PERM_QUARANTINE_PULL)
#define HEAD \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":["

struct world {
    struct scene scene;
    struct rs_services services;
    struct rs_arena arena;
};

static void world_open(struct world *w, void **state)
{
    scene_open(&w->scene, scratch_path(state, "catalog.db"), "team/app");
    w->services = (struct rs_services){.db = w->scene.db};
    rs_arena_init(&w->arena, 1 << 20);
}

static void world_close(struct world *w)
{
    rs_arena_release(&w->arena);
    scene_close(&w->scene);
}

/* One manifest that names M_RELEASED, with the columns given; digests are sha256:<name>. */
static void add(struct world *w, const char *digest, const char *columns, const char *values)
{
    char *sql = rs_arena_printf(
        &w->arena,
        "INSERT INTO manifest(repository_id, digest, media_type, size, publisher_id, publisher, pushed_with,"
        " pushed_ms, state_ms, subject_digest, %s) VALUES(1, 'sha256:%s', 'type/m', 7, 1, 'p', 'push', 1, 1,"
        " '%s', %s)",
        columns, digest, w->scene.manifests[M_RELEASED], values);
    assert_non_null(sql);
    scene_sql(&w->scene, sql);
}

static const char *referrers(struct world *w, uint32_t perms, const char *subject, const char *type,
                             unsigned n, const char *last)
{
    const struct rs_identity identity = {.principal_id = 21, .name = "p", .has_credentials = true};
    const struct rs_access access = {.perms = perms, .scope = RS_PERM_PULL, .checks = ""};
    const struct rs_viewer viewer = {
        .identity = &identity, .access = &access, .repository = "team/app", .arena = &w->arena};
    const struct rs_referrers_of of = {
        .subject = subject, .artifact_type = type, .page = {.n = n, .last = last}};
    struct rs_err err = RS_ERR_INIT;
    RS_AUTO(rs_list) struct rs_list list = {0};
    if (rs_registry_referrers(&w->services, &viewer, &of, &list, &err) != RS_OK)
        return rs_status_name(err.status);
    return rs_arena_printf(&w->arena, "%s -> %s", rs_buf_text(&list.json),
                           list.next == NULL ? "end" : list.next);
}

#define A_DESCRIPTOR \
    "{\"mediaType\":\"type/m\",\"digest\":\"sha256:a\",\"size\":7,\"artifactType\":\"type/config\"}"
#define B_DESCRIPTOR \
    "{\"mediaType\":\"type/m\",\"digest\":\"sha256:b\",\"size\":7,\"artifactType\":\"type/own\",\"annotations\":{\"k\":\"v\"}}"
#define C_DESCRIPTOR "{\"mediaType\":\"type/m\",\"digest\":\"sha256:c\",\"size\":7}"
#define D_DESCRIPTOR \
    "{\"mediaType\":\"type/m\",\"digest\":\"sha256:d\",\"size\":7,\"artifactType\":\"type/own\"}"

static void fill(struct world *w)
{
    add(w, "a", "shape, state, config_media_type", "'attachment', 'released', 'type/config'");
    add(w, "b", "shape, state, config_media_type, artifact_type, annotations",
        "'attachment', 'released', 'type/config', 'type/own', '{\"k\":\"v\"}'");
    add(w, "c", "shape, state", "'index', 'released'"); /* an index without a type has none */
    add(w, "d", "shape, state, artifact_type, joined",
        "'attachment', 'quarantined', 'type/own', 1");
}

static void each_viewer_sees_what_is_readable(void **state)
{
    struct world w;
    world_open(&w, state);
    fill(&w);
    const char *subject = w.scene.manifests[M_RELEASED];
    assert_string_equal(referrers(&w, READER, subject, NULL, 100, ""), HEAD A_DESCRIPTOR
                        "," B_DESCRIPTOR "," C_DESCRIPTOR "," D_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, RS_PERM_PULL, subject, NULL, 100, ""),
                        HEAD A_DESCRIPTOR "," B_DESCRIPTOR "," C_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, RS_PERM_PULL | RS_PERM_PUSH, subject, NULL, 100, ""),
                        HEAD A_DESCRIPTOR "," B_DESCRIPTOR "," C_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, RS_PERM_ADMIN, subject, NULL, 100, ""), "DENIED");
    /* Nothing names it, or nobody knows it: empty, never "not found". */
    assert_string_equal(referrers(&w, RS_PERM_PULL, w.scene.unknown, NULL, 100, ""),
                        HEAD "]} -> end");
    assert_string_equal(referrers(&w, RS_PERM_PULL, "sha256:bad", NULL, 100, ""), "DIGEST_INVALID");
    world_close(&w);
}

static void filtered_by_type_and_in_pages(void **state)
{
    struct world w;
    world_open(&w, state);
    fill(&w);
    const char *subject = w.scene.manifests[M_RELEASED];
    assert_string_equal(referrers(&w, READER, subject, "type/own", 100, ""),
                        HEAD B_DESCRIPTOR "," D_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, READER, subject, "type/config", 100, ""),
                        HEAD A_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, READER, subject, "type/none", 100, ""), HEAD "]} -> end");
    assert_string_equal(referrers(&w, READER, subject, "", 100, "sha256:b"),
                        HEAD C_DESCRIPTOR "," D_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, READER, subject, NULL, 2, ""),
                        HEAD A_DESCRIPTOR "," B_DESCRIPTOR "]} -> sha256:b");
    assert_string_equal(referrers(&w, READER, subject, NULL, 2, "sha256:b"),
                        HEAD C_DESCRIPTOR "," D_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, RS_PERM_PULL, subject, NULL, 3, ""),
                        /* no hint at what is held */
                        HEAD A_DESCRIPTOR "," B_DESCRIPTOR "," C_DESCRIPTOR "]} -> end");
    assert_string_equal(referrers(&w, READER, subject, NULL, 0, ""), HEAD "]} -> end");
    world_close(&w);
}

/* The subject is found under every digest of its bytes, and under one that nobody brought bytes
 * for. */
static void the_subject_by_any_digest(void **state)
{
    struct world w;
    char released512[SCENE_DIGEST_BYTES];
    char missing512[SCENE_DIGEST_BYTES];
    world_open(&w, state);
    fill(&w);
    rs_hash_text(RS_HASH_SHA512, scene_text(M_RELEASED), strlen(scene_text(M_RELEASED)),
                 released512);
    rs_hash_text(RS_HASH_SHA512, "missing", 7, missing512);
    assert_string_equal(referrers(&w, READER, released512, NULL, 1, ""), HEAD "]} -> end");
    char *sql = rs_arena_printf(&w.arena, "INSERT INTO digest_alias VALUES('%s', '%s')",
                                released512, w.scene.manifests[M_RELEASED]);
    scene_sql(&w.scene, sql);
    assert_string_equal(referrers(&w, READER, released512, NULL, 1, ""),
                        HEAD A_DESCRIPTOR "]} -> sha256:a");
    sql = rs_arena_printf(&w.arena,
                          "UPDATE manifest SET subject_digest = '%s' WHERE digest = 'sha256:c'",
                          missing512);
    scene_sql(&w.scene, sql);
    assert_string_equal(referrers(&w, READER, missing512, NULL, 100, ""),
                        HEAD C_DESCRIPTOR "]} -> end");
    world_close(&w);
}

/* What is attached by a fallback tag alone does not name its subject, and is in no list. */
static void a_fallback_tag_alone_lists_nothing(void **state)
{
    static const char with[] = "{\"subject\":{\"digest\":\"x\"}}";
    static const char without[] = "{\"config\":{}}";
    struct world w;
    world_open(&w, state);
    char *sql = rs_arena_printf(
        &w.arena,
        "INSERT INTO manifest_bytes VALUES('sha256:e', CAST('%s' AS BLOB)), ('sha256:f', CAST('%s' AS BLOB))",
        with, without);
    scene_sql(&w.scene, sql);
    add(&w, "e", "shape, state, tagged", "'attachment', 'released', 1");
    add(&w, "f", "shape, state, tagged", "'attachment', 'released', 1");
    sql = rs_arena_printf(
        &w.arena,
        "UPDATE manifest SET size = CASE digest WHEN 'sha256:e' THEN %zu ELSE %zu END"
        " WHERE digest IN ('sha256:e', 'sha256:f')",
        sizeof(with) - 1, sizeof(without) - 1);
    scene_sql(&w.scene, sql);
    const char *got = referrers(&w, READER, w.scene.manifests[M_RELEASED], NULL, 100, "");
    assert_non_null(strstr(got, "sha256:e"));
    assert_null(strstr(got, "sha256:f"));
    world_close(&w);
}

/* A page ends when it is as large as a manifest may be, and the next goes on behind it. */
static void large_annotations_end_a_page(void **state)
{
    struct world w;
    world_open(&w, state);
    for (char c = 'a'; c <= 'c'; c++) {
        const char digest[] = {c, '\0'};
        add(&w, digest, "shape, state, annotations",
            "'attachment', 'released', '{\"k\":\"' || replace(hex(zeroblob(1500000)), '0', 'x') || '\"}'");
    }
    rs_arena_release(&w.arena);
    rs_arena_init(&w.arena, 64 << 20);
    const char *subject = w.scene.manifests[M_RELEASED];
    const char *first = referrers(&w, READER, subject, NULL, 100, "");
    assert_string_equal(strrchr(first, '>') - 1, "-> sha256:b");
    const char *second = referrers(&w, READER, subject, NULL, 100, "sha256:b");
    assert_string_equal(strrchr(second, '>') - 1, "-> end");
    assert_non_null(strstr(second, "sha256:c"));
    world_close(&w);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_viewer_sees_what_is_readable), TEST(filtered_by_type_and_in_pages),
        TEST(the_subject_by_any_digest),         TEST(a_fallback_tag_alone_lists_nothing),
        TEST(large_annotations_end_a_page),
    };
    return cmocka_run_group_tests_name("referrers", tests, NULL, NULL);
}
