#include "table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../support/scratch.h"
#include "../support/faults.h"

struct fatal {
    _Atomic int n;
    enum rs_status status;
};

static void note_fatal(void *arg, const struct rs_err *err)
{
    struct fatal *f = arg;
    f->status = err->status;
    atomic_fetch_add(&f->n, 1);
}

static struct rs_db *open_noting(void **state, struct fatal *fatal)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    struct rs_db_options options = {
        .path = scratch_path(state, "c.db"), .on_fatal = note_fatal, .on_fatal_arg = fatal};
    if (rs_db_open(&options, &db, &err) != RS_OK)
        fail_msg("rs_db_open: %s (%s)", err.message, err.log);
    return db;
}

static _Atomic int hooks;

static void count_hook(void *arg)
{
    (void)arg;
    atomic_fetch_add(&hooks, 1);
}

static enum rs_status hooked_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    rs_db_after_commit(conn, count_hook, NULL);
    return table_insert(conn, *(const int64_t *)arg, reterr);
}

/* Nobody knows what is on the disk: no success, no hook, nothing more is written, and the process
 * is told once. */
static void a_failed_sync_stops_all_writing(void **state)
{
    struct fatal fatal = {0};
    struct rs_err err = RS_ERR_INIT;
    struct rs_db *db = open_noting(state, &fatal);
    assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
    atomic_store(&hooks, 0);
    int64_t n = 1;
    fault_at(FAULT_SYNC, 0, EIO);
    assert_int_equal(rs_db_write(db, hooked_job, &n, &err), RS_IO);
    assert_int_equal(fault_count(), 1); /* not tried again */
    assert_int_equal(atomic_load(&fatal.n), 1);
    assert_int_equal(fatal.status, RS_IO);
    assert_int_equal(atomic_load(&hooks), 0);
    n = 2;
    err = (struct rs_err)RS_ERR_INIT;
    assert_int_equal(rs_db_write(db, hooked_job, &n, &err), RS_IO);
    assert_non_null(strstr(err.message, "stopped writing"));
    assert_int_equal(fault_count(), 1);
    assert_int_equal(atomic_load(&fatal.n), 1);
    assert_int_equal(table_count(db), 0); /* reading goes on */
    rs_db_close(db);

    /* The restart reads what the disk has: the first row or none, never the second. */
    fault_at(FAULT_SYNC, FAULT_NONE, EIO);
    db = open_noting(state, &fatal);
    assert_in_range(table_count(db), 0, 1);
    n = 3;
    assert_int_equal(rs_db_write(db, hooked_job, &n, NULL), RS_OK);
    assert_int_equal(atomic_load(&hooks), 1);
    rs_db_close(db);
}

/* One sync for a commit: what was acknowledged has been on the disk before. */
static void every_commit_syncs(void **state)
{
    struct fatal fatal = {0};
    struct rs_db *db = open_noting(state, &fatal);
    assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
    for (int64_t n = 0; n < 20; n++) {
        fault_at(FAULT_SYNC, FAULT_NONE, EIO);
        assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
        assert_true(fault_count() >= 1);
    }
    rs_db_close(db);
    assert_int_equal(atomic_load(&fatal.n), 0);
}

/* Opening for the first time, whichever sync fails: an error, or (SQLite overlooks some syncs of
 * the directory, which ours at the end makes good) a database that works. */
static void opening_survives_any_failed_sync(void **state)
{
    int errors = 0;
    for (int at = 0;; at++) {
        char name[32];
        struct rs_db *db = NULL;
        struct rs_err err = RS_ERR_INIT;
        (void)snprintf(name, sizeof(name), "%d.db", at);
        struct rs_db_options options = {.path = scratch_path(state, name)};
        fault_at(FAULT_SYNC, at, EIO);
        enum rs_status s = rs_db_open(&options, &db, &err);
        int n = fault_count();
        fault_at(FAULT_SYNC, FAULT_NONE, EIO);
        if (s == RS_OK)
            assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
        rs_db_close(db);
        if (n <= at) { /* fewer syncs than that: all were tried */
            assert_int_equal(s, RS_OK);
            assert_true(errors > 0);
            return;
        }
        errors += s != RS_OK;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_sync_stops_all_writing, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(every_commit_syncs, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(opening_survives_any_failed_sync, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
