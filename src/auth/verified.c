#include "auth/verified.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scope.h"
#include "base/id.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#define SETS 512U
#define WAYS 4U
#define ENTRY_BYTES_MAX ((size_t)32768)

struct entry {
    struct rs_verified_key key;
    struct rs_verified v;
    struct rs_arena memory; /* of v.identity.scope */
};

/* The newest stands first, the oldest makes room. */
struct set {
    pthread_mutex_t mu;
    struct entry *way[WAYS]; /* under mu */
};

struct rs_verified_cache {
    unsigned char secret[RS_SHA256_BYTES];
    struct set sets[SETS];
};

enum rs_status rs_verified_cache_new(struct rs_verified_cache **ret, struct rs_err *reterr)
{
    struct rs_verified_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    rs_random_bytes(cache->secret, sizeof cache->secret);
    for (unsigned i = 0; i < SETS; i++)
        /* cannot fail with default attributes */
        (void)pthread_mutex_init(&cache->sets[i].mu, NULL);
    *ret = cache;
    return RS_OK;
}

static void entry_free(struct entry *e)
{
    if (e == NULL)
        return;
    rs_arena_release(&e->memory);
    rs_secret_wipe(e, sizeof *e);
    free(e);
}

void rs_verified_cache_free(struct rs_verified_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < SETS; i++) {
        for (unsigned k = 0; k < WAYS; k++)
            entry_free(cache->sets[i].way[k]);
        (void)pthread_mutex_destroy(&cache->sets[i].mu);
    }
    rs_secret_wipe(cache->secret, sizeof cache->secret);
    free(cache);
}

/* SHA-256(secret, SHA-256(kind, SHA-256(a), SHA-256(b))): every part has a fixed length, so no two
 * credentials share an input; the secret keeps others from computing which entry is whose. */
void rs_verified_key(const struct rs_verified_cache *cache, char kind, struct rs_str a,
                     struct rs_str b, struct rs_verified_key *ret)
{
    struct {
        unsigned char secret[RS_SHA256_BYTES];
        unsigned char a[RS_SHA256_BYTES];
        unsigned char b[RS_SHA256_BYTES];
        char kind;
    } in = {.kind = kind};
    memcpy(in.secret, cache->secret, sizeof in.secret);
    rs_hash_sha256(a.p, a.n, in.a);
    if (b.n > 0)
        rs_hash_sha256(b.p, b.n, in.b);
    rs_hash_sha256(&in, sizeof in, ret->bytes);
    rs_secret_wipe(&in, sizeof in);
}

static struct set *set_of(struct rs_verified_cache *cache, const struct rs_verified_key *key)
{
    uint64_t at = 0;
    memcpy(&at, key->bytes, sizeof at);
    return &cache->sets[at % SETS];
}

static unsigned find(const struct set *set, const struct rs_verified_key *key)
{
    unsigned k = 0;
    while (k < WAYS && (set->way[k] == NULL || memcmp(&set->way[k]->key, key, sizeof *key) != 0))
        k++;
    return k;
}

bool rs_verified_get(struct rs_verified_cache *cache, const struct rs_verified_key *key,
                     uint64_t now_mono_ms, int64_t now_unix_s, struct rs_arena *arena,
                     struct rs_verified *ret)
{
    struct set *set = set_of(cache, key);
    bool found = false;
    (void)pthread_mutex_lock(&set->mu);
    unsigned k = find(set, key);
    if (k < WAYS) {
        *ret = set->way[k]->v;
        found = now_mono_ms < ret->expires_mono_ms && now_unix_s < ret->expires_unix_s;
        if (found && ret->extend_ms > 0)
            set->way[k]->v.expires_mono_ms = now_mono_ms + ret->extend_ms;
    }
    if (found && ret->identity.scope != NULL) {
        ret->identity.scope = rs_scope_copy(ret->identity.scope, arena);
        found = ret->identity.scope != NULL;
    }
    (void)pthread_mutex_unlock(&set->mu);
    return found;
}

static struct entry *entry_new(const struct rs_verified_key *key, const struct rs_verified *v)
{
    struct entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->key = *key;
    e->v = *v;
    rs_arena_init(&e->memory, ENTRY_BYTES_MAX);
    if (v->identity.scope == NULL)
        return e;
    e->v.identity.scope = rs_scope_copy(v->identity.scope, &e->memory);
    if (e->v.identity.scope == NULL) {
        entry_free(e);
        return NULL;
    }
    return e;
}

void rs_verified_put(struct rs_verified_cache *cache, const struct rs_verified_key *key,
                     const struct rs_verified *v)
{
    struct entry *e = entry_new(key, v);
    if (e == NULL)
        return;
    struct set *set = set_of(cache, key);
    (void)pthread_mutex_lock(&set->mu);
    unsigned k = find(set, key);
    if (k == WAYS)
        k = WAYS - 1;
    struct entry *gone = set->way[k];
    for (; k > 0; k--)
        set->way[k] = set->way[k - 1];
    set->way[0] = e;
    (void)pthread_mutex_unlock(&set->mu);
    entry_free(gone);
}

void rs_verified_drop(struct rs_verified_cache *cache, const struct rs_verified_key *key)
{
    struct set *set = set_of(cache, key);
    struct entry *gone = NULL;
    (void)pthread_mutex_lock(&set->mu);
    unsigned k = find(set, key);
    if (k < WAYS)
        gone = RS_TAKE(set->way[k]);
    (void)pthread_mutex_unlock(&set->mu);
    entry_free(gone);
}
