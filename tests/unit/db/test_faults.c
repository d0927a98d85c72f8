/* Whatever call of the engine fails: what was acknowledged is there, nothing else is there without
 * anybody knowing, and no reader sees less than there is. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "../support/faults.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "base/file.h"

static const struct fault {
    const char *name;
    unsigned calls;
    int error;
    bool is_none; /* has to be overcome */
} faults[] = {
    {"a read that fails", FAULT_READ, EIO, false},
    {"a short read", FAULT_READ, FAULT_SHORT, true},
    {"the end of the file", FAULT_READ, FAULT_EOF, false},
    {"a write that fails", FAULT_WRITE, EIO, false},
    {"a short write", FAULT_WRITE, FAULT_SHORT, true},
    {"a full disk", FAULT_WRITE, ENOSPC, false},
    {"an open that fails", FAULT_OPEN, EIO, false},
    {"no descriptor left", FAULT_OPEN, EMFILE, false},
};

#define ROWS_FIRST 200 /* several pages, so that not all of them are in a cache */
#define ROWS_MORE 4
#define LIVES_MAX 500

struct life {
    bool is_acknowledged[ROWS_FIRST + ROWS_MORE];
    bool is_open[ROWS_FIRST + ROWS_MORE]; /* failed in a way that leaves open what happened */
    int errors;
};

static _Atomic int fatal;

static void note_fatal(void *arg, const struct rs_err *err)
{
    (void)arg;
    (void)err;
    atomic_fetch_add(&fatal, 1);
}

static enum rs_status insert_padded(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s =
        rs_db_prepare(conn, "INSERT INTO t(n, pad) VALUES ($1, zeroblob(500))", &st, reterr);
    if (s != RS_OK)
        return s;
    rs_stmt_int(st, 1, *(const int64_t *)arg);
    return rs_stmt_run(st, NULL, reterr);
}

/* All numbers at once, in one job. */
static enum rs_status insert_first(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    enum rs_status s = table_make(conn, NULL, reterr);
    for (int64_t n = 0; s == RS_OK && n < ROWS_FIRST; n++)
        s = insert_padded(conn, &n, reterr);
    return s;
}

static void check_status(const char *what, enum rs_status s, const struct rs_err *err)
{
    if (s != RS_OK && s != RS_IO && s != RS_NO_SPACE && s != RS_CORRUPT && s != RS_BUSY)
        fail_msg("%s: %s is not what happened (%s)", what, rs_status_name(s), err->log);
}

/* A reader gets an error, or sees what is there: never less, never more. */
static void look(struct rs_db *db, const char *name, struct life *l)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct rs_err err = RS_ERR_INIT;
    int64_t n = -1;
    int64_t least = 0;
    int64_t most = 0;
    for (size_t i = 0; i < RS_ARRAY_LEN(l->is_open); i++) {
        least += l->is_acknowledged[i];
        most += l->is_acknowledged[i] || l->is_open[i];
    }
    enum rs_status s = rs_db_read_begin(db, &r.conn, &err);
    if (s == RS_OK)
        s = table_count_in(r.conn, &n, &err);
    check_status(name, s, &err);
    l->errors += s != RS_OK;
    if (s == RS_OK && (n < least || n > most))
        fail_msg("%s: a reader sees %lld rows of %lld", name, (long long)n, (long long)least);
}

/* Opened, read, written to and read again, while calls fail. */
static void live(const char *path, const char *name, struct life *l)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    struct rs_db_options options = {.path = path, .on_fatal = note_fatal};
    enum rs_status s = rs_db_open(&options, &db, &err);
    check_status(name, s, &err);
    l->errors += s != RS_OK;
    if (s != RS_OK)
        return;
    look(db, name, l);
    for (int64_t n = ROWS_FIRST; n < ROWS_FIRST + ROWS_MORE; n++) {
        int fatal_before = atomic_load(&fatal);
        rs_err_clear(&err);
        s = rs_db_write(db, insert_padded, &n, &err);
        check_status(name, s, &err);
        l->errors += s != RS_OK;
        l->is_acknowledged[n] = s == RS_OK;
        l->is_open[n] = s != RS_OK && atomic_load(&fatal) > fatal_before;
        look(db, name, l);
    }
    rs_db_close(db);
}

static bool has_row(struct rs_db_conn *conn, int64_t n)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    assert_int_equal(rs_db_prepare(conn, "SELECT 1 FROM t WHERE n = $1", &st, NULL), RS_OK);
    rs_stmt_int(st, 1, n);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    return row;
}

/* On a disk that works again. */
static void check_rows(const char *path, const char *name, const struct life *l)
{
    struct rs_db *db = table_open(path);
    {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
        for (int64_t n = 0; n < ROWS_FIRST + ROWS_MORE; n++)
            if (!l->is_open[n] && has_row(r.conn, n) != l->is_acknowledged[n])
                fail_msg("%s: row %lld was%s acknowledged", name, (long long)n,
                         l->is_acknowledged[n] ? "" : " not");
    }
    rs_db_close(db);
}

/* A database with the first rows, as a stopped daemon leaves it. */
static void template_make(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "template.db"));
    assert_int_equal(rs_db_write(db, insert_first, NULL, NULL), RS_OK);
    rs_db_close(db);
}

static void template_copy(void **state, const char *path)
{
    RS_AUTO(rs_buf) struct rs_buf bytes = RS_BUF_INIT((size_t)1 << 20);
    RS_AUTO_FD int from = open(scratch_path(state, "template.db"), O_RDONLY);
    RS_AUTO_FD int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(rs_file_read_all(from, &bytes, NULL), RS_OK);
    assert_int_equal(rs_file_write_all(to, bytes.data, bytes.len, NULL), RS_OK);
    (void)remove(scratch_path(state, "c.db-wal"));
    (void)remove(scratch_path(state, "c.db-shm"));
}

static void live_under(void **state, const struct fault *f)
{
    int errors = 0;
    for (int n = 0; n < LIVES_MAX; n++) {
        char name[128];
        struct life l = {.errors = 0};
        (void)snprintf(name, sizeof(name), "%s, the %d-th", f->name, n);
        const char *path = scratch_path(state, "c.db");
        template_copy(state, path);
        for (int64_t i = 0; i < ROWS_FIRST; i++)
            l.is_acknowledged[i] = true;
        fault_at(f->calls, n, f->error);
        live(path, name, &l);
        bool was_hit = fault_count() > n;
        fault_at(f->calls, FAULT_NONE, f->error);
        if (l.errors > 0 && (f->is_none || !was_hit))
            fail_msg("%s: an error that none is", name);
        errors += l.errors;
        check_rows(path, name, &l);
        if (!was_hit) {
            assert_true(n > 0);
            assert_true(f->is_none || errors > 0);
            return;
        }
    }
    fail_msg("%s: there is no end to them", f->name);
}

static void nothing_is_lost_or_invented(void **state)
{
    template_make(state);
    for (size_t i = 0; i < RS_ARRAY_LEN(faults); i++)
        live_under(state, &faults[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_or_invented, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
