/*
 * A library to preload into the daemon: writes down, in order, what it does to its files and what
 * it tells its clients, and makes a chosen sync fail.
 *
 *   RS_SHIM_LOG   the file that gets the log, one event a line, tab-separated: event, path or
 *                 "socket", details
 *   RS_SHIM_ROOT  only files below this directory are of interest
 *   RS_SHIM_FAIL  a file that says which sync is to fail: once it exists, the next sync of a path
 *                 that matches the shell pattern in it fails with EIO, and that one only
 *
 * A line is one write(2) to a file opened for appending, so the order of the lines is an order in
 * which the events may have happened. Events with a beginning and an end have a line for each: a
 * sync counts from its end on, what is sent counts from its beginning on.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_BYTES 8192
#define HEAD_BYTES 1500

static int log_fd = -1;
static const char *root = "";
static size_t root_n;
static const char *fail_file;
static _Atomic bool has_failed;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("RS_SHIM_LOG");
    fail_file = getenv("RS_SHIM_FAIL");
    if (path != NULL)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                              0644);
    root = getenv("RS_SHIM_ROOT") != NULL ? getenv("RS_SHIM_ROOT") : "/";
    root_n = strlen(root);
}

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
    if (log_fd < 0)
        return;
    int saved = errno;
    char line[LINE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(line))
        n = (int)sizeof(line) - 1;
    line[n - 1] = '\n';
    (void)!syscall(SYS_write, log_fd, line, (size_t)n);
    errno = saved;
}

/* Where a descriptor leads; "" when it is nothing of ours. */
static const char *path_of(int fd, char out[PATH_MAX])
{
    char link[64];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    out[n < 0 ? 0 : n] = '\0';
    if (n > 0 && strncmp(out, "socket:", 7) == 0)
        return "socket";
    return n > 0 && strncmp(out, root, root_n) == 0 ? out : "";
}

/* "<directory>/<name>". */
static const char *path_at(int dir, const char *name, char out[PATH_MAX])
{
    char base[PATH_MAX];
    if (name[0] == '/' || dir == AT_FDCWD)
        (void)snprintf(out, PATH_MAX, "%s", name);
    else
        (void)snprintf(out, PATH_MAX, "%s/%.200s", path_of(dir, base), name);
    return strncmp(out, root, root_n) == 0 ? out : "";
}

/* The head of what is sent or received, on one line. */
static void note_bytes(const char *event, int fd, const struct iovec *iov, int n_iov)
{
    char where[PATH_MAX];
    char text[HEAD_BYTES + 1];
    size_t n = 0;
    if (strcmp(path_of(fd, where), "socket") != 0)
        return;
    for (int i = 0; i < n_iov; i++)
        for (size_t k = 0; k < iov[i].iov_len && n < HEAD_BYTES; k++) {
            unsigned char c = ((const unsigned char *)iov[i].iov_base)[k];
            text[n++] = (char)(c == '\n' ? '|' : c < 0x20 || c > 0x7e ? ' ' : c);
        }
    text[n] = '\0';
    note("%s\tsocket\t%d\t%s\n", event, fd, text);
}

static void note_write(int fd, uint64_t offset, size_t n)
{
    char where[PATH_MAX];
    const char *path = path_of(fd, where);
    if (path[0] == '/')
        note("write\t%s\t%llu\t%zu\n", path, (unsigned long long)offset, n);
}

/* ---- writes ---- */

ssize_t write(int fd, const void *bytes, size_t n)
{
    note_bytes("send", fd, &(struct iovec){(void *)(uintptr_t)bytes, n}, 1);
    ssize_t done = syscall(SYS_write, fd, bytes, n);
    if (done > 0)
        note_write(fd, 0, (size_t)done);
    return done;
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
    note_bytes("send", fd, iov, n);
    ssize_t done = syscall(SYS_writev, fd, iov, n);
    if (done > 0)
        note_write(fd, 0, (size_t)done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, n, at);
    if (done > 0)
        note_write(fd, (uint64_t)at, (size_t)done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return pwrite(fd, bytes, n, at);
}

int ftruncate(int fd, off_t n)
{
    int rc = (int)syscall(SYS_ftruncate, fd, n);
    note_write(fd, (uint64_t)n, 0);
    return rc;
}

int ftruncate64(int fd, off64_t n)
{
    return ftruncate(fd, n);
}

/* ---- syncs ---- */

static bool must_fail(const char *path)
{
    char pattern[512];
    if (fail_file == NULL || atomic_load(&has_failed))
        return false;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, fail_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, pattern, sizeof(pattern) - 1);
    (void)syscall(SYS_close, fd);
    pattern[n < 0 ? 0 : n] = '\0';
    return n > 0 && fnmatch(pattern, path, 0) == 0 && !atomic_exchange(&has_failed, true);
}

static int sync_noted(long number, int fd)
{
    char where[PATH_MAX];
    const char *path = path_of(fd, where);
    if (path[0] == '/')
        note("sync-begin\t%s\t-\t%d\n", path, gettid());
    int rc;
    if (must_fail(path)) {
        errno = EIO;
        rc = -1;
    } else {
        rc = (int)syscall(number, fd);
    }
    if (path[0] == '/')
        note("sync-end\t%s\t%d\t%d\n", path, rc, gettid());
    return rc;
}

int fsync(int fd)
{
    return sync_noted(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_noted(SYS_fdatasync, fd);
}

/* ---- names ---- */

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char a[PATH_MAX];
    char b[PATH_MAX];
    note("rename-begin\t%s\t%s\n", path_at(from_dir, from, a), path_at(to_dir, to, b));
    int rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
    note("rename-end\t%s\t%s\t%d\n", path_at(from_dir, from, a), path_at(to_dir, to, b), rc);
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static void note_created(int dir, const char *name, int rc)
{
    char where[PATH_MAX];
    if (rc == 0 && path_at(dir, name, where)[0] == '/')
        note("create\t%s\t-\n", where);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
    int rc = (int)syscall(SYS_mkdirat, dir, name, mode);
    note_created(dir, name, rc);
    return rc;
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

static int open_noted(int dir, const char *name, int flags, mode_t mode)
{
    bool was_there = syscall(SYS_faccessat, dir, name, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, dir, name, flags | O_LARGEFILE, mode);
    if (fd >= 0 && (flags & O_CREAT) != 0 && !was_there) {
        int saved = errno;
        note_created(dir, name, 0);
        errno = saved;
    }
    return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

#define DEFINE_OPEN(name_)                              \
    int name_(const char *name, int flags, ...)         \
    {                                                   \
        va_list ap;                                     \
        va_start(ap, flags);                            \
        mode_t mode = mode_of(flags, ap);               \
        va_end(ap);                                     \
        return open_noted(AT_FDCWD, name, flags, mode); \
    }
#define DEFINE_OPENAT(name_)                             \
    int name_(int dir, const char *name, int flags, ...) \
    {                                                    \
        va_list ap;                                      \
        va_start(ap, flags);                             \
        mode_t mode = mode_of(flags, ap);                \
        va_end(ap);                                      \
        return open_noted(dir, name, flags, mode);       \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

/* ---- clients ---- */

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    note_bytes("send", fd, &(struct iovec){(void *)(uintptr_t)bytes, n}, 1);
    return syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    note_bytes("send", fd, msg->msg_iov, (int)msg->msg_iovlen);
    return syscall(SYS_sendmsg, fd, msg, flags);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    ssize_t got = syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
    if (got > 0)
        note_bytes("recv", fd, &(struct iovec){bytes, (size_t)got}, 1);
    return got;
}
