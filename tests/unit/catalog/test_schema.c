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
                        "DROP INDEX manifest_updated;"
                        "ALTER TABLE tag DROP COLUMN live_ms;"
                        "INSERT INTO repository(id, name, created_ms) VALUES(7, 'a', 1);"
                        "INSERT INTO tag VALUES(7, 'live', 3, 1, NULL, 0, 55);"
                        "INSERT INTO tag VALUES(7, 'staged', NULL, 0, 4, 2, 66);"
                        "UPDATE schema_version SET version = 1",
                        reterr);
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
    assert_int_equal(number(db, "SELECT version FROM schema_version"), 2);
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
