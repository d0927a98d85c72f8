/*
 * http/worker.h: threads for what may block.
 * Layer: http.  Threads: submit from any thread; new and stop from one.
 * The pool grows with its work up to a bound, and shrinks when there is none.
 */
#ifndef RS_HTTP_WORKER_H
#define RS_HTTP_WORKER_H

#include <stdbool.h>

#include "base/err.h"

struct rs_workers;

/* Belongs to the submitter; must stay until run() is entered, which may submit it again or free it.
 */
struct rs_task {
    struct rs_task *next;
    void (*run)(struct rs_task *task);
};

/* At most threads_max threads; at most queue_max tasks that wait for one.  Errors: RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_workers_new(unsigned threads_max, unsigned queue_max,
                                            struct rs_workers **ret, struct rs_err *reterr);

enum rs_submit {
    RS_SUBMIT_NEW, /* refused when too many wait, or when the pool stops */
    /* the next step of something that was accepted: never refused while threads run */
    RS_SUBMIT_CONTINUE,
};
/* false: refused, the task will not run. */
RS_MUST_CHECK bool rs_workers_submit(struct rs_workers *w, struct rs_task *task,
                                     enum rs_submit how);

/* Tasks waiting, threads alive; for metrics. */
unsigned rs_workers_waiting(struct rs_workers *w);
unsigned rs_workers_threads(struct rs_workers *w);

/* Refuse new tasks from now on; what is queued still runs, and may submit RS_SUBMIT_CONTINUE.  Then
 * wait for all threads.  The object stays and refuses every submission; NULL-safe. */
void rs_workers_stop(struct rs_workers *w);
void rs_workers_free(struct rs_workers *w); /* stopped before; NULL-safe */

#endif
