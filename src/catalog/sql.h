/*
 * catalog/sql.h: a statement, its parameters and its rows in one call.
 * Layer: catalog (inside the folder only).  Threads: as the connection.
 *
 *     s = rs_sql_run(conn, "UPDATE tag SET live_seq = $2 WHERE name = $1", NULL, reterr,
 *                    RS_SQL_TEXT(name), RS_SQL_INT(seq));
 *
 * The arguments are $1, $2, ... in their order.  Texts and bytes are borrowed until the statement
 * is done.
 */
#ifndef RS_CATALOG_SQL_H
#define RS_CATALOG_SQL_H

#include "base/arena.h"
#include "catalog/blob.h"
#include "db/db.h"

enum rs_sql_type { RS_SQL_IS_INT, RS_SQL_IS_TEXT, RS_SQL_IS_STR, RS_SQL_IS_BYTES };

struct rs_sql_arg {
    enum rs_sql_type type;
    int64_t number;
    const char *text; /* NULL binds SQL NULL */
    struct rs_str str;
};
#define RS_SQL_INT(v) ((struct rs_sql_arg){.type = RS_SQL_IS_INT, .number = (int64_t)(v)})
#define RS_SQL_TEXT(v) ((struct rs_sql_arg){.type = RS_SQL_IS_TEXT, .text = (v)})
#define RS_SQL_STR(v) ((struct rs_sql_arg){.type = RS_SQL_IS_STR, .str = (v)})
#define RS_SQL_BYTES(v) ((struct rs_sql_arg){.type = RS_SQL_IS_BYTES, .str = (v)})

#define RS_SQL_ARGS(...)                      \
    (const struct rs_sql_arg[]){__VA_ARGS__}, \
        sizeof((const struct rs_sql_arg[]){__VA_ARGS__}) / sizeof(struct rs_sql_arg)

/* Prepare and bind; the caller steps. */
#define rs_sql_open(conn, sql, ret_st, reterr, ...) \
    rs_sql_open_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret_st), (reterr))
/* Prepare, bind, take the first row; *ret_row false when there is none. */
#define rs_sql_first(conn, sql, ret_st, ret_row, reterr, ...) \
    rs_sql_first_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret_st), (ret_row), (reterr))
/* Does the statement give a row?  *ret false also after a failure. */
#define rs_sql_exists(conn, sql, ret, reterr, ...) \
    rs_sql_exists_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret), (reterr))
/* Prepare, bind, read all rows, give back. */
#define rs_sql_list(conn, sql, list, reterr, ...) \
    rs_sql_list_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (list), (reterr))
/* Prepare, bind, run, give back. */
#define rs_sql_run(conn, sql, ret_changes, reterr, ...) \
    rs_sql_run_args((conn), (sql), RS_SQL_ARGS(__VA_ARGS__), (ret_changes), (reterr))

RS_MUST_CHECK enum rs_status rs_sql_open_args(struct rs_db_conn *conn, const char *sql,
                                              const struct rs_sql_arg *args, size_t n,
                                              struct rs_stmt **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_sql_first_args(struct rs_db_conn *conn, const char *sql,
                                               const struct rs_sql_arg *args, size_t n,
                                               struct rs_stmt **ret, bool *ret_row,
                                               struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_sql_exists_args(struct rs_db_conn *conn, const char *sql,
                                                const struct rs_sql_arg *args, size_t n, bool *ret,
                                                struct rs_err *reterr);
/* Reads the row that the statement is at into `row`, which is zeroed; texts go into the arena. */
typedef enum rs_status (*rs_sql_row_fn)(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                        struct rs_err *reterr);
/* The first column, a text that is there: a row is a `const char *`. */
RS_MUST_CHECK enum rs_status rs_sql_read_text(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                              struct rs_err *reterr);
/* The first column, a number: a row is an int64_t. */
RS_MUST_CHECK enum rs_status rs_sql_read_int(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                             struct rs_err *reterr);
struct rs_sql_list {
    struct rs_arena *arena;
    rs_sql_row_fn read;
    size_t row_bytes;
    void *rows; /* out: an array in the arena; NULL when there are none */
    size_t n;   /* out */
};
RS_MUST_CHECK enum rs_status rs_sql_list_args(struct rs_db_conn *conn, const char *sql,
                                              const struct rs_sql_arg *args, size_t n,
                                              struct rs_sql_list *list, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_sql_run_args(struct rs_db_conn *conn, const char *sql,
                                             const struct rs_sql_arg *args, size_t n,
                                             int64_t *ret_changes, struct rs_err *reterr);

/* A copy of a text column in the arena; NULL for SQL NULL. */
RS_MUST_CHECK enum rs_status rs_sql_copy(struct rs_stmt *st, int col, struct rs_arena *arena,
                                         const char **ret, struct rs_err *reterr);
/* The same for a column that is never NULL: RS_CORRUPT if it is. */
RS_MUST_CHECK enum rs_status rs_sql_copy_not_null(struct rs_stmt *st, int col,
                                                  struct rs_arena *arena, const char **ret,
                                                  struct rs_err *reterr);
/* A canonical digest.  A stored one is input as well, and may become a path: RS_CORRUPT if it is
 * something else. */
RS_MUST_CHECK enum rs_status rs_sql_copy_digest(struct rs_stmt *st, int col,
                                                char ret[RS_CANONICAL_DIGEST_BYTES],
                                                struct rs_err *reterr);

#endif
