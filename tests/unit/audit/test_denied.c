/* Denied reads: counted in bounded memory, written as few records. */
#include "log.h"

#include <pthread.h>

#include "audit/denied.h"
#include "json/json.h"

struct seen {
    unsigned n;
    int64_t counted; /* sum of details.count */
    unsigned with_digest;
    unsigned with_tag;
};

static enum rs_status record_see(void *arg, const struct rs_audit_row *row, bool *stop,
                                 struct rs_err *reterr)
{
    struct seen *seen = arg;
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_AUDIT_RECORD_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    int64_t count = 0;
    (void)stop;
    assert_int_equal(rs_json_parse(row->record.p, row->record.n, &limits, &root, reterr), RS_OK);
    assert_string_equal(row->action, "read-denied");
    assert_true(
        rs_json_int(rs_json_get(rs_json_get(root, "details"), "count"), 1, INT64_MAX, &count));
    seen->n++;
    seen->counted += count;
    seen->with_digest += row->digest != NULL;
    seen->with_tag += rs_json_len(rs_json_get(root, "tags")) == 1;
    return RS_OK;
}

static struct seen records_see(struct rs_db *db)
{
    struct seen seen = {0};
    struct rs_audit_filter all = {0};
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
    assert_int_equal(rs_catalog_audit_each(r.conn, &all, record_see, &seen, NULL), RS_OK);
    return seen;
}

static void equal_reads_become_one_record(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_denied *d = NULL;
    assert_int_equal(rs_denied_new(&d), RS_OK);
    struct rs_actor other = log_actor;
    other.principal_id = 8;
    other.name = "other";
    for (int i = 0; i < 1000; i++) {
        rs_denied_count(d, &log_actor, "team/app", "sha256:aa");
        rs_denied_count(d, &log_actor, "team/app", "latest");
        rs_denied_count(d, &log_actor, "team/two", "sha256:aa");
        rs_denied_count(d, &other, "team/app", "sha256:aa");
    }
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    struct seen seen = records_see(db);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.counted, 4000);
    assert_int_equal(seen.with_digest, 3);
    assert_int_equal(seen.with_tag, 1);
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK); /* nothing new: no record */
    assert_int_equal(records_see(db).n, 4);
    assert_true(rs_denied_total(d) == 4000);
    rs_denied_free(d);
    rs_db_close(db);
}

static void a_flood_is_bounded_and_still_counted(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_denied *d = NULL;
    assert_int_equal(rs_denied_new(&d), RS_OK);
    for (unsigned i = 0; i < 20 * RS_DENIED_ENTRIES_MAX; i++) {
        char digest[32];
        (void)snprintf(digest, sizeof(digest), "sha256:%u", i);
        rs_denied_count(d, &log_actor, "team/app", digest);
    }
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    struct seen seen = records_see(db);
    assert_int_equal(seen.n, RS_DENIED_ENTRIES_MAX + 1);
    assert_int_equal(seen.counted, 20 * RS_DENIED_ENTRIES_MAX);
    rs_denied_free(d);
    rs_db_close(db);
}

/* What could not be written is kept, and what comes meanwhile too. */
static void a_failed_write_loses_nothing(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_denied *d = NULL;
    assert_int_equal(rs_denied_new(&d), RS_OK);
    catalog_script(db, "ALTER TABLE audit RENAME TO elsewhere");
    rs_denied_count(d, &log_actor, "team/app", "sha256:aa");
    assert_int_not_equal(rs_denied_flush(d, db, NULL), RS_OK);
    rs_denied_count(d, &log_actor, "team/app", "sha256:aa");
    assert_int_not_equal(rs_denied_flush(d, db, NULL), RS_OK);
    catalog_script(db, "ALTER TABLE elsewhere RENAME TO audit");
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    assert_int_equal(records_see(db).counted, 2);
    rs_denied_free(d);
    rs_db_close(db);
}

#define THREADS 4
#define EACH 5000

static void *reader_run(void *arg)
{
    for (int i = 0; i < EACH; i++)
        rs_denied_count(arg, &log_actor, "team/app", i % 2 == 0 ? "sha256:aa" : "v1");
    return NULL;
}

static void many_readers_at_once(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_denied *d = NULL;
    pthread_t thread[THREADS];
    assert_int_equal(rs_denied_new(&d), RS_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, reader_run, d), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(rs_denied_flush(d, db, NULL), RS_OK);
    assert_int_equal(records_see(db).counted, THREADS * EACH);
    rs_denied_free(d);
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_reads_become_one_record, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_flood_is_bounded_and_still_counted, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_loses_nothing, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(many_readers_at_once, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
