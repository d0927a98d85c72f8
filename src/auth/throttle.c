#include "auth/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/id.h"
#include "base/text.h"
#include "crypto/hash.h"

#define SETS 4096U
#define WAYS 4U
#define WIDER \
    10U /* a whole source, or a whole name, has this much more than one name from one source */

/* A debt: failures move paid_ms into the future, time catches up with it.  An entry whose paid_ms
 * has passed is free. */
struct debt {
    uint64_t key;
    uint64_t paid_ms;
};

struct rs_throttle {
    unsigned burst;
    uint64_t refill_ms;
    unsigned char secret[16]; /* so that nobody can choose names that share an entry */
    pthread_mutex_t mu;
    struct debt table[SETS][WAYS]; /* under mu */
};

/* What is counted for one attempt; NAME for a password only. */
enum { PAIR, SOURCE, NAME, COUNTED_MAX };

struct counted {
    uint64_t key;
    uint64_t refill_ms; /* one failure's worth */
    uint64_t most_ms;   /* debt past this refuses */
};

enum rs_status rs_throttle_new(unsigned burst, uint64_t refill_ms, struct rs_throttle **ret,
                               struct rs_err *reterr)
{
    rs_assert(burst > 0 && refill_ms >= WIDER);
    struct rs_throttle *t = calloc(1, sizeof *t);
    if (t == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    t->burst = burst;
    t->refill_ms = refill_ms;
    rs_random_bytes(t->secret, sizeof t->secret);
    (void)pthread_mutex_init(&t->mu, NULL); /* cannot fail with default attributes */
    *ret = t;
    return RS_OK;
}

void rs_throttle_free(struct rs_throttle *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

/* One client owns a whole IPv6 /64: count it as one source. */
static void normalise(const char *source, char out[INET6_ADDRSTRLEN])
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, source, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
        memset(a.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &a, out, INET6_ADDRSTRLEN);
        return;
    }
    (void)rs_text_copy(out, INET6_ADDRSTRLEN, source);
}

/* What is counted is part of the key: a name that somebody leaves empty is still a name. */
static uint64_t key_of(const struct rs_throttle *t, unsigned char counted, const char *source,
                       const char *name)
{
    struct {
        unsigned char secret[16];
        unsigned char source[RS_SHA256_BYTES];
        unsigned char name[RS_SHA256_BYTES];
        unsigned char counted;
    } in = {.counted = counted};
    unsigned char out[RS_SHA256_BYTES];
    uint64_t key = 0;
    memcpy(in.secret, t->secret, sizeof in.secret);
    rs_hash_sha256(source, strlen(source), in.source);
    rs_hash_sha256(name, strlen(name), in.name);
    rs_hash_sha256(&in, sizeof in, out);
    memcpy(&key, out, sizeof key);
    return key;
}

/* How many there are in `out`. */
static unsigned count(const struct rs_throttle *t, enum rs_throttle_kind kind, const char *source,
                      const char *name, struct counted out[COUNTED_MAX])
{
    char from[INET6_ADDRSTRLEN];
    normalise(source, from);
    uint64_t narrow = t->refill_ms;
    uint64_t wide = t->refill_ms / WIDER;
    out[PAIR] = (struct counted){key_of(t, PAIR, from, name), narrow, narrow * t->burst};
    out[SOURCE] = (struct counted){key_of(t, SOURCE, from, ""), wide, wide * t->burst * WIDER};
    out[NAME] = (struct counted){key_of(t, NAME, "", name), wide, wide * t->burst * WIDER};
    return kind == RS_THROTTLE_PASSWORD ? COUNTED_MAX : NAME;
}

static struct debt *find(struct debt *set, uint64_t key)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
    }
    return NULL;
}

static struct debt *find_or_replace(struct debt *set, uint64_t key)
{
    struct debt *d = find(set, key);
    if (d != NULL)
        return d;
    d = &set[0];
    for (unsigned i = 1; i < WAYS; i++) {
        if (set[i].paid_ms < d->paid_ms)
            d = &set[i];
    }
    *d = (struct debt){.key = key};
    return d;
}

bool rs_throttle_allows(struct rs_throttle *t, enum rs_throttle_kind kind, const char *source,
                        const char *name, uint64_t now_ms, unsigned *ret_retry_after_s)
{
    struct counted c[COUNTED_MAX];
    unsigned n = count(t, kind, source, name, c);
    uint64_t wait_ms = 0;
    (void)pthread_mutex_lock(&t->mu);
    for (unsigned i = 0; i < n; i++) {
        const struct debt *d = find(t->table[c[i].key % SETS], c[i].key);
        if (d == NULL || d->paid_ms <= now_ms)
            continue;
        uint64_t after_one_more = d->paid_ms - now_ms + c[i].refill_ms;
        if (after_one_more > c[i].most_ms && after_one_more - c[i].most_ms > wait_ms)
            wait_ms = after_one_more - c[i].most_ms;
    }
    (void)pthread_mutex_unlock(&t->mu);
    *ret_retry_after_s = (unsigned)((wait_ms + 999) / 1000);
    return wait_ms == 0;
}

void rs_throttle_failed(struct rs_throttle *t, enum rs_throttle_kind kind, const char *source,
                        const char *name, uint64_t now_ms)
{
    struct counted c[COUNTED_MAX];
    unsigned n = count(t, kind, source, name, c);
    (void)pthread_mutex_lock(&t->mu);
    for (unsigned i = 0; i < n; i++) {
        struct debt *d = find_or_replace(t->table[c[i].key % SETS], c[i].key);
        d->paid_ms = (d->paid_ms > now_ms ? d->paid_ms : now_ms) + c[i].refill_ms;
    }
    (void)pthread_mutex_unlock(&t->mu);
}
