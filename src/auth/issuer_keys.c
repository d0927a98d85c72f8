#include "auth/issuer_keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/discovery.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

#define REFRESH_MS ((uint64_t)5 * 60 * 1000)
#define KEEP_MS ((uint64_t)60 * 60 * 1000)
#define RETRY_MS ((uint64_t)10 * 1000)
/* Two answers of five seconds each. */
#define WAIT_MS ((uint64_t)10 * 1000)
/* Callers, who are workers, waiting for one issuer, and for all: a few dead ones must not take all
 * workers, nor one the places of the others. */
#define WAITING_FOR_ONE_MAX 4U
#define WAITING_MAX 16U
#define ISSUERS_MAX 64U
/* curl with TLS needs some tens of KiB. */
#define STACK_BYTES ((size_t)512 * 1024)

struct issuer {
    struct rs_issuer_keys *owner;
    char *name;             /* NULL: the slot is free */
    struct rs_key_set *set; /* NULL: none was ever had */
    uint64_t fetched_ms;    /* when `set` was */
    uint64_t next_ms;       /* not asked again before this */
    uint64_t used_ms;
    bool is_fetching;
    bool has_failed; /* the last fetch did */
    bool has_thread; /* to be joined */
    pthread_t thread;
    unsigned waiting;
};

struct rs_issuer_keys {
    uint64_t refresh_ms;
    uint64_t keep_ms;
    uint64_t retry_ms;
    char *user_agent;
    struct rs_reach reach;
    struct rs_http_client *client;
    atomic_bool is_cancelled;
    pthread_mutex_t mu;
    pthread_cond_t fetched;
    unsigned waiting RS_GUARDED_BY(mu);
    struct issuer issuers[ISSUERS_MAX] RS_GUARDED_BY(mu);
};

/* ---- making and ending ---- */

static void make_locks(struct rs_issuer_keys *k)
{
    pthread_condattr_t attr;
    rs_assert(pthread_mutex_init(&k->mu, NULL) == 0);
    rs_assert(pthread_condattr_init(&attr) == 0 &&
              pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    rs_assert(pthread_cond_init(&k->fetched, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
}

static uint64_t or_preset(uint64_t value, uint64_t preset)
{
    return value == 0 ? preset : value;
}

enum rs_status rs_issuer_keys_new(const struct rs_issuer_keys_options *options,
                                  struct rs_issuer_keys **ret, struct rs_err *reterr)
{
    struct rs_issuer_keys *k = calloc(1, sizeof *k);
    if (k == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    make_locks(k);
    k->refresh_ms = or_preset(options->refresh_ms, REFRESH_MS);
    k->keep_ms = or_preset(options->keep_ms, KEEP_MS);
    k->retry_ms = or_preset(options->retry_ms, RETRY_MS);
    const struct rs_http_client_options client = {
        .ca_file = options->ca_file, .filter = rs_reach_permits, .filter_arg = &k->reach};
    enum rs_status s = rs_reach_init(&k->reach, "oidc.private_networks", options->private_networks,
                                     options->n_private_networks, reterr);
    if (s == RS_OK && options->user_agent != NULL) {
        k->user_agent = strdup(options->user_agent);
        s = k->user_agent == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
    }
    if (s == RS_OK)
        s = rs_http_client_new(&client, &k->client, reterr);
    if (s == RS_OK)
        *ret = k;
    else
        rs_issuer_keys_free(k);
    return s;
}

void rs_issuer_keys_cancel(struct rs_issuer_keys *k)
{
    atomic_store(&k->is_cancelled, true);
    (void)pthread_mutex_lock(&k->mu);
    (void)pthread_cond_broadcast(&k->fetched);
    (void)pthread_mutex_unlock(&k->mu);
}

static void join(struct issuer *i)
{
    if (i->has_thread)
        (void)pthread_join(i->thread, NULL);
    i->has_thread = false;
}

static void issuer_release(struct issuer *i)
{
    join(i);
    rs_key_set_unref(i->set);
    free(i->name);
    *i = (struct issuer){.name = NULL};
}

void rs_issuer_keys_free(struct rs_issuer_keys *k)
{
    if (k == NULL)
        return;
    rs_issuer_keys_cancel(k);
    for (size_t i = 0; i < ISSUERS_MAX; i++)
        issuer_release(&k->issuers[i]);
    rs_http_client_free(k->client);
    rs_reach_release(&k->reach);
    (void)pthread_cond_destroy(&k->fetched);
    (void)pthread_mutex_destroy(&k->mu);
    free(k->user_agent);
    free(k);
}

/* ---- fetching, on a thread of its own ---- */

static bool is_cancelled(void *arg)
{
    struct rs_issuer_keys *k = arg;
    return atomic_load(&k->is_cancelled);
}

static void tell(const char *issuer, const struct rs_err *err)
{
    rs_log(RS_LOG_WARN,
           "the keys of an OpenID Connect issuer could not be fetched: workloads with tokens that"
           " need them cannot log in",
           RS_F("issuer", issuer), RS_F("reason", err->message));
}

static void *fetch(void *arg)
{
    struct issuer *i = arg;
    struct rs_issuer_keys *k = i->owner;
    const struct rs_discovery discovery = {
        .client = k->client, .user_agent = k->user_agent, .is_cancelled = is_cancelled, .arg = k};
    struct rs_key_set *set = NULL;
    struct rs_err err = RS_ERR_INIT;
    /* The slot, and with it the name, stays while is_fetching. */
    enum rs_status s = rs_discovery_fetch(&discovery, i->name, &set, &err);
    if (s != RS_OK && !is_cancelled(k))
        tell(i->name, &err);
    (void)pthread_mutex_lock(&k->mu);
    i->has_failed = s != RS_OK;
    if (s == RS_OK) {
        rs_key_set_unref(i->set);
        i->set = set;
        i->fetched_ms = rs_clock_mono_ms();
    }
    i->is_fetching = false;
    (void)pthread_cond_broadcast(&k->fetched);
    (void)pthread_mutex_unlock(&k->mu);
    return NULL;
}

/* Under the mutex.  The last fetch's thread has nothing left to do but to end. */
static void start_fetch(struct issuer *i, uint64_t now_ms)
{
    pthread_attr_t attr;
    i->next_ms = now_ms + i->owner->retry_ms;
    join(i);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    i->is_fetching = true;
    i->has_thread = pthread_create(&i->thread, &attr, fetch, i) == 0;
    i->is_fetching = i->has_thread;
    (void)pthread_attr_destroy(&attr);
}

/* ---- the table, under the mutex ---- */

static bool may_make_room(const struct issuer *i)
{
    return !i->is_fetching && i->waiting == 0;
}

/* A free slot, else the one that was not used for longest. */
static struct issuer *find_room(struct rs_issuer_keys *k)
{
    struct issuer *oldest = NULL;
    for (size_t n = 0; n < ISSUERS_MAX; n++) {
        struct issuer *i = &k->issuers[n];
        if (i->name == NULL)
            return i;
        if (may_make_room(i) && (oldest == NULL || i->used_ms < oldest->used_ms))
            oldest = i;
    }
    if (oldest != NULL)
        issuer_release(oldest);
    return oldest;
}

/* NULL without memory, or when all are busy. */
static struct issuer *find(struct rs_issuer_keys *k, const char *name)
{
    for (size_t n = 0; n < ISSUERS_MAX; n++) {
        struct issuer *i = &k->issuers[n];
        if (i->name != NULL && strcmp(i->name, name) == 0)
            return i;
    }
    struct issuer *i = find_room(k);
    char *copy = i == NULL ? NULL : strdup(name);
    if (copy == NULL)
        return NULL;
    *i = (struct issuer){.owner = k, .name = copy};
    return i;
}

/* ---- asking ---- */

static bool is_good(const struct issuer *i, uint64_t now_ms)
{
    return i->set != NULL && now_ms - i->fetched_ms < i->owner->keep_ms;
}

/* False when nobody may wait any longer. */
static bool wait_for_fetch(struct rs_issuer_keys *k, struct issuer *i, uint64_t end_ms)
{
    uint64_t now_ms = rs_clock_mono_ms();
    if (k->waiting >= WAITING_MAX || i->waiting >= WAITING_FOR_ONE_MAX || now_ms >= end_ms)
        return false;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)((end_ms - now_ms) / 1000 + 1);
    k->waiting++;
    i->waiting++;
    (void)pthread_cond_timedwait(&k->fetched, &k->mu, &until);
    i->waiting--;
    k->waiting--;
    return true;
}

/* The issuer's keys once there is nothing left to wait for; NULL when there are none.  Old keys are
 * not believed while newer ones can be had: the issuer may have withdrawn one.  Only when it could
 * not be reached the last time, nobody waits for it who has keys that are still good. */
static struct rs_key_set *settle(struct rs_issuer_keys *k, struct issuer *i, const char *kid)
{
    uint64_t end_ms = rs_clock_mono_ms() + WAIT_MS;
    for (;;) {
        uint64_t now_ms = rs_clock_mono_ms();
        bool is_usable = is_good(i, now_ms);
        bool has_key = is_usable && rs_key_set_has(i->set, kid);
        bool is_old = !has_key || now_ms - i->fetched_ms >= k->refresh_ms;
        if (is_old && !i->is_fetching && now_ms >= i->next_ms && !is_cancelled(k))
            start_fetch(i, now_ms);
        if ((has_key && (!is_old || i->has_failed)) || (is_usable && !i->is_fetching))
            return rs_key_set_ref(i->set);
        if (!i->is_fetching || is_cancelled(k) || !wait_for_fetch(k, i, end_ms))
            return has_key ? rs_key_set_ref(i->set) : NULL;
    }
}

enum rs_status rs_issuer_keys_get(struct rs_issuer_keys *k, const char *issuer, const char *kid,
                                  struct rs_key_set **ret, unsigned *ret_retry_after_s,
                                  struct rs_err *reterr)
{
    struct rs_key_set *set = NULL;
    (void)pthread_mutex_lock(&k->mu);
    struct issuer *i = find(k, issuer);
    if (i != NULL) {
        i->used_ms = rs_clock_mono_ms();
        set = settle(k, i, kid);
    }
    (void)pthread_mutex_unlock(&k->mu);
    *ret = set;
    if (set != NULL)
        return RS_OK;
    *ret_retry_after_s = (unsigned)((k->retry_ms + 999) / 1000);
    return rs_fail(reterr, RS_BUSY,
                   "the keys of the token's issuer cannot be had at the moment: try again later, or"
                   " see the registry's log");
}
