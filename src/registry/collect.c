#include "registry/collect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "audit/append.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/periodic.h"
#include "blob/lease.h"
#include "blob/store.h"
#include "catalog/garbage.h"
#include "config/config.h"
#include "json/write.h"

#define STEP_BLOBS ((size_t)256) /* looked at in one read */
#define JOB_BLOBS ((size_t)32)   /* removed in one transaction */

struct rs_collector {
    const struct rs_services *services;
    struct rs_periodic *periodic; /* NULL: only when asked to */
    pthread_mutex_t pass;         /* held for a whole pass: one at a time */
    atomic_bool is_stopping;
    pthread_mutex_t mu;
    struct rs_collector_stats stats RS_GUARDED_BY(mu);
};

/* One pass. */
struct pass {
    struct rs_collector *collector;
    const struct rs_actor *actor;
    bool dry_run;
    int64_t before_ms; /* younger than this is not garbage */
    struct rs_collected *got;
};

/* ---- blobs that the catalog knows ---- */

struct removal {
    struct rs_garbage_blob *blobs;
    struct rs_garbage_removed *removed;
    size_t n;
    int64_t before_ms;
};

static enum rs_status remove_rows(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct removal *r = arg;
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < r->n; i++)
        s = rs_catalog_garbage_remove(conn, r->blobs[i].digest, r->before_ms, &r->removed[i],
                                      reterr);
    return s;
}

/* Blobs whose lease is taken by the collector: rows first, durably, then files. */
static enum rs_status remove_taken(struct pass *p, struct rs_garbage_blob *blobs, size_t n,
                                   struct rs_err *reterr)
{
    struct rs_garbage_removed removed[JOB_BLOBS] = {0};
    struct removal r = {.blobs = blobs, .removed = removed, .n = n, .before_ms = p->before_ms};
    enum rs_status s =
        n == 0 ? RS_OK : rs_db_write(p->collector->services->db, remove_rows, &r, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++) {
        if (!removed[i].is_gone) {
            p->got->links += removed[i].links;
            p->got->kept += removed[i].links == 0;
            continue;
        }
        s = rs_blob_delete(p->collector->services->blobs, blobs[i].digest, reterr);
        p->got->blobs++;
        p->got->blob_bytes += blobs[i].size;
    }
    return s;
}

static enum rs_status remove_found(struct pass *p, struct rs_garbage_blob *found, size_t n,
                                   struct rs_err *reterr)
{
    struct rs_leases *leases = rs_blobs_leases(p->collector->services->blobs);
    enum rs_status s = RS_OK;
    for (size_t at = 0; s == RS_OK && at < n;) {
        struct rs_garbage_blob taken[JOB_BLOBS];
        size_t n_taken = 0;
        for (; at < n && n_taken < JOB_BLOBS; at++) {
            if (rs_leases_collect_begin(leases, found[at].digest))
                taken[n_taken++] = found[at];
            else
                p->got->kept++;
        }
        s = remove_taken(p, taken, n_taken, reterr);
        for (size_t i = 0; i < n_taken; i++)
            rs_leases_collect_end(leases, taken[i].digest);
    }
    return s;
}

static enum rs_status walk_step(struct pass *p, struct rs_garbage_step *step, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(p->collector->services->db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_garbage_step(read.conn, p->before_ms, step, reterr) : s;
}

static enum rs_status stopping(const struct pass *p, struct rs_err *reterr)
{
    if (atomic_load(&p->collector->is_stopping))
        return rs_fail(reterr, RS_CANCELLED, NULL);
    return RS_OK;
}

static void candidate_count(struct pass *p, const struct rs_garbage_blob *blob)
{
    if (blob->is_kept) {
        p->got->links += blob->links;
        return;
    }
    p->got->blobs++;
    p->got->blob_bytes += blob->size;
}

static enum rs_status collect_blobs(struct pass *p, struct rs_err *reterr)
{
    struct rs_garbage_blob found[STEP_BLOBS];
    struct rs_garbage_step step = {.found = found, .found_max = STEP_BLOBS};
    enum rs_status s = RS_OK;
    while (s == RS_OK && !step.is_last) {
        s = walk_step(p, &step, reterr);
        for (size_t i = 0; s == RS_OK && p->dry_run && i < step.n_found; i++)
            candidate_count(p, &found[i]);
        if (s == RS_OK && !p->dry_run)
            s = remove_found(p, found, step.n_found, reterr);
        if (s == RS_OK)
            s = stopping(p, reterr);
    }
    return s;
}

/* ---- files that no row tells of ---- */

struct stray_walk {
    struct pass *pass;
    enum rs_status status;
    struct rs_err *reterr;
};

static enum rs_status is_stray(struct pass *p, const char *digest, bool *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    bool known = true;
    enum rs_status s = rs_db_read_begin(p->collector->services->db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_is_known(read.conn, digest, &known, reterr);
    *ret = s == RS_OK && !known;
    return s;
}

/* Asked again while nobody can have a lease: an upload puts its row in place before it lets go of
 * its own. */
static enum rs_status remove_stray(struct pass *p, const char *digest, uint64_t size,
                                   struct rs_err *reterr)
{
    struct rs_leases *leases = rs_blobs_leases(p->collector->services->blobs);
    bool stray = false;
    if (!p->dry_run && !rs_leases_collect_begin(leases, digest)) {
        p->got->kept++;
        return RS_OK;
    }
    enum rs_status s = is_stray(p, digest, &stray, reterr);
    if (s == RS_OK && stray && !p->dry_run)
        s = rs_blob_delete(p->collector->services->blobs, digest, reterr);
    if (s == RS_OK && stray) {
        p->got->strays++;
        p->got->stray_bytes += size;
    }
    if (!p->dry_run)
        rs_leases_collect_end(leases, digest);
    return s;
}

static bool visit_file(const char *digest, uint64_t size, int64_t mtime_ms, void *arg)
{
    struct stray_walk *w = arg;
    bool stray = false;
    if (mtime_ms >= w->pass->before_ms)
        return true;
    w->status = is_stray(w->pass, digest, &stray, w->reterr);
    if (w->status == RS_OK && stray)
        w->status = remove_stray(w->pass, digest, size, w->reterr);
    if (w->status == RS_OK)
        w->status = stopping(w->pass, w->reterr);
    return w->status == RS_OK;
}

static enum rs_status collect_strays(struct pass *p, struct rs_err *reterr)
{
    struct stray_walk w = {.pass = p, .status = RS_OK, .reterr = reterr};
    enum rs_status s = rs_blobs_each(p->collector->services->blobs, visit_file, &w, reterr);
    return w.status != RS_OK ? w.status : s;
}

/* ---- one pass ---- */

static enum rs_status expire_uploads(struct pass *p, struct rs_err *reterr)
{
    const struct rs_services *services = p->collector->services;
    if (p->dry_run)
        return RS_OK;
    return rs_uploads_expire(services->blobs, rs_clock_unix_ms(),
                             services->config->limit_upload_expiry_ms, &p->got->uploads, reterr);
}

static enum rs_status record_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct pass *p = arg;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&details);
    int64_t seq = 0;
    rs_jw_object(&w);
    rs_jw_member_int(&w, "blobs", (int64_t)p->got->blobs);
    rs_jw_member_int(&w, "bytes", (int64_t)(p->got->blob_bytes + p->got->stray_bytes));
    rs_jw_member_int(&w, "links", (int64_t)p->got->links);
    rs_jw_member_int(&w, "strays", (int64_t)p->got->strays);
    rs_jw_member_int(&w, "uploads", (int64_t)p->got->uploads);
    rs_jw_object_end(&w);
    const struct rs_audit_entry entry = {
        .action = "collected", .actor = p->actor, .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &entry, &seq, reterr);
}

static enum rs_status pass_run(struct pass *p, struct rs_err *reterr)
{
    enum rs_status s = collect_blobs(p, reterr);
    if (s == RS_OK)
        s = collect_strays(p, reterr);
    if (s == RS_OK)
        s = expire_uploads(p, reterr);
    /* What went before a failure is gone as well, and told. */
    if (!p->dry_run && p->got->blobs + p->got->links + p->got->strays + p->got->uploads > 0) {
        enum rs_status recorded = rs_db_write(p->collector->services->db, record_job, p, reterr);
        s = s == RS_OK ? recorded : s;
    }
    return s;
}

static void stats_add(struct rs_collector *c, const struct rs_collected *got, bool failed)
{
    (void)pthread_mutex_lock(&c->mu);
    c->stats.passes++;
    c->stats.failed_passes += failed;
    c->stats.total.blobs += got->blobs;
    c->stats.total.blob_bytes += got->blob_bytes;
    c->stats.total.strays += got->strays;
    c->stats.total.stray_bytes += got->stray_bytes;
    c->stats.total.links += got->links;
    c->stats.total.uploads += got->uploads;
    c->stats.total.kept += got->kept;
    (void)pthread_mutex_unlock(&c->mu);
}

enum rs_status rs_collect(struct rs_collector *collector, const struct rs_actor *actor,
                          bool dry_run, struct rs_collected *ret, struct rs_err *reterr)
{
    memset(ret, 0, sizeof(*ret));
    struct pass p = {.collector = collector,
                     .actor = actor,
                     .dry_run = dry_run,
                     .before_ms = rs_clock_unix_ms() - collector->services->config->gc_grace_ms,
                     .got = ret};
    (void)pthread_mutex_lock(&collector->pass);
    enum rs_status s = pass_run(&p, reterr);
    (void)pthread_mutex_unlock(&collector->pass);
    if (!dry_run)
        stats_add(collector, ret, s != RS_OK && s != RS_CANCELLED);
    return s;
}

void rs_collector_hold(struct rs_collector *collector)
{
    (void)pthread_mutex_lock(&collector->pass);
}

void rs_collector_go_on(struct rs_collector *collector)
{
    (void)pthread_mutex_unlock(&collector->pass);
}

/* ---- in the background ---- */

static void background_pass(void *arg)
{
    struct rs_collector *c = arg;
    const struct rs_actor self = {.name = "roadstead", .request_id = "", .source = ""};
    struct rs_collected got;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_collect(c, &self, false, &got, &err);
    if (s != RS_OK && s != RS_CANCELLED)
        rs_log(RS_LOG_ERROR, "garbage collection failed; the next pass goes on from there",
               RS_F("status", rs_status_name(s)), RS_F("error", err.message), RS_F("why", err.log));
    else if (got.blobs + got.strays + got.uploads > 0)
        rs_log(RS_LOG_INFO, "garbage collected", RS_N("blobs", got.blobs),
               RS_N("bytes", got.blob_bytes), RS_N("strays", got.strays),
               RS_N("uploads", got.uploads));
}

enum rs_status rs_collector_start(const struct rs_services *services, struct rs_collector **ret,
                                  struct rs_err *reterr)
{
    struct rs_collector *c = calloc(1, sizeof(*c));
    enum rs_status s = RS_OK;
    if (c == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    c->services = services;
    rs_assert(pthread_mutex_init(&c->pass, NULL) == 0 && pthread_mutex_init(&c->mu, NULL) == 0);
    if (services->config->gc_interval_ms > 0)
        s = rs_periodic_start((uint64_t)services->config->gc_interval_ms, background_pass, c,
                              &c->periodic, reterr);
    if (s == RS_OK)
        *ret = c;
    else
        rs_collector_stop(c);
    return s;
}

void rs_collector_stop(struct rs_collector *collector)
{
    if (collector == NULL)
        return;
    atomic_store(&collector->is_stopping, true);
    rs_periodic_stop(collector->periodic);
    (void)pthread_mutex_destroy(&collector->mu);
    (void)pthread_mutex_destroy(&collector->pass);
    free(collector);
}

void rs_collector_stats(struct rs_collector *collector, struct rs_collector_stats *ret)
{
    (void)pthread_mutex_lock(&collector->mu);
    *ret = collector->stats;
    (void)pthread_mutex_unlock(&collector->mu);
}
