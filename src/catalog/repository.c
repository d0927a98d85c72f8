#include "catalog/repository.h"

#include "base/clock.h"
#include "catalog/sql.h"

static enum rs_status look_up(struct rs_db_conn *conn, const char *name, bool *ret_found, int64_t *ret_id,
                              struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, "SELECT id FROM repository WHERE name = $1", &st, reterr, RS_SQL_TEXT(name));
    if (s == RS_OK)
        s = rs_stmt_step(st, ret_found, reterr);
    if (s == RS_OK && *ret_found)
        *ret_id = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_catalog_repository_find(struct rs_db_conn *conn, const char *name, int64_t *ret_id, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = look_up(conn, name, &found, ret_id, reterr);
    return s == RS_OK && !found ? rs_fail(reterr, RS_NOT_FOUND, NULL) : s;
}

static enum rs_status insert(struct rs_db_conn *conn, const char *name, int64_t *ret_id, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_open(conn, "INSERT INTO repository(name, created_ms) VALUES ($1, $2) RETURNING id", &st,
                                   reterr, RS_SQL_TEXT(name), RS_SQL_INT(rs_clock_unix_ms()));
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK)
        *ret_id = rs_stmt_col_int(st, 0);
    return s == RS_OK ? rs_stmt_step(st, &row, reterr) : s;
}

enum rs_status rs_catalog_repository_ensure(struct rs_db_conn *conn, const char *name, int64_t *ret_id, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = look_up(conn, name, &found, ret_id, reterr);
    return s == RS_OK && !found ? insert(conn, name, ret_id, reterr) : s;
}
