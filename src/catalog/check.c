#include "catalog/check.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/sql.h"

static const char *const state_names[] = {
    [RS_CHECK_RUNNING] = "running",
    [RS_CHECK_PASSED] = "passed",
    [RS_CHECK_FAILED] = "failed",
};

const char *rs_check_state_name(enum rs_check_state state)
{
    return state_names[state];
}

bool rs_check_state_parse(const char *name, enum rs_check_state *ret)
{
    for (size_t i = 0; name != NULL && i < RS_ARRAY_LEN(state_names); i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret = (enum rs_check_state)i;
            return true;
        }
    }
    return false;
}

static enum rs_status report_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                  struct rs_err *reterr)
{
    struct rs_check_row *ret = row;
    if (!rs_check_state_parse(rs_stmt_col_text(st, 1), &ret->state))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    ret->reporter_id = rs_stmt_col_int(st, 2);
    ret->reported_ms = rs_stmt_col_int(st, 4);
    ret->failing = rs_stmt_col_int(st, 6) != 0;
    enum rs_status s = rs_sql_copy_not_null(st, 0, arena, &ret->name, reterr);
    if (s == RS_OK)
        s = rs_sql_copy_not_null(st, 3, arena, &ret->reporter, reterr);
    return s == RS_OK ? rs_sql_copy(st, 5, arena, &ret->details, reterr) : s;
}

enum rs_status rs_catalog_check_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                     int64_t manifest_id, const struct rs_check_row **ret,
                                     size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = report_read, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn,
                    "SELECT name, state, reporter_id, reporter, reported_ms, details, failing"
                    " FROM check_report WHERE manifest_id = $1 ORDER BY name",
                    &list, reterr, RS_SQL_INT(manifest_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_check_put(struct rs_db_conn *conn, int64_t manifest_id,
                                    const struct rs_check_row *row, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO check_report(manifest_id, name, state, reporter_id, reporter,"
                      " reported_ms, details, failing) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                      " ON CONFLICT(manifest_id, name) DO UPDATE SET state = excluded.state,"
                      " reporter_id = excluded.reporter_id, reporter = excluded.reporter,"
                      " reported_ms = excluded.reported_ms, details = excluded.details,"
                      " failing = excluded.failing",
                      NULL, reterr, RS_SQL_INT(manifest_id), RS_SQL_TEXT(row->name),
                      RS_SQL_TEXT(rs_check_state_name(row->state)), RS_SQL_INT(row->reporter_id),
                      RS_SQL_TEXT(row->reporter), RS_SQL_INT(row->reported_ms),
                      RS_SQL_TEXT(row->details), RS_SQL_INT(row->failing));
}

enum rs_status rs_catalog_check_settle(struct rs_db_conn *conn, int64_t manifest_id,
                                       struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE check_report SET failing = 0 WHERE manifest_id = $1 AND failing = 1",
                      NULL, reterr, RS_SQL_INT(manifest_id));
}

/* ---- verdicts ---- */

static enum rs_status verdict_read(struct rs_stmt *st, struct rs_arena *arena,
                                   struct rs_verdict_row **ret, struct rs_err *reterr)
{
    struct rs_verdict_row *v = rs_arena_alloc(arena, sizeof(*v));
    if (v == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (!rs_failed_by_parse(rs_stmt_col_text(st, 0), &v->failed_by) ||
        v->failed_by == RS_FAILED_BY_NOBODY)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    v->at_ms = rs_stmt_col_int(st, 3);
    enum rs_status s = rs_sql_copy(st, 1, arena, &v->decided_by, reterr);
    if (s == RS_OK)
        s = rs_sql_copy(st, 2, arena, &v->details, reterr);
    if (s == RS_OK)
        s = rs_sql_copy(st, 4, arena, &v->checks, reterr);
    if (s == RS_OK)
        *ret = v;
    return s;
}

enum rs_status rs_catalog_verdict_find(struct rs_db_conn *conn, struct rs_arena *arena,
                                       const char *repository, const char *digest,
                                       struct rs_verdict_row **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret = NULL;
    enum rs_status s =
        rs_sql_first(conn,
                     "SELECT failed_by, decided_by, details, at_ms, checks FROM verdict"
                     " WHERE repository = $1 AND digest = $2",
                     &st, &row, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest));
    return s == RS_OK && row ? verdict_read(st, arena, ret, reterr) : s;
}

enum rs_status rs_catalog_verdict_put(struct rs_db_conn *conn, const char *repository,
                                      const char *digest, const struct rs_verdict_row *row,
                                      struct rs_err *reterr)
{
    return rs_sql_run(
        conn,
        "INSERT INTO verdict(repository, digest, failed_by, decided_by, details, at_ms,"
        " checks) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT(repository, digest) DO UPDATE SET failed_by = excluded.failed_by,"
        " decided_by = excluded.decided_by, details = excluded.details,"
        " at_ms = excluded.at_ms, checks = excluded.checks",
        NULL, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest),
        RS_SQL_TEXT(rs_failed_by_name(row->failed_by)), RS_SQL_TEXT(row->decided_by),
        RS_SQL_TEXT(row->details), RS_SQL_INT(row->at_ms), RS_SQL_TEXT(row->checks));
}

enum rs_status rs_catalog_verdict_remove(struct rs_db_conn *conn, const char *repository,
                                         const char *digest, struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM verdict WHERE repository = $1 AND digest = $2", NULL,
                      reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest));
}
