/* Checkpoints over the life of a log: growth, restarts, and logs that do not fit what was signed.
 */
#include "log.h"

#include "audit/keeper.h"
#include "audit/verify.h"
#include "base/file.h"

static struct rs_audit *keeper_start(void **state, struct rs_db *db)
{
    struct rs_audit *a = NULL;
    struct rs_err err = RS_ERR_INIT;
    struct rs_audit_options options = {.db = db, .data_dir = *state};
    if (rs_audit_start(&options, &a, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    return a;
}

static struct rs_checkpoint checkpoint_of(struct rs_audit *a)
{
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(4096);
    struct rs_err err = RS_ERR_INIT;
    struct rs_checkpoint c = {0};
    if (rs_audit_checkpoint(a, &note, &err) != RS_OK ||
        rs_checkpoint_open(rs_str_n(note.data, note.len), rs_audit_key(a), &c, &err) != RS_OK)
        fail_msg("%s", err.message);
    return c;
}

static struct rs_verify_result verify(struct rs_db *db, struct rs_audit *a,
                                      const struct rs_checkpoint *c)
{
    struct rs_verify_options options = {.checkpoints = c, .n_checkpoints = c == NULL ? 0 : 1};
    struct rs_verify_result r;
    assert_int_equal(rs_verify_catalog(db, &options, rs_audit_key(a), &r, NULL), RS_OK);
    return r;
}

static void checkpoints_follow_the_log(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_audit *a = keeper_start(state, db);
    assert_true(checkpoint_of(a).size == 0);
    uint64_t size = 0;
    struct rs_checkpoint first = {0};
    for (unsigned i = 1; i < 40; i += 3) {
        log_append(db, i);
        size += i;
        struct rs_checkpoint c = checkpoint_of(a);
        assert_true(c.size == size);
        struct rs_verify_result r = verify(db, a, &c);
        assert_true(r.is_sound && r.checkpoints_compared >= 2);
        assert_memory_equal(r.root, c.root, sizeof(c.root));
        if (first.size == 0)
            first = c;
    }
    assert_true(verify(db, a, &first).is_sound);
    struct rs_audit_stats stats;
    rs_audit_stats(a, &stats);
    assert_true(stats.checkpoints >= 14 && !stats.is_inconsistent);
    rs_audit_stop(a);
    rs_db_close(db);
}

/* After a restart the tree goes on from its frontier, also when nobody asked for a checkpoint
 * before the end. */
static void the_tree_goes_on_after_a_restart(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
        struct rs_audit *a = keeper_start(state, db);
        struct rs_checkpoint c = checkpoint_of(a);
        assert_true(verify(db, a, &c).is_sound);
        log_append(db, 7);
        c = checkpoint_of(a);
        assert_true(verify(db, a, &c).is_sound);
        log_append(db, i);
        rs_audit_stop(a);
        rs_db_close(db);
    }
}

/* The thread signs by itself when the log has grown. */
static void a_stop_signs_a_last_checkpoint(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_audit *a = keeper_start(state, db);
    log_append(db, 9);
    rs_audit_stop(a);
    a = keeper_start(state, db);
    struct rs_verify_result r = verify(db, a, NULL);
    assert_true(r.is_sound);
    assert_int_equal(r.checkpoints_compared, 1);
    rs_audit_stop(a);
    rs_db_close(db);
}

/* Nothing is signed over a log that does not fit the newest checkpoint. */
static void refuses(void **state, const char *tamper, const char *what)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_audit *a = keeper_start(state, db);
    log_append(db, 12);
    struct rs_checkpoint c = checkpoint_of(a);
    rs_audit_stop(a);
    catalog_script(db, tamper);
    a = keeper_start(state, db);
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(4096);
    struct rs_err err = RS_ERR_INIT;
    struct rs_audit_stats stats;
    if (rs_audit_checkpoint(a, &note, &err) != RS_CORRUPT)
        fail_msg("%s: a checkpoint was signed", what);
    assert_non_null(strstr(err.message, "roadstead audit verify"));
    rs_audit_stats(a, &stats);
    assert_true(stats.is_inconsistent);
    assert_false(verify(db, a, &c).is_sound);
    log_append(db, 1); /* the registry goes on all the same */
    rs_audit_stop(a);
    rs_db_close(db);
}

static void a_cut_log_gets_no_checkpoint(void **state)
{
    refuses(state, "DELETE FROM audit WHERE seq > 10", "cut");
}

static void a_rolled_back_log_gets_no_checkpoint(void **state)
{
    /* An older database knows nothing of the checkpoint: only the file beside the key does. */
    refuses(state, "DELETE FROM audit WHERE seq > 10; DELETE FROM audit_checkpoint", "rolled back");
}

static void a_rewritten_log_gets_no_checkpoint(void **state)
{
    refuses(
        state,
        "DELETE FROM audit_checkpoint; UPDATE audit SET leaf_hash = (SELECT leaf_hash FROM audit WHERE seq = 5) WHERE seq = 4",
        "rewritten");
}

/* Rolled back, then grown past the checkpoint's size with other records. */
static void a_forked_log_gets_no_checkpoint(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_audit *a = keeper_start(state, db);
    log_append(db, 12);
    (void)checkpoint_of(a);
    rs_audit_stop(a);
    catalog_script(db, "DELETE FROM audit WHERE seq > 5; DELETE FROM audit_checkpoint");
    log_append(db, 40);
    a = keeper_start(state, db);
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(4096);
    assert_int_equal(rs_audit_checkpoint(a, &note, NULL), RS_CORRUPT);
    rs_audit_stop(a);
    rs_db_close(db);
}

static void denied_reads_are_written_at_the_stop(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    struct rs_audit *a = keeper_start(state, db);
    rs_audit_denied(a, &log_actor, "team/app", "sha256:aa");
    rs_audit_denied(a, &log_actor, "team/app", "sha256:aa");
    struct rs_audit_stats stats;
    rs_audit_stats(a, &stats);
    assert_true(stats.denied == 2);
    rs_audit_stop(a);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    log_export(db, &text);
    assert_non_null(strstr(rs_buf_text(&text), "\"action\":\"read-denied\""));
    assert_non_null(strstr(rs_buf_text(&text), "\"count\":2"));
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(checkpoints_follow_the_log, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(the_tree_goes_on_after_a_restart, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_stop_signs_a_last_checkpoint, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_cut_log_gets_no_checkpoint, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_log_gets_no_checkpoint, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_rewritten_log_gets_no_checkpoint, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_forked_log_gets_no_checkpoint, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(denied_reads_are_written_at_the_stop, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
