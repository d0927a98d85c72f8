#include "registry/job.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"

void rs_job_init(struct rs_job *job)
{
    *job = (struct rs_job){.state = RS_JOB_NONE, .phase = ""};
    rs_assert(pthread_mutex_init(&job->mu, NULL) == 0);
}

void rs_job_release(struct rs_job *job)
{
    (void)pthread_mutex_destroy(&job->mu);
}

static void remember_actor(struct rs_job *job, const struct rs_actor *actor)
{
    (void)rs_text_copy(job->actor_name, sizeof(job->actor_name), actor->name);
    (void)rs_text_copy(job->request_id, sizeof(job->request_id), actor->request_id);
    (void)rs_text_copy(job->source, sizeof(job->source), actor->source);
    job->actor = (struct rs_actor){.principal_id = actor->principal_id,
                                   .name = job->actor_name,
                                   .request_id = job->request_id,
                                   .source = job->source};
}

enum rs_status rs_job_ask_locked(struct rs_job *job, const struct rs_actor *actor, const char *what,
                                 struct rs_err *reterr)
{
    if (job->state == RS_JOB_ASKED || job->state == RS_JOB_RUNNING)
        return rs_fail(reterr, RS_CONFLICT,
                       "%s goes on already; ask for its progress, or wait for its end", what);
    remember_actor(job, actor);
    job->state = RS_JOB_ASKED;
    job->phase = "";
    job->done = 0;
    job->total = 0;
    rs_err_clear(&job->err);
    return RS_OK;
}

bool rs_job_begin(struct rs_job *job)
{
    (void)pthread_mutex_lock(&job->mu);
    bool asked = job->state == RS_JOB_ASKED;
    if (asked)
        job->state = RS_JOB_RUNNING;
    (void)pthread_mutex_unlock(&job->mu);
    return asked;
}

enum rs_status rs_job_advance(struct rs_job *job, const char *phase, uint64_t done, uint64_t total,
                              struct rs_err *reterr)
{
    (void)pthread_mutex_lock(&job->mu);
    if (job->phase != phase)
        job->phase_started_ms = rs_clock_mono_ms();
    job->phase = phase;
    job->done = done;
    job->total = total;
    (void)pthread_mutex_unlock(&job->mu);
    if (atomic_load(&job->is_stopping))
        return rs_fail(reterr, RS_CANCELLED, "the work was stopped before its end");
    return RS_OK;
}

void rs_job_end(struct rs_job *job, enum rs_status status, const struct rs_err *err)
{
    (void)pthread_mutex_lock(&job->mu);
    job->state = status == RS_OK ? RS_JOB_DONE : RS_JOB_FAILED;
    job->err = *err;
    (void)pthread_mutex_unlock(&job->mu);
}

const struct rs_actor *rs_job_actor(const struct rs_job *job)
{
    return &job->actor;
}

/* By what this phase did so far. */
static void estimate_write(const struct rs_job *job, struct rs_jw *w)
{
    uint64_t spent_ms = rs_clock_mono_ms() - job->phase_started_ms;
    if (job->state != RS_JOB_RUNNING || job->done == 0 || job->total <= job->done || spent_ms == 0)
        return;
    double left_s =
        (double)(job->total - job->done) * (double)spent_ms / (double)job->done / 1000.0;
    rs_jw_member_int(w, "secondsLeft", left_s > 1e9 ? 1000000000 : (int64_t)left_s);
}

void rs_job_write_locked(const struct rs_job *job, struct rs_jw *w)
{
    static const char *const states[] = {"none", "running", "running", "done", "failed"};
    rs_jw_member_text(w, "state", states[job->state]);
    rs_jw_member_text(w, "phase", job->phase);
    rs_jw_member_int(w, "done", (int64_t)job->done);
    rs_jw_member_int(w, "total", (int64_t)job->total);
    estimate_write(job, w);
    if (job->state == RS_JOB_FAILED)
        rs_jw_member_text(w, "error", job->err.message);
}
