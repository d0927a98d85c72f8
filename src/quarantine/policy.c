#include "quarantine/policy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/attr.h"
#include "catalog/policy.h"
#include "json/json.h"

/* Every policy of the catalog at one version of the list; read-only once it is shared. */
struct policy_set {
    atomic_uint refs;
    char version[RS_ID_TEXT_BYTES];
    size_t n;
    struct policy_slot {
        bool is_broken; /* cannot be read: whatever it matches is denied */
        struct rs_policy policy;
    } slots[];
};

/* The newest set that was loaded.  The mutex guards the pointer, never a search or a query. */
static pthread_mutex_t cache_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct policy_set *cache;

static void set_unref(struct policy_set *set)
{
    if (set != NULL && atomic_fetch_sub(&set->refs, 1) == 1)
        free(set);
}

static void set_auto(struct policy_set **set)
{
    set_unref(*set);
}

/* A reference to the cached set of that version, or NULL. */
static struct policy_set *cache_get(const char *version)
{
    struct policy_set *set = NULL;
    (void)pthread_mutex_lock(&cache_mutex);
    if (cache != NULL && strcmp(cache->version, version) == 0) {
        set = cache;
        (void)atomic_fetch_add(&set->refs, 1);
    }
    (void)pthread_mutex_unlock(&cache_mutex);
    return set;
}

static void cache_put(struct policy_set *set)
{
    (void)atomic_fetch_add(&set->refs, 1);
    (void)pthread_mutex_lock(&cache_mutex);
    struct policy_set *old = cache;
    cache = set;
    (void)pthread_mutex_unlock(&cache_mutex);
    set_unref(old);
}

static void slot_read(const struct rs_catalog_policy *row, struct policy_slot *slot)
{
    RS_AUTO(rs_json) struct rs_json *rules = NULL;
    enum rs_status s = rs_json_parse_text(row->rules, RS_CORRUPT, &rules, NULL);
    if (s == RS_OK)
        s = rs_policy_parse(rules, row->pattern, &slot->policy, NULL);
    if (s == RS_OK)
        return;
    rs_policy_deny(&slot->policy);
    slot->is_broken = true;
    (void)rs_text_copy(slot->policy.pattern, sizeof(slot->policy.pattern), row->pattern);
}

static enum rs_status set_load(struct rs_db_conn *conn, const char *version,
                               struct policy_set **ret, struct rs_err *reterr)
{
    struct rs_arena arena;
    rs_arena_init(&arena, (size_t)64 << 20);
    const struct rs_catalog_policy *rows = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_policy_all(conn, &arena, &rows, &n, reterr);
    struct policy_set *set = NULL;
    if (s == RS_OK) {
        set = calloc(1, sizeof(*set) + n * sizeof(set->slots[0]));
        if (set == NULL)
            s = rs_fail(reterr, RS_NOMEM, NULL);
    }
    if (s == RS_OK) {
        atomic_init(&set->refs, 1);
        (void)rs_text_copy(set->version, sizeof(set->version), version);
        set->n = n;
        for (size_t i = 0; i < n; i++)
            slot_read(&rows[i], &set->slots[i]);
        *ret = set;
    }
    rs_arena_release(&arena);
    return s;
}

/* The set as the transaction of `conn` sees it. */
static enum rs_status set_get(struct rs_db_conn *conn, struct policy_set **ret,
                              struct rs_err *reterr)
{
    char version[RS_ID_TEXT_BYTES];
    enum rs_status s = rs_catalog_policy_version(conn, version, reterr);
    if (s != RS_OK)
        return s;
    /* Before the first change the list has no version to be known by (and costs nothing to read).
     */
    bool is_known = version[0] != '\0';
    *ret = is_known ? cache_get(version) : NULL;
    if (*ret != NULL)
        return RS_OK;
    s = set_load(conn, version, ret, reterr);
    if (s == RS_OK && is_known)
        cache_put(*ret);
    return s;
}

static void policy_default(struct rs_policy *ret)
{
    *ret = (struct rs_policy){.quarantine = RS_QUARANTINE_ON, .echo = true, .disclose = true};
}

void rs_policy_deny(struct rs_policy *ret)
{
    *ret = (struct rs_policy){.quarantine = RS_QUARANTINE_ON, .separate_duties = true};
}

enum rs_status rs_policy_for(struct rs_db_conn *conn, const char *repository, struct rs_policy *ret,
                             struct rs_err *reterr)
{
    __attribute__((cleanup(set_auto))) struct policy_set *set = NULL;
    rs_policy_deny(ret);
    enum rs_status s = set_get(conn, &set, reterr);
    if (s != RS_OK)
        return s;
    for (size_t i = 0; i < set->n; i++) {
        const struct policy_slot *slot = &set->slots[i];
        if (!rs_glob_match(slot->policy.pattern, repository))
            continue;
        if (slot->is_broken) {
            (void)rs_fail(reterr, RS_CORRUPT, NULL);
            return rs_err_log(reterr, "the policy %s cannot be read", slot->policy.pattern),
                   RS_CORRUPT;
        }
        *ret = slot->policy;
        return RS_OK;
    }
    policy_default(ret);
    return RS_OK;
}

enum rs_status rs_policy_for_db(struct rs_db *db, const char *repository, struct rs_policy *ret,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    rs_policy_deny(ret);
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    return s == RS_OK ? rs_policy_for(read.conn, repository, ret, reterr) : s;
}

static void shorten(int64_t *shortest, int64_t ms)
{
    if (ms > 0 && (*shortest == 0 || ms < *shortest))
        *shortest = ms;
}

enum rs_status rs_policy_shortest(struct rs_db_conn *conn, struct rs_policy_times *ret,
                                  struct rs_err *reterr)
{
    __attribute__((cleanup(set_auto))) struct policy_set *set = NULL;
    *ret = (struct rs_policy_times){0};
    enum rs_status s = set_get(conn, &set, reterr);
    for (size_t i = 0; s == RS_OK && i < set->n; i++) {
        const struct rs_policy *policy = &set->slots[i].policy;
        shorten(&ret->overdue_after_ms, policy->overdue_after_ms);
        shorten(&ret->expire_failed_after_ms, policy->expire_failed_after_ms);
        shorten(&ret->expire_quarantined_after_ms, policy->expire_quarantined_after_ms);
    }
    return s;
}

bool rs_policy_requires_check(const struct rs_policy *policy, const char *check)
{
    for (size_t i = 0; i < policy->n_checks; i++)
        if (strcmp(policy->checks[i], check) == 0)
            return true;
    return false;
}

bool rs_policy_is_immutable(const struct rs_policy *policy, const char *tag)
{
    for (size_t i = 0; i < policy->n_immutable_tags; i++)
        if (rs_glob_match(policy->immutable_tags[i], tag))
            return true;
    return false;
}
