/*
 * registry/job.h: long work inside the daemon, one at a time of its kind, with progress that can be
 * asked for. Layer: registry.  Threads: any; every call is short.
 */
#ifndef RS_REGISTRY_JOB_H
#define RS_REGISTRY_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "auth/access.h"
#include "base/buf.h"
#include "json/write.h"

enum rs_job_state {
    RS_JOB_NONE,
    RS_JOB_ASKED,
    RS_JOB_RUNNING,
    RS_JOB_DONE,
    RS_JOB_FAILED,
};

/* All fields but is_stopping are guarded by mu. */
struct rs_job {
    pthread_mutex_t mu;
    enum rs_job_state state;
    struct rs_actor actor; /* its texts are the three arrays below */
    char actor_name[RS_PRINCIPAL_NAME_BYTES];
    char request_id[64];
    char source[64];
    const char *phase; /* a literal */
    uint64_t done;     /* bytes or things of this phase */
    uint64_t total;
    uint64_t phase_started_ms; /* monotonic, for the estimate */
    struct rs_err err;
    atomic_bool is_stopping; /* the work looks at it between its steps */
};

void rs_job_init(struct rs_job *job);
void rs_job_release(struct rs_job *job);

/* Remember that the work was asked for, and by whom.  The caller holds job->mu and sets what the
 * work is to do under it. RS_CONFLICT while the last one goes on. */
RS_MUST_CHECK enum rs_status rs_job_ask_locked(struct rs_job *job, const struct rs_actor *actor,
                                               const char *what, struct rs_err *reterr);
/* The work begins: false when nobody asked for it. */
bool rs_job_begin(struct rs_job *job);
/* How far the work is.  RS_CANCELLED when it is to stop. */
RS_MUST_CHECK enum rs_status rs_job_advance(struct rs_job *job, const char *phase, uint64_t done,
                                            uint64_t total, struct rs_err *reterr);
void rs_job_end(struct rs_job *job, enum rs_status status, const struct rs_err *err);

/* Who asked.  Stable until the next rs_job_ask_locked(), so for the work's own thread only. */
const struct rs_actor *rs_job_actor(const struct rs_job *job);

/* Members "state" (none, running, done, failed), "phase", "done", "total", "secondsLeft" and
 * "error" of an object that is open.  The caller holds job->mu. */
void rs_job_write_locked(const struct rs_job *job, struct rs_jw *w);

#endif
