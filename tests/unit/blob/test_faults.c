/* Whatever call fails while a blob comes or is read: no success that is none, no absence that is
 * none, and nothing lost that was there. */
#include "blobs.h"

#include <dirent.h>
#include <errno.h>

#include "../support/faults.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "blob/grant_mint.h"

static const struct fault {
    const char *name;
    unsigned calls;
    int error;
    bool is_none; /* has to be overcome: nobody may see anything of it */
} faults[] = {
    {"a read that fails", FAULT_READ, EIO, false},
    {"a read that is interrupted", FAULT_READ, EINTR, true},
    {"a short read", FAULT_READ, FAULT_SHORT, true},
    {"a write that fails", FAULT_WRITE, EIO, false},
    {"a write that is interrupted", FAULT_WRITE, EINTR, true},
    {"a short write", FAULT_WRITE, FAULT_SHORT, true},
    {"a full disk", FAULT_WRITE, ENOSPC, false},
    {"an open that fails", FAULT_OPEN, EIO, false},
    {"no descriptor left", FAULT_OPEN, EMFILE, false},
    {"a full directory", FAULT_OPEN, ENOSPC, false},
    {"a rename that fails", FAULT_RENAME, EIO, false},
    {"a rename without space", FAULT_RENAME, ENOSPC, false},
};

#define FIRST "the first half of "
#define LIVES_MAX 200

static int fatal;

static void note_fatal(void *arg, const struct rs_err *err)
{
    (void)arg;
    (void)err;
    fatal++;
}

static enum rs_status store_open(const char *dir, struct rs_blobs **ret, struct rs_err *err)
{
    return rs_blobs_open(&(struct rs_blobs_options){.data_dir = dir, .on_fatal = note_fatal}, ret,
                         err);
}

static enum rs_status append(struct rs_blobs *b, const char *id, const char *text,
                             struct rs_upload **ret, struct rs_err *err)
{
    struct rs_upload *u = NULL;
    enum rs_status s = rs_upload_open(b, REPO, OWNER, id, &u, err);
    if (s == RS_OK)
        s = rs_upload_append(u, text + rs_upload_size(u), strlen(text) - rs_upload_size(u), err);
    if (s == RS_OK)
        *ret = u;
    else
        rs_upload_close(u);
    return s;
}

/* A store, and the same one after a restart: it knows nothing that is not in its files. */
struct stores {
    struct rs_blobs *before;
    struct rs_blobs *after;
};

static void stores_open(struct stores *st, const char *dir)
{
    assert_int_equal(store_open(dir, &st->before, NULL), RS_OK);
    assert_int_equal(store_open(dir, &st->after, NULL), RS_OK);
}

static void stores_close(struct stores *st)
{
    rs_blobs_close(st->before);
    rs_blobs_close(st->after);
}

/* Half an upload, a restart, and the rest of it, under a digest that takes reading all of it. */
static enum rs_status live(const struct stores *st, const char *text, struct rs_upload_info *info,
                           struct rs_err *err)
{
    struct rs_upload *u = NULL;
    struct rs_upload_result result;
    enum rs_status s = rs_upload_start(st->before, REPO, OWNER, "sha256", info, err);
    if (s == RS_OK)
        s = append(st->before, info->id, FIRST, &u, err);
    if (s != RS_OK)
        return s;
    rs_upload_close(u);
    s = append(st->after, info->id, text, &u, err);
    if (s != RS_OK)
        return s;
    return rs_upload_commit(u, digest_of(RS_HASH_SHA512, text, strlen(text)), NULL, NULL, &result,
                            err);
}

/* What a client does that heard of an error: it goes on where its session is, or begins anew. */
static void try_again(struct rs_blobs *b, const char *text, const char *id)
{
    struct rs_upload_info info;
    struct rs_upload *u = NULL;
    struct rs_upload_result result;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_upload_get(b, REPO, OWNER, id, &info, NULL);
    if (s == RS_UPLOAD_UNKNOWN) {
        put_text(b, text);
        return;
    }
    assert_int_equal(s, RS_OK);
    assert_in_range(info.size, 0, strlen(text));
    s = append(b, id, text, &u, &err);
    if (s == RS_OK)
        s = rs_upload_commit(u, sha256_of(text), NULL, NULL, &result, &err);
    if (s != RS_OK)
        fail_msg("going on with the session: %s (%s)", err.message, err.log);
}

static void check_no_sessions(struct rs_blobs *b, void **state)
{
    uint64_t n = 0;
    assert_int_equal(rs_uploads_expire(b, INT64_MAX / 2, 0, &n, NULL), RS_OK);
    DIR *list = opendir(scratch_path(state, "uploads"));
    assert_non_null(list);
    for (const struct dirent *e; (e = readdir(list)) != NULL;)
        if (e->d_name[0] != '.')
            fail_msg("%s is left in uploads/", e->d_name);
    (void)closedir(list);
}

/* How often an upload failed of those in which one call after the other did. */
static int live_under(void **state, const struct fault *f)
{
    int errors = 0;
    struct stores st;
    stores_open(&st, *state);
    for (int n = 0; n < LIVES_MAX; n++) {
        char text[128];
        struct rs_upload_info info = {.id = ""};
        struct rs_err err = RS_ERR_INIT;
        (void)snprintf(text, sizeof(text), FIRST "%s, the %d-th", f->name, n);
        fault_at(f->calls, n, f->error);
        enum rs_status s = live(&st, text, &info, &err);
        bool was_hit = fault_count() > n;
        fault_at(f->calls, FAULT_NONE, f->error);
        if (s != RS_OK && (f->is_none || !was_hit))
            fail_msg("%s: %s (%s)", text, err.message, err.log);
        if (s != RS_OK && s != RS_IO && s != RS_NO_SPACE && s != RS_BUSY)
            fail_msg("%s: %s is not what happened (%s)", text, rs_status_name(s), err.log);
        errors += s != RS_OK;
        if (s != RS_OK)
            try_again(st.after, text, info.id);
        assert_int_equal(rs_blob_verify(st.after, sha256_of(text), NULL, NULL), RS_OK);
        check_no_sessions(st.after, state);
        if (!was_hit) {
            assert_true(n > 0); /* there were such calls */
            stores_close(&st);
            return errors;
        }
    }
    fail_msg("%s: there is no end to them", f->name);
    return errors;
}

static void an_upload_survives_any_call_that_fails(void **state)
{
    fatal = 0;
    for (size_t i = 0; i < RS_ARRAY_LEN(faults); i++) {
        int errors = live_under(state, &faults[i]);
        if (!faults[i].is_none)
            assert_true(errors > 0);
    }
    assert_int_equal(fatal, 0); /* nothing of this is a reason to stop */
}

/* A disk that stays full: nothing is acknowledged, and when there is room again all is well. */
static void what_lasts_is_told_each_time(void **state)
{
    struct stores st;
    stores_open(&st, *state);
    for (int round = 0; round < 3; round++) {
        struct rs_err err = RS_ERR_INIT;
        struct rs_upload_info info = {.id = ""};
        fault_from(FAULT_WRITE | FAULT_RENAME, round, ENOSPC);
        assert_int_equal(live(&st, FIRST "what lasts", &info, &err), RS_NO_SPACE);
        fault_at(FAULT_WRITE, FAULT_NONE, ENOSPC);
    }
    assert_int_equal(rs_blob_verify(st.after, sha256_of(FIRST "what lasts"), NULL, NULL),
                     RS_BLOB_UNKNOWN);
    put_text(st.after, FIRST "what lasts");
    stores_close(&st);
}

static void a_store_opens_whole_or_not_at_all(void **state)
{
    rs_blobs_close(blobs_open(*state));
    for (int n = 0;; n++) {
        struct rs_blobs *b = NULL;
        fault_at(FAULT_OPEN, n, EIO);
        enum rs_status s = store_open(*state, &b, NULL);
        bool was_hit = fault_count() > n;
        fault_at(FAULT_OPEN, FAULT_NONE, EIO);
        assert_int_equal(s, was_hit ? RS_IO : RS_OK);
        assert_int_equal(b == NULL, was_hit);
        rs_blobs_close(b);
        if (!was_hit)
            break;
    }
}

/* Opening and verifying a blob that is there and whole: an error is never "unknown" and never
 * "damaged", for that is what blobs are forgotten for. */
static void an_error_is_no_absence(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    const char *text = "there and whole";
    put_text(b, text);
    struct rs_arena arena;
    rs_arena_init(&arena, 65536);
    const struct rs_grant *grant =
        rs_grant_mint(&arena, OWNER, REPO, sha256_of(text), strlen(text));
    for (size_t i = 0; i < RS_ARRAY_LEN(faults); i++) {
        const struct fault *f = &faults[i];
        if ((f->calls & (FAULT_OPEN | FAULT_READ)) == 0)
            continue;
        for (int n = 0;; n++) {
            int fd = -1;
            uint64_t size = 0;
            fault_at(f->calls, n, f->error);
            enum rs_status opened = rs_blob_open(b, grant, &fd, &size, NULL);
            if (fd >= 0)
                (void)close(fd);
            enum rs_status verified = rs_blob_verify(b, sha256_of(text), NULL, NULL);
            bool was_hit = fault_count() > n;
            fault_at(f->calls, FAULT_NONE, f->error);
            for (int k = 0; k < 2; k++) {
                enum rs_status s = k == 0 ? opened : verified;
                if (s != RS_OK && s != RS_IO && s != RS_BUSY && s != RS_NO_SPACE)
                    fail_msg("%s, the %d-th: %s", f->name, n, rs_status_name(s));
            }
            assert_true(was_hit || (opened == RS_OK && verified == RS_OK));
            if (!was_hit)
                break;
        }
    }
    rs_arena_release(&arena);
    rs_blobs_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upload_survives_any_call_that_fails, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(what_lasts_is_told_each_time, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_store_opens_whole_or_not_at_all, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(an_error_is_no_absence, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
