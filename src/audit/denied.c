#include "audit/denied.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "json/write.h"

struct entry {
    uint64_t hash;
    int64_t principal_id;
    uint64_t count;
    int64_t first_ms;
    int64_t last_ms;
    char name[RS_PRINCIPAL_NAME_BYTES];
    char repository[256];
    char reference[256];
    char source[64];     /* of the first */
    char request_id[64]; /* of the first */
};

struct batch {
    unsigned n;
    uint64_t others; /* past the bound */
    struct entry entry[RS_DENIED_ENTRIES_MAX];
};

struct rs_denied {
    pthread_mutex_t mu;
    struct batch *live RS_GUARDED_BY(mu);
    uint64_t total RS_GUARDED_BY(mu);
    struct batch *taken; /* the flushing thread's: being written, or empty */
};

enum rs_status rs_denied_new(struct rs_denied **ret)
{
    struct rs_denied *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return RS_NOMEM;
    (void)pthread_mutex_init(&d->mu, NULL);
    d->live = calloc(1, sizeof(*d->live));
    d->taken = calloc(1, sizeof(*d->taken));
    if (d->live == NULL || d->taken == NULL) {
        rs_denied_free(d);
        return RS_NOMEM;
    }
    *ret = d;
    return RS_OK;
}

void rs_denied_free(struct rs_denied *d)
{
    if (d == NULL)
        return;
    free(d->live);
    free(d->taken);
    (void)pthread_mutex_destroy(&d->mu);
    free(d);
}

/* FNV-1a over the texts with their terminators. */
static uint64_t hash_add(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    } while (*text++ != '\0');
    return hash;
}

static struct entry *entry_find(struct batch *b, uint64_t hash, const struct rs_actor *actor,
                                const char *repository, const char *reference)
{
    for (unsigned i = 0; i < b->n; i++) {
        struct entry *e = &b->entry[i];
        if (e->hash == hash && e->principal_id == actor->principal_id &&
            strcmp(e->repository, repository) == 0 && strcmp(e->reference, reference) == 0)
            return e;
    }
    return NULL;
}

static struct entry *entry_add(struct batch *b, uint64_t hash, const struct rs_actor *actor,
                               const char *repository, const char *reference)
{
    if (b->n >= RS_DENIED_ENTRIES_MAX)
        return NULL;
    struct entry *e = &b->entry[b->n];
    e->hash = hash;
    e->principal_id = actor->principal_id;
    e->count = 0;
    e->first_ms = rs_clock_unix_ms();
    /* Longer names than these do not exist; one that was cut is still told. */
    (void)rs_text_copy(e->name, sizeof(e->name), actor->name);
    (void)rs_text_copy(e->source, sizeof(e->source), actor->source != NULL ? actor->source : "");
    (void)rs_text_copy(e->request_id, sizeof(e->request_id),
                       actor->request_id != NULL ? actor->request_id : "");
    if (!rs_text_copy(e->repository, sizeof(e->repository), repository) ||
        !rs_text_copy(e->reference, sizeof(e->reference), reference))
        return NULL;
    b->n++;
    return e;
}

void rs_denied_count(struct rs_denied *d, const struct rs_actor *actor, const char *repository,
                     const char *reference)
{
    uint64_t hash = hash_add(
        hash_add(UINT64_C(14695981039346656037) ^ (uint64_t)actor->principal_id, repository),
        reference);
    (void)pthread_mutex_lock(&d->mu);
    struct entry *e = entry_find(d->live, hash, actor, repository, reference);
    if (e == NULL)
        e = entry_add(d->live, hash, actor, repository, reference);
    if (e != NULL) {
        e->count++;
        e->last_ms = rs_clock_unix_ms();
    } else {
        d->live->others++;
    }
    d->total++;
    (void)pthread_mutex_unlock(&d->mu);
}

uint64_t rs_denied_total(struct rs_denied *d)
{
    (void)pthread_mutex_lock(&d->mu);
    uint64_t total = d->total;
    (void)pthread_mutex_unlock(&d->mu);
    return total;
}

/* ---- writing ---- */

static enum rs_status entry_append(struct rs_db_conn *conn, const struct entry *e,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "count", (int64_t)e->count);
    rs_jw_member_time(&w, "first", e->first_ms);
    rs_jw_member_time(&w, "last", e->last_ms);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&details);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    bool is_digest = strchr(e->reference, ':') != NULL; /* no tag holds a colon */
    const char *tags[1] = {e->reference};
    struct rs_actor actor = {.principal_id = e->principal_id,
                             .name = e->name,
                             .request_id = e->request_id,
                             .source = e->source};
    struct rs_audit_entry record = {
        .action = "read-denied",
        .actor = &actor,
        .repository = e->repository,
        .tags = is_digest ? NULL : tags,
        .n_tags = is_digest ? 0 : 1,
        .digest = is_digest ? e->reference : NULL,
        .details = rs_buf_text(&details),
    };
    return rs_audit_append(conn, &record, NULL, reterr);
}

static enum rs_status others_append(struct rs_db_conn *conn, uint64_t others, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(256);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "count", (int64_t)others);
    rs_jw_member_text(&w, "note",
                      "reads beyond the bound of the aggregate, of any repository and by anybody");
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&details);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    struct rs_actor daemon = {.principal_id = RS_AUDIT_DAEMON_ID,
                              .name = RS_AUDIT_DAEMON_NAME,
                              .request_id = "",
                              .source = ""};
    struct rs_audit_entry record = {
        .action = "read-denied", .actor = &daemon, .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &record, NULL, reterr);
}

static enum rs_status batch_write(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct batch *b = arg;
    enum rs_status s = RS_OK;
    for (unsigned i = 0; s == RS_OK && i < b->n; i++)
        s = entry_append(conn, &b->entry[i], reterr);
    if (s == RS_OK && b->others > 0)
        s = others_append(conn, b->others, reterr);
    return s;
}

static bool batch_is_empty(const struct batch *b)
{
    return b->n == 0 && b->others == 0;
}

enum rs_status rs_denied_flush(struct rs_denied *d, struct rs_db *db, struct rs_err *reterr)
{
    if (batch_is_empty(d->taken)) {
        (void)pthread_mutex_lock(&d->mu);
        struct batch *full = d->live;
        d->live = d->taken;
        (void)pthread_mutex_unlock(&d->mu);
        d->taken = full;
    }
    if (batch_is_empty(d->taken))
        return RS_OK;
    enum rs_status s = rs_db_write(db, batch_write, d->taken, reterr);
    if (s == RS_OK) {
        d->taken->n = 0;
        d->taken->others = 0;
    }
    return s;
}
