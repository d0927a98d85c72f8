#include "catalog/policy.h"

#include "base/attr.h"
#include "catalog/generation.h"
#include "catalog/sql.h"

enum rs_status rs_catalog_policy_version(struct rs_db_conn *conn, char ret[RS_ID_TEXT_BYTES],
                                         struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    ret[0] = '\0';
    enum rs_status s =
        rs_db_prepare(conn, "SELECT value FROM fact WHERE key = 'policy_version'", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s != RS_OK || !row)
        return s;
    const char *value = rs_stmt_col_text(st, 0);
    if (value == NULL || !rs_text_copy(ret, RS_ID_TEXT_BYTES, value))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return RS_OK;
}

static enum rs_status policy_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                  struct rs_err *reterr)
{
    struct rs_catalog_policy *ret = row;
    ret->position = rs_stmt_col_int(st, 2);
    enum rs_status s = rs_sql_copy_not_null(st, 0, arena, &ret->pattern, reterr);
    return s == RS_OK ? rs_sql_copy_not_null(st, 1, arena, &ret->rules, reterr) : s;
}

enum rs_status rs_catalog_policy_all(struct rs_db_conn *conn, struct rs_arena *arena,
                                     const struct rs_catalog_policy **ret, size_t *ret_n,
                                     struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = policy_read, .row_bytes = sizeof(**ret)};
    enum rs_status s = rs_sql_list_args(
        conn, "SELECT pattern, rules, position FROM policy ORDER BY position, pattern", NULL, 0,
        &list, reterr);
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_policy_replace_all(struct rs_db_conn *conn,
                                             const struct rs_catalog_policy *policies, size_t n,
                                             int64_t now_ms, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    char version[RS_ID_TEXT_BYTES];
    rs_id_new(version);
    enum rs_status s = rs_db_prepare(conn, "DELETE FROM policy", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_run(st, NULL, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = rs_sql_run(conn,
                       "INSERT INTO policy(position, pattern, rules, changed_ms)"
                       " VALUES ($1, $2, $3, $4)",
                       NULL, reterr, RS_SQL_INT(i), RS_SQL_TEXT(policies[i].pattern),
                       RS_SQL_TEXT(policies[i].rules), RS_SQL_INT(now_ms));
    if (s == RS_OK)
        s = rs_sql_run(conn,
                       "INSERT INTO fact(key, value) VALUES ('policy_version', $1)"
                       " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                       NULL, reterr, RS_SQL_TEXT(version));
    if (s == RS_OK)
        rs_generation_touch_access(conn);
    return s;
}
