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

#define STATUS_BYTES_MAX ((size_t)1 << 20)
#define FINDING_BYTES_MAX ((size_t)2048)

enum job_state { JOB_NONE, JOB_ASKED, JOB_RUNNING, JOB_DONE, JOB_FAILED };

struct job {
    enum job_state state;
    bool is_repairing;
    char actor[RS_PRINCIPAL_NAME_BYTES];
    int64_t actor_id;
    char request_id[64];
    char source[64];
    struct rs_fsck_progress progress;
    struct rs_fsck_result result;
    uint64_t phase_started_ms; /* monotonic, for the estimate */
    struct rs_buf findings;    /* JSON objects, comma-separated */
    unsigned n_findings;       /* all of them, also those not kept */
    struct rs_err err;
};

struct rs_checker {
    const struct rs_services *services;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool is_ending RS_GUARDED_BY(mu);
    struct job job RS_GUARDED_BY(mu);
    struct rs_checker_stats stats RS_GUARDED_BY(mu);
    atomic_bool run_must_stop; /* read by the run, set under mu */
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

static void finding_keep(struct job *job, const struct rs_fsck_finding *f)
{
    RS_AUTO(rs_buf) struct rs_buf one = RS_BUF_INIT(FINDING_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&one);
    if (job->n_findings++ >= RS_CHECKER_FINDINGS_MAX)
        return;
    finding_write(&w, f);
    if (rs_buf_status(&one) != RS_OK)
        return; /* counted all the same */
    if (job->findings.len > 0)
        (void)rs_buf_addc(&job->findings, ',');
    (void)rs_buf_add(&job->findings, one.data, one.len);
}

static void job_finding(const struct rs_fsck_finding *f, void *arg)
{
    struct rs_checker *c = arg;
    (void)pthread_mutex_lock(&c->mu);
    finding_keep(&c->job, f);
    (void)pthread_mutex_unlock(&c->mu);
}

static void job_progress(const struct rs_fsck_progress *p, void *arg)
{
    struct rs_checker *c = arg;
    (void)pthread_mutex_lock(&c->mu);
    if (c->job.progress.phase != p->phase || p->done == 0)
        c->job.phase_started_ms = rs_clock_mono_ms();
    c->job.progress = *p;
    (void)pthread_mutex_unlock(&c->mu);
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
    struct rs_actor actor;
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
        .action = "repaired", .actor = &r->actor, .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &entry, &seq, reterr);
}

static void job_run(struct rs_checker *c)
{
    struct rs_fsck_options options = {.is_stopping = &c->run_must_stop,
                                      .on_finding = job_finding,
                                      .on_progress = job_progress,
                                      .arg = c};
    struct rs_fsck_result result;
    struct rs_err err = RS_ERR_INIT;
    (void)pthread_mutex_lock(&c->mu);
    options.is_repairing = c->job.is_repairing;
    struct job who = c->job; /* only the caller's names are used */
    (void)pthread_mutex_unlock(&c->mu);
    enum rs_status s = rs_fsck_run(c->services->db, c->services->blobs, &options, &result, &err);
    struct repaired repaired = {.actor = {.principal_id = who.actor_id,
                                          .name = who.actor,
                                          .request_id = who.request_id,
                                          .source = who.source},
                                .result = &result};
    if (result.repaired > 0) {
        enum rs_status recorded = rs_db_write(c->services->db, repaired_record, &repaired, &err);
        s = s == RS_OK ? recorded : s;
    }
    (void)pthread_mutex_lock(&c->mu);
    c->job.result = result;
    c->job.state = s == RS_OK ? JOB_DONE : JOB_FAILED;
    c->job.err = err;
    if (s == RS_OK)
        stats_keep(c, &result);
    (void)pthread_mutex_unlock(&c->mu);
}

static void scrub_run(struct rs_checker *c)
{
    const struct rs_fsck_options options = {.only_blobs = true,
                                            .bytes_per_s =
                                                (uint64_t)c->services->config->scrub_rate_bytes_s,
                                            .is_stopping = &c->run_must_stop,
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
    (void)pthread_mutex_lock(&c->mu);
    stats_keep(c, &result);
    (void)pthread_mutex_unlock(&c->mu);
}

/* What to do next, slept for: a job that was asked for, a scrub whose time has come, or the end. */
enum next { NEXT_END, NEXT_JOB, NEXT_SCRUB };

static enum next next_wait(struct rs_checker *c, uint64_t scrub_at_ms)
{
    enum next next = NEXT_END;
    (void)pthread_mutex_lock(&c->mu);
    while (!c->is_ending && c->job.state != JOB_ASKED &&
           (scrub_at_ms == 0 || rs_clock_mono_ms() < scrub_at_ms)) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        (void)pthread_cond_timedwait(&c->wake, &c->mu, &until);
    }
    if (!c->is_ending) {
        next = c->job.state == JOB_ASKED ? NEXT_JOB : NEXT_SCRUB;
        atomic_store(&c->run_must_stop, false);
        if (next == NEXT_JOB)
            c->job.state = JOB_RUNNING;
    }
    (void)pthread_mutex_unlock(&c->mu);
    return next;
}

static void *run(void *arg)
{
    struct rs_checker *c = arg;
    uint64_t every_ms = (uint64_t)c->services->config->scrub_interval_ms;
    uint64_t scrub_at_ms = every_ms == 0 ? 0 : rs_clock_mono_ms() + every_ms;
    for (;;) {
        switch (next_wait(c, scrub_at_ms)) {
        case NEXT_END:
            return NULL;
        case NEXT_JOB:
            job_run(c);
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
    c->job.findings = (struct rs_buf)RS_BUF_INIT(STATUS_BYTES_MAX);
    rs_assert(pthread_mutex_init(&c->mu, NULL) == 0);
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
    (void)pthread_mutex_lock(&checker->mu);
    checker->is_ending = true;
    atomic_store(&checker->run_must_stop, true);
    (void)pthread_cond_broadcast(&checker->wake);
    (void)pthread_mutex_unlock(&checker->mu);
    if (checker->has_thread)
        (void)pthread_join(checker->thread, NULL);
    (void)pthread_cond_destroy(&checker->wake);
    (void)pthread_mutex_destroy(&checker->mu);
    rs_buf_release(&checker->job.findings);
    free(checker);
}

enum rs_status rs_checker_ask(struct rs_checker *checker, const struct rs_actor *actor,
                              bool is_repairing, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    (void)pthread_mutex_lock(&checker->mu);
    struct job *job = &checker->job;
    if (job->state == JOB_ASKED || job->state == JOB_RUNNING) {
        s = rs_fail(reterr, RS_CONFLICT,
                    "a check goes on already; ask for its progress, or wait for its end");
    } else {
        rs_buf_clear(&job->findings);
        job->n_findings = 0;
        job->state = JOB_ASKED;
        job->is_repairing = is_repairing;
        job->actor_id = actor->principal_id;
        (void)rs_text_copy(job->actor, sizeof(job->actor), actor->name);
        (void)rs_text_copy(job->request_id, sizeof(job->request_id), actor->request_id);
        (void)rs_text_copy(job->source, sizeof(job->source), actor->source);
        memset(&job->progress, 0, sizeof(job->progress));
        memset(&job->result, 0, sizeof(job->result));
        rs_err_clear(&job->err);
        atomic_store(&checker->run_must_stop, true); /* a scrub gives way */
        (void)pthread_cond_broadcast(&checker->wake);
    }
    (void)pthread_mutex_unlock(&checker->mu);
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

/* By what this phase did so far; nothing before it did anything. */
static void estimate_write(struct rs_jw *w, const struct job *job)
{
    const struct rs_fsck_progress *p = &job->progress;
    uint64_t spent_ms = rs_clock_mono_ms() - job->phase_started_ms;
    if (job->state == JOB_RUNNING && p->done > 0 && p->total > p->done && spent_ms > 0) {
        double left = (double)(p->total - p->done) * (double)spent_ms / (double)p->done / 1000.0;
        rs_jw_member_int(w, "secondsLeft", left > 1e9 ? 1000000000 : (int64_t)left);
    }
}

static void job_write(struct rs_jw *w, const struct job *job)
{
    static const char *const states[] = {"none", "running", "running", "done", "failed"};
    rs_jw_object(w);
    rs_jw_member_text(w, "state", states[job->state]);
    rs_jw_member_text(w, "phase", rs_fsck_phase_name(job->progress.phase));
    rs_jw_member_int(w, "done", (int64_t)job->progress.done);
    rs_jw_member_int(w, "total", (int64_t)job->progress.total);
    estimate_write(w, job);
    rs_jw_member_bool(w, "repair", job->is_repairing);
    rs_jw_member_int(w, "findingsTotal", job->n_findings);
    rs_jw_key(w, "findings");
    rs_jw_array(w);
    if (job->findings.len > 0)
        rs_jw_raw(w, rs_buf_text(&job->findings));
    rs_jw_array_end(w);
    counts_write(w, &job->result);
    if (job->state == JOB_FAILED)
        rs_jw_member_text(w, "error", job->err.message);
    rs_jw_object_end(w);
}

enum rs_status rs_checker_status(struct rs_checker *checker, struct rs_buf *out,
                                 struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    (void)pthread_mutex_lock(&checker->mu);
    job_write(&w, &checker->job);
    (void)pthread_mutex_unlock(&checker->mu);
    enum rs_status s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

void rs_checker_stats(struct rs_checker *checker, struct rs_checker_stats *ret)
{
    (void)pthread_mutex_lock(&checker->mu);
    *ret = checker->stats;
    (void)pthread_mutex_unlock(&checker->mu);
}
