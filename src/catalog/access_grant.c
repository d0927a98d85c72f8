#include "catalog/access_grant.h"

#include "catalog/sql.h"

#define SELECT                                                             \
    "SELECT g.id, g.principal_id, p.name, g.what, g.pattern, g.created_ms" \
    " FROM access_grant g JOIN principal p ON p.id = g.principal_id "

static enum rs_status visit_row(struct rs_stmt *st, rs_access_grant_visit fn, void *arg,
                                struct rs_err *reterr)
{
    struct rs_access_grant g = {
        .id = rs_stmt_col_int(st, 0),
        .principal_id = rs_stmt_col_int(st, 1),
        .principal = rs_stmt_col_text(st, 2),
        .what = rs_stmt_col_text(st, 3),
        .pattern = rs_stmt_col_text(st, 4),
        .created_ms = rs_stmt_col_int(st, 5),
    };
    if (g.principal == NULL || g.what == NULL || g.pattern == NULL)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return fn(&g, arg, reterr);
}

static enum rs_status visit_all(struct rs_stmt *st, rs_access_grant_visit fn, void *arg,
                                struct rs_err *reterr)
{
    for (;;) {
        bool row = false;
        enum rs_status s = rs_stmt_step(st, &row, reterr);
        if (s == RS_OK && row)
            s = visit_row(st, fn, arg, reterr);
        if (s != RS_OK || !row)
            return s;
    }
}

enum rs_status rs_access_grant_each(struct rs_db_conn *conn, int64_t principal_id,
                                    rs_access_grant_visit fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, SELECT "WHERE g.principal_id = $1 ORDER BY g.id", &st,
                                   reterr, RS_SQL_INT(principal_id));
    return s == RS_OK ? visit_all(st, fn, arg, reterr) : s;
}

enum rs_status rs_access_grant_list(struct rs_db_conn *conn, int64_t last, unsigned n,
                                    rs_access_grant_visit fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, SELECT "WHERE g.id > $1 ORDER BY g.id LIMIT $2", &st,
                                   reterr, RS_SQL_INT(last), RS_SQL_INT(n));
    return s == RS_OK ? visit_all(st, fn, arg, reterr) : s;
}

enum rs_status rs_access_grant_by_id(struct rs_db_conn *conn, int64_t id, rs_access_grant_visit fn,
                                     void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_sql_first(conn, SELECT "WHERE g.id = $1", &st, &row, reterr, RS_SQL_INT(id));
    if (s == RS_OK)
        s = row ? visit_row(st, fn, arg, reterr)
                : rs_fail(reterr, RS_NOT_FOUND, "there is no such grant");
    return s;
}

static enum rs_status find_id(struct rs_db_conn *conn, int64_t principal_id, const char *what,
                              const char *pattern, int64_t *ret_id, bool *ret_found,
                              struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_first(
        conn, "SELECT id FROM access_grant WHERE principal_id = $1 AND what = $2 AND pattern = $3",
        &st, ret_found, reterr, RS_SQL_INT(principal_id), RS_SQL_TEXT(what), RS_SQL_TEXT(pattern));
    if (s == RS_OK && *ret_found)
        *ret_id = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_access_grant_add(struct rs_db_conn *conn, int64_t principal_id, const char *what,
                                   const char *pattern, int64_t now_ms, int64_t *ret_id,
                                   bool *ret_added, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = find_id(conn, principal_id, what, pattern, ret_id, &found, reterr);
    if (s != RS_OK)
        return s;
    *ret_added = !found;
    if (found)
        return RS_OK;
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    s = rs_sql_first(
        conn,
        "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES ($1, $2, $3, $4)"
        " RETURNING id",
        &st, &row, reterr, RS_SQL_INT(principal_id), RS_SQL_TEXT(what), RS_SQL_TEXT(pattern),
        RS_SQL_INT(now_ms));
    if (s == RS_OK && !row)
        s = rs_fail(reterr, RS_INTERNAL, NULL);
    if (s == RS_OK)
        *ret_id = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_access_grant_remove(struct rs_db_conn *conn, int64_t id, struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM access_grant WHERE id = $1", NULL, reterr, RS_SQL_INT(id));
}

enum rs_status rs_access_grant_holders(struct rs_db_conn *conn, const char *what,
                                       const char *pattern, int64_t *ret_n, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_sql_first(conn,
                     "SELECT COUNT(*) FROM access_grant g JOIN principal p ON p.id = g.principal_id"
                     " WHERE g.what = $1 AND g.pattern = $2 AND p.disabled = 0",
                     &st, &row, reterr, RS_SQL_TEXT(what), RS_SQL_TEXT(pattern));
    if (s == RS_OK)
        *ret_n = row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}
