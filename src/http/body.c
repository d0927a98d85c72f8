/*
 * Request bodies: into memory up to a limit, or through a bounded ring to a worker.
 *
 * The loop thread puts bytes into the ring; a task on a worker takes them out and feeds the sink.
 * A task is queued when bytes come and none is (is_draining), and ends when the ring is empty, so
 * that a slow client holds no thread.  When the ring is full the connection is suspended; the
 * worker resumes it at half.  The task that finds the ring empty after the last byte runs the
 * handler. If the client goes away meanwhile, the task that is at work ends the request; if none
 * is, the completion callback does.
 */
#include "http/http_internal.h"

/* So many chunks of one body before another body's task has its turn. */
#define CHUNKS_PER_TURN 64
#define CHUNK_BYTES_MAX ((size_t)131072)

static bool has_ring(const struct rs_request *r)
{
    return r->body.ring.data != NULL;
}

enum rs_status rs_body_start(struct rs_request *r)
{
    const struct rs_route *route = r->match.route;
    struct rs_body *b = &r->body;
    if (route->body == RS_BODY_MEMORY)
        b->memory = (struct rs_buf)RS_BUF_INIT((size_t)route->body_max);
    else if (route->body == RS_BODY_STREAM && b->sink.write != NULL &&
             !rs_ring_init(&b->ring, r->server->o.body_ring_bytes))
        return rs_fail(&r->err, RS_NOMEM, NULL);
    return RS_OK;
}

void rs_body_release(struct rs_body *b)
{
    rs_buf_release(&b->memory);
    rs_ring_release(&b->ring);
}

/* ---- the worker's side ---- */

/* The task ends; mu is held and is released.  Either the request ends with it, or the loop goes on.
 */
static void leave(struct rs_request *r)
{
    struct rs_conn *c = r->conn;
    bool is_abandoned = r->body.is_abandoned;
    bool is_suspended = r->body.is_suspended;
    r->body.is_draining = false;
    r->body.is_suspended = false;
    (void)pthread_mutex_unlock(&r->body.mu);
    if (is_abandoned)
        rs_request_end(r);
    else if (is_suspended)
        rs_conn_resume(c);
    rs_conn_unref(c);
}

static void sink_failed(struct rs_request *r, enum rs_status s, const struct rs_err *err)
{
    if (r->body.has_failed)
        return; /* the loop found a reason first */
    r->body.has_failed = true;
    r->err = *err;
    (void)rs_fail(&r->err, s, NULL);
}

/* Feed one chunk.  false: the task has ended. */
static bool drain_chunk(struct rs_request *r, const char *bytes, size_t n)
{
    struct rs_body *b = &r->body;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = b->sink.write(b->sink.arg, bytes, n, &err);
    rs_ring_take(&b->ring, n);
    (void)pthread_mutex_lock(&b->mu);
    if (s != RS_OK)
        sink_failed(r, s, &err);
    if (b->has_failed || b->is_abandoned) {
        leave(r);
        return false;
    }
    if (b->is_suspended && !b->has_ended && rs_ring_used(&b->ring) <= b->ring.cap / 2) {
        b->is_suspended = false;
        rs_conn_resume(r->conn);
    }
    (void)pthread_mutex_unlock(&b->mu);
    return true;
}

/* The ring is empty.  true: bytes came meanwhile, go on. */
static bool drain_empty(struct rs_request *r)
{
    struct rs_body *b = &r->body;
    (void)pthread_mutex_lock(&b->mu);
    if (rs_ring_used(&b->ring) > 0 && !b->is_abandoned && !b->has_failed) {
        (void)pthread_mutex_unlock(&b->mu);
        return true;
    }
    if (b->has_ended && !b->is_abandoned && !b->has_failed) {
        /* Suspended until leave(): nobody else touches the request. */
        (void)pthread_mutex_unlock(&b->mu);
        r->body_is_complete = true;
        (void)rs_dispatch_progress(r, true);
        rs_dispatch_finish(r);
        (void)pthread_mutex_lock(&b->mu);
    }
    leave(r);
    return false;
}

static void drain(struct rs_task *task)
{
    struct rs_request *r = rs_request_of_task(task);
    for (int i = 0; i < CHUNKS_PER_TURN;) {
        const char *bytes;
        size_t n = rs_ring_peek(&r->body.ring, &bytes);
        if (n > CHUNK_BYTES_MAX)
            n = CHUNK_BYTES_MAX;
        if (n == 0 ? !drain_empty(r) : !drain_chunk(r, bytes, n))
            return;
        i += n > 0;
    }
    if (rs_workers_submit(r->server->workers, task, RS_SUBMIT_CONTINUE))
        return;
    struct rs_err err = RS_ERR_INIT;
    (void)pthread_mutex_lock(&r->body.mu);
    sink_failed(r, RS_CANCELLED, &err);
    leave(r);
}

/* ---- the loop's side ---- */

/* Make sure that a task is at work; mu is held. */
static bool start_draining(struct rs_request *r)
{
    if (r->body.is_draining)
        return true;
    r->body.is_draining = true;
    atomic_fetch_add(&r->conn->refs, 1);
    r->task.run = drain;
    if (rs_workers_submit(r->server->workers, &r->task, RS_SUBMIT_CONTINUE))
        return true;
    r->body.is_draining = false;
    rs_conn_unref(r->conn); /* not the last: the connection itself holds one */
    return false;
}

/* *ret_suspended: the rest comes again when the worker has made room. */
static enum rs_status put_in_ring(struct rs_request *r, const char *bytes, size_t n, size_t *taken,
                                  bool *ret_suspended)
{
    struct rs_body *b = &r->body;
    enum rs_status s = RS_OK;
    *taken = rs_ring_put(&b->ring, bytes, n);
    *ret_suspended = false;
    (void)pthread_mutex_lock(&b->mu);
    if (b->has_failed) {
        s = r->err.status;
    } else if (!start_draining(r)) {
        b->has_failed = true;
        s = RS_CANCELLED;
    } else if (*taken < n && rs_ring_used(&b->ring) > b->ring.cap / 2) {
        /* The worker sees is_suspended when it has made room: both under mu. */
        atomic_fetch_add_explicit(&r->conn->stalls, 1, memory_order_relaxed);
        b->is_suspended = rs_conn_suspend(r->conn);
        *ret_suspended = b->is_suspended;
        if (!b->is_suspended) {
            b->has_failed = true;
            s = RS_CANCELLED;
        }
    }
    (void)pthread_mutex_unlock(&b->mu);
    return s == RS_OK ? RS_OK : rs_fail(&r->err, s, NULL);
}

/* A reason of the loop's own: the worker must not write another over it. */
static enum rs_status refuse(struct rs_request *r, enum rs_status s, const char *why)
{
    (void)pthread_mutex_lock(&r->body.mu);
    bool is_first = !r->body.has_failed;
    r->body.has_failed = true;
    (void)pthread_mutex_unlock(&r->body.mu);
    return is_first ? rs_fail(&r->err, s, "%s", why) : r->err.status;
}

enum rs_status rs_body_put(struct rs_request *r, const char *bytes, size_t n, size_t *taken)
{
    const struct rs_route *route = r->match.route;
    struct rs_body *b = &r->body;
    *taken = n;
    if (route->body == RS_BODY_NONE || (route->body == RS_BODY_STREAM && !has_ring(r)))
        return refuse(r, RS_BAD_REQUEST, "this request takes no body");
    /* A running count: a chunked body announces no length. */
    if (route->body_max > 0 && n > route->body_max - b->received)
        return refuse(r, RS_TOO_LARGE, "the body is larger than is allowed here");
    enum rs_status s;
    if (route->body == RS_BODY_MEMORY) {
        s = rs_buf_add(&b->memory, bytes, n);
        if (s != RS_OK)
            return rs_fail(&r->err, s, NULL);
    } else {
        bool is_suspended = false;
        *taken = 0;
        do { /* once more if the worker made room just now */
            size_t more;
            s = put_in_ring(r, bytes + *taken, n - *taken, &more, &is_suspended);
            *taken += more;
        } while (s == RS_OK && *taken < n && !is_suspended);
    }
    b->received += *taken;
    return s;
}

bool rs_body_finish(struct rs_request *r, bool *ret_closing)
{
    struct rs_body *b = &r->body;
    bool go_on = true;
    *ret_closing = false;
    if (!has_ring(r)) {
        r->body_is_complete = true;
        return true;
    }
    (void)pthread_mutex_lock(&b->mu);
    if (b->is_draining || !b->has_failed) {
        /* Suspend first: from has_ended on the worker may run the handler, and the request must not
         * go away under it. */
        b->is_suspended = rs_conn_suspend(r->conn);
        *ret_closing = !b->is_suspended;
        go_on = false;
        if (b->is_suspended) {
            b->has_ended = true;
            if (!start_draining(r)) {
                b->has_failed = true;
                b->is_suspended = false;
                (void)rs_fail(&r->err, RS_CANCELLED, NULL);
                rs_conn_resume(r->conn);
            }
        }
    }
    (void)pthread_mutex_unlock(&b->mu);
    return go_on;
}

bool rs_body_is_left(struct rs_request *r, bool is_cut)
{
    (void)pthread_mutex_lock(&r->body.mu);
    bool is_draining = r->body.is_draining;
    r->body.is_abandoned = is_draining;
    rs_access_log(r, is_cut); /* while a worker may not change anything */
    (void)pthread_mutex_unlock(&r->body.mu);
    return !is_draining;
}
