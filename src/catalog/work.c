/* The part of catalog/claim.h that finds work: roots, parts, what waits for long. */
#include "base/attr.h"
#include "catalog/claim.h"
#include "catalog/sql.h"

/* SPEC section 1: a part was never pushed under a tag and is named by an index in `quarantined`. */
#define IS_PART                                                                                      \
    "(m.tagged = 0 AND EXISTS (SELECT 1 FROM manifest_ref f JOIN manifest p ON p.id = f.manifest_id" \
    "  WHERE f.repository_id = m.repository_id AND f.digest = m.digest AND f.kind = 'manifest'"      \
    "   AND p.state = 'quarantined'))"
#define IS_ROOT "m.joined = 0 AND NOT " IS_PART
/* Held for a subject that is not there. */
#define IS_ORPHAN                                            \
    "(m.joined = 1 AND NOT EXISTS (SELECT 1 FROM manifest s" \
    "  WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest))"

/* The ids come first, the rows one by one after them: reading a row is catalog/manifest.h's. */
struct found {
    int64_t id;
    const char *repository;
};

static enum rs_status found_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                 struct rs_err *reterr)
{
    struct found *ret = row;
    ret->id = rs_stmt_col_int(st, 0);
    return rs_sql_copy_not_null(st, 1, arena, &ret->repository, reterr);
}

/* One damaged row does not keep the others from being handed out. */
static enum rs_status row_read(struct rs_db_conn *conn, struct rs_arena *arena,
                               const struct found *found, struct rs_work_row *ret,
                               struct rs_err *reterr)
{
    struct rs_err why = RS_ERR_INIT;
    *ret = (struct rs_work_row){.id = found->id, .repository = found->repository};
    enum rs_status s = rs_catalog_manifest_get(conn, arena, found->id, &ret->manifest, &why);
    if (s == RS_OK || s == RS_CORRUPT)
        return RS_OK;
    if (reterr != NULL)
        *reterr = why;
    return s;
}

static enum rs_status rows_read(struct rs_db_conn *conn, const struct rs_sql_list *list,
                                const struct rs_work_row **ret, size_t *ret_n,
                                struct rs_err *reterr)
{
    const struct found *found = list->rows;
    struct rs_work_row *rows = rs_arena_alloc(list->arena, list->n * sizeof(*rows));
    if (rows == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < list->n; i++) {
        enum rs_status s = row_read(conn, list->arena, &found[i], &rows[i], reterr);
        if (s != RS_OK)
            return s;
    }
    *ret = rows;
    *ret_n = list->n;
    return RS_OK;
}

enum rs_status rs_catalog_work_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                    const struct rs_work_query *query,
                                    const struct rs_work_row **ret, size_t *ret_n,
                                    struct rs_err *reterr)
{
    struct rs_sql_list list = {
        .arena = arena, .read = found_read, .row_bytes = sizeof(struct found)};
    enum rs_status s;
    if (query->repository == NULL)
        s = rs_sql_list(conn,
                        "SELECT m.id, r.name FROM manifest m JOIN repository r"
                        " ON r.id = m.repository_id"
                        " WHERE m.state = $1 AND m.state <> 'released' AND m.id > $2 AND " IS_ROOT
                        " ORDER BY m.id LIMIT $3",
                        &list, reterr, RS_SQL_TEXT(rs_state_name(query->state)),
                        RS_SQL_INT(query->after_id), RS_SQL_INT(query->n_max));
    else
        s = rs_sql_list(
            conn,
            "SELECT m.id, r.name FROM repository r JOIN manifest m"
            " ON m.repository_id = r.id"
            " WHERE r.name = $4 AND m.state = $1 AND m.state <> 'released' AND m.id > $2"
            "  AND " IS_ROOT " ORDER BY m.id LIMIT $3",
            &list, reterr, RS_SQL_TEXT(rs_state_name(query->state)), RS_SQL_INT(query->after_id),
            RS_SQL_INT(query->n_max), RS_SQL_TEXT(query->repository));
    return s == RS_OK ? rows_read(conn, &list, ret, ret_n, reterr) : s;
}

enum rs_status rs_catalog_work_free(struct rs_db_conn *conn, struct rs_arena *arena,
                                    const struct rs_work_free *query,
                                    const struct rs_work_row **ret, size_t *ret_n,
                                    struct rs_err *reterr)
{
    struct rs_sql_list list = {
        .arena = arena, .read = found_read, .row_bytes = sizeof(struct found)};
    enum rs_status s = rs_sql_list(
        conn,
        "SELECT m.id, r.name FROM manifest m JOIN repository r ON r.id = m.repository_id"
        " WHERE m.state = 'quarantined' AND m.id > $1"
        "  AND NOT EXISTS (SELECT 1 FROM claim k WHERE k.manifest_id = m.id AND k.check_name = $2"
        "   AND (k.boot_id <> $3 OR k.expires_mono_ms > $4))"
        "  AND NOT EXISTS (SELECT 1 FROM check_report c WHERE c.manifest_id = m.id AND c.name = $2"
        "   AND c.state = 'passed')"
        "  AND " IS_ROOT " ORDER BY m.id LIMIT $5",
        &list, reterr, RS_SQL_INT(query->after_id), RS_SQL_TEXT(query->check_name),
        RS_SQL_TEXT(query->boot_id), RS_SQL_INT(query->now_mono_ms), RS_SQL_INT(query->n_max));
    return s == RS_OK ? rows_read(conn, &list, ret, ret_n, reterr) : s;
}

enum rs_status rs_catalog_work_since(struct rs_db_conn *conn, struct rs_arena *arena,
                                     const struct rs_work_since *query,
                                     const struct rs_work_row **ret, size_t *ret_n,
                                     struct rs_err *reterr)
{
    struct rs_sql_list list = {
        .arena = arena, .read = found_read, .row_bytes = sizeof(struct found)};
    enum rs_status s;
    if (query->not_overdue)
        s = rs_sql_list(conn,
                        "SELECT m.id, r.name FROM manifest m JOIN repository r"
                        " ON r.id = m.repository_id"
                        " WHERE m.state = 'quarantined' AND m.overdue_ms IS NULL"
                        "  AND (m.state_ms, m.id) > ($1, $2) AND m.state_ms <= $3 AND " IS_ROOT
                        " ORDER BY m.state_ms, m.id LIMIT $4",
                        &list, reterr, RS_SQL_INT(query->after_ms), RS_SQL_INT(query->after_id),
                        RS_SQL_INT(query->until_ms), RS_SQL_INT(query->n_max));
    else
        s = rs_sql_list(conn,
                        "SELECT m.id, r.name FROM manifest m JOIN repository r"
                        " ON r.id = m.repository_id"
                        " WHERE m.state = $5 AND m.state <> 'released'"
                        "  AND (m.state_ms, m.id) > ($1, $2) AND m.state_ms <= $3"
                        "  AND (" IS_ORPHAN " OR (" IS_ROOT "))"
                        " ORDER BY m.state_ms, m.id LIMIT $4",
                        &list, reterr, RS_SQL_INT(query->after_ms), RS_SQL_INT(query->after_id),
                        RS_SQL_INT(query->until_ms), RS_SQL_INT(query->n_max),
                        RS_SQL_TEXT(rs_state_name(query->state)));
    return s == RS_OK ? rows_read(conn, &list, ret, ret_n, reterr) : s;
}

enum rs_status rs_catalog_work_is_part(struct rs_db_conn *conn, const struct rs_manifest_row *row,
                                       bool *ret, struct rs_err *reterr)
{
    *ret = false;
    if (!rs_manifest_is_held(row))
        return RS_OK;
    return rs_sql_exists(conn, "SELECT 1 FROM manifest m WHERE m.id = $1 AND " IS_PART, ret, reterr,
                         RS_SQL_INT(row->id));
}

enum rs_status rs_catalog_work_counts(struct rs_db_conn *conn, struct rs_work_counts *ret,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret = (struct rs_work_counts){0};
    /* Each of the three is counted in an index alone. */
    enum rs_status s = rs_db_prepare(
        conn,
        "SELECT (SELECT COUNT(*) FROM manifest WHERE state = 'quarantined' AND state <> 'released'),"
        " (SELECT COUNT(*) FROM manifest WHERE state = 'failed' AND state <> 'released'),"
        " (SELECT COUNT(*) FROM manifest WHERE state = 'quarantined' AND overdue_ms IS NULL)",
        &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK && row) {
        ret->quarantined = rs_stmt_col_int(st, 0);
        ret->failed = rs_stmt_col_int(st, 1);
        ret->overdue = ret->quarantined - rs_stmt_col_int(st, 2);
    }
    return s;
}
