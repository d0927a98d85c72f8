#include "blobs.h"

#include <errno.h>
#include <stdatomic.h>

#include "../support/scratch.h"
#include "../support/faults.h"

static void note_fatal(void *arg, const struct rs_err *err)
{
    assert_int_equal(err->status, RS_IO);
    ++*(int *)arg;
}

static struct rs_blobs *open_noting(void **state, int *fatal)
{
    struct rs_blobs *b = NULL;
    struct rs_blobs_options options = {
        .data_dir = *state, .on_fatal = note_fatal, .on_fatal_arg = fatal};
    assert_int_equal(rs_blobs_open(&options, &b, NULL), RS_OK);
    return b;
}

/* Whichever of a commit's syncs fails: no success, nothing more is written, the process is told
 * once, and after the restart the upload can be finished or begun again. */
static void a_failed_sync_stops_all_writing(void **state)
{
    enum { SYNCS = 2 }; /* the bytes, then the directory */
    for (int at = 0; at < SYNCS; at++) {
        int fatal = 0;
        struct rs_err err = RS_ERR_INIT;
        struct rs_upload_info info;
        struct rs_upload_info other;
        struct rs_upload *u = NULL;
        struct rs_upload_result result;
        char text[32];
        (void)snprintf(text, sizeof(text), "blob %d", at);
        struct rs_blobs *b = open_noting(state, &fatal);
        assert_int_equal(rs_upload_start(b, REPO, OWNER, "sha256", &info, NULL), RS_OK);
        assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &u, NULL), RS_OK);
        assert_int_equal(rs_upload_append(u, text, strlen(text), NULL), RS_OK);
        fault_at(FAULT_SYNC, at, EIO);
        assert_int_equal(rs_upload_commit(u, sha256_of(text), NULL, NULL, &result, &err), RS_IO);
        assert_int_equal(fault_count(), at + 1); /* none after the failed one */
        assert_int_equal(fatal, 1);
        assert_int_equal(rs_upload_start(b, REPO, OWNER, "sha256", &other, NULL), RS_IO);
        assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &u, NULL),
                         at == 0 ? RS_IO : RS_UPLOAD_UNKNOWN);
        assert_int_equal(rs_blob_delete(b, sha256_of("anything"), NULL), RS_IO);
        assert_int_equal(fatal, 1);
        rs_blobs_close(b);

        fault_at(FAULT_SYNC, FAULT_NONE, EIO);
        b = open_noting(state, &fatal);
        if (at == 0) {
            assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &u, NULL), RS_OK);
            assert_int_equal(rs_upload_commit(u, sha256_of(text), NULL, NULL, &result, NULL),
                             RS_OK);
        } else {
            put_text(b, text);
        }
        assert_int_equal(rs_blob_verify(b, sha256_of(text), NULL, NULL), RS_OK);
        rs_blobs_close(b);
    }
}

/* The bytes and the directory that names them, each commit, also of bytes that are stored already.
 */
static void every_commit_syncs_twice(void **state)
{
    int fatal = 0;
    struct rs_blobs *b = open_noting(state, &fatal);
    for (int i = 0; i < 3; i++) {
        fault_at(FAULT_SYNC, FAULT_NONE, EIO);
        put_text(b, "the same bytes");
        assert_int_equal(fault_count(), 2);
    }
    rs_blobs_close(b);
    assert_int_equal(fatal, 0);
}

static void opening_survives_no_failed_sync(void **state)
{
    struct rs_blobs *b = NULL;
    for (int at = 0; at < 3; at++) { /* blobs/sha256, blobs, and the data directory */
        fault_at(FAULT_SYNC, at, EIO);
        assert_int_equal(rs_blobs_open(&(struct rs_blobs_options){.data_dir = *state}, &b, NULL),
                         RS_IO);
        assert_null(b);
    }
    fault_at(FAULT_SYNC, 3, EIO);
    assert_int_equal(rs_blobs_open(&(struct rs_blobs_options){.data_dir = *state}, &b, NULL),
                     RS_OK);
    assert_int_equal(fault_count(), 3);
    rs_blobs_close(b);
    fault_at(FAULT_SYNC, FAULT_NONE, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_sync_stops_all_writing, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(every_commit_syncs_twice, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(opening_survives_no_failed_sync, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
