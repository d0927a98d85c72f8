#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"

#define NAME_BYTES_MAX 255

static enum rs_status open_dir(const char *path, int *ret_fd, struct rs_err *reterr)
{
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? rs_fail_errno(reterr, errno, "open a directory") : RS_OK;
}

static enum rs_status sync_parent(const char *path, struct rs_err *reterr)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    RS_AUTO_FREE char *parent = slash == NULL ? strdup(".")
                                : n == 0      ? strdup("/")
                                              : strndup(path, n);
    if (parent == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    RS_AUTO_FD int fd = -1;
    enum rs_status s = open_dir(parent, &fd, reterr);
    if (s == RS_OK && fsync(fd) != 0)
        s = rs_fail_errno(reterr, errno, "fsync a directory");
    return s;
}

enum rs_status rs_file_make_dir(const char *path, mode_t mode, struct rs_err *reterr)
{
    if (mkdir(path, mode) == 0)
        return sync_parent(path, reterr);
    if (errno != EEXIST)
        return rs_fail_errno(reterr, errno, "make a directory");
    struct stat st;
    if (stat(path, &st) != 0)
        return rs_fail_errno(reterr, errno, "look at a directory");
    return S_ISDIR(st.st_mode) ? RS_OK : rs_fail_errno(reterr, ENOTDIR, "make a directory");
}

enum rs_status rs_file_write_all(int fd, const void *bytes, size_t n, struct rs_err *reterr)
{
    for (const char *p = bytes; n > 0;) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return rs_fail_errno(reterr, done < 0 ? errno : ENOSPC, "write a file");
        p += done;
        n -= (size_t)done;
    }
    return RS_OK;
}

enum rs_status rs_file_replace(const char *dir, const char *name, mode_t mode, const void *bytes,
                               size_t n, struct rs_err *reterr)
{
    RS_AUTO_FD int dir_fd = -1;
    enum rs_status s = open_dir(dir, &dir_fd, reterr);
    if (s != RS_OK)
        return s;
    char id[RS_ID_TEXT_BYTES];
    char temporary[NAME_BYTES_MAX + 1];
    rs_id_new(id);
    int length = snprintf(temporary, sizeof temporary, ".%s.%s", name, id);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return rs_fail_errno(reterr, ENAMETOOLONG, "name a file");
    /* O_EXCL: nobody's link or file is written through. */
    RS_AUTO_FD int fd =
        openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return rs_fail_errno(reterr, errno, "create a file");
    s = rs_file_write_all(fd, bytes, n, reterr);
    if (s == RS_OK && fsync(fd) != 0)
        s = rs_fail_errno(reterr, errno, "fsync a file");
    if (s == RS_OK && renameat(dir_fd, temporary, dir_fd, name) != 0)
        s = rs_fail_errno(reterr, errno, "rename a file");
    if (s != RS_OK) {
        (void)unlinkat(dir_fd, temporary, 0); /* a stray temporary file harms nobody */
        return s;
    }
    return fsync(dir_fd) == 0 ? RS_OK : rs_fail_errno(reterr, errno, "fsync a directory");
}

enum rs_status rs_file_read_all(int fd, struct rs_buf *out, struct rs_err *reterr)
{
    for (;;) {
        char piece[4096];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rs_fail_errno(reterr, errno, "read a file");
        if (got == 0)
            break;
        (void)rs_buf_add(out, piece, (size_t)got); /* sticky: judged below */
    }
    enum rs_status s = rs_buf_status(out);
    if (s == RS_TOO_LARGE)
        return rs_fail(reterr, RS_CORRUPT, "a file of the data directory is too long to be ours");
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_file_read_secret(const char *dir, const char *name, struct rs_buf *out,
                                   struct rs_err *reterr)
{
    RS_AUTO_FD int dir_fd = -1;
    enum rs_status s = open_dir(dir, &dir_fd, reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return rs_fail_errno(reterr, errno, "open a file");
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rs_fail_errno(reterr, errno, "look at a file");
    if (!S_ISREG(st.st_mode))
        return rs_fail(reterr, RS_CORRUPT, "%s in the data directory is no regular file", name);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return rs_fail(reterr, RS_CORRUPT,
                       "%s is a secret, and others than its owner may use it: chmod 600", name);
    return rs_file_read_all(fd, out, reterr);
}
