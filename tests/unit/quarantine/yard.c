#include "yard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/catalog.h"
#include "base/attr.h"
#include "catalog/blob.h"
#include "catalog/invariant.h"
#include "catalog/repository.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "quarantine/policy.h"
#include "quarantine/remove.h"

#define IMAGE_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

#define PROCESS                                                                        \
    (RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH | \
     RS_PERM_QUARANTINE_DECIDE)
#define CHECKER \
    (RS_PERM_PULL | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH | RS_PERM_CHECK_ANY)

const struct yard_who PUBLISHER = {1, "publisher", RS_PERM_PULL | RS_PERM_PUSH, ""};
const struct yard_who PUBLISHER2 = {2, "publisher2", RS_PERM_PULL | RS_PERM_PUSH, ""};
const struct yard_who PROCESSOR = {3, "processor", PROCESS, ""};
const struct yard_who PROCESSOR2 = {4, "processor2", PROCESS, ""};
const struct yard_who OVERRIDER = {5, "overrider", PROCESS | RS_PERM_QUARANTINE_OVERRIDE, ""};
const struct yard_who SCANNER = {6, "scanner", CHECKER, "scan"};
const struct yard_who SIGNER = {7, "signer", CHECKER, "sign"};
const struct yard_who ATTACHER = {8, "attacher", RS_PERM_PULL | RS_PERM_QUARANTINE_PUSH, ""};
const struct yard_who CONSUMER = {9, "consumer", RS_PERM_PULL, ""};
const struct yard_who STRANGER = {10, "stranger", 0, ""};
const struct yard_who AUDITOR = {11, "auditor", RS_PERM_AUDIT_READ, ""};

/* ---- opening ---- */

void yard_open(struct yard *y, const char *path)
{
    memset(y, 0, sizeof(*y));
    rs_arena_init(&y->arena, (size_t)256 << 20);
    y->db = catalog_open(path);
}

void yard_close(struct yard *y)
{
    rs_arena_release(&y->arena);
    rs_db_close(y->db);
}

static void forget_last(struct yard *y)
{
    rs_err_clear(&y->err);
    rs_arena_release(&y->arena);
    rs_arena_init(&y->arena, (size_t)256 << 20);
}

void yard_assert_status(const struct yard *y, enum rs_status s, enum rs_status expected,
                        const char *file, int line)
{
    if (s == expected)
        return;
    print_error("%s, not %s: %s\n", rs_status_name(s), rs_status_name(expected), y->err.message);
    _assert_int_equal((uintmax_t)s, (uintmax_t)expected, file, line);
}

void yard_policy(struct yard *y, const char *rules)
{
    RS_AUTO(rs_json) struct rs_json *object = NULL;
    struct rs_actor actor = {.name = "admin", .request_id = "r", .source = ""};
    struct rs_policy_change change = {.actor = &actor, .position = 0};
    bool created = false;
    forget_last(y);
    assert_int_equal(rs_json_parse_text(rules, RS_BAD_REQUEST, &object, &y->err), RS_OK);
    assert_status(y, rs_policy_parse(object, "**", &change.policy, &y->err), RS_OK);
    assert_status(y, rs_policy_put(y->db, &change, &created, &y->err), RS_OK);
}

/* ---- invariants ---- */

static bool invariant_broken(const struct rs_invariant_break *b, void *arg)
{
    (void)arg;
    print_error("%s: %s %s\n", b->what, b->repository == NULL ? "" : b->repository,
                b->subject == NULL ? "" : b->subject);
    fail();
    return false;
}

static void invariants_check(struct yard *y)
{
    struct rs_db_conn *conn = NULL;
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    for (size_t i = 0; i < rs_catalog_invariants(); i++)
        assert_int_equal(rs_catalog_invariant_check(conn, i, invariant_broken, NULL, NULL), RS_OK);
    rs_db_read_end(conn);
}

/* ---- things ---- */

static const char *digest_of(const char *text)
{
    static char digests[8][RS_HASH_TEXT_BYTES];
    static unsigned next;
    char *out = digests[next++ % 8];
    rs_hash_text(RS_HASH_SHA256, text, strlen(text), out);
    return out;
}

static struct yard_thing *thing_new(struct yard *y, const char *name, const char *media_type)
{
    assert_true(y->n_things < YARD_THINGS_MAX);
    struct yard_thing *thing = &y->things[y->n_things++];
    (void)snprintf(thing->name, sizeof(thing->name), "%s", name);
    thing->media_type = media_type;
    return thing;
}

static const struct yard_thing *thing_done(struct yard_thing *thing)
{
    (void)snprintf(thing->digest, sizeof(thing->digest), "%s", digest_of(thing->json));
    return thing;
}

static const char *subject_member(const struct yard_thing *subject)
{
    static char text[512];
    text[0] = '\0';
    if (subject != NULL)
        (void)snprintf(text, sizeof(text),
                       ",\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
                       subject->media_type, subject->digest, strlen(subject->json));
    return text;
}

const struct yard_thing *yard_image_with(struct yard *y, const char *name, const char *layer,
                                         const struct yard_thing *subject)
{
    struct yard_thing *thing = thing_new(y, name, IMAGE_TYPE);
    char config[64];
    (void)snprintf(config, sizeof(config), "config of %s", name);
    (void)snprintf(thing->json, sizeof(thing->json),
                   "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE_TYPE
                   "\",\"config\":{\"mediaType\":"
                   "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
                   "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                   "\"digest\":\"%s\",\"size\":%zu}]%s}",
                   digest_of(config), strlen(config), digest_of(layer), strlen(layer),
                   subject_member(subject));
    return thing_done(thing);
}

const struct yard_thing *yard_image(struct yard *y, const char *name)
{
    char layer[64];
    (void)snprintf(layer, sizeof(layer), "layer of %s", name);
    return yard_image_with(y, name, layer, NULL);
}

const struct yard_thing *yard_attachment_with(struct yard *y, const char *name,
                                              const struct yard_thing *subject, const char *content)
{
    struct yard_thing *thing = thing_new(y, name, IMAGE_TYPE);
    (void)snprintf(thing->json, sizeof(thing->json),
                   "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE_TYPE "\",\"artifactType\":"
                   "\"application/vnd.example\",\"config\":{\"mediaType\":"
                   "\"application/vnd.oci.empty.v1+json\",\"digest\":\"%s\",\"size\":2},"
                   "\"layers\":[{\"mediaType\":\"application/vnd.example\",\"digest\":\"%s\","
                   "\"size\":%zu}]%s,\"annotations\":{\"n\":\"%s\"}}",
                   digest_of("{}"), digest_of(content), strlen(content), subject_member(subject),
                   name);
    return thing_done(thing);
}

const struct yard_thing *yard_attachment(struct yard *y, const char *name,
                                         const struct yard_thing *subject)
{
    char content[64];
    (void)snprintf(content, sizeof(content), "content of %s", name);
    return yard_attachment_with(y, name, subject, content);
}

const struct yard_thing *yard_index(struct yard *y, const char *name, const struct yard_thing *a,
                                    const struct yard_thing *b, const struct yard_thing *c)
{
    struct yard_thing *thing = thing_new(y, name, INDEX_TYPE);
    const struct yard_thing *const parts[] = {a, b, c};
    size_t at = (size_t)snprintf(thing->json, sizeof(thing->json),
                                 "{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\","
                                 "\"annotations\":{\"n\":\"%s\"},\"manifests\":[",
                                 name);
    for (size_t i = 0; i < RS_ARRAY_LEN(parts) && parts[i] != NULL; i++)
        at += (size_t)snprintf(thing->json + at, sizeof(thing->json) - at,
                               "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
                               i == 0 ? "" : ",", parts[i]->media_type, parts[i]->digest,
                               strlen(parts[i]->json));
    (void)snprintf(thing->json + at, sizeof(thing->json) - at, "]}");
    return thing_done(thing);
}

const char *yard_fallback(const struct yard_thing *subject, const char *suffix)
{
    static char tags[4][96];
    static unsigned next;
    char *tag = tags[next++ % 4];
    (void)snprintf(tag, sizeof(tags[0]), "sha256-%s%s", subject->digest + strlen("sha256:"),
                   suffix);
    return tag;
}

/* ---- pushing ---- */

/* Who does something, as the use cases want it. */
struct person {
    struct rs_identity identity;
    struct rs_access access;
    struct rs_actor actor;
};

static struct person person_of(const struct yard_who *who)
{
    struct person p = {
        .identity = {.principal_id = who->id, .has_credentials = true},
        .access = {.perms = who->perms,
                   .scope = RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE,
                   .checks = who->checks},
        .actor = {.principal_id = who->id, .name = who->name, .request_id = "r", .source = ""},
    };
    (void)snprintf(p.identity.name, sizeof(p.identity.name), "%s", who->name);
    return p;
}

struct push_job {
    struct yard *y;
    struct person person;
    struct rs_admission admission;
};

static enum rs_status push_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct push_job *job = arg;
    struct rs_change c;
    enum rs_status s =
        rs_change_begin(conn, &job->y->arena, &job->person.actor, YARD_REPOSITORY, &c, reterr);
    return s == RS_OK ? rs_admit(&c, &job->admission, &job->y->admitted, reterr) : s;
}

enum rs_status yard_put(struct yard *y, const struct yard_who *who, const struct yard_thing *thing,
                        const char *const *tags, size_t n_tags)
{
    struct rs_manifest manifest;
    forget_last(y);
    assert_status(y,
                  rs_manifest_parse(thing->json, strlen(thing->json), thing->media_type, &y->arena,
                                    &manifest, &y->err),
                  RS_OK);
    struct push_job job = {.y = y, .person = person_of(who)};
    job.admission = (struct rs_admission){
        .identity = &job.person.identity,
        .access = &job.person.access,
        .bytes = rs_str_of(thing->json),
        .manifest = &manifest,
        .digest = thing->digest,
        .tags = tags,
        .n_tags = n_tags,
    };
    enum rs_status s = rs_db_write(y->db, push_run, &job, &y->err);
    invariants_check(y);
    return s;
}

struct upload_job {
    struct yard *y;
    int64_t principal_id;
    const struct rs_manifest *manifest;
};

static enum rs_status blob_put(struct rs_db_conn *conn, const struct upload_job *job,
                               int64_t repository_id, const struct rs_descriptor *d,
                               struct rs_err *reterr)
{
    enum rs_status s = rs_catalog_blob_add(conn, d->digest, d->size, reterr);
    return s == RS_OK
               ? rs_catalog_blob_link(conn, repository_id, d->digest, job->principal_id, reterr)
               : s;
}

static enum rs_status upload_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct upload_job *job = arg;
    const struct rs_manifest *m = job->manifest;
    int64_t repository_id = 0;
    enum rs_status s = rs_catalog_repository_ensure(conn, YARD_REPOSITORY, &repository_id, reterr);
    if (s == RS_OK && m->has_config)
        s = blob_put(conn, job, repository_id, &m->config, reterr);
    for (size_t i = 0; s == RS_OK && i < m->n_layers; i++)
        s = blob_put(conn, job, repository_id, &m->layers[i], reterr);
    return s;
}

void yard_upload(struct yard *y, const struct yard_who *who, const struct yard_thing *thing)
{
    struct rs_manifest manifest;
    forget_last(y);
    assert_int_equal(rs_manifest_parse(thing->json, strlen(thing->json), thing->media_type,
                                       &y->arena, &manifest, &y->err),
                     RS_OK);
    struct upload_job job = {.y = y, .principal_id = who->id, .manifest = &manifest};
    assert_status(y, rs_db_write(y->db, upload_run, &job, &y->err), RS_OK);
}

enum rs_status yard_push(struct yard *y, const struct yard_who *who, const struct yard_thing *thing,
                         const char *tag)
{
    yard_upload(y, who, thing);
    return yard_put(y, who, thing, &tag, tag == NULL ? 0 : 1);
}

/* ---- deciding ---- */

enum rs_status yard_decide(struct yard *y, const struct yard_who *who,
                           const struct yard_thing *thing, struct rs_decision *d)
{
    struct person person = person_of(who);
    forget_last(y);
    d->asker = (struct rs_asker){.identity = &person.identity, .access = &person.access};
    d->actor = &person.actor;
    d->repository = YARD_REPOSITORY;
    d->digest = thing->digest;
    enum rs_status s = rs_decide(y->db, d, &y->arena, &y->decided, &y->err);
    invariants_check(y);
    return s;
}

enum rs_status yard_release(struct yard *y, const struct yard_who *who,
                            const struct yard_thing *thing)
{
    struct rs_decision d = {.verdict = RS_VERDICT_RELEASE};
    return yard_decide(y, who, thing, &d);
}

enum rs_status yard_fail(struct yard *y, const struct yard_who *who, const struct yard_thing *thing)
{
    struct rs_decision d = {.verdict = RS_VERDICT_FAIL};
    return yard_decide(y, who, thing, &d);
}

enum rs_status yard_report(struct yard *y, const struct yard_who *who,
                           const struct yard_thing *thing, const char *check,
                           enum rs_check_state state, const char *claim)
{
    struct person person = person_of(who);
    const struct rs_report report = {
        .asker = {.identity = &person.identity, .access = &person.access},
        .actor = &person.actor,
        .repository = YARD_REPOSITORY,
        .digest = thing->digest,
        .check = check,
        .state = state,
        .claim = claim,
    };
    forget_last(y);
    enum rs_status s = rs_check_report(y->db, &report, &y->arena, &y->reported, &y->err);
    invariants_check(y);
    return s;
}

struct delete_job {
    struct yard *y;
    const char *digest; /* or NULL: */
    const char *tag;
};

static enum rs_status delete_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    static const struct rs_actor maintainer = {
        .principal_id = 12, .name = "maintainer", .request_id = "r", .source = ""};
    const struct delete_job *job = arg;
    struct rs_change c;
    struct rs_manifest_row *row = NULL;
    enum rs_status s =
        rs_change_begin(conn, &job->y->arena, &maintainer, YARD_REPOSITORY, &c, reterr);
    if (s == RS_OK && job->tag != NULL)
        return rs_remove_tag(&c, job->tag, reterr);
    if (s == RS_OK)
        s = rs_change_find(&c, job->digest, &row, reterr);
    if (s == RS_OK && row == NULL)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    return s == RS_OK ? rs_remove_manifest(&c, row, NULL, NULL, reterr) : s;
}

static enum rs_status delete_go(struct yard *y, const char *digest, const char *tag)
{
    struct delete_job job = {.y = y, .digest = digest, .tag = tag};
    forget_last(y);
    enum rs_status s = rs_db_write(y->db, delete_run, &job, &y->err);
    invariants_check(y);
    return s;
}

enum rs_status yard_delete(struct yard *y, const struct yard_thing *thing)
{
    return delete_go(y, thing->digest, NULL);
}

enum rs_status yard_delete_tag(struct yard *y, const char *tag)
{
    return delete_go(y, NULL, tag);
}

static enum rs_status sql_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    return rs_db_script(conn, arg, reterr);
}

void yard_sql(struct yard *y, const char *sql)
{
    char *copy = strdup(sql);
    assert_non_null(copy);
    assert_int_equal(rs_db_write(y->db, sql_run, copy, NULL), RS_OK);
    free(copy);
}

/* ---- looking ---- */

static const char *name_of(const struct yard *y, const char *digest)
{
    for (size_t i = 0; digest != NULL && i < y->n_things; i++)
        if (strcmp(y->things[i].digest, digest) == 0)
            return y->things[i].name;
    return "?";
}

const char *yard_state(struct yard *y, const struct yard_thing *thing)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_state state = RS_STATE_QUARANTINED;
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn, "SELECT state FROM manifest WHERE digest = $1", &st, NULL),
                     RS_OK);
    rs_stmt_text(st, 1, thing->digest);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    if (row)
        assert_true(rs_state_parse(rs_stmt_col_text(st, 0), &state));
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return row ? rs_state_name(state) : "none";
}

const char *yard_tag(struct yard *y, const char *tag)
{
    static char text[64];
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    bool row = false;
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn,
                                   "SELECT l.digest, s.digest FROM tag t"
                                   " LEFT JOIN manifest l ON l.id = t.live_manifest_id"
                                   " LEFT JOIN manifest s ON s.id = t.staged_manifest_id"
                                   " WHERE t.name = $1",
                                   &st, NULL),
                     RS_OK);
    rs_stmt_text(st, 1, tag);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    (void)snprintf(text, sizeof(text), "%s/%s",
                   !row || rs_stmt_col_is_null(st, 0) ? "-" : name_of(y, rs_stmt_col_text(st, 0)),
                   !row || rs_stmt_col_is_null(st, 1) ? "-" : name_of(y, rs_stmt_col_text(st, 1)));
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return text;
}

const char *yard_events(struct yard *y)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    size_t at = 0;
    y->text[0] = '\0';
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn,
                                   "SELECT seq, type, tag, digest FROM event WHERE seq > $1"
                                   " ORDER BY seq",
                                   &st, NULL),
                     RS_OK);
    rs_stmt_int(st, 1, y->seen_event);
    for (bool row = true;;) {
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        if (!row)
            break;
        y->seen_event = rs_stmt_col_int(st, 0);
        const char *tag = rs_stmt_col_text(st, 2);
        at += (size_t)snprintf(y->text + at, sizeof(y->text) - at, "%s%s:%s:%s", at == 0 ? "" : " ",
                               rs_stmt_col_text(st, 1), tag == NULL ? "" : tag,
                               name_of(y, rs_stmt_col_text(st, 3)));
    }
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return y->text;
}

static void record_print(struct yard *y, struct rs_str bytes, size_t *at)
{
    RS_AUTO(rs_json) struct rs_json *record = NULL;
    struct rs_json_limits limits = RS_JSON_LIMITS((size_t)1 << 20);
    assert_int_equal(rs_json_parse(bytes.p, bytes.n, &limits, &record, NULL), RS_OK);
    const struct rs_json *tags = rs_json_get(record, "tags");
    *at += (size_t)snprintf(y->text + *at, sizeof(y->text) - *at, "%s%s:%s[", *at == 0 ? "" : " ",
                            rs_json_text(rs_json_get(record, "action")),
                            name_of(y, rs_json_text(rs_json_get(record, "digest"))));
    for (size_t i = 0; i < rs_json_len(tags); i++)
        *at += (size_t)snprintf(y->text + *at, sizeof(y->text) - *at, "%s%s", i == 0 ? "" : ",",
                                rs_json_text(rs_json_at(tags, i)));
    *at += (size_t)snprintf(y->text + *at, sizeof(y->text) - *at, "]");
}

const char *yard_records(struct yard *y)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    size_t at = 0;
    y->text[0] = '\0';
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(
        rs_db_prepare(conn, "SELECT seq, record FROM audit WHERE seq > $1 ORDER BY seq", &st, NULL),
        RS_OK);
    rs_stmt_int(st, 1, y->seen_record);
    for (bool row = true;;) {
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        if (!row)
            break;
        y->seen_record = rs_stmt_col_int(st, 0);
        record_print(y, rs_stmt_col_str(st, 1), &at);
    }
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return y->text;
}

bool yard_is_open(struct yard *y, const struct yard_thing *thing)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    struct rs_manifest manifest;
    bool row = false;
    forget_last(y);
    assert_int_equal(rs_manifest_parse(thing->json, strlen(thing->json), thing->media_type,
                                       &y->arena, &manifest, &y->err),
                     RS_OK);
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn,
                                   "SELECT 1 FROM repository_blob"
                                   " WHERE digest = $1 AND present <> 0 AND opens > 0",
                                   &st, NULL),
                     RS_OK);
    rs_stmt_text(st, 1, manifest.layers[0].digest);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return row;
}

int64_t yard_number(struct yard *y, const char *sql)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    bool row = false;
    assert_int_equal(rs_db_read_begin(y->db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn, sql, &st, NULL), RS_OK);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    assert_true(row);
    int64_t value = rs_stmt_col_int(st, 0);
    rs_stmt_done(st);
    rs_db_read_end(conn);
    return value;
}
