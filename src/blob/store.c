#include "blob/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/text.h"
#include "blob/store_internal.h"

/* Sessions whose running hashes stay in memory between requests (about half a KiB each). */
#define RUNNING_IDLE_MAX 1024U
#define BUCKETS 256U

/* ---- open and close ---- */

/* Made if need be, and opened.  Negative errno on failure. */
static int directory(int at, const char *name)
{
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
        return -errno;
    return rs_blob_io_open_dir(at, name);
}

/*
 * All directories that blobs will ever lie in, durable before the first blob: a commit then has no
 * parents to care for, and two commits at once no parent that one of them made and the other took
 * for durable.  They are synced at every start, because an earlier start may have died between
 * making and syncing.
 */
static int directories_make(int data, int *ret_bucket_root, int *ret_uploads)
{
    int blobs = directory(data, "blobs");
    if (blobs < 0)
        return blobs;
    RS_AUTO_FD int blobs_fd = blobs;
    RS_AUTO_FD int root = directory(blobs_fd, "sha256");
    RS_AUTO_FD int uploads = directory(data, "uploads");
    if (root < 0 || uploads < 0)
        return root < 0 ? root : uploads;
    for (unsigned i = 0; i < BUCKETS; i++) {
        char name[3];
        rs_hex_encode(&(unsigned char){(unsigned char)i}, 1, name);
        if (mkdirat(root, name, 0700) != 0 && errno != EEXIST)
            return -errno;
    }
    if (!rs_failpoint("blob.skip_fsync_parents") &&
        (fsync(root) != 0 || fsync(blobs_fd) != 0 || fsync(data) != 0))
        return -errno;
    *ret_bucket_root = root;
    *ret_uploads = uploads;
    root = -1;
    uploads = -1;
    return 0;
}

enum rs_status rs_blobs_open(const struct rs_blobs_options *options, struct rs_blobs **ret,
                             struct rs_err *reterr)
{
    RS_AUTO_FD int data = open(options->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return rs_fail_errno(reterr, errno, "open the data directory");
    struct rs_blobs *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    b->bucket_root_fd = -1;
    b->uploads_fd = -1;
    b->on_fatal = options->on_fatal;
    b->on_fatal_arg = options->on_fatal_arg;
    int e = -directories_make(data, &b->bucket_root_fd, &b->uploads_fd);
    enum rs_status s = e == 0 ? RS_OK : rs_fail_errno(reterr, e, "make the blob directories");
    if (s == RS_OK)
        s = rs_running_new(RUNNING_IDLE_MAX, &b->running, reterr);
    if (s == RS_OK)
        s = rs_leases_new(options->lease_ms, 0, &b->leases, reterr);
    if (s == RS_OK)
        *ret = b;
    else
        rs_blobs_close(b);
    return s;
}

void rs_blobs_close(struct rs_blobs *blobs)
{
    if (blobs == NULL)
        return;
    if (blobs->bucket_root_fd >= 0)
        (void)close(blobs->bucket_root_fd); /* only read from */
    if (blobs->uploads_fd >= 0)
        (void)close(blobs->uploads_fd);
    rs_running_free(blobs->running);
    rs_leases_free(blobs->leases);
    free(blobs);
}

struct rs_leases *rs_blobs_leases(struct rs_blobs *blobs)
{
    return blobs->leases;
}

/* ---- reading ---- */

/* Where a blob lies, and its directory opened: the caller closes it. */
static enum rs_status bucket_open(struct rs_blobs *blobs, const char *digest,
                                  struct rs_blob_place *ret, int *ret_fd, struct rs_err *reterr)
{
    enum rs_status s = rs_blob_place_of(digest, ret, reterr);
    if (s != RS_OK)
        return s;
    int fd = rs_blob_io_open_dir(blobs->bucket_root_fd, ret->bucket);
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "open a blob directory");
    *ret_fd = fd;
    return RS_OK;
}

enum rs_status rs_blob_find(struct rs_blobs *blobs, const char *digest, int *ret_fd,
                            uint64_t *ret_size, struct rs_err *reterr)
{
    struct rs_blob_place place;
    RS_AUTO_FD int bucket = -1;
    enum rs_status s = bucket_open(blobs, digest, &place, &bucket, reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO_FD int fd = rs_blob_io_open_file(bucket, place.file, O_RDONLY);
    if (fd == -ENOENT)
        return rs_fail(reterr, RS_BLOB_UNKNOWN, NULL);
    if (fd == -ELOOP)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "open a blob");
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rs_fail_errno(reterr, errno, "look at a blob");
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd;
    fd = -1;
    return RS_OK;
}

enum rs_status rs_blob_open(struct rs_blobs *blobs, const struct rs_grant *grant, int *ret_fd,
                            uint64_t *ret_size, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = -1;
    uint64_t size = 0;
    enum rs_status s = rs_blob_find(blobs, rs_grant_digest(grant), &fd, &size, reterr);
    if (s != RS_OK)
        return s;
    if (size != rs_grant_size(grant)) {
        (void)rs_fail(reterr, RS_CORRUPT, NULL);
        (void)rs_err_log(reterr,
                         "blob %s has %llu bytes, the catalog says %llu; push it again to heal it",
                         rs_grant_digest(grant), (unsigned long long)size,
                         (unsigned long long)rs_grant_size(grant));
        return RS_CORRUPT;
    }
    *ret_fd = fd;
    *ret_size = size;
    fd = -1;
    return RS_OK;
}

enum rs_status rs_blob_verify(struct rs_blobs *blobs, const char *digest, uint64_t *ret_size,
                              struct rs_err *reterr)
{
    RS_AUTO_FD int fd = -1;
    RS_AUTO(rs_hasher) struct rs_hasher *hasher = NULL;
    uint64_t size = 0;
    char text[RS_HASH_TEXT_BYTES];
    enum rs_status s = rs_blob_find(blobs, digest, &fd, &size, reterr);
    if (s == RS_OK)
        s = rs_hasher_new(RS_HASH_SHA256, &hasher, reterr);
    if (s == RS_OK)
        s = rs_blob_io_hash(fd, hasher, &size, reterr);
    if (s == RS_OK)
        s = rs_hasher_final_text(hasher, text, reterr);
    if (s == RS_OK && ret_size != NULL)
        *ret_size = size;
    if (s == RS_OK && strcmp(text, digest) != 0)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    return s;
}

/* ---- the collector's and the checker's side ---- */

enum rs_status rs_blob_stamp(struct rs_blobs *blobs, const char *digest, struct rs_blob_stamp *ret,
                             struct rs_err *reterr)
{
    struct rs_blob_place place;
    struct stat st;
    RS_AUTO_FD int bucket = -1;
    enum rs_status s = bucket_open(blobs, digest, &place, &bucket, reterr);
    if (s != RS_OK)
        return s;
    *ret = (struct rs_blob_stamp){0};
    if (fstatat(bucket, place.file, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *ret = (struct rs_blob_stamp){.inode = st.st_ino,
                                      .changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 +
                                                    st.st_ctim.tv_nsec};
    else if (errno != ENOENT)
        return rs_fail_errno(reterr, errno, "look at a blob");
    return RS_OK;
}

enum rs_status rs_blob_delete(struct rs_blobs *blobs, const char *digest, struct rs_err *reterr)
{
    struct rs_blob_place place;
    RS_AUTO_FD int bucket = -1;
    enum rs_status s = rs_blob_io_check(blobs, reterr);
    if (s == RS_OK)
        s = bucket_open(blobs, digest, &place, &bucket, reterr);
    if (s != RS_OK)
        return s;
    if (unlinkat(bucket, place.file, 0) != 0 && errno != ENOENT)
        return rs_fail_errno(reterr, errno, "remove a blob");
    return RS_OK; /* a removal that a power cut undoes leaves a stray file: nothing to sync for */
}

/* False when the visitor has had enough. */
static enum rs_status bucket_each(int bucket_fd, const char *bucket, rs_blob_visit fn, void *arg,
                                  bool *ret_go_on, struct rs_err *reterr)
{
    DIR *list = fdopendir(bucket_fd);
    if (list == NULL) {
        int e = errno;
        (void)close(bucket_fd); /* only read */
        return rs_fail_errno(reterr, e, "list blobs");
    }
    int e = 0;
    while (*ret_go_on) {
        errno = 0;
        const struct dirent *entry = readdir(list); /* a stream of our own: thread-safe */
        e = errno;
        if (entry == NULL)
            break;
        char digest[72];
        struct rs_blob_place place;
        struct stat st;
        (void)snprintf(digest, sizeof(digest), "sha256:%.64s", entry->d_name);
        if (strlen(entry->d_name) != 64 || rs_blob_place_of(digest, &place, NULL) != RS_OK ||
            strcmp(place.bucket, bucket) != 0 ||
            fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue; /* no blob of ours */
        *ret_go_on = fn(digest, (uint64_t)st.st_size,
                        (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000, arg);
    }
    (void)closedir(list); /* only read */
    return e == 0 ? RS_OK : rs_fail_errno(reterr, e, "list blobs");
}

enum rs_status rs_blobs_each(struct rs_blobs *blobs, rs_blob_visit fn, void *arg,
                             struct rs_err *reterr)
{
    bool go_on = true;
    enum rs_status s = RS_OK;
    for (unsigned i = 0; s == RS_OK && go_on && i < BUCKETS; i++) {
        char bucket[3];
        rs_hex_encode(&(unsigned char){(unsigned char)i}, 1, bucket);
        int fd = rs_blob_io_open_dir(blobs->bucket_root_fd, bucket);
        s = fd < 0 ? rs_fail_errno(reterr, -fd, "open a blob directory")
                   : bucket_each(fd, bucket, fn, arg, &go_on, reterr);
    }
    return s;
}
