/*
 * The writer of an upload session, and how a finished one becomes a blob.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/failpoint.h"
#include "blob/store_internal.h"
#include "oci/digest.h"

#define UPLOAD_MAGIC 0x75706c64U
/* Begin to write back after so many bytes, while the next ones arrive: the sync at the end then
 * finds little left to do. */
#define WRITE_BACK_BYTES ((uint64_t)8 << 20)

struct rs_upload {
    uint32_t magic;
    struct rs_blobs *blobs;
    struct rs_running *running; /* taken: nobody else writes */
    struct rs_upload_info info; /* size: bytes in the file, all of them hashed */
    int dir_fd;
    int data_fd;
    uint64_t written_back; /* up to where write-back was begun */
};

static struct rs_upload *checked(struct rs_upload *u)
{
    rs_assert(u != NULL && u->magic == UPLOAD_MAGIC);
    return u;
}

/* ---- open and close ---- */

static enum rs_status hashers_new(struct rs_running *r, const char *algorithm,
                                  struct rs_err *reterr)
{
    enum rs_status s = rs_hasher_new(RS_HASH_SHA256, &r->sha256, reterr);
    if (s == RS_OK && strcmp(algorithm, "sha512") == 0)
        s = rs_hasher_new(RS_HASH_SHA512, &r->sha512, reterr);
    return s;
}

/* The running hashes of what the file holds: those in memory when they are of just that, else made
 * anew (after a restart, or when the table was too small, or when an error left them behind the
 * file). */
static enum rs_status hashes_restore(struct rs_upload *u, struct rs_err *reterr)
{
    struct rs_running *r = u->running;
    bool is_whole =
        r->sha256 != NULL && (r->sha512 != NULL) == (strcmp(u->info.algorithm, "sha512") == 0);
    if (is_whole && r->hashed_bytes == u->info.size)
        return RS_OK;
    rs_running_reset(r);
    enum rs_status s = hashers_new(r, u->info.algorithm, reterr);
    if (s == RS_OK && u->info.size > 0)
        s = rs_blob_io_hash(u->data_fd, r->sha256, &r->hashed_bytes, reterr);
    if (s == RS_OK && u->info.size > 0 && r->sha512 != NULL)
        s = rs_blob_io_hash(u->data_fd, r->sha512, &r->hashed_bytes, reterr);
    u->info.size = r->hashed_bytes;
    if (s != RS_OK)
        rs_running_reset(r);
    return s;
}

static enum rs_status files_open(struct rs_upload *u, const char *repository, int64_t principal_id,
                                 const char *id, struct rs_err *reterr)
{
    enum rs_status s =
        rs_session_load_own(u->blobs, repository, principal_id, id, &u->info, &u->dir_fd, reterr);
    if (s != RS_OK)
        return s;
    u->data_fd = rs_blob_io_open_file(u->dir_fd, "data", O_RDWR);
    if (u->data_fd < 0)
        return rs_fail_errno(reterr, -u->data_fd, "open an upload's data");
    u->written_back = u->info.size;
    return hashes_restore(u, reterr);
}

/* Everything but the session itself. */
static void writer_free(struct rs_upload *u)
{
    if (u->data_fd >= 0)
        (void)close(u->data_fd); /* what must be durable was synced before */
    if (u->dir_fd >= 0)
        (void)close(u->dir_fd);
    u->magic = 0;
    free(u);
}

enum rs_status rs_upload_open(struct rs_blobs *blobs, const char *repository, int64_t principal_id,
                              const char *id, struct rs_upload **ret, struct rs_err *reterr)
{
    /* Whose it is comes first: somebody else's session in use must look as unknown as one that does
     * not exist. */
    struct rs_upload_info info;
    enum rs_status s = rs_upload_get(blobs, repository, principal_id, id, &info, reterr);
    if (s == RS_OK)
        s = rs_blob_io_check(blobs, reterr);
    if (s != RS_OK)
        return s;
    struct rs_upload *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    u->magic = UPLOAD_MAGIC;
    u->blobs = blobs;
    u->dir_fd = -1;
    u->data_fd = -1;
    s = rs_running_take(blobs->running, id, &u->running, reterr);
    if (s == RS_OK) {
        s = files_open(u, repository, principal_id, id, reterr);
        if (s == RS_UPLOAD_UNKNOWN) /* finished or cancelled meanwhile */
            rs_running_drop(blobs->running, u->running);
        else if (s != RS_OK)
            rs_running_give(blobs->running, u->running);
    }
    if (s == RS_OK)
        *ret = u;
    else
        writer_free(u);
    return s;
}

uint64_t rs_upload_size(const struct rs_upload *u)
{
    return u->info.size;
}

void rs_upload_close(struct rs_upload *u)
{
    if (u == NULL)
        return;
    rs_running_give(checked(u)->blobs->running, u->running);
    writer_free(u);
}

/* ---- append ---- */

static enum rs_status hash(struct rs_running *r, const void *src, size_t n, struct rs_err *reterr)
{
    enum rs_status s = rs_hasher_update(r->sha256, src, n, reterr);
    if (s == RS_OK && r->sha512 != NULL)
        s = rs_hasher_update(r->sha512, src, n, reterr);
    if (s == RS_OK)
        r->hashed_bytes += n;
    else
        rs_running_reset(r);
    return s;
}

static void write_back(struct rs_upload *u)
{
    if (u->info.size - u->written_back < WRITE_BACK_BYTES)
        return;
    /* Only begins and does not wait, so it takes no error away from the fdatasync that counts. */
    (void)sync_file_range(u->data_fd, (off_t)u->written_back,
                          (off_t)(u->info.size - u->written_back), SYNC_FILE_RANGE_WRITE);
    u->written_back = u->info.size;
}

enum rs_status rs_upload_append(struct rs_upload *u, const void *src, size_t n,
                                struct rs_err *reterr)
{
    enum rs_status s = rs_blob_io_check(checked(u)->blobs, reterr);
    if (s == RS_OK && u->running->sha256 == NULL)
        return rs_fail(reterr, RS_INTERNAL, "an upload's writer was used after an error");
    for (const char *p = src; s == RS_OK && n > 0;) {
        ssize_t done = pwrite(u->data_fd, p, n, (off_t)u->info.size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return rs_fail_errno(reterr, done < 0 ? errno : ENOSPC, "write an upload");
        /* Hashed is exactly what was written: a full disk in the middle leaves a session that can
         * go on. */
        s = hash(u->running, p, (size_t)done, reterr);
        u->info.size += (uint64_t)done;
        p += done;
        n -= (size_t)done;
    }
    if (s == RS_OK)
        write_back(u);
    return s;
}

/* ---- commit ---- */

/* The digests of what was received: the canonical one, and the client's in its own algorithm. */
static enum rs_status digests_final(struct rs_upload *u, enum rs_digest_algorithm algorithm,
                                    struct rs_upload_result *ret, char named[RS_HASH_TEXT_BYTES],
                                    struct rs_err *reterr)
{
    struct rs_running *r = u->running;
    char canonical[RS_HASH_TEXT_BYTES];
    if (r->sha256 == NULL)
        return rs_fail(reterr, RS_INTERNAL, "an upload's writer was used after an error");
    enum rs_status s = rs_hasher_final_text(r->sha256, canonical, reterr);
    if (s == RS_OK && algorithm == RS_DIGEST_SHA512 &&
        r->sha512 == NULL) { /* announced at the end only: hash again */
        uint64_t size = 0;
        s = rs_hasher_new(RS_HASH_SHA512, &r->sha512, reterr);
        if (s == RS_OK)
            s = rs_blob_io_hash(u->data_fd, r->sha512, &size, reterr);
    }
    if (s == RS_OK && algorithm == RS_DIGEST_SHA512)
        s = rs_hasher_final_text(r->sha512, named, reterr);
    else if (s == RS_OK)
        (void)rs_text_copy(named, RS_HASH_TEXT_BYTES, canonical);
    rs_running_reset(r); /* a hash that was ended cannot go on */
    if (s == RS_OK) {
        (void)rs_text_copy(ret->digest, sizeof(ret->digest), canonical);
        (void)rs_text_copy(ret->alias, sizeof(ret->alias),
                           algorithm == RS_DIGEST_SHA512 ? named : "");
        ret->size = u->info.size;
    }
    return s;
}

/*
 * THE recipe: after it the blob is durable under its content address, whatever happens to the
 * power.  The order is the point:
 *   1. the bytes, before anything can find them under their name;
 *   2. the name, which replaces whatever was there: the same bytes, or a damaged file;
 *   3. the directory that has the name.  Its own name is durable since the store was opened.
 *
 * A sync that fails is never repeated: the kernel may have dropped the bytes and report success the
 * second time.
 */
static enum rs_status put_in_place(struct rs_upload *u, const char *digest, struct rs_err *reterr)
{
    struct rs_blob_place place;
    enum rs_status s = rs_blob_place_of(digest, &place, reterr);
    if (s != RS_OK)
        return s;
    int fd = rs_blob_io_open_dir(u->blobs->bucket_root_fd, place.bucket);
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "open a blob directory");
    RS_AUTO_FD int bucket = fd;

    if (!rs_failpoint("blob.skip_fdatasync") && fdatasync(u->data_fd) != 0)
        return rs_blob_io_fatal(u->blobs, errno, "fdatasync an upload", reterr);
    (void)rs_failpoint("blob.before_rename");
    if (renameat(u->dir_fd, "data", bucket, place.file) != 0)
        return rs_fail_errno(reterr, errno, "rename an upload to its blob");
    (void)rs_failpoint("blob.after_rename");
    if (!rs_failpoint("blob.skip_fsync_directory") && fsync(bucket) != 0)
        return rs_blob_io_fatal(u->blobs, errno, "fsync a blob directory", reterr);
    return RS_OK;
}

/* What was received, verified against what the client says it is. */
static enum rs_status verify(struct rs_upload *u, const char *digest, struct rs_upload_result *ret,
                             struct rs_err *reterr)
{
    struct rs_digest wanted;
    char named[RS_HASH_TEXT_BYTES] = "";
    enum rs_status s = rs_blob_io_check(u->blobs, reterr);
    if (s != RS_OK)
        return s;
    if (!rs_digest_parse(rs_str_of(digest), &wanted))
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "this is no digest that the registry knows: sha256:<hex> or sha512:<hex>");
    s = digests_final(u, wanted.algorithm, ret, named, reterr);
    if (s == RS_OK && strcmp(named, wanted.text) != 0)
        s = rs_fail(reterr, RS_DIGEST_INVALID,
                    "the %llu bytes that were uploaded have the digest %s",
                    (unsigned long long)ret->size, named);
    return s;
}

enum rs_status rs_upload_commit(struct rs_upload *u, const char *digest, rs_upload_record record,
                                void *arg, struct rs_upload_result *ret, struct rs_err *reterr)
{
    struct rs_blobs *blobs = checked(u)->blobs;
    struct rs_upload_result stored = {0};
    enum rs_status s = verify(u, digest, &stored, reterr);
    bool is_over = s == RS_DIGEST_INVALID;
    if (s == RS_OK) {
        struct rs_lease_pin pin;
        rs_leases_pin(blobs->leases, stored.digest, &pin);
        s = put_in_place(u, stored.digest, reterr);
        is_over = s == RS_OK;
        if (s == RS_OK && record != NULL)
            s = record(&stored, arg, reterr);
        rs_leases_unpin(blobs->leases, &pin);
    }
    if (is_over) {
        rs_session_remove(blobs, u->info.id);
        rs_running_drop(blobs->running, u->running);
    } else {
        rs_running_give(blobs->running, u->running);
    }
    if (s == RS_OK)
        *ret = stored;
    writer_free(u);
    return s;
}
