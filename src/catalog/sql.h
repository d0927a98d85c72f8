/*
 * catalog/sql.h: a statement and its parameters in one call.
 * Layer: catalog (inside the folder only).  Threads: as the connection.
 *
 *     s = rs_sql_run(conn, "UPDATE tag SET live_seq = $2 WHERE name = $1", NULL, reterr,
 *                    RS_SQL_TEXT(name), RS_SQL_INT(seq));
 */
#ifndef RS_CATALOG_SQL_H
#define RS_CATALOG_SQL_H

#include "base/arena.h"
#include "db/db.h"

struct rs_sql_arg {
    bool is_text;
    int64_t number;
    const char *text; /* NULL binds SQL NULL */
};
#define RS_SQL_INT(v) ((struct rs_sql_arg){.number = (int64_t)(v)})
#define RS_SQL_TEXT(v) ((struct rs_sql_arg){.is_text = true, .text = (v)})

#define RS_SQL_ARGS(...)                      \
    (const struct rs_sql_arg[]){__VA_ARGS__}, \
        sizeof((const struct rs_sql_arg[]){__VA_ARGS__}) / sizeof(struct rs_sql_arg)

/* Prepare and bind; the caller steps. */
#define rs_sql_open(conn, sql, ret_st, reterr, ...) \
    rs_sql_open_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret_st), (reterr))
/* Prepare, bind, run, give back. */
#define rs_sql_run(conn, sql, ret_changes, reterr, ...) \
    rs_sql_run_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret_changes), (reterr))

static inline enum rs_status rs_sql_open_args(struct rs_db_conn *conn, const char *sql,
                                              const struct rs_sql_arg *args, size_t n,
                                              struct rs_stmt **ret, struct rs_err *reterr)
{
    enum rs_status s = rs_db_prepare(conn, sql, ret, reterr);
    if (s != RS_OK)
        return s;
    for (size_t i = 0; i < n; i++) {
        if (args[i].is_text)
            rs_stmt_text(*ret, (int)i + 1, args[i].text);
        else
            rs_stmt_int(*ret, (int)i + 1, args[i].number);
    }
    return RS_OK;
}

static inline enum rs_status rs_sql_run_args(struct rs_db_conn *conn, const char *sql,
                                             const struct rs_sql_arg *args, size_t n,
                                             int64_t *ret_changes, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open_args(conn, sql, args, n, &st, reterr);
    return s == RS_OK ? rs_stmt_run(st, ret_changes, reterr) : s;
}

/* A copy of a text column in the arena; NULL for SQL NULL. */
static inline enum rs_status rs_sql_copy(struct rs_stmt *st, int col, struct rs_arena *arena,
                                         const char **ret, struct rs_err *reterr)
{
    *ret = NULL;
    if (rs_stmt_col_is_null(st, col))
        return RS_OK;
    const char *text = rs_stmt_col_text(st, col);
    *ret = text == NULL ? NULL : rs_arena_strdup(arena, text);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

#endif
