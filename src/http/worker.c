#include "http/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

#define IDLE_SECONDS 10

/* Handlers are shallow; a sanitizer's frames are not. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES ((size_t)2 << 20)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_BYTES ((size_t)2 << 20)
#endif
#endif
#ifndef STACK_BYTES
#define STACK_BYTES ((size_t)256 << 10)
#endif

/* All guarded by mu but the limits. */
struct rs_workers {
    pthread_mutex_t mu;
    pthread_cond_t work;    /* a task came, or stopping */
    pthread_cond_t all_out; /* threads became 0 */
    struct rs_task *head;
    struct rs_task **tail;
    unsigned waiting;
    unsigned threads;
    unsigned idle;
    bool stopping;
    bool has_left; /* `left` is a thread that ended and is not joined yet */
    pthread_t left;
    unsigned threads_max;
    unsigned queue_max;
    pthread_attr_t attr;
};

enum rs_status rs_workers_new(unsigned threads_max, unsigned queue_max, struct rs_workers **ret,
                              struct rs_err *reterr)
{
    struct rs_workers *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    w->tail = &w->head;
    w->threads_max = threads_max;
    w->queue_max = queue_max;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&w->mu, NULL);
    (void)pthread_cond_init(&w->work, &monotonic);
    (void)pthread_cond_init(&w->all_out, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_attr_init(&w->attr);
    int e = pthread_attr_setstacksize(&w->attr, STACK_BYTES);
    rs_assert(e == 0);
    *ret = w;
    return RS_OK;
}

/* Waits for a task; false when this thread should end.  Called and returns with mu held. */
static bool wait_for_task(struct rs_workers *w)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    while (w->head == NULL) {
        if (w->stopping)
            return false;
        w->idle++;
        int e = pthread_cond_timedwait(&w->work, &w->mu, &until);
        w->idle--;
        if (e == ETIMEDOUT && w->head == NULL)
            return false;
    }
    return true;
}

/* The last thing a thread does: leave itself to be joined, and join whoever left before. */
static void leave(struct rs_workers *w)
{
    pthread_t before = w->left;
    bool has_before = w->has_left;
    w->left = pthread_self();
    w->has_left = true;
    if (--w->threads == 0)
        (void)pthread_cond_broadcast(&w->all_out);
    (void)pthread_mutex_unlock(&w->mu);
    if (has_before)
        (void)pthread_join(before, NULL);
}

static void *thread_main(void *arg)
{
    struct rs_workers *w = arg;
    (void)pthread_mutex_lock(&w->mu);
    while (wait_for_task(w)) {
        struct rs_task *task = w->head;
        w->head = task->next;
        if (w->head == NULL)
            w->tail = &w->head;
        w->waiting--;
        (void)pthread_mutex_unlock(&w->mu);
        task->run(task);
        (void)pthread_mutex_lock(&w->mu);
    }
    leave(w);
    return NULL;
}

/* One more thread if the idle ones cannot take all that waits.  mu is held.  Failing is fine as
 * long as one thread lives. */
static void grow(struct rs_workers *w)
{
    if (w->waiting <= w->idle || w->threads >= w->threads_max)
        return;
    pthread_t thread;
    if (pthread_create(&thread, &w->attr, thread_main, w) == 0)
        w->threads++;
}

bool rs_workers_submit(struct rs_workers *w, struct rs_task *task, enum rs_submit how)
{
    (void)pthread_mutex_lock(&w->mu);
    bool accepted = how == RS_SUBMIT_CONTINUE ? !(w->stopping && w->threads == 0)
                                              : !w->stopping && w->waiting < w->queue_max;
    if (accepted) {
        task->next = NULL;
        *w->tail = task;
        w->tail = &task->next;
        w->waiting++;
        grow(w);
        if (w->threads == 0) { /* no thread can be had: take the task back */
            w->head = NULL;
            w->tail = &w->head;
            w->waiting = 0;
            accepted = false;
        }
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return accepted;
}

unsigned rs_workers_waiting(struct rs_workers *w)
{
    (void)pthread_mutex_lock(&w->mu);
    unsigned n = w->waiting;
    (void)pthread_mutex_unlock(&w->mu);
    return n;
}

unsigned rs_workers_threads(struct rs_workers *w)
{
    (void)pthread_mutex_lock(&w->mu);
    unsigned n = w->threads;
    (void)pthread_mutex_unlock(&w->mu);
    return n;
}

void rs_workers_stop(struct rs_workers *w)
{
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->mu);
    w->stopping = true;
    (void)pthread_cond_broadcast(&w->work);
    while (w->threads > 0)
        (void)pthread_cond_wait(&w->all_out, &w->mu);
    bool has_left = w->has_left;
    pthread_t left = w->left;
    w->has_left = false;
    (void)pthread_mutex_unlock(&w->mu);
    if (has_left)
        (void)pthread_join(left, NULL);
}

void rs_workers_free(struct rs_workers *w)
{
    if (w == NULL)
        return;
    rs_assert(w->threads == 0 && w->head == NULL);
    (void)pthread_attr_destroy(&w->attr);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_cond_destroy(&w->all_out);
    (void)pthread_mutex_destroy(&w->mu);
    free(w);
}
