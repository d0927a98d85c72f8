#include "syncs.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic int fail_at = SYNC_NONE;
static _Atomic int count;

void syncs_fail_at(int n)
{
    atomic_store(&count, 0);
    atomic_store(&fail_at, n);
}

int syncs_count(void)
{
    return atomic_load(&count);
}

static int sync_as(long number, int fd)
{
    if (atomic_fetch_add(&count, 1) == atomic_load(&fail_at)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(number, fd);
}

/* The program's own definitions go before the C library's, also for the libraries that it uses. */
int fsync(int fd)
{
    return sync_as(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_as(SYS_fdatasync, fd);
}
