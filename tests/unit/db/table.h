/* A small database for the tests of db/: a table with unique numbers. */
#ifndef RS_TESTS_DB_TABLE_H
#define RS_TESTS_DB_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/db.h"

static inline enum rs_status table_make(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn, "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, pad BLOB)",
                        reterr);
}

static inline struct rs_db *table_open(const char *path)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_open(&(struct rs_db_options){.path = path}, &db, &err) != RS_OK)
        fail_msg("rs_db_open: %s (%s)", err.message, err.log);
    assert_int_equal(rs_db_write(db, table_make, NULL, &err), RS_OK);
    return db;
}

static inline enum rs_status table_insert(struct rs_db_conn *conn, int64_t n, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_db_prepare(conn, "INSERT INTO t(n) VALUES ($1)", &st, reterr);
    if (s != RS_OK)
        return s;
    rs_stmt_int(st, 1, n);
    return rs_stmt_run(st, NULL, reterr);
}

/* A job: arg is the number to insert. */
static inline enum rs_status table_insert_job(struct rs_db_conn *conn, void *arg,
                                              struct rs_err *reterr)
{
    return table_insert(conn, *(const int64_t *)arg, reterr);
}

static inline enum rs_status table_count_in(struct rs_db_conn *conn, int64_t *ret,
                                            struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(conn, "SELECT count(*) FROM t", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK)
        *ret = rs_stmt_col_int(st, 0);
    return s;
}

static inline int64_t table_count(struct rs_db *db)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    int64_t n = -1;
    assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
    assert_int_equal(table_count_in(r.conn, &n, NULL), RS_OK);
    return n;
}

#endif
