#include "base/periodic.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"

struct rs_periodic {
    uint64_t interval_ms;
    void (*fn)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool is_stopping RS_GUARDED_BY(mu);
};

/* At most a second: condition variables do not know the boot clock, which goes on while the machine
 * is suspended. */
static struct timespec nap_end(uint64_t left_ms)
{
    struct timespec t;
    uint64_t nap_ms = left_ms < 1000 ? left_ms : 1000;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)nap_ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* false when it is time to stop. */
static bool sleep_interval(struct rs_periodic *p)
{
    uint64_t end_ms = rs_clock_mono_ms() + p->interval_ms;
    (void)pthread_mutex_lock(&p->mu);
    for (;;) {
        uint64_t now_ms = rs_clock_mono_ms();
        if (p->is_stopping || now_ms >= end_ms)
            break;
        struct timespec until = nap_end(end_ms - now_ms);
        (void)pthread_cond_timedwait(&p->wake, &p->mu, &until);
    }
    bool go_on = !p->is_stopping;
    (void)pthread_mutex_unlock(&p->mu);
    return go_on;
}

static void *run(void *arg)
{
    struct rs_periodic *p = arg;
    while (sleep_interval(p))
        p->fn(p->arg);
    return NULL;
}

static void release(struct rs_periodic *p)
{
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->mu);
    free(p);
}

enum rs_status rs_periodic_start(uint64_t interval_ms, void (*fn)(void *arg), void *arg,
                                 struct rs_periodic **ret, struct rs_err *reterr)
{
    struct rs_periodic *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    if (p == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    p->interval_ms = interval_ms;
    p->fn = fn;
    p->arg = arg;
    rs_assert(pthread_mutex_init(&p->mu, NULL) == 0);
    rs_assert(pthread_condattr_init(&attr) == 0 &&
              pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    rs_assert(pthread_cond_init(&p->wake, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        release(p);
        return rs_fail(reterr, RS_NOMEM, "no thread can be started");
    }
    *ret = p;
    return RS_OK;
}

void rs_periodic_stop(struct rs_periodic *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_lock(&p->mu);
    p->is_stopping = true;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->mu);
    (void)pthread_join(p->thread, NULL);
    release(p);
}
