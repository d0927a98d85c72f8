#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blob/store_internal.h"
#include "oci/digest.h"

#define READ_BYTES ((size_t)262144)

int rs_blob_io_open_dir(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int rs_blob_io_open_file(int at, const char *name, int flags)
{
    /* O_NONBLOCK: a FIFO that somebody put there must not hold us; it means nothing to regular
     * files. */
    int fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return -errno;
    struct stat st;
    int e = fstat(fd, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : ELOOP;
    if (e == 0)
        return fd;
    (void)close(fd); /* only read from, if at all */
    return -e;
}

ssize_t rs_blob_io_read(int fd, char *out, size_t n, uint64_t at)
{
    size_t got = 0;
    while (got < n) {
        ssize_t done = pread(fd, out + got, n - got, (off_t)(at + got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        if (done == 0)
            break;
        got += (size_t)done;
    }
    return (ssize_t)got;
}

enum rs_status rs_blob_io_hash(int fd, struct rs_hasher *hasher, uint64_t *ret_size,
                               struct rs_err *reterr)
{
    RS_AUTO_FREE char *block = malloc(READ_BYTES);
    if (block == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    uint64_t at = 0;
    for (;;) {
        ssize_t n = rs_blob_io_read(fd, block, READ_BYTES, at);
        if (n < 0)
            return rs_fail_errno(reterr, (int)-n, "read a blob");
        if (n == 0)
            break;
        enum rs_status s = rs_hasher_update(hasher, block, (size_t)n, reterr);
        if (s != RS_OK)
            return s;
        at += (uint64_t)n;
    }
    *ret_size = at;
    return RS_OK;
}

enum rs_status rs_blob_io_check(const struct rs_blobs *blobs, struct rs_err *reterr)
{
    if (atomic_load(&blobs->is_stopped))
        return rs_fail(reterr, RS_IO, "the registry has stopped writing after a disk error");
    return RS_OK;
}

enum rs_status rs_blob_io_fatal(struct rs_blobs *blobs, int e, const char *what,
                                struct rs_err *reterr)
{
    struct rs_err why = RS_ERR_INIT;
    (void)rs_fail(&why, RS_IO, NULL);
    char text[128];
    (void)rs_err_log(&why, "%s: %s", what, strerror_r(e, text, sizeof(text)));
    if (!atomic_exchange(&blobs->is_stopped, true) && blobs->on_fatal != NULL)
        blobs->on_fatal(blobs->on_fatal_arg, &why);
    if (reterr != NULL && reterr->status == RS_OK)
        *reterr = why;
    return RS_IO;
}

enum rs_status rs_blob_place_of(const char *digest, struct rs_blob_place *ret,
                                struct rs_err *reterr)
{
    struct rs_digest d;
    if (!rs_digest_parse(rs_str_of(digest), &d) || d.algorithm != RS_DIGEST_SHA256)
        return rs_fail(reterr, RS_DIGEST_INVALID, NULL);
    const char *hex = rs_digest_hex(&d);
    memcpy(ret->bucket, hex, 2);
    ret->bucket[2] = '\0';
    (void)rs_text_copy(ret->file, sizeof(ret->file), hex);
    return RS_OK;
}
