#include "auth/holdings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "auth/access.h"
#include "auth/role.h"
#include "base/text.h"
#include "catalog/access_grant.h"
#include "catalog/generation.h"

#define SETS 256U
#define WAYS 4U
#define HOLDINGS_BYTES_MAX ((size_t)4 << 20)

/* A set is a small list; the newest stands first, the oldest makes room. */
struct set {
    pthread_mutex_t mu;
    struct rs_holdings *way[WAYS]; /* under mu; each a reference */
};

struct rs_holdings_cache {
    struct rs_db *db;
    struct set sets[SETS];
};

enum rs_status rs_holdings_cache_new(struct rs_db *db, struct rs_holdings_cache **ret,
                                     struct rs_err *reterr)
{
    struct rs_holdings_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    cache->db = db;
    for (unsigned i = 0; i < SETS; i++)
        /* cannot fail with default attributes */
        (void)pthread_mutex_init(&cache->sets[i].mu, NULL);
    *ret = cache;
    return RS_OK;
}

void rs_holdings_cache_free(struct rs_holdings_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < SETS; i++) {
        for (unsigned k = 0; k < WAYS; k++)
            rs_holdings_unref(cache->sets[i].way[k]);
        (void)pthread_mutex_destroy(&cache->sets[i].mu);
    }
    free(cache);
}

void rs_holdings_unref(struct rs_holdings *h)
{
    if (h == NULL || atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    rs_arena_release(&h->memory);
    free(h);
}

/* The list while it grows. */
struct loading {
    struct rs_holdings *h;
    size_t cap;
    bool is_public;
};

static enum rs_status add(const struct rs_access_grant *g, void *arg, struct rs_err *reterr)
{
    struct loading *l = arg;
    struct rs_role_gives gives;
    if (!rs_role_gives(g->what, &gives) || !rs_glob_is_valid(g->pattern))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    if (l->is_public && !rs_role_is_for_anonymous(&gives))
        return RS_OK; /* whatever the row says, nobody without credentials gets more than pull */
    struct rs_holding *list =
        rs_arena_reserve(&l->h->memory, l->h->list, l->h->n, &l->cap, sizeof(*list));
    if (list == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    l->h->list = list;
    struct rs_holding *to = &list[l->h->n];
    *to = (struct rs_holding){.perms = gives.perms, .is_public = l->is_public};
    to->pattern = rs_arena_strdup(&l->h->memory, g->pattern);
    to->check = gives.check == NULL ? NULL : rs_arena_strdup(&l->h->memory, gives.check);
    if (to->pattern == NULL || (gives.check != NULL && to->check == NULL))
        return rs_fail(reterr, RS_NOMEM, NULL);
    l->h->n++;
    return RS_OK;
}

static enum rs_status load(struct rs_db *db, struct rs_holdings *h, bool *ret_is_fresh,
                           struct rs_err *reterr)
{
    struct loading l = {.h = h, .is_public = h->principal_id == RS_ANONYMOUS_ID};
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    *ret_is_fresh = s == RS_OK && rs_db_read_is_fresh(r.conn);
    if (s == RS_OK)
        s = rs_access_grant_each(r.conn, h->principal_id, add, &l, reterr);
    if (s == RS_OK && !l.is_public) {
        l.is_public = true;
        s = rs_access_grant_each(r.conn, RS_ANONYMOUS_ID, add, &l, reterr);
    }
    return s;
}

static struct rs_holdings *find(struct set *set, int64_t principal_id, uint64_t generation)
{
    struct rs_holdings *found = NULL;
    (void)pthread_mutex_lock(&set->mu);
    for (unsigned k = 0; k < WAYS; k++) {
        struct rs_holdings *h = set->way[k];
        if (h != NULL && h->principal_id == principal_id && h->generation == generation) {
            (void)atomic_fetch_add(&h->refs, 1);
            found = h;
            break;
        }
    }
    (void)pthread_mutex_unlock(&set->mu);
    return found;
}

/* In front; what it replaces, or else the last one, goes. */
static void put(struct set *set, struct rs_holdings *h)
{
    (void)atomic_fetch_add(&h->refs, 1);
    (void)pthread_mutex_lock(&set->mu);
    unsigned k = 0;
    while (k + 1 < WAYS && set->way[k] != NULL && set->way[k]->principal_id != h->principal_id)
        k++;
    struct rs_holdings *gone = set->way[k];
    for (; k > 0; k--)
        set->way[k] = set->way[k - 1];
    set->way[0] = h;
    (void)pthread_mutex_unlock(&set->mu);
    rs_holdings_unref(gone);
}

enum rs_status rs_holdings_get(struct rs_holdings_cache *cache, int64_t principal_id,
                               struct rs_holdings **ret, struct rs_err *reterr)
{
    /* Before the read: a change that comes between makes the entry old at once, never wrong. */
    uint64_t generation = rs_generation_access();
    struct set *set = &cache->sets[(uint64_t)principal_id % SETS];
    struct rs_holdings *h = find(set, principal_id, generation);
    if (h == NULL) {
        h = calloc(1, sizeof *h);
        if (h == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        h->principal_id = principal_id;
        h->generation = generation;
        h->refs = 1;
        rs_arena_init(&h->memory, HOLDINGS_BYTES_MAX);
        bool is_fresh = false;
        enum rs_status s = load(cache->db, h, &is_fresh, reterr);
        if (s != RS_OK) {
            rs_holdings_unref(h);
            return s;
        }
        if (is_fresh)
            put(set, h);
    }
    *ret = h;
    return RS_OK;
}
