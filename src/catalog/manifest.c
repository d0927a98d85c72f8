#include "catalog/manifest.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/sql.h"

static const char *const shape_names[] = {
    [RS_SHAPE_IMAGE] = "image",
    [RS_SHAPE_INDEX] = "index",
    [RS_SHAPE_ATTACHMENT] = "attachment",
};
static const char *const state_names[] = {
    [RS_STATE_QUARANTINED] = "quarantined",
    [RS_STATE_FAILED] = "failed",
    [RS_STATE_RELEASED] = "released",
};
static const char *const failed_by_names[] = {
    [RS_FAILED_BY_NOBODY] = NULL,
    [RS_FAILED_BY_DECISION] = "decision",
    [RS_FAILED_BY_CHECK] = "check",
};

const char *rs_shape_name(enum rs_shape shape)
{
    return shape_names[shape];
}

const char *rs_state_name(enum rs_state state)
{
    return state_names[state];
}

const char *rs_failed_by_name(enum rs_failed_by by)
{
    return failed_by_names[by];
}

/* Index of `name` in a table of names, or -1; NULL matches a NULL row. */
static int name_find(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        bool same =
            names[i] == NULL || name == NULL ? names[i] == name : strcmp(names[i], name) == 0;
        if (same)
            return (int)i;
    }
    return -1;
}

static bool shape_parse(const char *name, enum rs_shape *ret)
{
    int i = name_find(shape_names, RS_ARRAY_LEN(shape_names), name);
    if (i >= 0)
        *ret = (enum rs_shape)i;
    return i >= 0;
}

bool rs_state_parse(const char *name, enum rs_state *ret)
{
    int i = name_find(state_names, RS_ARRAY_LEN(state_names), name);
    if (i >= 0)
        *ret = (enum rs_state)i;
    return i >= 0;
}

bool rs_failed_by_parse(const char *name, enum rs_failed_by *ret)
{
    int i = name_find(failed_by_names, RS_ARRAY_LEN(failed_by_names), name);
    if (i >= 0)
        *ret = (enum rs_failed_by)i;
    return i >= 0;
}

enum rs_status rs_manifest_list_add(struct rs_manifest_list *list, struct rs_arena *arena,
                                    struct rs_manifest_row *row, struct rs_err *reterr)
{
    struct rs_manifest_row **rows =
        rs_arena_reserve(arena, list->rows, list->n, &list->cap, sizeof(*rows));
    if (rows == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    list->rows = rows;
    list->rows[list->n++] = row;
    return RS_OK;
}

/* ---- reading rows ---- */

#define TEXT_COLUMNS_FIRST 13

/* Columns that row_read() takes from the first on: numbers and enums, then texts. */
#define COLUMNS                                                                                     \
    "m.id, m.repository_id, m.size, m.shape, m.state, m.failed_by, m.joined, m.tagged, m.has_data," \
    " m.observed, m.publisher_id, m.pushed_ms, m.state_ms,"                                         \
    " m.digest, m.media_type, m.artifact_type, m.config_media_type, m.subject_digest, m.publisher," \
    " m.pushed_with, m.decided_by, m.decision_details, m.quarantine_event_id, m.overdue_ms"

static enum rs_status texts_read(struct rs_stmt *st, struct rs_arena *arena,
                                 struct rs_manifest_row *m, struct rs_err *reterr)
{
    const char **const texts[] = {
        &m->digest,           &m->media_type,          &m->artifact_type, &m->config_media_type,
        &m->subject_digest,   &m->publisher,           &m->pushed_with,   &m->decided_by,
        &m->decision_details, &m->quarantine_event_id,
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(texts); i++) {
        enum rs_status s = rs_sql_copy(st, TEXT_COLUMNS_FIRST + (int)i, arena, texts[i], reterr);
        if (s != RS_OK)
            return s;
    }
    m->overdue_ms = rs_stmt_col_int(st, TEXT_COLUMNS_FIRST + (int)RS_ARRAY_LEN(texts));
    if (m->digest == NULL || m->media_type == NULL || m->publisher == NULL ||
        m->pushed_with == NULL)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return RS_OK;
}

static enum rs_status row_read(struct rs_stmt *st, struct rs_arena *arena,
                               struct rs_manifest_row **ret, struct rs_err *reterr)
{
    struct rs_manifest_row *m = rs_arena_alloc(arena, sizeof(*m));
    if (m == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    m->id = rs_stmt_col_int(st, 0);
    m->repository_id = rs_stmt_col_int(st, 1);
    int64_t size = rs_stmt_col_int(st, 2);
    m->size = (uint64_t)size;
    bool known = size >= 0 && shape_parse(rs_stmt_col_text(st, 3), &m->shape) &&
                 rs_state_parse(rs_stmt_col_text(st, 4), &m->state) &&
                 rs_failed_by_parse(rs_stmt_col_text(st, 5), &m->failed_by);
    if (!known || (m->state == RS_STATE_FAILED) != (m->failed_by != RS_FAILED_BY_NOBODY)) {
        (void)rs_fail(reterr, RS_CORRUPT, NULL);
        return rs_err_log(reterr, "manifest %lld breaks the rules of its row", (long long)m->id),
               RS_CORRUPT;
    }
    m->joined = rs_stmt_col_int(st, 6) != 0;
    m->tagged = rs_stmt_col_int(st, 7) != 0;
    m->has_data = rs_stmt_col_int(st, 8) != 0;
    m->observed = rs_stmt_col_int(st, 9) != 0;
    m->publisher_id = rs_stmt_col_int(st, 10);
    m->pushed_ms = rs_stmt_col_int(st, 11);
    m->state_ms = rs_stmt_col_int(st, 12);
    enum rs_status s = texts_read(st, arena, m, reterr);
    if (s == RS_OK)
        *ret = m;
    return s;
}

static enum rs_status one_read(struct rs_stmt *st, struct rs_arena *arena,
                               struct rs_manifest_row **ret, struct rs_err *reterr)
{
    bool row = false;
    *ret = NULL;
    enum rs_status s = rs_stmt_step(st, &row, reterr);
    return s == RS_OK && row ? row_read(st, arena, ret, reterr) : s;
}

static enum rs_status all_read(struct rs_stmt *st, struct rs_arena *arena,
                               struct rs_manifest_list *list, struct rs_err *reterr)
{
    for (;;) {
        struct rs_manifest_row *row = NULL;
        enum rs_status s = one_read(st, arena, &row, reterr);
        if (s != RS_OK || row == NULL)
            return s;
        s = rs_manifest_list_add(list, arena, row, reterr);
        if (s != RS_OK)
            return s;
    }
}

enum rs_status rs_catalog_manifest_find(struct rs_db_conn *conn, struct rs_arena *arena,
                                        int64_t repository_id, const char *digest,
                                        struct rs_manifest_row **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn,
                                   "SELECT " COLUMNS " FROM manifest m"
                                   " WHERE m.repository_id = $1 AND m.digest = $2",
                                   &st, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
    return s == RS_OK ? one_read(st, arena, ret, reterr) : s;
}

enum rs_status rs_catalog_manifest_get(struct rs_db_conn *conn, struct rs_arena *arena, int64_t id,
                                       struct rs_manifest_row **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, "SELECT " COLUMNS " FROM manifest m WHERE m.id = $1", &st,
                                   reterr, RS_SQL_INT(id));
    return s == RS_OK ? one_read(st, arena, ret, reterr) : s;
}

enum rs_status rs_catalog_manifest_children(struct rs_db_conn *conn, struct rs_arena *arena,
                                            int64_t manifest_id, const int64_t **ret, size_t *ret_n,
                                            struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = rs_sql_read_int, .row_bytes = sizeof(**ret)};
    enum rs_status s = rs_sql_list(conn,
                                   "SELECT m.id FROM manifest_ref f"
                                   " JOIN manifest m ON m.id = f.child_id"
                                   "  AND m.repository_id = f.repository_id AND m.digest = f.digest"
                                   " WHERE f.manifest_id = $1 AND f.child_id IS NOT NULL"
                                   " ORDER BY f.position",
                                   &list, reterr, RS_SQL_INT(manifest_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_manifest_named(struct rs_db_conn *conn, struct rs_arena *arena,
                                         int64_t manifest_id, struct rs_manifest_list *list,
                                         struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn,
                                   "SELECT " COLUMNS " FROM manifest_ref f"
                                   " JOIN manifest m"
                                   "  ON m.repository_id = f.repository_id AND m.digest = f.digest"
                                   " WHERE f.manifest_id = $1 AND f.kind = 'manifest'"
                                   " ORDER BY f.position",
                                   &st, reterr, RS_SQL_INT(manifest_id));
    return s == RS_OK ? all_read(st, arena, list, reterr) : s;
}

enum rs_status rs_catalog_manifest_parents(struct rs_db_conn *conn, struct rs_arena *arena,
                                           int64_t repository_id, const char *digest, size_t n_max,
                                           struct rs_manifest_list *list, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s =
        rs_sql_open(conn,
                    "SELECT " COLUMNS " FROM manifest m"
                    " WHERE m.state = 'quarantined' AND m.id IN"
                    "  (SELECT f.manifest_id FROM manifest_ref f"
                    "   WHERE f.repository_id = $1 AND f.digest = $2"
                    "    AND f.kind = 'manifest')"
                    " ORDER BY m.id LIMIT $3",
                    &st, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest), RS_SQL_INT(n_max));
    return s == RS_OK ? all_read(st, arena, list, reterr) : s;
}

#define ATTACHMENTS                                         \
    "SELECT " COLUMNS " FROM manifest m"                    \
    " WHERE m.repository_id = $1 AND m.subject_digest = $2" \
    "  AND m.subject_digest IS NOT NULL AND m.shape = 'attachment'"

static enum rs_status attachments_read(struct rs_db_conn *conn, const char *sql,
                                       struct rs_arena *arena, int64_t repository_id,
                                       const char *subject, size_t n_max,
                                       struct rs_manifest_list *list, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, sql, &st, reterr, RS_SQL_INT(repository_id),
                                   RS_SQL_TEXT(subject), RS_SQL_INT(n_max));
    return s == RS_OK ? all_read(st, arena, list, reterr) : s;
}

enum rs_status rs_catalog_manifest_attachments(struct rs_db_conn *conn, struct rs_arena *arena,
                                               int64_t repository_id, const char *subject,
                                               size_t n_max, struct rs_manifest_list *list,
                                               struct rs_err *reterr)
{
    return attachments_read(conn, ATTACHMENTS " ORDER BY m.id LIMIT $3", arena, repository_id,
                            subject, n_max, list, reterr);
}

enum rs_status rs_catalog_manifest_joined(struct rs_db_conn *conn, struct rs_arena *arena,
                                          int64_t repository_id, const char *subject, size_t n_max,
                                          struct rs_manifest_list *list, struct rs_err *reterr)
{
    return attachments_read(conn,
                            ATTACHMENTS " AND m.joined = 1 AND m.state <> 'released'"
                                        " ORDER BY m.id LIMIT $3",
                            arena, repository_id, subject, n_max, list, reterr);
}

enum rs_status rs_catalog_manifest_left_behind(struct rs_db_conn *conn, struct rs_arena *arena,
                                               const char *subject, struct rs_manifest_row **ret,
                                               struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    struct rs_manifest_list found = {0};
    enum rs_status s = rs_sql_open(
        conn,
        "SELECT " COLUMNS " FROM manifest s"
        " JOIN manifest m ON m.repository_id = s.repository_id AND m.subject_digest = s.digest"
        " WHERE s.digest = $1 AND s.state = 'released'"
        "  AND m.subject_digest IS NOT NULL AND m.joined = 1 LIMIT 1",
        &st, reterr, RS_SQL_TEXT(subject));
    if (s == RS_OK)
        s = all_read(st, arena, &found, reterr);
    *ret = s == RS_OK && found.n > 0 ? found.rows[0] : NULL;
    return s;
}

enum rs_status rs_catalog_manifest_each_holder(struct rs_db_conn *conn, int64_t repository_id,
                                               const char *digest, rs_manifest_visit fn, void *arg,
                                               struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn,
                                   "SELECT m.id, MAX(f.opens) FROM manifest_ref f"
                                   " JOIN manifest m ON m.id = f.manifest_id"
                                   " WHERE f.repository_id = $1 AND f.digest = $2"
                                   "  AND m.state <> 'released' AND m.shape <> 'attachment'"
                                   " GROUP BY m.id ORDER BY m.id",
                                   &st, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
    for (bool row = true; s == RS_OK;) {
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row || !fn(rs_stmt_col_int(st, 0), rs_stmt_col_int(st, 1) != 0, arg))
            break;
    }
    return s;
}

enum rs_status rs_catalog_manifest_repository(struct rs_db_conn *conn, struct rs_arena *arena,
                                              const struct rs_manifest_row *row, const char **ret,
                                              struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool found = false;
    *ret = NULL;
    enum rs_status s = rs_sql_first(conn, "SELECT name FROM repository WHERE id = $1", &st, &found,
                                    reterr, RS_SQL_INT(row->repository_id));
    if (s == RS_OK && found)
        s = rs_sql_copy(st, 0, arena, ret, reterr);
    if (s == RS_OK && *ret == NULL)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    return s;
}

/* ---- writing rows ---- */

static enum rs_status bytes_put(struct rs_db_conn *conn, const char *digest, struct rs_str bytes,
                                struct rs_err *reterr)
{
    /* The bytes were verified against the digest, so they are right whatever is stored: this heals.
     */
    return rs_sql_run(conn,
                      "INSERT INTO manifest_bytes(digest, bytes) VALUES ($1, $2)"
                      " ON CONFLICT(digest) DO UPDATE SET bytes = excluded.bytes"
                      "  WHERE manifest_bytes.bytes <> excluded.bytes",
                      NULL, reterr, RS_SQL_TEXT(digest), RS_SQL_BYTES(bytes));
}

enum rs_status rs_catalog_manifest_heal(struct rs_db_conn *conn, const char *digest,
                                        struct rs_str bytes, struct rs_err *reterr)
{
    return bytes_put(conn, digest, bytes, reterr);
}

enum rs_status rs_catalog_manifest_insert(struct rs_db_conn *conn, struct rs_manifest_row *row,
                                          struct rs_str bytes, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = bytes_put(conn, row->digest, bytes, reterr);
    if (s != RS_OK)
        return s;
    bool got = false;
    s = rs_sql_first(
        conn,
        "INSERT INTO manifest(repository_id, digest, media_type, artifact_type, config_media_type,"
        " annotations, size, shape, state, failed_by, joined, tagged, subject_digest, has_data,"
        " observed, publisher_id, publisher, pushed_with, pushed_ms, state_ms, decided_by,"
        " decision_details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
        " $15, $16, $17, $18, $19, $20, $21, $22) RETURNING id",
        &st, &got, reterr, RS_SQL_INT(row->repository_id), RS_SQL_TEXT(row->digest),
        RS_SQL_TEXT(row->media_type), RS_SQL_TEXT(row->artifact_type),
        RS_SQL_TEXT(row->config_media_type), RS_SQL_TEXT(row->annotations), RS_SQL_INT(row->size),
        RS_SQL_TEXT(rs_shape_name(row->shape)), RS_SQL_TEXT(rs_state_name(row->state)),
        RS_SQL_TEXT(rs_failed_by_name(row->failed_by)), RS_SQL_INT(row->joined),
        RS_SQL_INT(row->tagged), RS_SQL_TEXT(row->subject_digest), RS_SQL_INT(row->has_data),
        RS_SQL_INT(row->observed), RS_SQL_INT(row->publisher_id), RS_SQL_TEXT(row->publisher),
        RS_SQL_TEXT(row->pushed_with), RS_SQL_INT(row->pushed_ms), RS_SQL_INT(row->state_ms),
        RS_SQL_TEXT(row->decided_by), RS_SQL_TEXT(row->decision_details));
    if (s == RS_OK && !got)
        s = rs_fail(reterr, RS_INTERNAL, NULL);
    if (s == RS_OK)
        row->id = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_catalog_manifest_save_state(struct rs_db_conn *conn,
                                              const struct rs_manifest_row *row,
                                              struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE manifest SET state = $2, failed_by = $3, state_ms = $4,"
                      " decided_by = $5, decision_details = $6, joined = $7 WHERE id = $1",
                      NULL, reterr, RS_SQL_INT(row->id), RS_SQL_TEXT(rs_state_name(row->state)),
                      RS_SQL_TEXT(rs_failed_by_name(row->failed_by)), RS_SQL_INT(row->state_ms),
                      RS_SQL_TEXT(row->decided_by), RS_SQL_TEXT(row->decision_details),
                      RS_SQL_INT(row->joined));
}

enum rs_status rs_catalog_manifest_save_marks(struct rs_db_conn *conn,
                                              const struct rs_manifest_row *row,
                                              struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE manifest SET shape = $2, joined = $3, tagged = $4,"
                      " quarantine_event_id = $5, overdue_ms = NULLIF($6, 0) WHERE id = $1",
                      NULL, reterr, RS_SQL_INT(row->id), RS_SQL_TEXT(rs_shape_name(row->shape)),
                      RS_SQL_INT(row->joined), RS_SQL_INT(row->tagged),
                      RS_SQL_TEXT(row->quarantine_event_id), RS_SQL_INT(row->overdue_ms));
}

enum rs_status rs_catalog_manifest_delete(struct rs_db_conn *conn,
                                          const struct rs_manifest_row *row, struct rs_err *reterr)
{
    /* The rows of its own go one table after the other, whether or not the engine cascades. */
    static const char *const own[] = {
        "DELETE FROM manifest_ref WHERE manifest_id = $1",
        "DELETE FROM manifest_pusher WHERE manifest_id = $1",
        "DELETE FROM manifest_tag WHERE manifest_id = $1",
        "DELETE FROM check_report WHERE manifest_id = $1",
        "DELETE FROM claim WHERE manifest_id = $1",
        /* A part that is pushed again has a state of its own: nothing links to it any more. */
        "UPDATE manifest_ref SET child_id = NULL WHERE child_id = $1",
        "DELETE FROM manifest WHERE id = $1",
    };
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < RS_ARRAY_LEN(own); i++)
        s = rs_sql_run(conn, own[i], NULL, reterr, RS_SQL_INT(row->id));
    if (s != RS_OK)
        return s;
    return rs_sql_run(conn,
                      "DELETE FROM manifest_bytes WHERE digest = $1"
                      " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = $1)",
                      NULL, reterr, RS_SQL_TEXT(row->digest));
}

/* ---- pushers ---- */

enum rs_status rs_catalog_manifest_add_pusher(struct rs_db_conn *conn, int64_t manifest_id,
                                              int64_t principal_id, const char *permission,
                                              int64_t now_ms, struct rs_err *reterr)
{
    return rs_sql_run(
        conn,
        "INSERT INTO manifest_pusher(manifest_id, principal_id, permission, pushed_ms)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT(manifest_id, principal_id) DO NOTHING",
        NULL, reterr, RS_SQL_INT(manifest_id), RS_SQL_INT(principal_id), RS_SQL_TEXT(permission),
        RS_SQL_INT(now_ms));
}

enum rs_status rs_catalog_manifest_is_pusher(struct rs_db_conn *conn, int64_t manifest_id,
                                             int64_t principal_id, bool *ret, struct rs_err *reterr)
{
    return rs_sql_exists(conn,
                         "SELECT 1 FROM manifest_pusher"
                         " WHERE manifest_id = $1 AND principal_id = $2",
                         ret, reterr, RS_SQL_INT(manifest_id), RS_SQL_INT(principal_id));
}
