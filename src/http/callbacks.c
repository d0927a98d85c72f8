/*
 * MHD's door.  MHD calls the access handler once when the headers are there, then for each piece of
 * the body, then once more at the end; and after a resume it repeats the call in which the
 * connection was suspended.  A reply that is queued in the first call closes the connection, so
 * that a request without a body does everything in the last one.
 */
#include "http/http_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

static bool find_method(const char *word, enum rs_method *ret)
{
    static const struct {
        const char *word;
        enum rs_method method;
    } words[] = {
        {"GET", RS_GET},   {"HEAD", RS_HEAD},   {"PUT", RS_PUT},
        {"POST", RS_POST}, {"PATCH", RS_PATCH}, {"DELETE", RS_DELETE},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *ret = words[i].method;
            return true;
        }
    }
    return false;
}

static void set_deadline(struct rs_conn *c, unsigned seconds)
{
    uint64_t at = seconds == 0 ? 0 : rs_clock_mono_ms() + (uint64_t)seconds * 1000;
    atomic_store_explicit(&c->deadline_ms, at, memory_order_relaxed);
}

static void set_reading(struct rs_conn *c, enum rs_reading what)
{
    atomic_store_explicit(&c->reading, what, memory_order_relaxed);
}

/* ---- replying ---- */

static enum MHD_Result queue(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    set_reading(r->conn, RS_READING_NOTHING);
    r->phase = RS_PHASE_REPLIED;
    if (re->response == NULL)
        return MHD_NO;
    if (re->kind == RS_REPLY_STREAM && r->method != RS_HEAD)
        rs_watch_stream(r->server, r->conn, re->stream);
    if (re->kernel_fd >= 0)
        rs_watch_file(r->server, r->conn, re->kernel_fd, re->offset + re->length);
    return MHD_queue_response(r->mhd, re->status, re->response);
}

/* Like queue(), where the request has a body that was not read: MHD closes the connection after the
 * reply. */
static enum MHD_Result queue_early(struct rs_request *r)
{
    r->conn->must_linger = true;
    return queue(r);
}

/* The reply is decided while (more of) a body may come. */
static enum MHD_Result refuse_body(struct rs_request *r)
{
    int64_t length = r->head.content_length;
    if (r->err.status == RS_UNAUTHORIZED)
        r->body.swallow_max = RS_SWALLOW_401_BYTES_MAX;
    bool is_small = length < 0 || (uint64_t)length - r->body.received <= r->body.swallow_max;
    r->stage = RS_STAGE_DONE;
    rs_dispatch_finish(r);
    if (r->reply.response == NULL)
        return MHD_NO;
    if (r->phase == RS_PHASE_BODY) { /* in the middle: MHD takes no reply now */
        if (is_small) {
            r->phase = RS_PHASE_SWALLOW;
            return MHD_YES;
        }
        rs_reply_write_now(r);
        return MHD_NO;
    }
    if (!is_small || r->head.expects_continue)
        return queue_early(r);
    r->phase = RS_PHASE_SWALLOW;
    set_reading(r->conn, RS_READING_BODY);
    return MHD_YES;
}

/* ---- handing over to a worker ---- */

static void run_on_worker(struct rs_task *task)
{
    struct rs_request *r = rs_request_of_task(task);
    if (rs_dispatch_progress(r, true) == RS_PROGRESS_DONE &&
        !(r->head.has_body && !r->body_is_complete))
        rs_dispatch_finish(r);
    rs_conn_resume(r->conn); /* the last touch: the loop has it now */
}

/* Suspend, and have a worker go on; MHD will repeat this callback in the given phase. */
static enum MHD_Result hand_over(struct rs_request *r, enum rs_phase phase)
{
    r->phase = phase;
    r->task.run = run_on_worker;
    if (!rs_conn_suspend(r->conn))
        return MHD_NO;
    if (!rs_workers_submit(r->server->workers, &r->task, RS_SUBMIT_NEW)) {
        (void)rs_fail(&r->err, RS_BUSY, NULL);
        r->stage = RS_STAGE_DONE;
        if (phase == RS_PHASE_END_WAIT)
            rs_dispatch_finish(r);
        rs_conn_resume(r->conn);
    }
    return MHD_YES;
}

/* ---- the three kinds of calls ---- */

static enum MHD_Result start_body(struct rs_request *r)
{
    if (rs_body_start(r) != RS_OK)
        return refuse_body(r);
    r->phase = RS_PHASE_BODY;
    set_reading(r->conn, RS_READING_BODY);
    return MHD_YES; /* MHD sends "100 Continue" if it is waited for */
}

/* What the head says is not clear, so neither is where this request ends: answer and close. */
static enum MHD_Result refuse_head(struct rs_request *r)
{
    r->stage = RS_STAGE_DONE;
    rs_dispatch_finish(r);
    return queue_early(r);
}

static enum MHD_Result on_head(struct rs_request *r, const char *method, const char *version)
{
    set_deadline(r->conn, 0);
    set_reading(r->conn, RS_READING_NOTHING);
    if (rs_head_read(r) != RS_OK)
        return refuse_head(r);
    rs_head_find_source(r);
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        (void)rs_fail(&r->err, RS_BAD_REQUEST, "HTTP/1.1 or HTTP/1.0 only");
        return refuse_head(r);
    }
    if (!find_method(method, &r->method))
        (void)rs_fail(&r->err, RS_METHOD_NOT_ALLOWED, "this method is not known here");
    if (!r->head.has_body) {
        r->phase = RS_PHASE_BODY;
        return MHD_YES;
    }
    switch (rs_dispatch_progress(r, false)) {
    case RS_PROGRESS_DONE:
        return refuse_body(r);
    case RS_PROGRESS_NEEDS_WORKER:
        return hand_over(r, RS_PHASE_ADMIT_WAIT);
    case RS_PROGRESS_NEEDS_BODY:
        return start_body(r);
    }
    return MHD_NO;
}

static enum MHD_Result on_bytes(struct rs_request *r, const char *bytes, size_t *n)
{
    size_t taken = *n;
    atomic_fetch_add_explicit(&r->conn->body_bytes, *n, memory_order_relaxed);
    if (r->phase == RS_PHASE_BODY && r->head.has_body) {
        enum rs_status s = rs_body_put(r, bytes, *n, &taken);
        *n = s == RS_OK ? *n - taken : 0;
        return s == RS_OK ? MHD_YES : refuse_body(r);
    }
    if (r->phase != RS_PHASE_SWALLOW)
        return MHD_NO;
    r->body.swallowed += *n;
    *n = 0;
    if (r->body.swallowed <= r->body.swallow_max)
        return MHD_YES;
    rs_reply_write_now(r);
    return MHD_NO;
}

static enum MHD_Result on_end(struct rs_request *r)
{
    bool is_closing;
    bool was_swallowing = r->phase == RS_PHASE_SWALLOW;
    set_reading(r->conn, RS_READING_NOTHING);
    if (!rs_body_finish(r, &is_closing)) {
        r->phase = RS_PHASE_END_WAIT;
        return is_closing ? MHD_NO : MHD_YES;
    }
    if (was_swallowing)
        return queue(r);
    enum rs_progress p = r->err.status != RS_OK ? RS_PROGRESS_DONE : rs_dispatch_progress(r, false);
    if (p == RS_PROGRESS_NEEDS_WORKER)
        return hand_over(r, RS_PHASE_END_WAIT);
    rs_dispatch_finish(r);
    return queue(r);
}

/* A worker has done its part. */
static enum MHD_Result after_worker(struct rs_request *r)
{
    if (r->phase == RS_PHASE_ADMIT_WAIT)
        return r->stage == RS_STAGE_DONE ? refuse_body(r) : start_body(r);
    if (r->reply.response == NULL && r->err.status != RS_OK)
        rs_dispatch_finish(r); /* the body failed: no handler ran */
    return queue(r);
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *n, void **context)
{
    struct rs_request *r = *context;
    (void)arg;
    (void)mhd;
    (void)url; /* already cut at '?'; the raw target was taken before */
    if (r == NULL)
        return MHD_NO; /* no memory for this connection */
    rs_assert(r->magic == RS_REQUEST_MAGIC);
    if (*n > 0)
        return on_bytes(r, bytes, n);
    switch (r->phase) {
    case RS_PHASE_HEAD:
        return on_head(r, method, version);
    case RS_PHASE_ADMIT_WAIT:
    case RS_PHASE_END_WAIT:
        return after_worker(r);
    case RS_PHASE_BODY:
    case RS_PHASE_SWALLOW:
        return on_end(r);
    case RS_PHASE_REPLIED:
        return MHD_YES;
    case RS_PHASE_NONE:
        break;
    }
    return MHD_NO;
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
    struct rs_listener *l = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct rs_conn *c = info == NULL ? NULL : info->socket_context;
    if (c == NULL)
        return NULL;
    rs_assert(c->magic == RS_CONN_MAGIC && c->request.phase == RS_PHASE_NONE);
    set_deadline(c, l->server->o.header_timeout_s);
    set_reading(c, RS_READING_HEAD);
    rs_request_begin(&c->request, mhd, target);
    return &c->request;
}

/* What MHD said last on this loop's thread: before it ends a request with an error, why. */
static _Thread_local char said[512];

/* The signs that a reply ended for want of its bytes, where the kernel sends the file: what there
 * is of it, or MHD's words when it could not be read. */
static const char *why_cut(const struct rs_conn *c, enum MHD_RequestTerminationCode code)
{
    if (rs_watch_file_is_short(c))
        return "the file ended early";
    if (code == MHD_REQUEST_TERMINATED_WITH_ERROR && strstr(said, "error generating data") != NULL)
        return said;
    return NULL;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct rs_listener *l = arg;
    struct rs_request *r = *context;
    (void)mhd;
    *context = NULL;
    if (r == NULL || r->phase == RS_PHASE_NONE)
        return;
    struct rs_conn *c = r->conn;
    set_reading(c, RS_READING_NOTHING);
    set_deadline(c, l->server->o.idle_timeout_s);
    atomic_fetch_add_explicit(&c->answered, 1, memory_order_relaxed);
    if (atomic_load(&c->stream) != NULL)
        rs_watch_stream(l->server, c, NULL);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        rs_reply_note_cut(r, why_cut(c, code));
    said[0] = '\0'; /* of this request, if of any */
    if (c->file_fd >= 0)
        rs_watch_file(l->server, c, -1, 0);
    if (rs_body_is_left(r, code != MHD_REQUEST_TERMINATED_COMPLETED_OK))
        rs_request_end(r);
}

/* Nothing is decoded behind our back. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

RS_PRINTF(2, 0) static void on_message(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)vsnprintf(said, sizeof(said), fmt, ap);
    said[strcspn(said, "\n")] = '\0';
    rs_log(RS_LOG_DEBUG, "http library", RS_F("text", said));
}

/* ---- starting ---- */

#define LOOP_STACK_BYTES ((size_t)1 << 20)

static const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

enum rs_status rs_listener_start(struct rs_listener *l, const struct rs_listen *listen,
                                 struct rs_err *reterr)
{
    const struct rs_server_options *o = &l->server->o;
    enum rs_status s =
        rs_listen_open(listen, o->listen_backlog, &l->fd, l->url, sizeof(l->url), reterr);
    if (s == RS_OK && listen->cert_file != NULL)
        s = rs_tls_new(listen->cert_file, listen->key_file, &l->tls, reterr);
    if (s != RS_OK)
        return s;
    /* The option takes a pointer to a function where MHD's struct has room for one to an object. */
    union {
        rs_tls_callback function;
        void *object;
    } callback = {.function = rs_tls_handshake_callback()};
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, callback.object},
        {MHD_OPTION_END, 0, NULL},
    };
    if (l->tls == NULL)
        tls_options[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned flags =
        MHD_USE_ERROR_LOG | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    if (l->tls != NULL)
        flags |= MHD_USE_TLS;
    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, l, MHD_OPTION_EXTERNAL_LOGGER, on_message, l,
        MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_THREAD_POOL_SIZE,
        o->loop_threads > 1 ? o->loop_threads : 0U, MHD_OPTION_THREAD_STACK_SIZE, LOOP_STACK_BYTES,
        MHD_OPTION_CLIENT_DISCIPLINE_LVL, 2, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        o->connection_memory_bytes, MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_ip_max,
        MHD_OPTION_CONNECTION_TIMEOUT, o->stall_timeout_s, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, l, MHD_OPTION_URI_LOG_CALLBACK, on_target, l, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, rs_conn_on_notice, l, MHD_OPTION_ARRAY,
        tls_options, MHD_OPTION_END);
    if (l->daemon == NULL)
        return rs_fail(
            reterr, RS_IO,
            "the HTTP library did not start on %s; run with --log-level debug to see why",
            listen->address);
    return RS_OK;
}
