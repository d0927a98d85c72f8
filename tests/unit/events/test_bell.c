/* The bell is not missed between a look and a wait, and rings only after a commit. */
#include "../cm.h"

#include <pthread.h>

#include "../support/scratch.h"
#include "events/bell.h"

static _Atomic unsigned heard;

static void hear(void)
{
    heard++;
}

static void *ring_later(void *arg)
{
    (void)arg;
    rs_bell_ring();
    return NULL;
}

static void a_ring_is_not_missed(void **state)
{
    uint64_t seen = rs_bell_count();
    pthread_t thread;
    (void)state;
    assert_true(rs_bell_wait(seen, 1) == seen); /* nothing rang: the time is over */
    rs_bell_ring();
    assert_true(rs_bell_wait(seen, 600000) == seen + 1); /* rang before the wait */
    seen = rs_bell_count();
    assert_int_equal(pthread_create(&thread, NULL, ring_later, NULL), 0);
    assert_true(rs_bell_wait(seen, 600000) == seen + 1); /* rings during the wait, or before */
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static enum rs_status job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    uint64_t before = rs_bell_count();
    rs_bell_ring_after_commit(conn);
    assert_true(rs_bell_count() == before);
    return *(bool *)arg ? RS_OK : rs_fail(reterr, RS_CONFLICT, "no");
}

static void it_rings_after_a_commit_only(void **state)
{
    struct rs_db *db = NULL;
    bool commit = true;
    assert_int_equal(
        rs_db_open(&(struct rs_db_options){.path = scratch_path(state, "c.db")}, &db, NULL), RS_OK);
    rs_bell_listen(hear);
    uint64_t before = rs_bell_count();
    assert_int_equal(rs_db_write(db, job, &commit, NULL), RS_OK);
    assert_true(rs_bell_count() == before + 1);
    assert_int_equal(heard, 1);
    commit = false;
    assert_int_equal(rs_db_write(db, job, &commit, NULL), RS_CONFLICT);
    assert_true(rs_bell_count() == before + 1);
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_is_not_missed),
        cmocka_unit_test_setup_teardown(it_rings_after_a_commit_only, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
