#include "api/reply_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

/* A set-associative table: whatever keys are chosen, a lookup looks at WAYS entries, and keys that
 * collide only push each other out. */
#define SETS 1024U
#define WAYS 4U
#define LOCKS 64U

#define BYTES_MAX_DEFAULT ((size_t)33554432)
#define SHARE_OF_ONE 64U
/* What an entry costs beside its answer and its texts. */
#define ENTRY_BYTES ((size_t)96)

/* Guarded by the set's lock. */
struct entry {
    struct rs_cached_reply *reply; /* NULL: free */
    char *texts;                   /* "<repository>\0<reference>", owned */
    uint64_t hash;
    uint64_t generation;
    uint64_t used; /* the set's clock at the latest use */
    size_t bytes;
    unsigned sight;
};

struct set {
    uint64_t clock;
    struct entry ways[WAYS];
};

struct rs_reply_cache {
    uint64_t seed;
    size_t bytes_max;
    _Atomic size_t bytes;
    _Atomic unsigned hand; /* the set where making room goes on */
    pthread_mutex_t locks[LOCKS];
    struct set sets[SETS];
};

enum rs_status rs_reply_cache_new(size_t bytes_max, struct rs_reply_cache **ret,
                                  struct rs_err *reterr)
{
    struct rs_reply_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (unsigned i = 0; i < LOCKS; i++) {
        if (pthread_mutex_init(&cache->locks[i], NULL) != 0) {
            free(cache);
            return rs_fail(reterr, RS_NOMEM, NULL);
        }
    }
    cache->bytes_max = bytes_max == 0 ? BYTES_MAX_DEFAULT : bytes_max;
    rs_random_bytes(&cache->seed, sizeof(cache->seed));
    *ret = cache;
    return RS_OK;
}

static void entry_clear(struct rs_reply_cache *cache, struct entry *e)
{
    if (e->reply == NULL)
        return;
    (void)atomic_fetch_sub(&cache->bytes, e->bytes);
    rs_cached_reply_unref(e->reply);
    free(e->texts);
    *e = (struct entry){0};
}

void rs_reply_cache_free(struct rs_reply_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < SETS; i++) {
        for (unsigned j = 0; j < WAYS; j++)
            entry_clear(cache, &cache->sets[i].ways[j]);
    }
    for (unsigned i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&cache->locks[i]);
    free(cache);
}

/* FNV-1a over the texts with their NULs, from a secret start: spreads, and need not resist. */
static uint64_t hash_text(uint64_t h, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    do {
        h = (h ^ *p) * 1099511628211U;
    } while (*p++ != '\0');
    return h;
}

static uint64_t hash_of(const struct rs_reply_cache *cache, const struct rs_reply_key *key)
{
    const uint64_t h =
        hash_text(hash_text(cache->seed ^ key->sight, key->repository), key->reference);
    return h ^ (h >> 32);
}

static bool is_same(const struct entry *e, uint64_t hash, const struct rs_reply_key *key)
{
    if (e->reply == NULL || e->hash != hash || e->sight != key->sight ||
        strcmp(e->texts, key->repository) != 0)
        return false;
    return strcmp(e->texts + strlen(e->texts) + 1, key->reference) == 0;
}

static struct entry *find(struct set *set, uint64_t hash, const struct rs_reply_key *key)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (is_same(&set->ways[i], hash, key))
            return &set->ways[i];
    }
    return NULL;
}

struct rs_cached_reply *rs_reply_cache_get(struct rs_reply_cache *cache,
                                           const struct rs_reply_key *key)
{
    if (cache == NULL)
        return NULL;
    const uint64_t hash = hash_of(cache, key);
    struct set *set = &cache->sets[hash % SETS];
    pthread_mutex_t *lock = &cache->locks[hash % SETS % LOCKS];
    struct rs_cached_reply *found = NULL;
    (void)pthread_mutex_lock(lock);
    struct entry *e = find(set, hash, key);
    if (e != NULL && e->generation != key->generation) {
        entry_clear(cache, e);
    } else if (e != NULL) {
        e->used = ++set->clock;
        found = rs_cached_reply_ref(e->reply);
    }
    (void)pthread_mutex_unlock(lock);
    return found;
}

/* The entry to fill: the same key's, else a free one, else the one unused for longest. */
static struct entry *victim_of(struct set *set, uint64_t hash, const struct rs_reply_key *key)
{
    struct entry *oldest = &set->ways[0];
    struct entry *same = find(set, hash, key);
    if (same != NULL)
        return same;
    for (unsigned i = 0; i < WAYS; i++) {
        if (set->ways[i].reply == NULL)
            return &set->ways[i];
        if (set->ways[i].used < oldest->used)
            oldest = &set->ways[i];
    }
    return oldest;
}

/* Empty sets in turn until the answer fits; at most once around. */
static void make_room(struct rs_reply_cache *cache, size_t bytes)
{
    for (unsigned i = 0; i < SETS && atomic_load(&cache->bytes) + bytes > cache->bytes_max; i++) {
        const unsigned at = atomic_fetch_add(&cache->hand, 1) % SETS;
        pthread_mutex_t *lock = &cache->locks[at % LOCKS];
        (void)pthread_mutex_lock(lock);
        for (unsigned j = 0; j < WAYS; j++)
            entry_clear(cache, &cache->sets[at].ways[j]);
        (void)pthread_mutex_unlock(lock);
    }
}

static char *texts_of(const struct rs_reply_key *key, size_t *ret_bytes)
{
    const size_t repository = strlen(key->repository) + 1;
    const size_t reference = strlen(key->reference) + 1;
    char *texts = malloc(repository + reference);
    if (texts == NULL)
        return NULL;
    memcpy(texts, key->repository, repository);
    memcpy(texts + repository, key->reference, reference);
    *ret_bytes = repository + reference;
    return texts;
}

void rs_reply_cache_put(struct rs_reply_cache *cache, const struct rs_reply_key *key,
                        struct rs_cached_reply *reply)
{
    size_t bytes = 0;
    if (cache == NULL)
        return;
    char *texts = texts_of(key, &bytes);
    bytes += rs_cached_reply_bytes(reply) + ENTRY_BYTES;
    if (texts == NULL || bytes > cache->bytes_max / SHARE_OF_ONE) {
        free(texts);
        return;
    }
    make_room(cache, bytes);
    const uint64_t hash = hash_of(cache, key);
    struct set *set = &cache->sets[hash % SETS];
    pthread_mutex_t *lock = &cache->locks[hash % SETS % LOCKS];
    (void)pthread_mutex_lock(lock);
    struct entry *e = victim_of(set, hash, key);
    entry_clear(cache, e);
    *e = (struct entry){
        .reply = rs_cached_reply_ref(reply),
        .texts = texts,
        .hash = hash,
        .generation = key->generation,
        .used = ++set->clock,
        .bytes = bytes,
        .sight = key->sight,
    };
    (void)atomic_fetch_add(&cache->bytes, bytes);
    (void)pthread_mutex_unlock(lock);
}

size_t rs_reply_cache_bytes(const struct rs_reply_cache *cache)
{
    return cache == NULL ? 0 : atomic_load(&cache->bytes);
}
