#include "registry/checker.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "audit/append.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "json/write.h"
#include "registry/job.h"

#define STATUS_BYTES_MAX ((size_t)1 << 20)
#define FINDING_BYTES_MAX ((size_t)2048)

struct rs_checker {
    const struct rs_services *services;
    pthread_t thread;
    bool has_thread;
    pthread_cond_t wake; /* with job.mu: something is to do */
    struct rs_job job;   /* the whole check that an admin asks for; its mutex guards what follows */
    bool is_ending RS_GUARDED_BY(job.mu);
    bool is_repairing RS_GUARDED_BY(job.mu);
    struct rs_fsck_result result RS_GUARDED_BY(job.mu);
    struct rs_buf findings RS_GUARDED_BY(job.mu); /* JSON objects, comma-separated */
    unsigned n_findings RS_GUARDED_BY(job.mu);    /* all of them, also those not kept */
    struct rs_checker_stats stats RS_GUARDED_BY(job.mu);
};

/* ---- what a run tells ---- */

static void finding_write(struct rs_jw *w, const struct rs_fsck_finding *f)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "phase", rs_fsck_phase_name(f->phase));
    rs_jw_member_text(w, "what", f->what);
    if (f->repository != NULL)
        rs_jw_member_text(w, "repository", f->repository);
    if (f->subject != NULL)
        rs_jw_member_text(w, "subject", f->subject);
    rs_jw_member_bool(w, "repaired", f->is_repaired);
    rs_jw_member_bool(w, "garbage", f->is_garbage);
    rs_jw_object_end(w);
}

static void finding_keep(struct rs_checker *c, const struct rs_fsck_finding *f)
{
    RS_AUTO(rs_buf) struct rs_buf one = RS_BUF_INIT(FINDING_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&one);
    if (c->n_findings++ >= RS_CHECKER_FINDINGS_MAX)
        return;
    finding_write(&w, f);
    if (rs_buf_status(&one) != RS_OK)
        return; /* counted all the same */
    if (c->findings.len > 0)
        (void)rs_buf_addc(&c->findings, ',');
    (void)rs_buf_add(&c->findings, one.data, one.len);
}

static void job_finding(const struct rs_fsck_finding *f, void *arg)
{
    struct rs_checker *c = arg;
    (void)pthread_mutex_lock(&c->job.mu);
    finding_keep(c, f);
    (void)pthread_mutex_unlock(&c->job.mu);
}

static void job_progress(const struct rs_fsck_progress *p, void *arg)
{
    struct rs_checker *c = arg;
    /* Whether it is to stop is asked by the run itself. */
    enum rs_status s =
        rs_job_advance(&c->job, rs_fsck_phase_name(p->phase), p->done, p->total, NULL);
    (void)s;
}

static void scrub_finding(const struct rs_fsck_finding *f, void *arg)
{
    (void)arg;
    rs_log(RS_LOG_ERROR,
           "the scrub found damage: push an image with this blob again, or restore a backup",
           RS_F("what", f->what), RS_F("digest", f->subject));
}

/* ---- runs ---- */

static void stats_keep(struct rs_checker *c, const struct rs_fsck_result *result)
{
    c->stats.runs++;
    c->stats.damaged = result->damaged - result->repaired;
    c->stats.last_unix_ms = rs_clock_unix_ms();
}

struct repaired {
    const struct rs_actor *actor;
    const struct rs_fsck_result *result;
};

static enum rs_status repaired_record(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct repaired *r = arg;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&details);
    int64_t seq = 0;
    rs_jw_object(&w);
    rs_jw_member_int(&w, "damaged", (int64_t)r->result->damaged);
    rs_jw_member_int(&w, "repaired", (int64_t)r->result->repaired);
    rs_jw_object_end(&w);
    const struct rs_audit_entry entry = {
        .action = "repaired", .actor = r->actor, .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &entry, &seq, reterr);
}

static void job_run(struct rs_checker *c, bool is_repairing)
{
    const struct rs_fsck_options options = {.is_repairing = is_repairing,
                                            .is_stopping = &c->job.is_stopping,
                                            .on_finding = job_finding,
                                            .on_progress = job_progress,
                                            .arg = c};
    struct rs_fsck_result result;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_fsck_run(c->services->db, c->services->blobs, &options, &result, &err);
    struct repaired repaired = {.actor = rs_job_actor(&c->job), .result = &result};
    if (result.repaired > 0) {
        enum rs_status recorded = rs_db_write(c->services->db, repaired_record, &repaired, &err);
        s = s == RS_OK ? recorded : s;
    }
    (void)pthread_mutex_lock(&c->job.mu);
    c->result = result;
    if (s == RS_OK)
        stats_keep(c, &result);
    (void)pthread_mutex_unlock(&c->job.mu);
    rs_job_end(&c->job, s, &err);
}

static void scrub_run(struct rs_checker *c)
{
    const struct rs_fsck_options options = {.only_blobs = true,
                                            .bytes_per_s =
                                                (uint64_t)c->services->config->scrub_rate_bytes_s,
                                            .is_stopping = &c->job.is_stopping,
                                            .on_finding = scrub_finding,
                                            .arg = c};
    struct rs_fsck_result result;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_fsck_run(c->services->db, c->services->blobs, &options, &result, &err);
    if (s == RS_CANCELLED)
        return;
    if (s != RS_OK) {
        rs_log(RS_LOG_ERROR, "the scrub ended early; it starts anew at its next time",
               RS_F("error", err.message), RS_F("why", err.log));
        return;
    }
    rs_log(RS_LOG_INFO, "every blob was read", RS_N("blobs", result.blobs),
           RS_N("bytes", result.blob_bytes), RS_N("damaged", result.damaged));
    (void)pthread_mutex_lock(&c->job.mu);
    stats_keep(c, &result);
    (void)pthread_mutex_unlock(&c->job.mu);
}

/* What to do next, slept for: a job that was asked for, a scrub whose time has come, or the end. */
enum next { NEXT_END, NEXT_JOB, NEXT_SCRUB };

static enum next next_wait(struct rs_checker *c, uint64_t scrub_at_ms, bool *ret_is_repairing)
{
    enum next next = NEXT_END;
    (void)pthread_mutex_lock(&c->job.mu);
    while (!c->is_ending && c->job.state != RS_JOB_ASKED &&
           (scrub_at_ms == 0 || rs_clock_mono_ms() < scrub_at_ms)) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        (void)pthread_cond_timedwait(&c->wake, &c->job.mu, &until);
    }
    if (!c->is_ending) {
        next = c->job.state == RS_JOB_ASKED ? NEXT_JOB : NEXT_SCRUB;
        atomic_store(&c->job.is_stopping, false);
        *ret_is_repairing = c->is_repairing;
    }
    (void)pthread_mutex_unlock(&c->job.mu);
    return next;
}

static void *run(void *arg)
{
    struct rs_checker *c = arg;
    uint64_t every_ms = (uint64_t)c->services->config->scrub_interval_ms;
    uint64_t scrub_at_ms = every_ms == 0 ? 0 : rs_clock_mono_ms() + every_ms;
    bool is_repairing = false;
    for (;;) {
        switch (next_wait(c, scrub_at_ms, &is_repairing)) {
        case NEXT_END:
            return NULL;
        case NEXT_JOB:
            if (rs_job_begin(&c->job))
                job_run(c, is_repairing);
            break;
        case NEXT_SCRUB:
            scrub_run(c);
            scrub_at_ms = rs_clock_mono_ms() + every_ms;
            break;
        }
    }
}

enum rs_status rs_checker_start(const struct rs_services *services, struct rs_checker **ret,
                                struct rs_err *reterr)
{
    struct rs_checker *c = calloc(1, sizeof(*c));
    pthread_condattr_t attr;
    if (c == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    c->services = services;
    c->findings = (struct rs_buf)RS_BUF_INIT(STATUS_BYTES_MAX);
    rs_job_init(&c->job);
    rs_assert(pthread_condattr_init(&attr) == 0 &&
              pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    rs_assert(pthread_cond_init(&c->wake, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        rs_checker_stop(c);
        return rs_fail(reterr, RS_NOMEM, NULL);
    }
    c->has_thread = true;
    *ret = c;
    return RS_OK;
}

void rs_checker_stop(struct rs_checker *checker)
{
    if (checker == NULL)
        return;
    (void)pthread_mutex_lock(&checker->job.mu);
    checker->is_ending = true;
    atomic_store(&checker->job.is_stopping, true);
    (void)pthread_cond_broadcast(&checker->wake);
    (void)pthread_mutex_unlock(&checker->job.mu);
    if (checker->has_thread)
        (void)pthread_join(checker->thread, NULL);
    (void)pthread_cond_destroy(&checker->wake);
    rs_job_release(&checker->job);
    rs_buf_release(&checker->findings);
    free(checker);
}

enum rs_status rs_checker_ask(struct rs_checker *checker, const struct rs_actor *actor,
                              bool is_repairing, struct rs_err *reterr)
{
    (void)pthread_mutex_lock(&checker->job.mu);
    enum rs_status s = rs_job_ask_locked(&checker->job, actor, "a check", reterr);
    if (s == RS_OK) {
        rs_buf_clear(&checker->findings);
        checker->n_findings = 0;
        checker->is_repairing = is_repairing;
        memset(&checker->result, 0, sizeof(checker->result));
        atomic_store(&checker->job.is_stopping, true); /* a scrub gives way */
        (void)pthread_cond_broadcast(&checker->wake);
    }
    (void)pthread_mutex_unlock(&checker->job.mu);
    return s;
}

/* ---- the answer ---- */

static void counts_write(struct rs_jw *w, const struct rs_fsck_result *result)
{
    rs_jw_key(w, "counts");
    rs_jw_object(w);
    rs_jw_member_int(w, "manifests", (int64_t)result->manifests);
    rs_jw_member_int(w, "blobs", (int64_t)result->blobs);
    rs_jw_member_int(w, "bytes", (int64_t)result->blob_bytes);
    rs_jw_member_int(w, "damaged", (int64_t)result->damaged);
    rs_jw_member_int(w, "repaired", (int64_t)result->repaired);
    rs_jw_member_int(w, "strays", (int64_t)result->strays);
    rs_jw_object_end(w);
}

enum rs_status rs_checker_status(struct rs_checker *checker, struct rs_buf *out,
                                 struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    (void)pthread_mutex_lock(&checker->job.mu);
    rs_jw_object(&w);
    rs_job_write_locked(&checker->job, &w);
    rs_jw_member_bool(&w, "repair", checker->is_repairing);
    rs_jw_member_int(&w, "findingsTotal", checker->n_findings);
    rs_jw_key(&w, "findings");
    rs_jw_array(&w);
    if (checker->findings.len > 0)
        rs_jw_raw(&w, rs_buf_text(&checker->findings));
    rs_jw_array_end(&w);
    counts_write(&w, &checker->result);
    rs_jw_object_end(&w);
    (void)pthread_mutex_unlock(&checker->job.mu);
    enum rs_status s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

void rs_checker_stats(struct rs_checker *checker, struct rs_checker_stats *ret)
{
    (void)pthread_mutex_lock(&checker->job.mu);
    *ret = checker->stats;
    (void)pthread_mutex_unlock(&checker->job.mu);
}
