#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "db/db_internal.h"

#define TABLE_MIN ((size_t)64)

/* ---- the cache ---- */

static size_t slot_of(const struct rs_db_conn *conn, const char *sql)
{
    uint64_t h =
        (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15U; /* addresses of literals: spread them */
    size_t mask = conn->cap_stmts - 1;
    size_t i = (size_t)(h >> 32) & mask;
    while (conn->stmts[i] != NULL && conn->stmts[i]->sql != sql)
        i = (i + 1) & mask;
    return i;
}

/* Keeps the table at most half full, so that a search always ends. */
static enum rs_status table_reserve(struct rs_db_conn *conn, struct rs_err *reterr)
{
    if (2 * (conn->n_stmts + 1) <= conn->cap_stmts)
        return RS_OK;
    size_t cap = conn->cap_stmts == 0 ? TABLE_MIN : 2 * conn->cap_stmts;
    struct rs_stmt **bigger = calloc(cap, sizeof(struct rs_stmt *));
    if (bigger == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    struct rs_stmt **old = conn->stmts;
    size_t old_cap = conn->cap_stmts;
    conn->stmts = bigger;
    conn->cap_stmts = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i] != NULL)
            conn->stmts[slot_of(conn, old[i]->sql)] = old[i];
    free((void *)old);
    return RS_OK;
}

/* SQLite gives "$2 ... $1" the slots 1 and 2, in this order; the statements mean the numbers (as
 * PostgreSQL does). */
static void slots_find(struct rs_stmt *st)
{
    int n = sqlite3_bind_parameter_count(st->handle);
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(st->handle, i);
        uint64_t number = 0;
        rs_assert(name != NULL && name[0] == '$' && i <= UCHAR_MAX);
        rs_assert(rs_parse_u64(rs_str_of(name + 1), RS_STMT_PARAMS_MAX, &number) && number > 0);
        st->slot[number] = (unsigned char)i;
    }
}

static enum rs_status stmt_new(struct rs_db_conn *conn, const char *sql, struct rs_stmt **ret,
                               struct rs_err *reterr)
{
    struct rs_stmt *st = calloc(1, sizeof(*st));
    if (st == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    int rc =
        sqlite3_prepare_v3(conn->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->handle, NULL);
    if (rc != SQLITE_OK || st->handle == NULL) {
        free(st);
        return rs_db_fail(conn, rc == SQLITE_OK ? SQLITE_ERROR : rc, "prepare", reterr);
    }
    st->magic = RS_STMT_MAGIC;
    st->conn = conn;
    st->sql = sql;
    slots_find(st);
    *ret = st;
    return RS_OK;
}

enum rs_status rs_db_prepare(struct rs_db_conn *conn, const char *sql, struct rs_stmt **ret,
                             struct rs_err *reterr)
{
    rs_assert(conn != NULL && conn->magic == RS_DB_CONN_MAGIC);
    enum rs_status s = table_reserve(conn, reterr);
    if (s != RS_OK)
        return s;
    size_t i = slot_of(conn, sql);
    if (conn->stmts[i] == NULL) {
        s = stmt_new(conn, sql, &conn->stmts[i], reterr);
        if (s != RS_OK)
            return s;
        conn->n_stmts++;
    }
    struct rs_stmt *st = conn->stmts[i];
    /* The address is the key, so the text behind it must never change: a literal's does not. */
    rs_assert(strcmp(sqlite3_sql(st->handle), sql) == 0);
    if (st->is_used) {
        (void)rs_fail(reterr, RS_INTERNAL, NULL);
        return rs_err_log(reterr, "statement used while in use: %s", sql), RS_INTERNAL;
    }
    st->is_used = true;
    st->bind_rc = SQLITE_OK;
    conn->n_used++;
    *ret = st;
    return RS_OK;
}

static struct rs_stmt *used(struct rs_stmt *st)
{
    rs_assert(st != NULL && st->magic == RS_STMT_MAGIC && st->is_used);
    return st;
}

void rs_stmt_done(struct rs_stmt *st)
{
    if (st == NULL)
        return;
    (void)used(st);
    (void)sqlite3_reset(
        st->handle); /* repeats the error of the last step, which was told already */
    (void)sqlite3_clear_bindings(st->handle);
    st->is_used = false;
    st->conn->n_used--;
}

void rs_db_stmts_reset(struct rs_db_conn *conn)
{
    for (size_t i = 0; i < conn->cap_stmts && conn->n_used > 0; i++)
        if (conn->stmts[i] != NULL && conn->stmts[i]->is_used)
            rs_stmt_done(conn->stmts[i]);
}

void rs_db_stmts_free(struct rs_db_conn *conn)
{
    for (size_t i = 0; i < conn->cap_stmts; i++) {
        if (conn->stmts[i] == NULL)
            continue;
        (void)sqlite3_finalize(conn->stmts[i]->handle);
        conn->stmts[i]->magic = 0;
        free(conn->stmts[i]);
    }
    free((void *)conn->stmts);
    conn->stmts = NULL;
    conn->n_stmts = 0;
    conn->cap_stmts = 0;
    conn->n_used = 0;
}

/* ---- parameters ---- */

/* 0, which no bind accepts, for a parameter that the text does not have. */
static int slot(const struct rs_stmt *st, int index)
{
    return index < 1 || index > RS_STMT_PARAMS_MAX ? 0 : st->slot[index];
}

static void bound(struct rs_stmt *st, int rc)
{
    if (rc != SQLITE_OK && st->bind_rc == SQLITE_OK)
        st->bind_rc = rc;
}

void rs_stmt_int(struct rs_stmt *st, int index, int64_t value)
{
    bound(used(st), sqlite3_bind_int64(st->handle, slot(st, index), value));
}

void rs_stmt_text(struct rs_stmt *st, int index, const char *text)
{
    if (text == NULL)
        rs_stmt_null(st, index);
    else
        rs_stmt_str(st, index, rs_str_of(text));
}

void rs_stmt_str(struct rs_stmt *st, int index, struct rs_str text)
{
    bound(used(st), sqlite3_bind_text64(st->handle, slot(st, index), text.p, text.n, SQLITE_STATIC,
                                        SQLITE_UTF8));
}

void rs_stmt_bytes(struct rs_stmt *st, int index, const void *bytes, size_t n)
{
    /* A NULL pointer would bind SQL NULL: no bytes are still a value. */
    bound(used(st),
          sqlite3_bind_blob64(st->handle, slot(st, index), n == 0 ? "" : bytes, n, SQLITE_STATIC));
}

void rs_stmt_null(struct rs_stmt *st, int index)
{
    bound(used(st), sqlite3_bind_null(st->handle, slot(st, index)));
}

/* ---- rows ---- */

/* Later a column's text cannot fail for want of memory any more and so never looks like NULL: a
 * missing "failed" would open a door. */
static bool fetch_texts(struct rs_stmt *st)
{
    int n = sqlite3_data_count(st->handle);
    for (int i = 0; i < n; i++)
        if (sqlite3_column_type(st->handle, i) == SQLITE_TEXT &&
            sqlite3_column_text(st->handle, i) == NULL)
            return false;
    return true;
}

enum rs_status rs_stmt_step(struct rs_stmt *st, bool *ret_row, struct rs_err *reterr)
{
    *ret_row = false;
    if (used(st)->bind_rc != SQLITE_OK)
        return rs_db_fail(st->conn, st->bind_rc, "bind", reterr);
    int rc = sqlite3_step(st->handle);
    if (rc == SQLITE_DONE)
        return RS_OK;
    if (rc != SQLITE_ROW)
        return rs_db_fail(st->conn, rc, "step", reterr);
    if (!fetch_texts(st))
        return rs_fail(reterr, RS_NOMEM, NULL);
    *ret_row = true;
    return RS_OK;
}

int64_t rs_stmt_col_int(struct rs_stmt *st, int col)
{
    return sqlite3_column_int64(used(st)->handle, col);
}

const char *rs_stmt_col_text(struct rs_stmt *st, int col)
{
    return (const char *)sqlite3_column_text(used(st)->handle, col);
}

struct rs_str rs_stmt_col_str(struct rs_stmt *st, int col)
{
    const char *p = sqlite3_column_blob(used(st)->handle, col);
    int n = sqlite3_column_bytes(st->handle, col); /* after the conversion above, as SQLite asks */
    return p == NULL || n <= 0 ? rs_str_n("", 0) : rs_str_n(p, (size_t)n);
}

bool rs_stmt_col_is_null(struct rs_stmt *st, int col)
{
    return sqlite3_column_type(used(st)->handle, col) == SQLITE_NULL;
}

enum rs_status rs_stmt_run(struct rs_stmt *st, int64_t *ret_changes, struct rs_err *reterr)
{
    bool row = false;
    enum rs_status s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK && row) {
        s = rs_fail(reterr, RS_INTERNAL, NULL);
        (void)rs_err_log(reterr, "a statement gave a row that nobody reads: %s", st->sql);
    }
    if (s == RS_OK && ret_changes != NULL)
        *ret_changes = sqlite3_changes64(st->conn->sqlite);
    rs_stmt_done(st);
    return s;
}

enum rs_status rs_db_exec(struct rs_db_conn *conn, const char *sql, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_db_prepare(conn, sql, &st, reterr);
    return s == RS_OK ? rs_stmt_run(st, NULL, reterr) : s;
}

enum rs_status rs_db_script(struct rs_db_conn *conn, const char *sql, struct rs_err *reterr)
{
    rs_assert(conn->is_writer);
    int rc = sqlite3_exec(conn->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? RS_OK : rs_db_fail(conn, rc, "script", reterr);
}
