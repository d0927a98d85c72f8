#include "../support/catalog.h"
#include "../support/scratch.h"

#include <string.h>

static enum rs_status newer(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn, "UPDATE schema_version SET version = version + 1", reterr);
}

static void the_schema_is_made_once(void **state)
{
    struct rs_db *db = NULL;
    bool created = false;
    assert_int_equal(
        rs_db_open(&(struct rs_db_options){.path = scratch_path(state, "catalog.db")}, &db, NULL),
        RS_OK);
    assert_int_equal(rs_schema_migrate(db, &created, NULL), RS_OK);
    assert_true(created);
    rs_db_close(db);
    db = catalog_open(scratch_path(state, "catalog.db"));
    created = true;
    assert_int_equal(rs_schema_migrate(db, &created, NULL), RS_OK);
    assert_false(created);
    rs_db_close(db);
}

static void a_newer_catalog_is_left_alone(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "catalog.db"));
    struct rs_err err = RS_ERR_INIT;
    bool created = false;
    assert_int_equal(rs_db_write(db, newer, NULL, NULL), RS_OK);
    assert_int_equal(rs_schema_migrate(db, &created, &err), RS_CONFLICT);
    assert_non_null(strstr(err.message, "newer program"));
    rs_db_close(db);
}

/* A catalog as the program before wrote it, with a live tag and a staged one. */
static enum rs_status back_to_1(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn,
                        "DROP TABLE workload;"
                        "DROP TABLE principal;"
                        "CREATE TABLE principal("
                        " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                        " kind TEXT NOT NULL CHECK(kind IN ('user','robot','anonymous')),"
                        " name TEXT NOT NULL UNIQUE, secret TEXT NOT NULL,"
                        " disabled INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL);"
                        "INSERT INTO principal VALUES(0, 'anonymous', 'anonymous', '', 0, 1);"
                        "INSERT INTO principal VALUES(3, 'user', 'ann', 's3', 1, 2);"
                        "INSERT INTO principal VALUES(9, 'robot', 'gone', 's9', 0, 3);"
                        "DELETE FROM principal WHERE id = 9;"
                        "INSERT INTO access_grant VALUES(5, 3, 'consumer', 'a/**', 4);"
                        "INSERT INTO access_grant VALUES(8, 3, 'consumer', 'b', 4);"
                        "DELETE FROM access_grant WHERE id = 8;"
                        "DROP INDEX manifest_updated;"
                        "ALTER TABLE tag DROP COLUMN live_ms;"
                        "INSERT INTO repository(id, name, created_ms) VALUES(7, 'a', 1);"
                        "INSERT INTO tag VALUES(7, 'live', 3, 1, NULL, 0, 55);"
                        "INSERT INTO tag VALUES(7, 'staged', NULL, 0, 4, 2, 66);"
                        "UPDATE schema_version SET version = 1",
                        reterr);
}

static enum rs_status add_workload(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn,
                        "INSERT INTO principal(kind, name, secret, created_ms)"
                        " VALUES('workload', 'ci', 's', 1);"
                        "INSERT INTO access_grant(principal_id, what, pattern, created_ms)"
                        " SELECT id, 'consumer', 'a', 1 FROM principal WHERE name = 'ci'",
                        reterr);
}

/* The grants refer to the new table. */
static enum rs_status drop_workload(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_db_script(conn, "DELETE FROM principal WHERE name = 'ci'", reterr);
}

static int64_t number(struct rs_db *db, const char *sql)
{
    struct rs_db_conn *conn = NULL;
    struct rs_stmt *st = NULL;
    bool row = false;
    assert_int_equal(rs_db_read_begin(db, &conn, NULL), RS_OK);
    assert_int_equal(rs_db_prepare(conn, sql, &st, NULL), RS_OK);
    assert_int_equal(rs_stmt_step(st, &row, NULL), RS_OK);
    assert_true(row);
    int64_t found = rs_stmt_col_int(st, 0);
    rs_stmt_release(&st);
    rs_db_read_end(conn);
    return found;
}

static void an_older_catalog_is_brought_up(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "catalog.db"));
    bool created = true;
    assert_int_equal(rs_db_write(db, back_to_1, NULL, NULL), RS_OK);
    assert_int_equal(rs_schema_migrate(db, &created, NULL), RS_OK);
    assert_false(created);
    assert_int_equal(number(db, "SELECT live_ms FROM tag WHERE name = 'live'"), 55);
    assert_int_equal(number(db, "SELECT live_ms FROM tag WHERE name = 'staged'"), 0);
    assert_int_equal(number(db, "SELECT version FROM schema_version"), 3);
    assert_int_equal(number(db, "SELECT count(*) FROM principal"), 2);
    assert_int_equal(number(db, "SELECT disabled FROM principal WHERE id = 3 AND name = 'ann'"), 1);
    assert_int_equal(number(db, "SELECT id FROM access_grant WHERE principal_id = 3"), 5);
    assert_int_equal(rs_db_write(db, add_workload, NULL, NULL), RS_OK);
    /* 9 belonged to somebody else once. */
    assert_int_equal(number(db, "SELECT id FROM principal WHERE kind = 'workload'"), 10);
    assert_int_equal(number(db, "SELECT max(id) FROM access_grant"), 9);
    assert_int_equal(rs_db_write(db, drop_workload, NULL, NULL), RS_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM access_grant"), 1);
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_schema_is_made_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(an_older_catalog_is_brought_up, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_newer_catalog_is_left_alone, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
