#include "table.h"

#include <stdio.h>
#include <string.h>

#include "../support/scratch.h"

static enum rs_status values_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    enum rs_status s = rs_db_script(
        conn, "CREATE TABLE v(i INTEGER, t TEXT, s TEXT, b BLOB, z BLOB, x TEXT)", reterr);
    struct rs_stmt *st = NULL;
    if (s == RS_OK)
        s = rs_db_prepare(conn, "INSERT INTO v(i, t, s, b, z, x) VALUES ($1, $2, $3, $4, $5, $6)",
                          &st, reterr);
    if (s != RS_OK)
        return s;
    rs_stmt_int(st, 1, INT64_MIN);
    rs_stmt_text(st, 2, "text");
    rs_stmt_str(st, 3, rs_str_n("cut here", 3));
    rs_stmt_bytes(st, 4, "a\0b", 3);
    rs_stmt_bytes(st, 5, NULL, 0);
    rs_stmt_text(st, 6, NULL);
    int64_t changes = 0;
    s = rs_stmt_run(st, &changes, reterr);
    assert_int_equal(changes, 1);
    return s;
}

static void values_come_back_as_they_went_in(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    assert_int_equal(rs_db_write(db, values_job, NULL, NULL), RS_OK);
    {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
        bool row = false;
        assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
        assert_int_equal(rs_db_prepare(r.conn, "SELECT i, t, s, b, z, x FROM v", &st, NULL), RS_OK);
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        assert_true(row);
        assert_true(rs_stmt_col_int(st, 0) == INT64_MIN);
        assert_string_equal(rs_stmt_col_text(st, 1), "text");
        assert_string_equal(rs_stmt_col_text(st, 2), "cut");
        struct rs_str b = rs_stmt_col_str(st, 3);
        assert_int_equal(b.n, 3);
        assert_memory_equal(b.p, "a\0b", 3);
        assert_false(rs_stmt_col_is_null(st, 4));
        assert_int_equal(rs_stmt_col_str(st, 4).n, 0);
        assert_true(rs_stmt_col_is_null(st, 5));
        assert_null(rs_stmt_col_text(st, 5));
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        assert_false(row);
    }
    rs_db_close(db);
}

/* Parameters are what their numbers say, wherever they stand; one that the text does not have is
 * refused. */
static void parameters_go_by_their_numbers(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
        bool row = false;
        assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
        assert_int_equal(rs_db_prepare(r.conn, "SELECT $4, $1, $2, $4", &st, NULL), RS_OK);
        rs_stmt_text(st, 1, "one");
        rs_stmt_int(st, 2, 2);
        rs_stmt_text(st, 4, "four");
        assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
        assert_true(row);
        assert_string_equal(rs_stmt_col_text(st, 0), "four");
        assert_string_equal(rs_stmt_col_text(st, 1), "one");
        assert_int_equal(rs_stmt_col_int(st, 2), 2);
        assert_string_equal(rs_stmt_col_text(st, 3), "four");
        rs_stmt_release(&st);
        assert_int_equal(rs_db_prepare(r.conn, "SELECT $2", &st, NULL), RS_OK);
        rs_stmt_int(st, 1, 1);
        assert_int_not_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    }
    rs_db_close(db);
}

static void a_statement_is_not_used_recursively(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    static const char sql[] = "SELECT n FROM t";
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *outer = NULL;
    struct rs_stmt *inner = NULL;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_db_read_begin(db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn, sql, &outer, &err), RS_OK);
    assert_int_equal(rs_db_prepare(conn, sql, &inner, &err), RS_INTERNAL);
    assert_null(inner);
    assert_null(strstr(err.message, "SELECT")); /* SQL is for the operator's eyes */
    assert_non_null(strstr(err.log, sql));
    rs_stmt_done(outer);
    assert_int_equal(rs_db_prepare(conn, sql, &inner, NULL), RS_OK);
    assert_ptr_equal(inner, outer); /* from the cache */
    rs_stmt_done(inner);
    rs_db_read_end(conn);
    rs_db_close(db);
}

/* Bindings and results of the last use are gone when a statement is taken again. */
static enum rs_status reuse_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    static const char sql[] = "SELECT $1";
    for (int i = 0; i < 2; i++) {
        RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
        bool row = false;
        enum rs_status s = rs_db_prepare(conn, sql, &st, reterr);
        if (s != RS_OK)
            return s;
        if (i == 0)
            rs_stmt_int(st, 1, 7);
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK)
            return s;
        assert_true(row);
        assert_int_equal(rs_stmt_col_is_null(st, 0), i == 1);
    }
    return RS_OK;
}

static void a_statement_comes_back_clean(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    assert_int_equal(rs_db_write(db, reuse_job, NULL, NULL), RS_OK);
    rs_db_close(db);
}

static enum rs_status many_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    /* More texts than the cache starts with.  They outlive the connection, as literals do. */
    static char sql[1000][32];
    (void)arg;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
            bool row = false;
            if (round == 0)
                (void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i);
            enum rs_status s = rs_db_prepare(conn, sql[i], &st, reterr);
            if (s == RS_OK)
                s = rs_stmt_step(st, &row, reterr);
            if (s != RS_OK)
                return s;
            assert_int_equal(rs_stmt_col_int(st, 0), i);
        }
    }
    return RS_OK;
}

static void the_cache_grows(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    assert_int_equal(rs_db_write(db, many_job, NULL, NULL), RS_OK);
    rs_db_close(db);
}

static enum rs_status faults_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    struct rs_err err = RS_ERR_INIT;
    struct rs_stmt *st = NULL;
    assert_int_equal(rs_db_prepare(conn, "SELECT nonsense FROM nowhere", &st, &err), RS_INTERNAL);
    assert_null(strstr(err.message, "nowhere"));
    assert_non_null(strstr(err.log, "nowhere"));
    /* A parameter that is not there: told by the step. */
    bool row = true;
    assert_int_equal(rs_db_prepare(conn, "SELECT 1", &st, NULL), RS_OK);
    rs_stmt_int(st, 3, 1);
    rs_stmt_int(st, 4, 1);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_INTERNAL);
    assert_false(row);
    rs_stmt_done(st);
    /* A row that nobody reads is a mistake. */
    assert_int_equal(rs_db_prepare(conn, "SELECT 1", &st, NULL), RS_OK);
    assert_int_equal(rs_stmt_run(st, NULL, NULL), RS_INTERNAL);
    /* Constraints: unique and foreign key. */
    assert_int_equal(table_insert(conn, 1, NULL), RS_OK);
    err = (struct rs_err)RS_ERR_INIT;
    assert_int_equal(table_insert(conn, 1, &err), RS_CONFLICT);
    assert_int_equal(rs_db_script(conn, "CREATE TABLE child(n INTEGER REFERENCES t(n))", reterr),
                     RS_OK);
    assert_int_equal(rs_db_script(conn, "INSERT INTO child VALUES (2)", NULL), RS_CONFLICT);
    /* Text in double quotes is no text; other databases are out of reach. */
    assert_int_equal(rs_db_script(conn, "SELECT \"text\"", NULL), RS_INTERNAL);
    assert_int_equal(rs_db_script(conn, "ATTACH '/tmp/other.db' AS other", NULL), RS_INTERNAL);
    return RS_OK;
}

static void faults_have_their_status(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_write(db, faults_job, NULL, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    assert_int_equal(table_count(db), 1);
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_come_back_as_they_went_in, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(parameters_go_by_their_numbers, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_statement_is_not_used_recursively, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_statement_comes_back_clean, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(the_cache_grows, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(faults_have_their_status, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
