#include "blobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "base/clock.h"
#include "blob/lease.h"

/* ---- helpers ---- */

static void start(struct rs_blobs *b, const char *algorithm, struct rs_upload_info *ret)
{
    assert_int_equal(rs_upload_start(b, REPO, OWNER, algorithm, ret, NULL), RS_OK);
}

static struct rs_upload *writer(struct rs_blobs *b, const char *id)
{
    struct rs_upload *u = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_upload_open(b, REPO, OWNER, id, &u, &err) != RS_OK)
        fail_msg("rs_upload_open: %s (%s)", err.message, err.log);
    return u;
}

static void append_text(struct rs_blobs *b, const char *id, const char *text)
{
    struct rs_upload *u = writer(b, id);
    assert_int_equal(rs_upload_append(u, text, strlen(text), NULL), RS_OK);
    rs_upload_close(u);
}

static uint64_t size_of(struct rs_blobs *b, const char *id)
{
    struct rs_upload_info info;
    assert_int_equal(rs_upload_get(b, REPO, OWNER, id, &info, NULL), RS_OK);
    return info.size;
}

static enum rs_status finish(struct rs_blobs *b, const char *id, const char *digest,
                             struct rs_upload_result *ret)
{
    return rs_upload_commit(writer(b, id), digest, NULL, NULL, ret, NULL);
}

/* Names in a directory, "." and ".." not counted. */
static unsigned count_names(const char *path)
{
    unsigned n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    assert_int_equal(closedir(d), 0);
    return n;
}

/* ---- whole uploads ---- */

static void chunks_become_a_blob(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    start(b, "sha256", &info);
    assert_int_equal(strlen(info.id), 32);
    assert_int_equal(size_of(b, info.id), 0);
    append_text(b, info.id, "hello");
    assert_int_equal(size_of(b, info.id), 5);
    append_text(b, info.id, "");
    append_text(b, info.id, ", world");
    struct rs_upload_result result;
    assert_int_equal(finish(b, info.id, sha256_of("hello, world"), &result), RS_OK);
    assert_string_equal(result.digest, sha256_of("hello, world"));
    assert_string_equal(result.alias, "");
    assert_int_equal(result.size, 12);
    assert_int_equal(rs_blob_verify(b, result.digest, NULL, NULL), RS_OK);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &info, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(count_names(scratch_path(state, "uploads")), 0);
    rs_blobs_close(b);
}

static void the_empty_blob_is_a_blob(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_result result;
    assert_int_equal(upload_text(b, "", sha256_of(""), &result), RS_OK);
    assert_int_equal(result.size, 0);
    assert_int_equal(rs_blob_verify(b, sha256_of(""), NULL, NULL), RS_OK);
    rs_blobs_close(b);
}

/* Announced at the start, only at the end, or announced and not used after all. */
static void sha512_is_an_alias(void **state)
{
    static const struct {
        const char *announced;
        bool uses_sha512;
    } rows[] = {{"sha512", true}, {"sha256", true}, {"sha512", false}};
    struct rs_blobs *b = blobs_open(*state);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rs_upload_info info;
        struct rs_upload_result result;
        start(b, rows[i].announced, &info);
        append_text(b, info.id, "some ");
        append_text(b, info.id, "bytes");
        const char *sha512 = digest_of(RS_HASH_SHA512, "some bytes", 10);
        assert_int_equal(
            finish(b, info.id, rows[i].uses_sha512 ? sha512 : sha256_of("some bytes"), &result),
            RS_OK);
        assert_string_equal(result.digest, sha256_of("some bytes"));
        assert_string_equal(result.alias, rows[i].uses_sha512 ? sha512 : "");
    }
    rs_blobs_close(b);
}

static void wrong_digests_leave_nothing(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    const char *bad[] = {sha256_of("other bytes"), digest_of(RS_HASH_SHA512, "other bytes", 11),
                         "sha256:abc", "md5:00", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rs_upload_result result = {.size = 99};
        assert_int_equal(upload_text(b, "these bytes", bad[i], &result), RS_DIGEST_INVALID);
        assert_int_equal(result.size, 99); /* untouched */
        assert_int_equal(count_names(scratch_path(state, "uploads")), 0);
    }
    assert_int_equal(rs_blob_verify(b, sha256_of("these bytes"), NULL, NULL), RS_BLOB_UNKNOWN);
    rs_blobs_close(b);
}

/* ---- the catalog's part ---- */

struct recording {
    struct rs_blobs *blobs;
    char digest[72];
    unsigned calls;
    enum rs_status result;
};

static enum rs_status note_record(const struct rs_upload_result *stored, void *arg,
                                  struct rs_err *reterr)
{
    struct recording *r = arg;
    r->calls++;
    (void)snprintf(r->digest, sizeof(r->digest), "%s", stored->digest);
    assert_int_equal(rs_blob_verify(r->blobs, stored->digest, NULL, NULL),
                     RS_OK); /* in place before it is recorded */
    assert_false(rs_leases_collect_begin(rs_blobs_leases(r->blobs), stored->digest));
    return r->result == RS_OK ? RS_OK : rs_fail(reterr, r->result, "told to fail");
}

static void a_blob_is_recorded_when_it_is_in_place(void **state)
{
    static const enum rs_status results[] = {RS_OK, RS_BUSY, RS_NO_SPACE};
    struct rs_blobs *b = blobs_open(*state);
    rs_leases_unpause(rs_blobs_leases(b));
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct recording r = {.blobs = b, .result = results[i]};
        struct rs_upload_info info;
        struct rs_upload_result result = {0};
        char text[32];
        (void)snprintf(text, sizeof(text), "recorded %zu", i);
        start(b, "sha256", &info);
        append_text(b, info.id, text);
        assert_int_equal(
            rs_upload_commit(writer(b, info.id), sha256_of(text), note_record, &r, &result, NULL),
            results[i]);
        assert_int_equal(r.calls, 1);
        assert_string_equal(r.digest, sha256_of(text));
        assert_int_equal(result.size, results[i] == RS_OK ? strlen(text) : 0);
        assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &info, NULL), RS_UPLOAD_UNKNOWN);
        assert_false(
            rs_leases_collect_begin(rs_blobs_leases(b), sha256_of(text))); /* a lease is left */
    }
    struct recording r = {.blobs = b};
    struct rs_upload_result result;
    struct rs_upload_info info;
    start(b, "sha256", &info);
    append_text(b, info.id, "these bytes");
    assert_int_equal(
        rs_upload_commit(writer(b, info.id), sha256_of("others"), note_record, &r, &result, NULL),
        RS_DIGEST_INVALID);
    assert_int_equal(r.calls, 0);
    rs_blobs_close(b);
}

/* ---- whose session it is ---- */

static void a_session_belongs_to_repository_and_principal(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    struct rs_upload_info got;
    struct rs_upload *u = NULL;
    start(b, "sha256", &info);
    struct rs_upload *mine = writer(b, info.id); /* in use, which nobody else may notice */
    const struct {
        const char *repository;
        int64_t principal;
        const char *id;
    } rows[] = {
        {"team/other", OWNER, info.id},
        {REPO, OWNER + 1, info.id},
        {REPO, 0, info.id},
        {REPO, OWNER, "00000000000000000000000000000000"},
        {REPO, OWNER, ""},
        {REPO, OWNER, "."},
        {REPO, OWNER, ".."},
        {REPO, OWNER, "../uploads"},
        {REPO, OWNER, "0000000000000000000000000000000G"},
        {REPO, OWNER, "0000000000000000000000000000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            rs_upload_get(b, rows[i].repository, rows[i].principal, rows[i].id, &got, NULL),
            RS_UPLOAD_UNKNOWN);
        assert_int_equal(
            rs_upload_open(b, rows[i].repository, rows[i].principal, rows[i].id, &u, NULL),
            RS_UPLOAD_UNKNOWN);
        assert_int_equal(
            rs_upload_cancel(b, rows[i].repository, rows[i].principal, rows[i].id, NULL),
            RS_UPLOAD_UNKNOWN);
    }
    rs_upload_close(mine);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL), RS_OK);
    assert_string_equal(got.repository, REPO);
    assert_true(got.principal_id == OWNER);
    assert_string_equal(got.algorithm, "sha256");
    rs_blobs_close(b);
}

static void one_writer_at_a_time(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    struct rs_upload *second = NULL;
    start(b, "sha256", &info);
    struct rs_upload *first = writer(b, info.id);
    assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &second, NULL), RS_CONFLICT);
    assert_int_equal(rs_upload_cancel(b, REPO, OWNER, info.id, NULL), RS_CONFLICT);
    assert_int_equal(rs_upload_append(first, "x", 1, NULL), RS_OK);
    rs_upload_close(first);
    second = writer(b, info.id);
    assert_int_equal(rs_upload_size(second), 1);
    rs_upload_close(second);
    assert_int_equal(rs_upload_cancel(b, REPO, OWNER, info.id, NULL), RS_OK);
    assert_int_equal(rs_upload_cancel(b, REPO, OWNER, info.id, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(count_names(scratch_path(state, "uploads")), 0);
    rs_upload_close(NULL);
    rs_blobs_close(b);
}

/* ---- going on ---- */

static void sessions_survive_a_restart(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info a;
    struct rs_upload_info c;
    start(b, "sha256", &a);
    start(b, "sha512", &c);
    append_text(b, a.id, "before ");
    append_text(b, c.id, "before ");
    rs_blobs_close(b);
    b = blobs_open(*state);
    assert_int_equal(size_of(b, a.id), 7);
    append_text(b, a.id, "after");
    append_text(b, c.id, "after");
    struct rs_upload_result result;
    assert_int_equal(finish(b, a.id, sha256_of("before after"), &result), RS_OK);
    assert_int_equal(finish(b, c.id, digest_of(RS_HASH_SHA512, "before after", 12), &result),
                     RS_OK);
    rs_blobs_close(b);
}

/* More sessions than the table of running hashes remembers: those that fell out are hashed anew. */
static void many_sessions_at_once(void **state)
{
    enum { N = 1100 };
    static struct rs_upload_info infos[N];
    struct rs_blobs *b = blobs_open(*state);
    char text[32];
    for (int i = 0; i < N; i++) {
        (void)snprintf(text, sizeof(text), "first %d ", i);
        start(b, "sha256", &infos[i]);
        append_text(b, infos[i].id, text);
    }
    for (int i = 0; i < N; i += 50) { /* each commit waits for the disk */
        struct rs_upload_result result;
        append_text(b, infos[i].id, "second");
        (void)snprintf(text, sizeof(text), "first %d second", i);
        assert_int_equal(finish(b, infos[i].id, sha256_of(text), &result), RS_OK);
    }
    rs_blobs_close(b);
}

static const char *session_file(void **state, const char *id, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "uploads/%s/%s", id, name);
    return scratch_path(state, path);
}

/* Bytes from the disk are input: a session that is not whole is unknown, never a crash and never
 * somebody else's. */
static void damaged_sessions_are_unknown(void **state)
{
    static const char *const sessions[] = {
        "",
        "roadstead upload 1",
        "roadstead upload 1\n",
        "roadstead upload 1\nteam/app\n7\nsha256\n",
        "roadstead upload 1\nteam/app\n7\nsha256\n12",
        "roadstead upload 1\nteam/app\n7\nsha256\n12\nmore\n",
        "roadstead upload 1\nteam/app\n-7\nsha256\n12\n",
        "roadstead upload 1\nteam/app\n99999999999999999999\nsha256\n12\n",
        "roadstead upload 1\nteam/app\n7\nmd5\n12\n",
        "roadstead upload 1\nteam/app\n7\nsha25666666666666666666666\n12\n",
        "roadstead upload 1\n\n7\nsha256\n12\n",
        "roadstead upload 2\nteam/app\n7\nsha256\n12\n",
    };
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    struct rs_upload_info got;
    struct rs_upload *u = NULL;
    start(b, "sha256", &info);
    for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        file_write(session_file(state, info.id, "session"), sessions[i]);
        assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL), RS_UPLOAD_UNKNOWN);
        assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &u, NULL), RS_UPLOAD_UNKNOWN);
    }
    file_write(session_file(state, info.id, "session"),
               "roadstead upload 1\nteam/app\n7\nsha256\n12\n");
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL),
                     RS_OK); /* the table above fails for its reasons */
    assert_int_equal(unlink(session_file(state, info.id, "data")), 0);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(symlink("/etc/hostname", session_file(state, info.id, "data")), 0);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(rs_upload_open(b, REPO, OWNER, info.id, &u, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(unlink(session_file(state, info.id, "session")), 0);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, info.id, &got, NULL), RS_UPLOAD_UNKNOWN);
    assert_null(u);
    rs_blobs_close(b);
}

/* Data that changed behind our back is never stored under a digest that it does not have. */
static void data_changed_behind_our_back_is_noticed(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    struct rs_upload_result result;
    start(b, "sha256", &info);
    append_text(b, info.id, "hello");
    file_write(session_file(state, info.id, "data"), "hell"); /* a power cut took the end */
    assert_int_equal(size_of(b, info.id), 4);
    append_text(b, info.id, "o");
    assert_int_equal(finish(b, info.id, sha256_of("hello"), &result), RS_OK);
    assert_int_equal(rs_blob_verify(b, sha256_of("hello"), NULL, NULL), RS_OK);
    rs_blobs_close(b);
    b = blobs_open(*state);
    start(b, "sha256", &info);
    append_text(b, info.id, "hello");
    rs_blobs_close(b);
    file_write(session_file(state, info.id, "data"), "jello"); /* or left rubbish in it */
    b = blobs_open(*state);
    assert_int_equal(finish(b, info.id, sha256_of("hello"), &result), RS_DIGEST_INVALID);
    rs_blobs_close(b);
}

/* ---- expiry ---- */

static void old_sessions_expire(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info old;
    struct rs_upload_info used;
    struct rs_upload_info info;
    uint64_t n = 99;
    int64_t now = rs_clock_unix_ms();
    start(b, "sha256", &old);
    start(b, "sha256", &used);
    struct rs_upload *u = writer(b, used.id);
    assert_int_equal(mkdir(scratch_path(state, "uploads/0123456789abcdef0123456789abcdef"), 0700),
                     0); /* a torn start */
    assert_int_equal(mkdir(scratch_path(state, "uploads/not-ours"), 0700), 0);
    assert_int_equal(rs_uploads_expire(b, now, 3600000, &n, NULL), RS_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rs_uploads_expire(b, now + 7200000, 3600000, &n, NULL), RS_OK);
    assert_int_equal(n, 2);
    assert_int_equal(rs_upload_get(b, REPO, OWNER, old.id, &info, NULL), RS_UPLOAD_UNKNOWN);
    assert_int_equal(rs_upload_append(u, "x", 1, NULL),
                     RS_OK); /* in use: not old, whatever the clock says */
    rs_upload_close(u);
    assert_int_equal(rs_uploads_expire(b, now + 7200000, 3600000, &n, NULL), RS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(count_names(scratch_path(state, "uploads")), 1);
    rs_blobs_close(b);
}

/* A session that is just being made has no facts yet, so its directory tells its age: to the
 * millisecond, or the shortest expiry takes it away under its maker. */
static void a_session_in_the_making_is_as_young_as_its_directory(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    const char *path = scratch_path(state, "uploads/0123456789abcdef0123456789abcdef");
    const struct timespec made = {.tv_sec = 1700000000, .tv_nsec = 900000000};
    const int64_t made_ms = INT64_C(1700000000900);
    uint64_t n = 99;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){made, made}, 0), 0);
    assert_int_equal(rs_uploads_expire(b, made_ms + 999, 1000, &n, NULL), RS_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rs_uploads_expire(b, made_ms + 1000, 1000, &n, NULL), RS_OK);
    assert_int_equal(n, 1);
    rs_blobs_close(b);
}

/* ---- at once ---- */

enum { THREADS = 64 };

struct pusher {
    struct rs_blobs *blobs;
    pthread_barrier_t *start;
    enum rs_status result;
};

static const char shared_text[] = "the bytes that everybody pushes";

static void *pusher_main(void *arg)
{
    struct pusher *p = arg;
    struct rs_upload_result result;
    (void)pthread_barrier_wait(p->start);
    p->result = upload_text(p->blobs, shared_text, sha256_of(shared_text), &result);
    return NULL;
}

static void the_same_blob_64_times_at_once(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    pthread_barrier_t barrier;
    pthread_t threads[THREADS];
    struct pusher pushers[THREADS];
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        pushers[i] = (struct pusher){.blobs = b, .start = &barrier, .result = RS_INTERNAL};
        assert_int_equal(pthread_create(&threads[i], NULL, pusher_main, &pushers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(pushers[i].result, RS_OK);
    }
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
    assert_int_equal(rs_blob_verify(b, sha256_of(shared_text), NULL, NULL), RS_OK);
    assert_int_equal(count_names(scratch_path(state, "uploads")), 0);
    rs_blobs_close(b);
}

struct rival {
    struct rs_blobs *blobs;
    const char *id;
    _Atomic unsigned *conflicts;
};

static void *rival_main(void *arg)
{
    struct rival *r = arg;
    for (int i = 0; i < 200; i++) {
        struct rs_upload *u = NULL;
        enum rs_status s = rs_upload_open(r->blobs, REPO, OWNER, r->id, &u, NULL);
        assert_true(s == RS_OK || s == RS_CONFLICT);
        if (s == RS_OK) {
            assert_int_equal(rs_upload_append(u, "ab", 2, NULL), RS_OK);
            rs_upload_close(u);
        } else {
            atomic_fetch_add(r->conflicts, 1);
        }
    }
    return NULL;
}

/* Writers on one session: every append is whole, and the hash is of just what is there. */
static void rivals_on_one_session(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_upload_info info;
    struct rs_upload_result result;
    _Atomic unsigned conflicts = 0;
    start(b, "sha256", &info);
    struct rival rival = {.blobs = b, .id = info.id, .conflicts = &conflicts};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rival_main, &rival), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    size_t n = 2 * (8 * 200 - atomic_load(&conflicts));
    char *expected = malloc(n + 1);
    assert_non_null(expected);
    for (size_t i = 0; i < n; i++)
        expected[i] = i % 2 == 0 ? 'a' : 'b';
    assert_int_equal(size_of(b, info.id), n);
    assert_int_equal(finish(b, info.id, digest_of(RS_HASH_SHA256, expected, n), &result), RS_OK);
    free(expected);
    rs_blobs_close(b);
}

/* ---- no space ---- */

static void a_full_disk_leaves_the_session_usable(void **state)
{
    const char *mount = scratch_path(state, "small");
    if (!scratch_mount(mount, (size_t)4 << 20))
        skip();
    char ballast[4200];
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", mount);
    struct rs_blobs *b = blobs_open(mount);
    static char block[1 << 20];
    memset(block, 'x', sizeof(block));
    FILE *f = fopen(ballast, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(block, 1, sizeof(block), f), sizeof(block));
    assert_int_equal(fclose(f), 0);

    struct rs_upload_info info;
    start(b, "sha256", &info);
    struct rs_upload *u = writer(b, info.id);
    enum rs_status s = RS_OK;
    for (int i = 0; s == RS_OK && i < 8; i++)
        s = rs_upload_append(u, block, sizeof(block), NULL);
    assert_int_equal(s, RS_NO_SPACE);
    rs_upload_close(u);
    uint64_t size = size_of(b, info.id);
    assert_true(size > 0 && size < sizeof(block) * 4);

    struct rs_upload_info other;
    s = rs_upload_start(b, REPO, OWNER, "sha256", &other, NULL); /* no room for a session file */
    assert_true(s == RS_NO_SPACE || s == RS_OK);
    if (s == RS_OK)
        assert_int_equal(rs_upload_cancel(b, REPO, OWNER, other.id, NULL), RS_OK);

    assert_int_equal(unlink(ballast), 0);
    u = writer(b, info.id);
    assert_true(rs_upload_size(u) == size);
    assert_int_equal(rs_upload_append(u, block, 1000, NULL), RS_OK);
    char *whole = malloc((size_t)size + 1000);
    assert_non_null(whole);
    memset(whole, 'x', (size_t)size + 1000);
    struct rs_upload_result result;
    assert_int_equal(rs_upload_commit(u, digest_of(RS_HASH_SHA256, whole, (size_t)size + 1000),
                                      NULL, NULL, &result, NULL),
                     RS_OK);
    free(whole);
    rs_blobs_close(b);
    scratch_umount(mount);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chunks_become_a_blob),
        TEST(the_empty_blob_is_a_blob),
        TEST(sha512_is_an_alias),
        TEST(wrong_digests_leave_nothing),
        TEST(a_blob_is_recorded_when_it_is_in_place),
        TEST(a_session_belongs_to_repository_and_principal),
        TEST(one_writer_at_a_time),
        TEST(sessions_survive_a_restart),
        TEST(many_sessions_at_once),
        TEST(damaged_sessions_are_unknown),
        TEST(data_changed_behind_our_back_is_noticed),
        TEST(old_sessions_expire),
        TEST(a_session_in_the_making_is_as_young_as_its_directory),
        TEST(the_same_blob_64_times_at_once),
        TEST(rivals_on_one_session),
        TEST(a_full_disk_leaves_the_session_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
