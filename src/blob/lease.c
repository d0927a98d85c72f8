#include "blob/lease.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"

#define ENTRIES_DEFAULT 65536U
#define TABLE_MIN ((size_t)256)
#define KEY_BYTES 32U

struct entry {
    unsigned char key[KEY_BYTES]; /* the digest's bytes */
    uint64_t until_mono_ms;       /* 0: the slot is free */
};

/* What is being collected now: one digest for each collecting thread. */
struct collecting {
    unsigned char key[KEY_BYTES];
    struct collecting *next;
};

struct rs_leases {
    pthread_mutex_t mu;
    pthread_cond_t collected;
    struct entry *table RS_GUARDED_BY(mu); /* open addressing, at most half full */
    size_t cap RS_GUARDED_BY(mu);
    size_t n RS_GUARDED_BY(mu);
    size_t n_max;
    uint64_t lease_ms;
    uint64_t paused_until_mono_ms RS_GUARDED_BY(mu); /* nothing may be collected before */
    struct collecting *collecting RS_GUARDED_BY(mu);
    struct rs_lease_pin *pins RS_GUARDED_BY(mu); /* one for each upload that is being finished */
};

enum rs_status rs_leases_new(uint64_t lease_ms, unsigned entries_max, struct rs_leases **ret,
                             struct rs_err *reterr)
{
    struct rs_leases *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    (void)pthread_mutex_init(&l->mu, NULL);
    (void)pthread_cond_init(&l->collected, NULL);
    l->lease_ms = lease_ms == 0 ? RS_LEASE_MS : lease_ms;
    l->n_max = entries_max == 0 ? ENTRIES_DEFAULT : entries_max;
    l->paused_until_mono_ms =
        rs_clock_mono_ms() + l->lease_ms; /* leases of the life before this one */
    *ret = l;
    return RS_OK;
}

void rs_leases_free(struct rs_leases *leases)
{
    if (leases == NULL)
        return;
    (void)pthread_cond_destroy(&leases->collected);
    (void)pthread_mutex_destroy(&leases->mu);
    free(leases->table);
    free(leases);
}

void rs_leases_unpause(struct rs_leases *leases)
{
    (void)pthread_mutex_lock(&leases->mu);
    leases->paused_until_mono_ms = 0;
    (void)pthread_mutex_unlock(&leases->mu);
}

static void key_of(const char *digest, unsigned char key[KEY_BYTES])
{
    struct rs_str text = rs_str_of(digest);
    const size_t prefix = sizeof("sha256:") - 1;
    rs_assert(text.n > prefix &&
              rs_hex_decode(rs_str_n(text.p + prefix, text.n - prefix), key, KEY_BYTES));
}

/* ---- the table; all under the lock ---- */

static size_t slot_of(const struct rs_leases *l, const unsigned char key[KEY_BYTES])
{
    uint64_t h;
    memcpy(&h, key, sizeof(h)); /* a digest is as spread as can be */
    size_t i = (size_t)h & (l->cap - 1);
    while (l->table[i].until_mono_ms != 0 && memcmp(l->table[i].key, key, KEY_BYTES) != 0)
        i = (i + 1) & (l->cap - 1);
    return i;
}

/* A table of `cap` slots with the leases that still run.  False without memory: the old one stays.
 */
static bool rebuild(struct rs_leases *l, size_t cap, uint64_t now)
{
    struct entry *old = l->table;
    size_t old_cap = l->cap;
    struct entry *table = calloc(cap, sizeof(*table));
    if (table == NULL)
        return false;
    l->table = table;
    l->cap = cap;
    l->n = 0;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].until_mono_ms <= now)
            continue;
        table[slot_of(l, old[i].key)] = old[i];
        l->n++;
    }
    free(old);
    return true;
}

/* Room for one more: first by forgetting what has run out, then by growing up to the maximum. */
static bool reserve(struct rs_leases *l, uint64_t now)
{
    if (2 * (l->n + 1) <= l->cap)
        return true;
    size_t live = 0;
    for (size_t i = 0; i < l->cap; i++)
        live += l->table[i].until_mono_ms > now;
    if (live >= l->n_max)
        return false;
    size_t cap = l->cap == 0 ? TABLE_MIN : l->cap;
    while (cap < 4 * (live + 1))
        cap *= 2;
    return rebuild(l, cap, now);
}

static void take_locked(struct rs_leases *l, const unsigned char key[KEY_BYTES])
{
    uint64_t now = rs_clock_mono_ms();
    if (!reserve(l, now)) {
        l->paused_until_mono_ms = now + l->lease_ms;
        return;
    }
    struct entry *e = &l->table[slot_of(l, key)];
    l->n += e->until_mono_ms == 0;
    memcpy(e->key, key, KEY_BYTES);
    e->until_mono_ms = now + l->lease_ms;
}

static struct collecting **collecting_find(struct rs_leases *l, const unsigned char key[KEY_BYTES])
{
    struct collecting **at = &l->collecting;
    while (*at != NULL && memcmp((*at)->key, key, KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

/* ---- uploads ---- */

void rs_leases_take(struct rs_leases *leases, const char *digest)
{
    unsigned char key[KEY_BYTES];
    key_of(digest, key);
    (void)pthread_mutex_lock(&leases->mu);
    while (*collecting_find(leases, key) != NULL)
        (void)pthread_cond_wait(&leases->collected, &leases->mu);
    take_locked(leases, key);
    (void)pthread_mutex_unlock(&leases->mu);
}

void rs_leases_pin(struct rs_leases *leases, const char *digest, struct rs_lease_pin *pin)
{
    key_of(digest, pin->key);
    (void)pthread_mutex_lock(&leases->mu);
    while (*collecting_find(leases, pin->key) != NULL)
        (void)pthread_cond_wait(&leases->collected, &leases->mu);
    pin->next = leases->pins;
    leases->pins = pin;
    (void)pthread_mutex_unlock(&leases->mu);
}

void rs_leases_unpin(struct rs_leases *leases, struct rs_lease_pin *pin)
{
    (void)pthread_mutex_lock(&leases->mu);
    struct rs_lease_pin **at = &leases->pins;
    while (*at != pin) {
        rs_assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = pin->next;
    take_locked(leases, pin->key);
    (void)pthread_mutex_unlock(&leases->mu);
}

bool rs_leases_renew(struct rs_leases *leases, const char *digest)
{
    unsigned char key[KEY_BYTES];
    key_of(digest, key);
    (void)pthread_mutex_lock(&leases->mu);
    bool is_free = *collecting_find(leases, key) == NULL;
    if (is_free)
        take_locked(leases, key);
    (void)pthread_mutex_unlock(&leases->mu);
    return is_free;
}

/* ---- the collector ---- */

static bool is_leased(const struct rs_leases *l, const unsigned char key[KEY_BYTES])
{
    uint64_t now = rs_clock_mono_ms();
    if (now < l->paused_until_mono_ms)
        return true;
    for (const struct rs_lease_pin *p = l->pins; p != NULL; p = p->next)
        if (memcmp(p->key, key, KEY_BYTES) == 0)
            return true;
    return l->cap > 0 && l->table[slot_of(l, key)].until_mono_ms > now;
}

bool rs_leases_collect_begin(struct rs_leases *leases, const char *digest)
{
    struct collecting *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return false;
    key_of(digest, c->key);
    (void)pthread_mutex_lock(&leases->mu);
    bool may = !is_leased(leases, c->key) && *collecting_find(leases, c->key) == NULL;
    if (may) {
        c->next = leases->collecting;
        leases->collecting = c;
    }
    (void)pthread_mutex_unlock(&leases->mu);
    if (!may)
        free(c);
    return may;
}

void rs_leases_collect_end(struct rs_leases *leases, const char *digest)
{
    unsigned char key[KEY_BYTES];
    key_of(digest, key);
    (void)pthread_mutex_lock(&leases->mu);
    struct collecting **at = collecting_find(leases, key);
    struct collecting *c = *at;
    rs_assert(c != NULL);
    *at = c->next;
    (void)pthread_cond_broadcast(&leases->collected);
    (void)pthread_mutex_unlock(&leases->mu);
    free(c);
}
