#include "blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "blob/grant_mint.h"

/* A grant as the resolver would give it. */
static enum rs_status open_granted(struct rs_blobs *b, const char *digest, uint64_t size,
                                   int *ret_fd, struct rs_err *err)
{
    struct rs_arena arena;
    uint64_t got = 0;
    rs_arena_init(&arena, 4096);
    const struct rs_grant *g = rs_grant_mint(&arena, OWNER, REPO, digest, size);
    assert_non_null(g);
    *ret_fd = -1;
    enum rs_status s = rs_blob_open(b, g, ret_fd, &got, err);
    if (s == RS_OK)
        assert_true(got == size);
    rs_arena_release(&arena);
    return s;
}

static void a_store_is_made_and_found_again(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    put_text(b, "kept");
    rs_blobs_close(b);
    b = blobs_open(*state);
    uint64_t size = 0;
    assert_int_equal(rs_blob_verify(b, sha256_of("kept"), &size, NULL), RS_OK);
    assert_int_equal(size, 4);
    struct stat st;
    assert_int_equal(stat(blob_file(*state, sha256_of("kept")), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    rs_blobs_close(b);
}

static void no_directory_is_told(void **state)
{
    struct rs_blobs *b = NULL;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(
        rs_blobs_open(&(struct rs_blobs_options){.data_dir = scratch_path(state, "none")}, &b,
                      &err),
        RS_NOT_FOUND);
    err = (struct rs_err)RS_ERR_INIT;
    file_write(scratch_path(state, "blobs"), "in the way");
    assert_int_equal(rs_blobs_open(&(struct rs_blobs_options){.data_dir = *state}, &b, &err),
                     RS_IO);
    assert_null(b);
    assert_null(strstr(err.message, "blobs")); /* paths are for the log */
    rs_blobs_close(NULL);
}

static void a_granted_blob_is_opened(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    put_text(b, "hello");
    int fd = -1;
    assert_int_equal(open_granted(b, sha256_of("hello"), 5, &fd, NULL), RS_OK);
    char text[16] = "";
    assert_int_equal(read(fd, text, sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(write(fd, "x", 1), -1); /* read-only */
    assert_int_equal(close(fd), 0);
    rs_blobs_close(b);
}

static void what_is_not_as_it_should_be_is_not_opened(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    struct rs_err err = RS_ERR_INIT;
    int fd = -1;
    put_text(b, "hello");
    put_text(b, "link");
    put_text(b, "fifo");
    assert_int_equal(open_granted(b, sha256_of("never pushed"), 5, &fd, &err), RS_BLOB_UNKNOWN);
    err = (struct rs_err)RS_ERR_INIT;
    assert_int_equal(open_granted(b, sha256_of("hello"), 6, &fd, &err),
                     RS_CORRUPT); /* torn, says the catalog */
    assert_non_null(strstr(err.log, "heal"));
    assert_int_equal(unlink(blob_file(*state, sha256_of("link"))), 0);
    assert_int_equal(symlink("/etc/hostname", blob_file(*state, sha256_of("link"))), 0);
    assert_int_equal(open_granted(b, sha256_of("link"), 4, &fd, NULL), RS_CORRUPT);
    assert_int_equal(unlink(blob_file(*state, sha256_of("fifo"))), 0);
    assert_int_equal(mkfifo(blob_file(*state, sha256_of("fifo")), 0600), 0);
    assert_int_equal(open_granted(b, sha256_of("fifo"), 4, &fd, NULL),
                     RS_CORRUPT); /* and does not wait for a writer */
    assert_int_equal(fd, -1);
    rs_blobs_close(b);
}

/* Only canonical digests ever become a path. */
static void digests_are_checked(void **state)
{
    static const char *const bad[] = {
        "",
        "sha256:",
        "sha256:../../../../../../../../../../../../../../../../../../../../../etc/passwd",
        "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/a",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    };
    struct rs_blobs *b = blobs_open(*state);
    int fd = -1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(rs_blob_verify(b, bad[i], NULL, NULL), RS_DIGEST_INVALID);
        assert_int_equal(rs_blob_delete(b, bad[i], NULL), RS_DIGEST_INVALID);
        assert_int_equal(open_granted(b, bad[i], 1, &fd, NULL), RS_DIGEST_INVALID);
    }
    const char *sha512 = digest_of(RS_HASH_SHA512, "x", 1);
    assert_int_equal(rs_blob_verify(b, sha512, NULL, NULL),
                     RS_DIGEST_INVALID); /* canonical is sha256 */
    rs_blobs_close(b);
}

static void damage_is_found(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    const char *digest = sha256_of("hello");
    put_text(b, "hello");
    assert_int_equal(rs_blob_verify(b, digest, NULL, NULL), RS_OK);
    file_write(blob_file(*state, digest), "jello");
    assert_int_equal(rs_blob_verify(b, digest, NULL, NULL), RS_CORRUPT);
    file_write(blob_file(*state, digest), "hell");
    uint64_t size = 0;
    assert_int_equal(rs_blob_verify(b, digest, &size, NULL), RS_CORRUPT);
    assert_int_equal(size, 4);
    assert_int_equal(unlink(blob_file(*state, digest)), 0);
    assert_int_equal(rs_blob_verify(b, digest, NULL, NULL), RS_BLOB_UNKNOWN);
    rs_blobs_close(b);
}

/* Pushing a damaged blob again heals it; who reads the old file meanwhile reads it to its end. */
static void a_damaged_blob_is_healed_by_its_next_push(void **state)
{
    struct rs_blobs *b = blobs_open(*state);
    const char *digest = sha256_of("hello");
    put_text(b, "hello");
    int old = -1;
    assert_int_equal(open_granted(b, digest, 5, &old, NULL), RS_OK);
    file_write(blob_file(*state, digest),
               "jello"); /* of the right size: nobody sees it by looking */
    put_text(b, "hello");
    assert_int_equal(rs_blob_verify(b, digest, NULL, NULL), RS_OK);
    char text[16] = "";
    assert_int_equal(read(old, text, sizeof(text)), 5);
    assert_string_equal(text, "jello");
    assert_int_equal(close(old), 0);
    rs_blobs_close(b);
}

struct seen {
    unsigned n;
    uint64_t bytes;
    unsigned stop_after;
};

static bool see(const char *digest, uint64_t size, int64_t mtime_ms, void *arg)
{
    struct seen *seen = arg;
    assert_int_equal(strlen(digest), 71);
    assert_true(mtime_ms > 0);
    seen->n++;
    seen->bytes += size;
    return seen->n != seen->stop_after;
}

static void blobs_are_listed_and_deleted(void **state)
{
    enum { N = 64 };
    struct rs_blobs *b = blobs_open(*state);
    char text[32];
    for (int i = 0; i < N; i++) {
        (void)snprintf(text, sizeof(text), "blob %03d", i);
        put_text(b, text);
    }
    file_write(scratch_path(state, "blobs/sha256/00/stray"), "no blob of ours");
    struct seen seen = {0};
    assert_int_equal(rs_blobs_each(b, see, &seen, NULL), RS_OK);
    assert_int_equal(seen.n, N);
    assert_int_equal(seen.bytes, N * 8);
    seen = (struct seen){.stop_after = 10};
    assert_int_equal(rs_blobs_each(b, see, &seen, NULL), RS_OK);
    assert_int_equal(seen.n, 10);
    for (int i = 0; i < N; i += 2) {
        (void)snprintf(text, sizeof(text), "blob %03d", i);
        assert_int_equal(rs_blob_delete(b, sha256_of(text), NULL), RS_OK);
        assert_int_equal(rs_blob_delete(b, sha256_of(text), NULL), RS_OK); /* missing is fine */
    }
    seen = (struct seen){0};
    assert_int_equal(rs_blobs_each(b, see, &seen, NULL), RS_OK);
    assert_int_equal(seen.n, N / 2);
    rs_blobs_close(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_is_made_and_found_again),
        TEST(no_directory_is_told),
        TEST(a_granted_blob_is_opened),
        TEST(what_is_not_as_it_should_be_is_not_opened),
        TEST(digests_are_checked),
        TEST(damage_is_found),
        TEST(a_damaged_blob_is_healed_by_its_next_push),
        TEST(blobs_are_listed_and_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
