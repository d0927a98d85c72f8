#include "db/db_check.h"

#include <stdio.h>
#include <string.h>

static enum rs_status each_row(struct rs_db_conn *conn, const char *sql,
                               bool (*row_fn)(struct rs_stmt *, void *), void *arg,
                               struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = true;
    enum rs_status s = rs_db_prepare(conn, sql, &st, reterr);
    while (s == RS_OK && row) {
        s = rs_stmt_step(st, &row, reterr);
        if (s == RS_OK && row && !row_fn(st, arg))
            break;
    }
    return s;
}

struct visit {
    rs_db_check_visit fn;
    void *arg;
};

static bool integrity_row(struct rs_stmt *st, void *arg)
{
    const struct visit *v = arg;
    const char *text = rs_stmt_col_text(st, 0);
    return text == NULL || strcmp(text, "ok") == 0 || v->fn(text, v->arg);
}

static bool foreign_key_row(struct rs_stmt *st, void *arg)
{
    const struct visit *v = arg;
    const char *table = rs_stmt_col_text(st, 0);
    const char *parent = rs_stmt_col_text(st, 2);
    char text[256];
    (void)snprintf(text, sizeof(text), "a row of %s refers to a row of %s that is not there",
                   table == NULL ? "?" : table, parent == NULL ? "?" : parent);
    return v->fn(text, v->arg);
}

enum rs_status rs_db_check(struct rs_db_conn *conn, rs_db_check_visit fn, void *arg,
                           struct rs_err *reterr)
{
    struct visit v = {.fn = fn, .arg = arg};
    enum rs_status s = each_row(conn, "PRAGMA integrity_check", integrity_row, &v, reterr);
    return s == RS_OK ? each_row(conn, "PRAGMA foreign_key_check", foreign_key_row, &v, reterr) : s;
}
