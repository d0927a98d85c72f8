#include "blob/copy.h"

#include "blob/store_internal.h"

#define BLOCK_BYTES ((size_t)262144)

/* RS_OK with *ret_fd -1 when it is not there. */
static enum rs_status place_open(struct rs_blobs *blobs, const char *digest, int *ret_fd,
                                 uint64_t *ret_size, struct rs_err *reterr)
{
    struct rs_err err = RS_ERR_INIT;
    *ret_fd = -1;
    enum rs_status s = rs_blob_find(blobs, digest, ret_fd, ret_size, &err);
    if (s == RS_BLOB_UNKNOWN)
        return RS_OK;
    if (s != RS_OK && reterr != NULL)
        *reterr = err;
    return s;
}

static enum rs_status bytes_copy(int fd, struct rs_upload *u, struct rs_err *reterr)
{
    RS_AUTO_FREE char *block = malloc(BLOCK_BYTES);
    if (block == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (uint64_t at = 0;;) {
        ssize_t n = rs_blob_io_read(fd, block, BLOCK_BYTES, at);
        if (n < 0)
            return rs_fail_errno(reterr, (int)-n, "read a blob");
        if (n == 0)
            return RS_OK;
        enum rs_status s = rs_upload_append(u, block, (size_t)n, reterr);
        if (s != RS_OK)
            return s;
        at += (uint64_t)n;
    }
}

/* Through an upload session of the target: verified, and in place durably. */
static enum rs_status upload(int fd, struct rs_blobs *to, const char *digest, struct rs_err *reterr)
{
    struct rs_upload_info session;
    struct rs_upload_result result;
    struct rs_upload *u = NULL;
    enum rs_status s = rs_upload_start(to, "backup", 0, "sha256", &session, reterr);
    if (s != RS_OK)
        return s;
    s = rs_upload_open(to, session.repository, 0, session.id, &u, reterr);
    if (s == RS_OK)
        s = bytes_copy(fd, u, reterr);
    if (s == RS_OK)
        return rs_upload_commit(u, digest, NULL, NULL, &result, reterr);
    rs_upload_close(u);
    enum rs_status cancelled = rs_upload_cancel(to, session.repository, 0, session.id, NULL);
    (void)cancelled; /* what is left of it expires */
    return s;
}

enum rs_status rs_blob_copy(struct rs_blobs *from, struct rs_blobs *to, const char *digest,
                            uint64_t size, bool *ret_copied, struct rs_err *reterr)
{
    uint64_t there = 0;
    uint64_t here = 0;
    RS_AUTO_FD int target = -1;
    RS_AUTO_FD int source = -1;
    *ret_copied = false;
    enum rs_status s = place_open(to, digest, &target, &there, reterr);
    if (s != RS_OK || (target >= 0 && there == size))
        return s;
    s = place_open(from, digest, &source, &here, reterr);
    if (s == RS_OK && source < 0)
        s = rs_fail(reterr, RS_BLOB_UNKNOWN, "the blob %s has no file", digest);
    if (s == RS_OK && here != size)
        s = rs_fail(reterr, RS_CORRUPT, "the file of the blob %s does not have its size", digest);
    if (s == RS_OK)
        s = upload(source, to, digest, reterr);
    *ret_copied = s == RS_OK;
    return s;
}
