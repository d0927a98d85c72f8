#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rs_status refuse(int e, const char *path, struct rs_err *reterr)
{
    char text[128];
    switch (e) {
    case EROFS:
        return rs_fail(reterr, RS_DENIED,
                       "the data directory %s is on a read-only filesystem: mount it writable, or "
                       "choose another one with --data",
                       path);
    case EACCES:
    case EPERM:
        return rs_fail(reterr, RS_DENIED,
                       "the data directory %s is not writable for this user: change its owner, or "
                       "choose another one with --data",
                       path);
    case ENOSPC:
    case EDQUOT:
        return rs_fail(reterr, RS_NO_SPACE,
                       "no space is left on the filesystem of %s: free some, then start again",
                       path);
    case ENOENT:
        return rs_fail(reterr, RS_IO,
                       "the parent of the data directory %s does not exist: make it, or choose "
                       "another one with --data",
                       path);
    case ENOTDIR:
    case EEXIST:
        return rs_fail(reterr, RS_IO, "%s is not a directory: choose another one with --data",
                       path);
    default:
        return rs_fail(reterr, RS_IO, "cannot use the data directory %s: %s", path,
                       strerror_r(e, text, sizeof(text)));
    }
}

static enum rs_status is_taken(int fd, const char *path, struct rs_err *reterr)
{
    char owner[32] = "";
    ssize_t n = pread(fd, owner, sizeof(owner) - 1, 0);
    owner[n > 0 ? strspn(owner, "0123456789") : 0] = '\0';
    return rs_fail(reterr, RS_CONFLICT,
                   "another roadstead%s%s owns the data directory %s: stop it, or choose another "
                   "one with --data",
                   owner[0] != '\0' ? ", process " : "", owner, path);
}

/* For the message of a second daemon; also finds out early whether anything can be written. */
static int write_owner(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || n < 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return errno != 0 ? errno : EIO;
    return 0;
}

/* The directory's own name, which it may have got just now or in a start that died early.  Who
 * may not look into the parent did not make the directory either. */
static int sync_name(int dir)
{
    RS_AUTO_FD int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return errno == EACCES ? 0 : errno;
    return fsync(parent) == 0 ? 0 : errno;
}

enum rs_status rs_data_dir_lock(const char *path, int *ret_fd, struct rs_err *reterr)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return refuse(errno, path, reterr);
    RS_AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return refuse(errno, path, reterr);
    RS_AUTO_FD int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return refuse(errno, path, reterr);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? is_taken(fd, path, reterr) : refuse(errno, path, reterr);
    errno = 0;
    int e = write_owner(fd);
    if (e == 0)
        e = sync_name(dir);
    if (e != 0)
        return refuse(e, path, reterr);
    *ret_fd = fd;
    fd = -1;
    return RS_OK;
}
