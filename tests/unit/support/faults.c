#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic unsigned chosen;
static _Atomic int first = FAULT_NONE;
static _Atomic int last = FAULT_NONE;
static _Atomic int with;
static _Atomic int count;

static void fault_between(unsigned calls, int from, int to, int error)
{
    atomic_store(&count, 0);
    atomic_store(&chosen, calls);
    atomic_store(&with, error);
    atomic_store(&first, from);
    atomic_store(&last, to);
}

void fault_at(unsigned calls, int n, int error)
{
    fault_between(calls, n, n, error);
}

void fault_from(unsigned calls, int n, int error)
{
    fault_between(calls, n, n == FAULT_NONE ? n : INT_MAX, error);
}

int fault_count(void)
{
    return atomic_load(&count);
}

/* The error that this call is to have; 0: none. */
static int fault_of(enum fault_call call)
{
    if ((atomic_load(&chosen) & call) == 0)
        return 0;
    int n = atomic_fetch_add(&count, 1);
    return n >= atomic_load(&first) && n <= atomic_load(&last) ? atomic_load(&with) : 0;
}

static bool is_file(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether the call is over already, with *ret its result; if not, *n bytes are to be moved. */
static bool is_over(enum fault_call call, int fd, size_t *n, ssize_t *ret)
{
    int e = is_file(fd) ? fault_of(call) : 0;
    if (e == FAULT_SHORT && *n > 1)
        *n /= 2;
    if (e > 0)
        errno = e;
    *ret = e == FAULT_EOF ? 0 : -1;
    return e > 0 || e == FAULT_EOF;
}

static int failed(int error)
{
    errno = error;
    return -1;
}

/* The program's own definitions go before the C library's, also for the libraries that it uses. */
int fsync(int fd)
{
    int e = fault_of(FAULT_SYNC);
    return e > 0 ? failed(e) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    int e = fault_of(FAULT_SYNC);
    return e > 0 ? failed(e) : (int)syscall(SYS_fdatasync, fd);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    ssize_t done;
    return is_over(FAULT_READ, fd, &n, &done) ? done : syscall(SYS_read, fd, bytes, n);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    ssize_t done;
    return is_over(FAULT_READ, fd, &n, &done) ? done : syscall(SYS_pread64, fd, bytes, n, at);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t done;
    return is_over(FAULT_WRITE, fd, &n, &done) ? done : syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t done;
    return is_over(FAULT_WRITE, fd, &n, &done) ? done : syscall(SYS_pwrite64, fd, bytes, n, at);
}

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
    int e = strncmp(name, "/dev/", 5) == 0 ? 0 : fault_of(FAULT_OPEN);
    return e > 0 ? failed(e) : (int)syscall(SYS_openat, dir, name, flags | O_LARGEFILE, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
    return (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
}

int open(const char *name, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_at(AT_FDCWD, name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_at(dir, name, flags, mode);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    int e = fault_of(FAULT_RENAME);
    return e > 0 ? failed(e) : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}
