#include "table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../support/scratch.h"

static void a_reader_sees_one_snapshot(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    struct rs_db_conn *conn = NULL;
    struct rs_db_conn *inner = NULL;
    int64_t n = 1;
    int64_t count = -1;
    assert_int_equal(rs_db_read_begin(db, &conn, NULL), RS_OK);
    assert_true(rs_db_read_is_fresh(conn));
    assert_int_equal(table_count_in(conn, &count, NULL), RS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL),
                     RS_OK); /* does not wait for the reader */
    assert_int_equal(table_count_in(conn, &count, NULL), RS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(rs_db_read_begin(db, &inner, NULL), RS_OK); /* joins the outer snapshot */
    assert_ptr_equal(inner, conn);
    assert_false(rs_db_read_is_fresh(inner));
    assert_int_equal(table_count_in(inner, &count, NULL), RS_OK);
    assert_int_equal(count, 0);
    rs_db_read_end(inner);
    assert_int_equal(table_count_in(conn, &count, NULL), RS_OK);
    assert_int_equal(count, 0);
    rs_db_read_end(conn);
    assert_int_equal(table_count(db), 1); /* acknowledged: seen by the very next read */
    rs_db_close(db);
}

static void a_reader_cannot_write(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
    assert_int_not_equal(table_insert(r.conn, 1, NULL), RS_OK);
    rs_db_read_release(&r);
    assert_int_equal(table_count(db), 0);
    rs_db_close(db);
}

/* What a caller forgot to give back does not spoil the connection. */
static void a_forgotten_statement_is_given_back(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    static const char sql[] = "SELECT n FROM t";
    int64_t n = 5;
    assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
    for (int i = 0; i < 2; i++) {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        struct rs_stmt *st = NULL;
        bool row = false;
        assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
        assert_int_equal(rs_db_prepare(r.conn, sql, &st, NULL), RS_OK);
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        assert_true(row);
    }
    rs_db_close(db);
}

struct reader {
    struct rs_db *db;
    pthread_barrier_t *all_read;
    int64_t count;
};

static void *reader_main(void *arg)
{
    struct reader *r = arg;
    r->count = table_count(r->db);
    if (r->all_read != NULL)
        (void)pthread_barrier_wait(r->all_read);
    return NULL;
}

/* Threads that live at the same time, then threads that come after others have ended, then the
 * database goes while this thread still remembers its connection. */
static void threads_come_and_go(void **state)
{
    for (int round = 0; round < 3; round++) {
        struct rs_db *db = table_open(scratch_path(state, "c.db"));
        pthread_barrier_t all_read;
        pthread_t threads[8];
        struct reader readers[8];
        assert_int_equal(pthread_barrier_init(&all_read, NULL, 8), 0);
        for (int i = 0; i < 8; i++) {
            readers[i] = (struct reader){.db = db, .all_read = &all_read, .count = -1};
            assert_int_equal(pthread_create(&threads[i], NULL, reader_main, &readers[i]), 0);
        }
        for (int i = 0; i < 8; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(readers[i].count, round);
        }
        for (int i = 0; i < 20; i++) {
            struct reader r = {.db = db, .count = -1};
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, reader_main, &r), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
            assert_int_equal(r.count, round);
        }
        int64_t n = round;
        assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
        assert_int_equal(table_count(db), round + 1);
        assert_int_equal(pthread_barrier_destroy(&all_read), 0);
        rs_db_close(db);
    }
}

struct late {
    struct rs_db *db;
    pthread_barrier_t *step;
};

static void *late_main(void *arg)
{
    struct late *l = arg;
    (void)table_count(l->db);
    (void)pthread_barrier_wait(l->step); /* has read */
    (void)pthread_barrier_wait(l->step); /* the database is closed */
    return NULL;                         /* ends after it */
}

static void a_thread_outlives_the_database(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    pthread_barrier_t step;
    pthread_t thread;
    struct late l = {.db = db, .step = &step};
    assert_int_equal(pthread_barrier_init(&step, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, late_main, &l), 0);
    (void)pthread_barrier_wait(&step);
    rs_db_close(db);
    (void)pthread_barrier_wait(&step);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&step), 0);
}

static void two_databases_at_once(void **state)
{
    struct rs_db *one = table_open(scratch_path(state, "one.db"));
    struct rs_db *two = table_open(scratch_path(state, "two.db"));
    int64_t n = 1;
    assert_int_equal(rs_db_write(one, table_insert_job, &n, NULL), RS_OK);
    RS_AUTO(rs_db_read) struct rs_db_read a = {0};
    RS_AUTO(rs_db_read) struct rs_db_read b = {0};
    int64_t count = -1;
    assert_int_equal(rs_db_read_begin(one, &a.conn, NULL), RS_OK);
    assert_int_equal(rs_db_read_begin(two, &b.conn, NULL), RS_OK);
    assert_int_equal(table_count_in(a.conn, &count, NULL), RS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(table_count_in(b.conn, &count, NULL), RS_OK);
    assert_int_equal(count, 0);
    rs_db_read_release(&a);
    rs_db_close(one);
    assert_int_equal(table_count_in(b.conn, &count, NULL), RS_OK);
    rs_db_read_release(&b);
    rs_db_close(two);
}

/* ---- opening ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static enum rs_status try_open(const char *path, struct rs_err *err)
{
    struct rs_db *db = NULL;
    enum rs_status s = rs_db_open(&(struct rs_db_options){.path = path}, &db, err);
    assert_int_equal(s == RS_OK, db != NULL);
    rs_db_close(db);
    return s;
}

static void what_is_no_catalog_is_refused(void **state)
{
    struct rs_err err = RS_ERR_INIT;
    const char *garbage = scratch_path(state, "garbage.db");
    write_file(
        garbage,
        "this is a text file of more than one hundred bytes, so that it is no empty or short database "
        "file, and no database either");
    assert_int_equal(try_open(garbage, &err), RS_CORRUPT);
    err = (struct rs_err)RS_ERR_INIT;
    assert_int_equal(try_open((const char *)*state, &err), RS_IO); /* a directory */
    err = (struct rs_err)RS_ERR_INIT;
    assert_int_equal(try_open(scratch_path(state, "no/such/directory.db"), &err), RS_NOT_FOUND);
    assert_null(strstr(err.message, "directory.db"));
}

static enum rs_status foreign_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn, "PRAGMA application_id=42", reterr);
}

static void another_programs_database_is_refused(void **state)
{
    const char *path = scratch_path(state, "c.db");
    struct rs_db *db = table_open(path);
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_db_write(db, foreign_job, NULL, &err), RS_OK);
    rs_db_close(db);
    assert_int_equal(try_open(path, &err), RS_CORRUPT);
    assert_non_null(strstr(err.message, "another program"));
}

static void the_file_is_private(void **state)
{
    const char *path = scratch_path(state, "c.db");
    struct rs_db *db = table_open(path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch_path(state, "c.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    rs_db_close(db);
    assert_int_equal(stat(path, &st), 0);
    int wal = stat(scratch_path(state, "c.db-wal"), &st);
    assert_true(wal != 0 || st.st_size == 0); /* a clean stop leaves nothing to replay */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_sees_one_snapshot, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_reader_cannot_write, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_forgotten_statement_is_given_back, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(threads_come_and_go, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_thread_outlives_the_database, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(two_databases_at_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_catalog_is_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(another_programs_database_is_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(the_file_is_private, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
