/*
 * A library to preload into the daemon: writes down, in order, what it does to its files and what
 * it tells its clients, and makes chosen calls fail.
 *
 *   RS_SHIM_LOG   the file that gets the log, one event a line, tab-separated: event, path or
 *                 "socket", details; without it nothing is written down
 *   RS_SHIM_ROOT  only files below this directory are of interest
 *   RS_SHIM_FAIL  a file that says which calls are to fail, from the moment on that it exists:
 *                 "CALL PATTERN WHAT HITS".  CALL is sync, read, write, open or rename; sending a
 *                 file is a read of it.  PATTERN is a shell pattern for the path (of the new name).
 *                 WHAT is EIO, ENOSPC or EMFILE; or short, half of the bytes; or eof, none.  HITS
 *                 is which of those calls, from 1: n, that one; n+, that one and all later ones.
 *                 Another line in the file begins to count anew.
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
#include <pthread.h>
#include <sys/sendfile.h>
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

/* ---- faults ---- */

enum { FAULT_NONE = 0, FAULT_SHORT = -1, FAULT_EOF = -2 }; /* all others are an errno */

static pthread_mutex_t fault_mu = PTHREAD_MUTEX_INITIALIZER;
static char fault_line[1024];
static unsigned long fault_hits;

static int fault_named(const char *what)
{
    static const struct {
        const char *name;
        int fault;
    } known[] = {{"EIO", EIO},
                 {"ENOSPC", ENOSPC},
                 {"EMFILE", EMFILE},
                 {"short", FAULT_SHORT},
                 {"eof", FAULT_EOF}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, what) == 0)
            return known[i].fault;
    abort(); /* a misspelt test must not pass for want of a fault */
}

/* A test puts the file there whole, by a rename. */
static bool fault_line_read(char line[sizeof(fault_line)])
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, fail_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    long n = syscall(SYS_read, fd, line, sizeof(fault_line) - 1);
    (void)syscall(SYS_close, fd);
    line[n < 0 ? 0 : n] = '\0';
    return n > 0;
}

static int fault_judge(const char *line, const char *call, const char *path)
{
    char words[4][512];
    char *end;
    if (sscanf(line, "%511s %511s %511s %511s", words[0], words[1], words[2], words[3]) != 4)
        abort();
    if (strcmp(words[0], call) != 0 || fnmatch(words[1], path, 0) != 0)
        return FAULT_NONE;
    unsigned long first = strtoul(words[3], &end, 10);
    if (first == 0 || (*end != '\0' && strcmp(end, "+") != 0))
        abort();
    fault_hits++;
    bool is_due = *end == '+' ? fault_hits >= first : fault_hits == first;
    return is_due ? fault_named(words[2]) : FAULT_NONE;
}

static int fault_of(const char *call, const char *path)
{
    char line[sizeof(fault_line)];
    if (fail_file == NULL || path[0] != '/')
        return FAULT_NONE;
    int saved = errno;
    int fault = FAULT_NONE;
    (void)pthread_mutex_lock(&fault_mu);
    if (fault_line_read(line)) {
        if (strcmp(line, fault_line) != 0) {
            strcpy(fault_line, line);
            fault_hits = 0;
        }
        fault = fault_judge(line, call, path);
        if (fault != FAULT_NONE)
            note("fault\t%s\t%s\t%d\n", path, call, fault);
    } else {
        fault_line[0] = '\0';
    }
    (void)pthread_mutex_unlock(&fault_mu);
    errno = fault > 0 ? fault : saved;
    return fault;
}

/* Whether the call is over already, with *ret its result; if not, *n bytes are to be moved. */
static bool fault_moves(const char *call, int fd, size_t *n, ssize_t *ret)
{
    char where[PATH_MAX];
    if (fail_file == NULL)
        return false;
    int fault = fault_of(call, path_of(fd, where));
    if (fault == FAULT_SHORT && *n > 1)
        *n /= 2;
    *ret = fault == FAULT_EOF ? 0 : -1;
    return fault > 0 || fault == FAULT_EOF;
}

/* ---- reads ---- */

ssize_t read(int fd, void *bytes, size_t n)
{
    ssize_t done;
    return fault_moves("read", fd, &n, &done) ? done : syscall(SYS_read, fd, bytes, n);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    ssize_t done;
    return fault_moves("read", fd, &n, &done) ? done : syscall(SYS_pread64, fd, bytes, n, at);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    return pread(fd, bytes, n, at);
}

ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room);
ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room)
{
    return n > room ? (abort(), -1) : read(fd, bytes, n);
}

ssize_t __pread64_chk(int fd, void *bytes, size_t n, off64_t at, size_t room);
ssize_t __pread64_chk(int fd, void *bytes, size_t n, off64_t at, size_t room)
{
    return n > room ? (abort(), -1) : pread(fd, bytes, n, at);
}

ssize_t sendfile(int to, int from, off_t *at, size_t n)
{
    ssize_t done;
    return fault_moves("read", from, &n, &done) ? done : syscall(SYS_sendfile, to, from, at, n);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t n)
{
    return sendfile(to, from, at, n);
}

/* ---- writes ---- */

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t failed;
    if (fault_moves("write", fd, &n, &failed))
        return failed;
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
    ssize_t failed;
    if (fault_moves("write", fd, &n, &failed))
        return failed;
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

static int sync_noted(long number, int fd)
{
    char where[PATH_MAX];
    const char *path = path_of(fd, where);
    if (path[0] == '/')
        note("sync-begin\t%s\t-\t%d\n", path, gettid());
    int rc = fault_of("sync", path) > 0 ? -1 : (int)syscall(number, fd);
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
    int rc = fault_of("rename", path_at(to_dir, to, b)) > 0
                 ? -1
                 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
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
    char where[PATH_MAX];
    if (fail_file != NULL && fault_of("open", path_at(dir, name, where)) > 0)
        return -1;
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
