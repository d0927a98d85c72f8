#include "auth/turns.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"

struct rs_turns {
    unsigned at_once;
    unsigned waiting_max;
    pthread_mutex_t mu;
    pthread_cond_t freed;
    unsigned taken;   /* under mu */
    unsigned waiting; /* under mu */
};

enum rs_status rs_turns_new(unsigned at_once, unsigned waiting_max, struct rs_turns **ret,
                            struct rs_err *reterr)
{
    rs_assert(at_once > 0);
    struct rs_turns *t = calloc(1, sizeof *t);
    if (t == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    t->at_once = at_once;
    t->waiting_max = waiting_max;
    (void)pthread_mutex_init(&t->mu, NULL); /* neither can fail with default attributes */
    (void)pthread_cond_init(&t->freed, NULL);
    *ret = t;
    return RS_OK;
}

void rs_turns_free(struct rs_turns *t)
{
    if (t == NULL)
        return;
    (void)pthread_cond_destroy(&t->freed);
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

bool rs_turns_enter(struct rs_turns *t)
{
    (void)pthread_mutex_lock(&t->mu);
    bool may_wait = t->taken < t->at_once || t->waiting < t->waiting_max;
    if (may_wait) {
        t->waiting++;
        while (t->taken == t->at_once)
            (void)pthread_cond_wait(&t->freed, &t->mu);
        t->waiting--;
        t->taken++;
    }
    (void)pthread_mutex_unlock(&t->mu);
    return may_wait;
}

void rs_turns_leave(struct rs_turns *t)
{
    (void)pthread_mutex_lock(&t->mu);
    rs_assert(t->taken > 0);
    t->taken--;
    (void)pthread_cond_signal(&t->freed);
    (void)pthread_mutex_unlock(&t->mu);
}
