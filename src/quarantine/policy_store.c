/* The part of quarantine/policy.h that changes and lists policies. */
#include <string.h>

#include "audit/append.h"
#include "base/attr.h"
#include "base/clock.h"
#include "catalog/policy.h"
#include "json/json.h"
#include "json/write.h"
#include "quarantine/policy.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define RULES_BYTES ((size_t)16384)

/* Stored rules; damaged ones as text, so that they can be replaced. */
static void rules_print(struct rs_jw *w, const char *key, const char *rules)
{
    RS_AUTO(rs_json) struct rs_json *value = NULL;
    rs_jw_key(w, key);
    if (rs_json_parse_text(rules, RS_CORRUPT, &value, NULL) == RS_OK)
        rs_jw_node(w, value);
    else
        rs_jw_text(w, rules);
}

static enum rs_status audit(struct rs_db_conn *conn, const struct rs_actor *actor,
                            const char *action, const struct rs_catalog_policy *policy,
                            const char *before, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    if (before != NULL)
        rules_print(&w, "before", before);
    rs_jw_member_text(&w, "pattern", policy->pattern);
    rs_jw_member_int(&w, "position", policy->position);
    if (policy->rules != NULL)
        rules_print(&w, "rules", policy->rules);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&details);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    const struct rs_audit_entry entry = {
        .action = action,
        .actor = actor,
        .details = rs_buf_text(&details),
    };
    int64_t seq = 0;
    return rs_audit_append(conn, &entry, &seq, reterr);
}

/* Place of a pattern among n rows; n when it is not there. */
static size_t place_of(const struct rs_catalog_policy *rows, size_t n, const char *pattern)
{
    size_t i = 0;
    while (i < n && strcmp(rows[i].pattern, pattern) != 0)
        i++;
    return i;
}

struct put_job {
    const struct rs_policy_change *change;
    const char *rules;
    struct rs_arena *arena;
    bool created;
};

static enum rs_status put_rows(struct rs_db_conn *conn, struct put_job *job,
                               const struct rs_catalog_policy *rows, size_t n,
                               struct rs_err *reterr)
{
    const char *pattern = job->change->policy.pattern;
    size_t old = place_of(rows, n, pattern);
    size_t rest = old < n ? n - 1 : n;
    size_t at = job->change->position >= 0 ? (size_t)job->change->position : old;
    at = at > rest ? rest : at;
    job->created = old == n;
    if (job->created && n >= RS_POLICIES_MAX)
        return rs_fail(reterr, RS_CONFLICT, "there are %u policies already: remove one first",
                       RS_POLICIES_MAX);
    if (!job->created && at == old && strcmp(rows[old].rules, job->rules) == 0)
        return RS_OK;
    struct rs_catalog_policy *next = rs_arena_alloc(job->arena, (rest + 1) * sizeof(*next));
    if (next == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_catalog_policy mine = {
        .pattern = pattern,
        .rules = job->rules,
        .position = (int64_t)at,
    };
    for (size_t from = 0, to = 0; to < rest + 1; to++) {
        if (from == old)
            from++;
        next[to] = to == at ? mine : rows[from++];
    }
    enum rs_status s =
        rs_catalog_policy_replace_all(conn, next, rest + 1, rs_clock_unix_ms(), reterr);
    if (s != RS_OK)
        return s;
    return audit(conn, job->change->actor, job->created ? "policy-added" : "policy-changed", &mine,
                 job->created ? NULL : rows[old].rules, reterr);
}

static enum rs_status put_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct put_job *job = arg;
    const struct rs_catalog_policy *rows = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_policy_all(conn, job->arena, &rows, &n, reterr);
    return s == RS_OK ? put_rows(conn, job, rows, n, reterr) : s;
}

enum rs_status rs_policy_put(struct rs_db *db, const struct rs_policy_change *change,
                             bool *ret_created, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf rules = RS_BUF_INIT(RULES_BYTES);
    enum rs_status s = rs_policy_write(&change->policy, &rules);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    struct rs_arena arena;
    rs_arena_init(&arena, ARENA_BYTES);
    struct put_job job = {.change = change, .rules = rs_buf_text(&rules), .arena = &arena};
    s = rs_db_write(db, put_run, &job, reterr);
    rs_arena_release(&arena);
    if (s == RS_OK)
        *ret_created = job.created;
    return s;
}

struct remove_job {
    const struct rs_actor *actor;
    const char *pattern;
    struct rs_arena *arena;
};

static enum rs_status remove_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct remove_job *job = arg;
    const struct rs_catalog_policy *rows = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_policy_all(conn, job->arena, &rows, &n, reterr);
    if (s != RS_OK)
        return s;
    size_t at = place_of(rows, n, job->pattern);
    if (at == n)
        return rs_fail(reterr, RS_NOT_FOUND, "there is no policy with this pattern");
    const struct rs_catalog_policy gone = rows[at];
    struct rs_catalog_policy *next = rs_arena_alloc(job->arena, n * sizeof(*next));
    if (next == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i + 1 < n; i++)
        next[i] = rows[i < at ? i : i + 1];
    s = rs_catalog_policy_replace_all(conn, next, n - 1, rs_clock_unix_ms(), reterr);
    return s == RS_OK ? audit(conn, job->actor, "policy-removed", &gone, NULL, reterr) : s;
}

enum rs_status rs_policy_remove(struct rs_db *db, const struct rs_actor *actor, const char *pattern,
                                struct rs_err *reterr)
{
    struct rs_arena arena;
    rs_arena_init(&arena, ARENA_BYTES);
    struct remove_job job = {.actor = actor, .pattern = pattern, .arena = &arena};
    enum rs_status s = rs_db_write(db, remove_run, &job, reterr);
    rs_arena_release(&arena);
    return s;
}

/* One policy of the list: the stored rules with pattern and position in front. */
static void policy_print(const struct rs_catalog_policy *row, struct rs_jw *w)
{
    RS_AUTO(rs_json) struct rs_json *rules = NULL;
    struct rs_json_iter it = {0};
    rs_jw_object(w);
    rs_jw_member_text(w, "pattern", row->pattern);
    rs_jw_member_int(w, "position", row->position);
    if (rs_json_parse_text(row->rules, RS_CORRUPT, &rules, NULL) != RS_OK)
        rs_jw_member_bool(w, "damaged", true); /* shown, so that it can be replaced */
    while (rs_json_next(rules, &it)) {
        rs_jw_key(w, it.key);
        rs_jw_node(w, it.value);
    }
    rs_jw_object_end(w);
}

static enum rs_status list_print(struct rs_db *db, struct rs_arena *arena, struct rs_buf *out,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    const struct rs_catalog_policy *rows = NULL;
    size_t n = 0;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_policy_all(read.conn, arena, &rows, &n, reterr);
    if (s != RS_OK)
        return s;
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_array(&w);
    for (size_t i = 0; i < n; i++)
        policy_print(&rows[i], &w);
    rs_jw_array_end(&w);
    s = rs_buf_status(out);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

enum rs_status rs_policy_list(struct rs_db *db, struct rs_buf *out, struct rs_err *reterr)
{
    struct rs_arena arena;
    rs_arena_init(&arena, ARENA_BYTES);
    enum rs_status s = list_print(db, &arena, out, reterr);
    rs_arena_release(&arena);
    return s;
}

/* ---- initial policies ---- */

static enum rs_status initial_read(const char *body, struct rs_arena *arena,
                                   struct rs_catalog_policy *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *object = NULL;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RULES_BYTES);
    struct rs_policy policy;
    int64_t position = 0;
    enum rs_status s = rs_json_parse_text(body, RS_BAD_REQUEST, &object, reterr);
    if (s == RS_OK)
        s = rs_policy_parse_body(object, &policy, &position, reterr);
    if (s != RS_OK)
        return s;
    s = rs_policy_write(&policy, &text);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    ret->pattern = rs_arena_strdup(arena, policy.pattern);
    ret->rules = rs_arena_strdup(arena, rs_buf_text(&text));
    return ret->pattern == NULL || ret->rules == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static enum rs_status initial_read_all(const char *const *bodies, size_t n, struct rs_arena *arena,
                                       struct rs_catalog_policy *rows, size_t *ret_bad,
                                       struct rs_err *reterr)
{
    for (size_t i = 0; i < n; i++) {
        if (ret_bad != NULL)
            *ret_bad = i;
        rows[i].position = (int64_t)i;
        enum rs_status s = initial_read(bodies[i], arena, &rows[i], reterr);
        if (s != RS_OK)
            return s;
        if (place_of(rows, i, rows[i].pattern) < i)
            return rs_fail(reterr, RS_BAD_REQUEST, "policy: the pattern %s stands there twice",
                           rows[i].pattern);
    }
    return RS_OK;
}

static enum rs_status initial_store(struct rs_db_conn *conn, const struct rs_actor *actor,
                                    const struct rs_catalog_policy *rows, size_t n,
                                    struct rs_arena *arena, struct rs_err *reterr)
{
    const struct rs_catalog_policy *there = NULL;
    size_t n_there = 0;
    enum rs_status s = rs_catalog_policy_all(conn, arena, &there, &n_there, reterr);
    if (s == RS_OK && n_there > 0)
        s = rs_fail(reterr, RS_CONFLICT,
                    "the catalog has policies: change them through the daemon");
    if (s == RS_OK)
        s = rs_catalog_policy_replace_all(conn, rows, n, rs_clock_unix_ms(), reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = audit(conn, actor, "policy-added", &rows[i], NULL, reterr);
    return s;
}

enum rs_status rs_policy_apply_initial(struct rs_db_conn *conn, const struct rs_actor *actor,
                                       const char *const *bodies, size_t n, size_t *ret_bad,
                                       struct rs_err *reterr)
{
    struct rs_arena arena;
    if (n > RS_POLICIES_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "policy: at most %u policies", RS_POLICIES_MAX);
    if (n == 0)
        return RS_OK;
    rs_arena_init(&arena, ARENA_BYTES);
    struct rs_catalog_policy *rows = rs_arena_alloc(&arena, n * sizeof(*rows));
    enum rs_status s = rows == NULL ? rs_fail(reterr, RS_NOMEM, NULL)
                                    : initial_read_all(bodies, n, &arena, rows, ret_bad, reterr);
    if (s == RS_OK)
        s = initial_store(conn, actor, rows, n, &arena, reterr);
    rs_arena_release(&arena);
    return s;
}
