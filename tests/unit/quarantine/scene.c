#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/catalog.h"
#include "catalog/generation.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "quarantine/policy.h"

#define OCI "application/vnd.oci.image."

static const char *const texts[N_MANIFESTS] = {
    [M_RELEASED] = "{\"manifest\":\"released\"}", [M_HELD] = "{\"manifest\":\"held\"}",
    [M_FAILED] = "{\"manifest\":\"failed\"}",     [M_DATA] = "{\"manifest\":\"data\"}",
    [M_PART] = "{\"manifest\":\"part\"}",         [M_INDEX] = "{\"manifest\":\"index\"}",
};
static const char *const states[N_MANIFESTS] = {
    [M_RELEASED] = "released", [M_HELD] = "quarantined", [M_FAILED] = "failed",
    [M_DATA] = "quarantined",  [M_PART] = "quarantined", [M_INDEX] = "quarantined",
};

const char *scene_text(enum scene_manifest m)
{
    return texts[m];
}

struct script {
    const char *sql;
    const char *repository;
};

static enum rs_status run_script(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct script *script = arg;
    rs_generation_touch_access(conn);
    rs_generation_touch_repository(conn, script->repository);
    return rs_db_script(conn, script->sql, reterr);
}

void scene_sql(struct scene *scene, const char *sql)
{
    struct script script = {.sql = sql, .repository = "team/app"};
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_write(scene->db, run_script, &script, &err) != RS_OK)
        fail_msg("%s (%s) in: %s", err.message, err.log, sql);
}

/* Append to a growing script. */
__attribute__((format(printf, 2, 3))) static void add(char **script, const char *fmt, ...)
{
    char *more = NULL;
    char *both = NULL;
    va_list ap;
    va_start(ap, fmt);
    assert_true(vasprintf(&more, fmt, ap) >= 0);
    va_end(ap);
    assert_true(asprintf(&both, "%s%s;\n", *script == NULL ? "" : *script, more) >= 0);
    free(more);
    free(*script);
    *script = both;
}

static void add_manifest(struct scene *s, char **script, enum scene_manifest m)
{
    const char *failed_by = strcmp(states[m], "failed") == 0 ? "'decision'" : "NULL";
    add(script, "INSERT INTO manifest_bytes VALUES('%s', CAST('%s' AS BLOB))", s->manifests[m],
        texts[m]);
    add(script,
        "INSERT INTO manifest(id, repository_id, digest, media_type, size, shape, state, failed_by, has_data, tagged,"
        " publisher_id, publisher, pushed_with, pushed_ms, state_ms)"
        " VALUES(%d, 1, '%s', '" OCI
        "manifest.v1+json', %zu, '%s', '%s', %s, %d, %d, %d, 'alice', 'push', 1, %lld)",
        (int)m + 1, s->manifests[m], strlen(texts[m]), m == M_INDEX ? "index" : "image", states[m],
        failed_by, m == M_DATA, m != M_PART, ALICE, (long long)s->since_ms);
    add(script, "INSERT INTO manifest_pusher VALUES(%d, %d, 'push', 1)", (int)m + 1, ALICE);
}

static const struct {
    enum scene_manifest manifest;
    enum scene_blob blob;
    const char *kind;
    const char *media_type;
    int opens;
} refs[] = {
    {M_RELEASED, B_RELEASED, "layer", OCI "layer.v1.tar", 1},
    {M_RELEASED, B_SHARED, "layer", OCI "layer.v1.tar", 1},
    {M_RELEASED, B_LATE, "layer", OCI "layer.v1.tar", 0},
    {M_HELD, B_SHARED, "layer", OCI "layer.v1.tar", 1},
    {M_HELD, B_LAYER, "layer", OCI "layer.v1.tar", 1},
    {M_HELD, B_CONFIG, "config", OCI "config.v1+json", 1},
    {M_HELD, B_CONFIG_OTHER, "config", "application/vnd.cncf.helm.config.v1+json", 1},
    {M_HELD, B_ABSENT, "layer", OCI "layer.v1.tar", 0},
    {M_FAILED, B_CONFIG_SKIPPED, "config", OCI "config.v1+json", 1},
    {M_FAILED, B_CONFIG_LARGE, "config", "application/vnd.docker.container.image.v1+json", 1},
    {M_DATA, B_CONFIG_DATA, "config", OCI "config.v1+json", 1},
};

static void add_blob(struct scene *s, char **script, enum scene_blob b)
{
    const int repository = b == B_ELSEWHERE ? 2 : 1;
    const int size = b == B_CONFIG_LARGE ? 1048577 : 1000 + (int)b;
    int n_refs = 0;
    int n_opens = 0;
    for (size_t i = 0; i < RS_ARRAY_LEN(refs); i++) {
        if (refs[i].blob != b)
            continue;
        add(script, "INSERT INTO manifest_ref VALUES(%d, %zu, 1, '%s', '%s', '%s', %d, %d, NULL)",
            (int)refs[i].manifest + 1, i, refs[i].kind, s->blobs[b], refs[i].media_type, size,
            refs[i].opens);
        n_refs++;
        n_opens += refs[i].opens == 1 && refs[i].manifest == M_RELEASED;
    }
    add(script, "INSERT INTO blob VALUES('%s', %d, 1)", s->blobs[b], size);
    add(script,
        "INSERT INTO repository_blob(repository_id, digest, present, refs, opens, linked_ms)"
        " VALUES(%d, '%s', %d, %d, %d, 1)",
        repository, s->blobs[b], b != B_ABSENT, n_refs, n_opens);
    if (b != B_ABSENT)
        add(script, "INSERT INTO blob_uploader VALUES(%d, '%s', %d)", repository, s->blobs[b],
            b == B_CONFIG_SKIPPED ? CAROL : ALICE);
}

static void add_tag(char **script, const char *name, int live, int staged)
{
    char live_text[16] = "NULL";
    char staged_text[16] = "NULL";
    if (live >= 0)
        (void)snprintf(live_text, sizeof(live_text), "%d", live + 1);
    if (staged >= 0)
        (void)snprintf(staged_text, sizeof(staged_text), "%d", staged + 1);
    add(script, "INSERT INTO tag VALUES(1, '%s', %s, 1, %s, 2, 1, 1)", name, live_text,
        staged_text);
}

static void name_digests(struct scene *s)
{
    for (int m = 0; m < N_MANIFESTS; m++)
        rs_hash_text(RS_HASH_SHA256, texts[m], strlen(texts[m]), s->manifests[m]);
    for (int b = 0; b < N_BLOBS; b++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "blob %d", b);
        rs_hash_text(RS_HASH_SHA256, text, strlen(text), s->blobs[b]);
    }
    rs_hash_text(RS_HASH_SHA512, texts[M_HELD], strlen(texts[M_HELD]), s->alias);
    rs_hash_text(RS_HASH_SHA256, "unknown", 7, s->unknown);
}

void scene_open(struct scene *s, const char *path, const char *repository)
{
    char *script = NULL;
    memset(s, 0, sizeof(*s));
    s->db = catalog_open(path);
    s->since_ms = 1796083200000;
    name_digests(s);
    add(&script,
        "INSERT INTO repository(id, name, created_ms) VALUES(1, '%s', 1), (2, 'other/app', 1)",
        repository);
    for (int m = 0; m < N_MANIFESTS; m++)
        add_manifest(s, &script, (enum scene_manifest)m);
    for (int b = 0; b < N_BLOBS; b++)
        add_blob(s, &script, (enum scene_blob)b);
    add(&script,
        "INSERT INTO manifest_ref VALUES(%d, 0, 1, 'manifest', '%s', '" OCI
        "manifest.v1+json', 10, 0, %d)",
        M_INDEX + 1, s->manifests[M_PART], M_PART + 1);
    add(&script,
        "INSERT INTO check_report(manifest_id, name, state, reporter_id, reporter, reported_ms)"
        " VALUES(%d, 'scan', 'passed', 1, 'scanner', 1)",
        M_INDEX + 1);
    add(&script, "INSERT INTO digest_alias VALUES('%s', '%s')", s->alias, s->manifests[M_HELD]);
    add_tag(&script, "live", M_RELEASED, -1);
    add_tag(&script, "staged", -1, M_HELD);
    add_tag(&script, "both", M_RELEASED, M_HELD);
    add_tag(&script, "failed", -1, M_FAILED);
    scene_sql(s, script);
    free(script);
}

void scene_policy(struct scene *s, const char *pattern, const char *rules)
{
    static const struct rs_actor actor = {
        .principal_id = 1, .name = "admin", .request_id = "", .source = ""};
    struct rs_policy_change change = {.actor = &actor, .position = 0};
    struct rs_err err = RS_ERR_INIT;
    struct rs_json *root = NULL;
    bool created = false;
    assert_int_equal(rs_json_parse_text(rules, RS_BAD_REQUEST, &root, NULL), RS_OK);
    assert_int_equal(rs_policy_parse(root, pattern, &change.policy, NULL), RS_OK);
    rs_json_free(root);
    if (rs_policy_put(s->db, &change, &created, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
}

void scene_close(struct scene *s)
{
    rs_db_close(s->db);
}
