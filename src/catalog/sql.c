#include "catalog/sql.h"

#include "oci/digest.h"

static void bind(struct rs_stmt *st, int index, const struct rs_sql_arg *arg)
{
    switch (arg->type) {
    case RS_SQL_IS_INT:
        rs_stmt_int(st, index, arg->number);
        break;
    case RS_SQL_IS_TEXT:
        rs_stmt_text(st, index, arg->text);
        break;
    case RS_SQL_IS_STR:
        rs_stmt_str(st, index, arg->str);
        break;
    case RS_SQL_IS_BYTES:
        rs_stmt_bytes(st, index, arg->str.p, arg->str.n);
        break;
    }
}

enum rs_status rs_sql_open_args(struct rs_db_conn *conn, const char *sql,
                                const struct rs_sql_arg *args, size_t n, struct rs_stmt **ret,
                                struct rs_err *reterr)
{
    enum rs_status s = rs_db_prepare(conn, sql, ret, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        bind(*ret, (int)i + 1, &args[i]);
    return s;
}

enum rs_status rs_sql_first_args(struct rs_db_conn *conn, const char *sql,
                                 const struct rs_sql_arg *args, size_t n, struct rs_stmt **ret,
                                 bool *ret_row, struct rs_err *reterr)
{
    *ret_row = false;
    enum rs_status s = rs_sql_open_args(conn, sql, args, n, ret, reterr);
    return s == RS_OK ? rs_stmt_step(*ret, ret_row, reterr) : s;
}

enum rs_status rs_sql_exists_args(struct rs_db_conn *conn, const char *sql,
                                  const struct rs_sql_arg *args, size_t n, bool *ret,
                                  struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    return rs_sql_first_args(conn, sql, args, n, &st, ret, reterr);
}

enum rs_status rs_sql_list_args(struct rs_db_conn *conn, const char *sql,
                                const struct rs_sql_arg *args, size_t n, struct rs_sql_list *list,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    size_t cap = 0;
    bool row = false;
    enum rs_status s = rs_sql_first_args(conn, sql, args, n, &st, &row, reterr);
    while (s == RS_OK && row) {
        char *rows = rs_arena_reserve(list->arena, list->rows, list->n, &cap, list->row_bytes);
        if (rows == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        list->rows = rows;
        s = list->read(st, list->arena, rows + list->n * list->row_bytes, reterr);
        list->n++;
        if (s == RS_OK)
            s = rs_stmt_step(st, &row, reterr);
    }
    return s;
}

enum rs_status rs_sql_read_int(struct rs_stmt *st, struct rs_arena *arena, void *row,
                               struct rs_err *reterr)
{
    int64_t *ret = row;
    (void)arena;
    (void)reterr;
    *ret = rs_stmt_col_int(st, 0);
    return RS_OK;
}

enum rs_status rs_sql_read_text(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                struct rs_err *reterr)
{
    return rs_sql_copy_not_null(st, 0, arena, row, reterr);
}

enum rs_status rs_sql_run_args(struct rs_db_conn *conn, const char *sql,
                               const struct rs_sql_arg *args, size_t n, int64_t *ret_changes,
                               struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open_args(conn, sql, args, n, &st, reterr);
    return s == RS_OK ? rs_stmt_run(st, ret_changes, reterr) : s;
}

enum rs_status rs_sql_copy(struct rs_stmt *st, int col, struct rs_arena *arena, const char **ret,
                           struct rs_err *reterr)
{
    *ret = NULL;
    if (rs_stmt_col_is_null(st, col))
        return RS_OK;
    const char *text = rs_stmt_col_text(st, col);
    *ret = text == NULL ? NULL : rs_arena_strdup(arena, text);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

enum rs_status rs_sql_copy_not_null(struct rs_stmt *st, int col, struct rs_arena *arena,
                                    const char **ret, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_copy(st, col, arena, ret, reterr);
    return s == RS_OK && *ret == NULL ? rs_fail(reterr, RS_CORRUPT, NULL) : s;
}

enum rs_status rs_sql_copy_digest(struct rs_stmt *st, int col, char ret[RS_CANONICAL_DIGEST_BYTES],
                                  struct rs_err *reterr)
{
    struct rs_digest d;
    if (!rs_digest_parse(rs_stmt_col_str(st, col), &d) || d.algorithm != RS_DIGEST_SHA256)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    (void)rs_text_copy(ret, RS_CANONICAL_DIGEST_BYTES, d.text);
    return RS_OK;
}
