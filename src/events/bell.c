#include "events/bell.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/assert.h"

#define LISTENERS_MAX 8U

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t count RS_GUARDED_BY(mu);
static void (*listener[LISTENERS_MAX])(void) RS_GUARDED_BY(mu);
static unsigned n_listeners RS_GUARDED_BY(mu);

/* A static initialiser cannot choose the clock, and the wall clock steps. */
static void cond_make(void)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

uint64_t rs_bell_count(void)
{
    (void)pthread_mutex_lock(&mu);
    uint64_t now = count;
    (void)pthread_mutex_unlock(&mu);
    return now;
}

uint64_t rs_bell_wait(uint64_t seen, uint64_t timeout_ms)
{
    struct timespec until;
    (void)pthread_once(&once, cond_make);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + timeout_ms % 1000 * 1000000U;
    until.tv_sec += (time_t)(timeout_ms / 1000 + ns / 1000000000U);
    until.tv_nsec = (long)(ns % 1000000000U);
    (void)pthread_mutex_lock(&mu);
    while (count <= seen && pthread_cond_timedwait(&cond, &mu, &until) != ETIMEDOUT)
        continue;
    uint64_t now = count;
    (void)pthread_mutex_unlock(&mu);
    return now;
}

void rs_bell_ring(void)
{
    void (*fn[LISTENERS_MAX])(void);
    (void)pthread_once(&once, cond_make);
    (void)pthread_mutex_lock(&mu);
    count++;
    (void)pthread_cond_broadcast(&cond);
    unsigned n = n_listeners;
    for (unsigned i = 0; i < n; i++)
        fn[i] = listener[i];
    (void)pthread_mutex_unlock(&mu);
    for (unsigned i = 0; i < n; i++)
        fn[i]();
}

static void ring(void *arg)
{
    (void)arg;
    rs_bell_ring();
}

void rs_bell_ring_after_commit(struct rs_db_conn *conn)
{
    rs_db_after_commit(conn, ring, NULL);
}

void rs_bell_listen(void (*fn)(void))
{
    (void)pthread_mutex_lock(&mu);
    rs_assert(n_listeners < LISTENERS_MAX);
    listener[n_listeners++] = fn;
    (void)pthread_mutex_unlock(&mu);
}
