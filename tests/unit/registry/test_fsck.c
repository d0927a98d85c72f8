/* What a repair forgets, and what it must not: a blob is forgotten when it is lost, never because
 * something failed while it was looked at. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../blob/blobs.h"
#include "../support/catalog.h"
#include "../support/faults.h"
#include "../support/scratch.h"
#include "catalog/blob.h"
#include "catalog/garbage.h"
#include "registry/fsck.h"

#define TEXT "the bytes of a blob"
#define FINDINGS_MAX 4

struct world {
    struct rs_db *db;
    struct rs_blobs *blobs;
    const char *dir;
    unsigned n;
    struct {
        char what[160];
        bool is_repaired;
    } found[FINDINGS_MAX];
};

static enum rs_status add_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    enum rs_status s = rs_catalog_blob_add(conn, sha256_of(TEXT), strlen(TEXT), reterr);
    return s == RS_OK ? rs_catalog_blob_link_into(conn, REPO, sha256_of(TEXT), OWNER, reterr) : s;
}

/* A registry with one blob. */
static void world_open(struct world *w, void **state)
{
    *w = (struct world){.dir = *state};
    w->db = catalog_open(scratch_path(state, "catalog.db"));
    w->blobs = blobs_open(*state);
    put_text(w->blobs, TEXT);
    catalog_script(w->db, "INSERT INTO principal(id, kind, name, secret, created_ms)"
                          " VALUES (7, 'user', 'owner', '', 1)");
    catalog_write(w->db, add_job, NULL);
}

static void world_close(struct world *w)
{
    rs_blobs_close(w->blobs);
    rs_db_close(w->db);
}

static bool is_known(struct world *w)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    bool known = false;
    assert_int_equal(rs_db_read_begin(w->db, &r.conn, NULL), RS_OK);
    assert_int_equal(rs_catalog_blob_is_known(r.conn, sha256_of(TEXT), &known, NULL), RS_OK);
    return known;
}

static void note_finding(const struct rs_fsck_finding *f, void *arg)
{
    struct world *w = arg;
    assert_true(w->n < FINDINGS_MAX);
    (void)snprintf(w->found[w->n].what, sizeof(w->found[w->n].what), "%s", f->what);
    w->found[w->n++].is_repaired = f->is_repaired;
}

static enum rs_status check(struct world *w)
{
    struct rs_fsck_result result;
    const struct rs_fsck_options options = {
        .is_repairing = true, .only_blobs = true, .on_finding = note_finding, .arg = w};
    w->n = 0;
    return rs_fsck_run(w->db, w->blobs, &options, &result, NULL);
}

static void a_lost_blob_is_forgotten(void **state)
{
    struct world w;
    world_open(&w, state);
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 0);
    file_write(blob_file(w.dir, sha256_of(TEXT)), "other bytes");
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 1);
    assert_non_null(strstr(w.found[0].what, "do not have its digest"));
    assert_true(w.found[0].is_repaired);
    assert_false(is_known(&w));
    world_close(&w);
}

/* The file is there and whole: it only cannot be looked at just now. */
static void an_unreadable_blob_is_kept(void **state)
{
    static const struct {
        int error;
        enum rs_status status;
        unsigned findings;
    } rows[] = {{EIO, RS_OK, 1}, {EMFILE, RS_BUSY, 0}, {ENOMEM, RS_NOMEM, 0}};
    struct world w;
    world_open(&w, state);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(is_known(&w));
        fault_from(FAULT_OPEN, 0, rows[i].error);
        enum rs_status s = check(&w);
        fault_at(FAULT_OPEN, FAULT_NONE, EIO);
        assert_int_equal(s, rows[i].status);
        assert_int_equal(w.n, rows[i].findings);
        if (w.n > 0) {
            assert_non_null(strstr(w.found[0].what, "cannot be read"));
            assert_false(w.found[0].is_repaired);
        }
        assert_true(is_known(&w));
    }
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 0);
    world_close(&w);
}

static void a_wrong_size_is_put_right(void **state)
{
    struct world w;
    uint64_t size = 0;
    world_open(&w, state);
    catalog_script(w.db, "UPDATE blob SET size = size + 1");
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 1);
    assert_non_null(strstr(w.found[0].what, "size"));
    assert_true(w.found[0].is_repaired);
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    assert_int_equal(rs_db_read_begin(w.db, &r.conn, NULL), RS_OK);
    assert_int_equal(rs_catalog_blob_size(r.conn, sha256_of(TEXT), &size, NULL), RS_OK);
    assert_int_equal(size, strlen(TEXT));
    rs_db_read_release(&r);
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 0);
    world_close(&w);
}

/* ---- a repair and an upload at once ---- */

static _Atomic bool is_entered;
static _Atomic bool is_held;

static enum rs_status hold_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)conn;
    (void)arg;
    (void)reterr;
    atomic_store(&is_entered, true);
    while (atomic_load(&is_held))
        (void)sched_yield();
    return RS_OK;
}

static void *hold(void *arg)
{
    struct world *w = arg;
    catalog_write(w->db, hold_job, NULL);
    return NULL;
}

static void *check_in_thread(void *arg)
{
    struct world *w = arg;
    return check(w) == RS_OK ? w : NULL;
}

/* The bytes come again while the repair waits for its turn at the catalog: whoever sent them was
 * told that they are safe. */
static void what_came_again_is_kept(void **state)
{
    struct world w;
    pthread_t holder;
    pthread_t checker;
    void *checked = NULL;
    world_open(&w, state);
    file_write(blob_file(w.dir, sha256_of(TEXT)), "other bytes");
    atomic_store(&is_held, true);
    assert_int_equal(pthread_create(&holder, NULL, hold, &w), 0);
    while (!atomic_load(&is_entered))
        (void)sched_yield();
    assert_int_equal(pthread_create(&checker, NULL, check_in_thread, &w), 0);
    while (rs_db_queue_length(w.db) == 0) /* the repair waits behind the holder */
        (void)sched_yield();
    put_text(w.blobs, TEXT);
    atomic_store(&is_held, false);
    assert_int_equal(pthread_join(holder, NULL), 0);
    assert_int_equal(pthread_join(checker, &checked), 0);
    assert_ptr_equal(checked, &w);
    assert_true(is_known(&w));
    assert_int_equal(check(&w), RS_OK);
    assert_int_equal(w.n, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_blob_is_forgotten, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(an_unreadable_blob_is_kept, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_size_is_put_right, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_came_again_is_kept, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
