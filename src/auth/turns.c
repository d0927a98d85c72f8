#include "auth/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct rs_turns {
    unsigned at_once;
    unsigned waiting_max;
    pthread_mutex_t mu;
    pthread_cond_t freed;          /* some turn ended */
    unsigned waiting;              /* under mu: for a turn, not for another's result */
    unsigned taken;                /* under mu */
    struct rs_verified_key keys[]; /* under mu: the first `taken` are at work */
};

enum rs_status rs_turns_new(unsigned at_once, unsigned waiting_max, struct rs_turns **ret,
                            struct rs_err *reterr)
{
    rs_assert(at_once > 0);
    struct rs_turns *t = calloc(1, sizeof *t + at_once * sizeof t->keys[0]);
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

/* Where the credential is at work; t->taken when it is not. */
static unsigned find(const struct rs_turns *t, const struct rs_verified_key *key)
{
    unsigned i = 0;
    while (i < t->taken && memcmp(&t->keys[i], key, sizeof *key) != 0)
        i++;
    return i;
}

bool rs_turns_enter(struct rs_turns *t, const struct rs_verified_key *key)
{
    bool is_counted = false;
    bool may_wait = true;
    (void)pthread_mutex_lock(&t->mu);
    for (;;) {
        bool is_at_work = find(t, key) < t->taken;
        if (!is_at_work && t->taken < t->at_once)
            break;
        if (!is_at_work && !is_counted) {
            may_wait = t->waiting < t->waiting_max;
            if (!may_wait)
                break;
            t->waiting++;
            is_counted = true;
        }
        (void)pthread_cond_wait(&t->freed, &t->mu);
    }
    if (is_counted)
        t->waiting--;
    if (may_wait)
        t->keys[t->taken++] = *key;
    (void)pthread_mutex_unlock(&t->mu);
    return may_wait;
}

void rs_turns_leave(struct rs_turns *t, const struct rs_verified_key *key)
{
    (void)pthread_mutex_lock(&t->mu);
    unsigned i = find(t, key);
    rs_assert(i < t->taken);
    t->keys[i] = t->keys[--t->taken];
    (void)pthread_cond_broadcast(&t->freed);
    (void)pthread_mutex_unlock(&t->mu);
}
