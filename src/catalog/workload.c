#include "catalog/workload.h"

#include "catalog/sql.h"

/* $1 the issuer, $2 a name or NULL. */
#define FROM_ENABLED                                                                      \
    " FROM workload w JOIN principal p ON p.id = w.principal_id WHERE w.issuer = $1 AND " \
    "p.disabled = 0 AND p.name = COALESCE($2, p.name)"

enum rs_status rs_workload_put(struct rs_db_conn *conn, int64_t principal_id, const char *issuer,
                               const char *rule, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO workload(principal_id, issuer, rule) VALUES ($1, $2, $3)"
                      " ON CONFLICT(principal_id) DO UPDATE SET issuer = excluded.issuer,"
                      " rule = excluded.rule",
                      NULL, reterr, RS_SQL_INT(principal_id), RS_SQL_TEXT(issuer),
                      RS_SQL_TEXT(rule));
}

enum rs_status rs_workload_rule_of(struct rs_db_conn *conn, int64_t principal_id,
                                   struct rs_arena *arena, const char **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, "SELECT rule FROM workload WHERE principal_id = $1", &st,
                                    &row, reterr, RS_SQL_INT(principal_id));
    if (s != RS_OK)
        return s;
    const char *rule = row ? rs_stmt_col_text(st, 0) : NULL;
    if (rule == NULL)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    *ret = rs_arena_strdup(arena, rule);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

enum rs_status rs_workload_has_issuer(struct rs_db_conn *conn, const char *issuer, const char *name,
                                      bool *ret, struct rs_err *reterr)
{
    return rs_sql_exists(conn, "SELECT 1" FROM_ENABLED, ret, reterr, RS_SQL_TEXT(issuer),
                         RS_SQL_TEXT(name));
}

enum rs_status rs_workload_each(struct rs_db_conn *conn, const char *issuer, const char *name,
                                rs_workload_visit fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s =
        rs_sql_open(conn, "SELECT p.id, p.name, w.rule, p.secret" FROM_ENABLED " ORDER BY p.name",
                    &st, reterr, RS_SQL_TEXT(issuer), RS_SQL_TEXT(name));
    while (s == RS_OK) {
        bool row = false;
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            break;
        struct rs_workload w = {.principal_id = rs_stmt_col_int(st, 0),
                                .name = rs_stmt_col_text(st, 1),
                                .rule = rs_stmt_col_text(st, 2),
                                .secret = rs_stmt_col_text(st, 3)};
        s = w.name == NULL || w.rule == NULL || w.secret == NULL ? rs_fail(reterr, RS_CORRUPT, NULL)
                                                                 : fn(&w, arg, reterr);
    }
    return s;
}
