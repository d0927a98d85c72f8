#include "catalog.h"

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
    db = catalog_open(state);
    created = true;
    assert_int_equal(rs_schema_migrate(db, &created, NULL), RS_OK);
    assert_false(created);
    rs_db_close(db);
}

static void a_newer_catalog_is_left_alone(void **state)
{
    struct rs_db *db = catalog_open(state);
    struct rs_err err = RS_ERR_INIT;
    bool created = false;
    assert_int_equal(rs_db_write(db, newer, NULL, NULL), RS_OK);
    assert_int_equal(rs_schema_migrate(db, &created, &err), RS_CONFLICT);
    assert_non_null(strstr(err.message, "newer program"));
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_schema_is_made_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_newer_catalog_is_left_alone, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
