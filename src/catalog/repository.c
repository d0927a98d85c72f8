#include "catalog/repository.h"

#include "base/clock.h"
#include "catalog/sql.h"

static enum rs_status look_up(struct rs_db_conn *conn, const char *name, bool *ret_found,
                              int64_t *ret_id, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_first(conn, "SELECT id FROM repository WHERE name = $1", &st,
                                    ret_found, reterr, RS_SQL_TEXT(name));
    if (s == RS_OK && *ret_found)
        *ret_id = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_catalog_repository_find(struct rs_db_conn *conn, const char *name,
                                          int64_t *ret_id, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = look_up(conn, name, &found, ret_id, reterr);
    return s == RS_OK && !found ? rs_fail(reterr, RS_NOT_FOUND, NULL) : s;
}

static enum rs_status insert(struct rs_db_conn *conn, const char *name, int64_t *ret_id,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_sql_first(conn, "INSERT INTO repository(name, created_ms) VALUES ($1, $2) RETURNING id",
                     &st, &row, reterr, RS_SQL_TEXT(name), RS_SQL_INT(rs_clock_unix_ms()));
    if (s == RS_OK)
        *ret_id = rs_stmt_col_int(st, 0);
    return s == RS_OK ? rs_stmt_step(st, &row, reterr) : s;
}

enum rs_status rs_catalog_repository_ensure(struct rs_db_conn *conn, const char *name,
                                            int64_t *ret_id, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = look_up(conn, name, &found, ret_id, reterr);
    return s == RS_OK && !found ? insert(conn, name, ret_id, reterr) : s;
}

/* A statement of one parameter and one number; RS_NOT_FOUND without a row. */
static enum rs_status number_of(struct rs_db_conn *conn, const char *sql, const char *name,
                                uint64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(name));
    if (s != RS_OK)
        return s;
    if (!row)
        return rs_fail(reterr, RS_NOT_FOUND, "there is no repository %s", name);
    int64_t value = rs_stmt_col_int(st, 0);
    if (value < 0)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    *ret = (uint64_t)value;
    return RS_OK;
}

enum rs_status rs_catalog_repository_quota(struct rs_db_conn *conn, const char *name,
                                           uint64_t *ret_bytes, struct rs_err *reterr)
{
    return number_of(conn, "SELECT quota_bytes FROM repository WHERE name = $1", name, ret_bytes,
                     reterr);
}

enum rs_status rs_catalog_repository_used(struct rs_db_conn *conn, const char *name,
                                          uint64_t *ret_bytes, struct rs_err *reterr)
{
    return number_of(
        conn,
        "SELECT COALESCE(SUM(b.size), 0) FROM repository r JOIN repository_blob l ON l.repository_id = r.id"
        " JOIN blob b ON b.digest = l.digest WHERE r.name = $1 AND l.present = 1",
        name, ret_bytes, reterr);
}

enum rs_status rs_catalog_repository_set_quota(struct rs_db_conn *conn, const char *name,
                                               uint64_t quota_bytes, struct rs_err *reterr)
{
    int64_t changes = 0;
    enum rs_status s = rs_sql_run(conn, "UPDATE repository SET quota_bytes = $2 WHERE name = $1",
                                  &changes, reterr, RS_SQL_TEXT(name), RS_SQL_INT(quota_bytes));
    return s == RS_OK && changes == 0
               ? rs_fail(reterr, RS_NOT_FOUND, "there is no repository %s", name)
               : s;
}
