/*
 * http/http_internal.h: what the files of this folder share: server, connection, request and reply.
 * Layer: http, private.
 *
 * Lifetimes.  A connection (rs_conn) lives from MHD's "started" to its "closed" notice, and longer
 * while a worker holds it (it is counted). It holds the one request that it has at a time.  A
 * request begins with its first line and ends in MHD's completion callback; if a worker is still in
 * the middle of the body at that moment (the client went away), the worker ends it instead
 * (rs_request_end()).
 *
 * Threads.  A request is touched by its loop thread, or, while the connection is suspended, by one
 * worker; the hand-over happens under server->suspend_mu.  While a body streams, loop and worker
 * are both at work: what they share is in rs_body, under its mutex. Lock order: a caller's own lock
 * > stream->mu or body->mu > server->suspend_mu > MHD's.
 */
#ifndef RS_HTTP_INTERNAL_H
#define RS_HTTP_INTERNAL_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "auth/auth.h"
#include "base/id.h"
#include "http/address.h"
#include "http/ring.h"
#include "http/server.h"
#include "http/uri.h"
#include "http/worker.h"

#define RS_CONN_MAGIC 0x636f6e6eU
#define RS_REQUEST_MAGIC 0x72657175U

/* A request that was refused early: so much of its body is read and thrown away to keep the
 * connection, or to let the answer arrive. */
#define RS_SWALLOW_BYTES_MAX ((uint64_t)65536)
/* For want of credentials: who logs in only after a 401 has to hear it.  Azure's SDK sends each of
 * its chunks, which have this size, and each manifest so. */
#define RS_SWALLOW_401_BYTES_MAX ((uint64_t)4194304)

struct rs_conn;
struct rs_tls;
struct rs_watch;

/* ---- reply ---- */

enum rs_reply_kind {
    RS_REPLY_EMPTY,
    RS_REPLY_HEAP,
    RS_REPLY_FILE,
    RS_REPLY_LENGTH,
    RS_REPLY_STREAM,
    RS_REPLY_CACHED
};

struct rs_reply_header {
    struct rs_reply_header *next;
    const char *name;
    const char *value;
};

struct rs_reply {
    enum rs_reply_kind kind;
    unsigned status;
    enum rs_status failed;           /* sticky: building it failed */
    struct rs_reply_header *headers; /* in the arena */
    struct rs_reply_header **headers_end;
    const char *content_type;
    char *bytes;     /* RS_REPLY_HEAP, malloc */
    uint64_t length; /* of the body, known or announced */
    int fd;          /* RS_REPLY_FILE */
    /* the same where the kernel sends it: MHD's, and there until this reply ends */
    int kernel_fd;
    uint64_t offset;
    int read_errno; /* of the file, while its bytes were sent; -1: it ended early */
    struct rs_stream *stream;
    struct rs_cached_reply *cached;
    unsigned retry_after_s;
    const char *challenge_scope;   /* extra scopes, in the arena */
    const char *challenge_error;   /* RFC 6750 error word, or NULL */
    struct MHD_Response *response; /* what will be queued, once finished */
};

void rs_reply_init(struct rs_reply *re);
/* Give back whatever it holds. */
void rs_reply_release(struct rs_reply *re);
void rs_reply_drop_body(struct rs_reply *re);
/* Added by a handler or by what came before it. */
bool rs_reply_has_header(const struct rs_reply *re, const char *name);
/* Turn the request's outcome (r->err, r->reply) into re->response; on any thread.  false without
 * memory: close the connection. */
RS_MUST_CHECK bool rs_reply_finish(struct rs_request *r);
/* A file that could not be read to its end: too late to tell the client, not to tell the log.
 * `why` is NULL when the connection was cut for what looks like a reason of the client's. */
void rs_reply_note_cut(struct rs_request *r, const char *why);
/* The OCI error body of `err`; false without memory. */
RS_MUST_CHECK bool rs_error_body(const struct rs_err *err, struct rs_buf *out);
/* WWW-Authenticate for this request. */
void rs_challenge_add(struct rs_request *r);
/* Headers that every reply carries, in the order they are written; calls add() for each. */
typedef void (*rs_header_add)(void *arg, const char *name, const char *value);
void rs_reply_each_header(struct rs_request *r, rs_header_add add, void *arg);
/* Write the finished reply to the socket by hand, in the middle of a request's body, where MHD
 * would take none. */
void rs_reply_write_now(struct rs_request *r);

struct rs_stream *rs_stream_new(struct rs_conn *conn, unsigned wait_ms, rs_stream_pull pull,
                                void (*done)(void *arg), void *arg);
struct MHD_Response *rs_stream_response(struct rs_stream *s);
/* Calls done() and frees it; the connection's watch has forgotten it before. */
void rs_stream_end(struct rs_stream *s);
/* The waiting time of a suspended stream is over, or the server stops. */
void rs_stream_tick(struct rs_stream *s, uint64_t now_ms);

/* ---- request ---- */

enum rs_phase {
    RS_PHASE_NONE,       /* between requests */
    RS_PHASE_HEAD,       /* the first line is there, the headers are not */
    RS_PHASE_ADMIT_WAIT, /* suspended in the header callback: the same callback will come again */
    RS_PHASE_BODY,       /* reading the body, or about to learn that there is none */
    RS_PHASE_SWALLOW,  /* the reply is decided; what is left of a small body is thrown away first */
    RS_PHASE_END_WAIT, /* suspended in the final callback: the same callback will come again */
    RS_PHASE_REPLIED,
};

enum rs_stage { RS_STAGE_ADMIT, RS_STAGE_BEGIN, RS_STAGE_HANDLER, RS_STAGE_DONE };
enum rs_progress { RS_PROGRESS_DONE, RS_PROGRESS_NEEDS_WORKER, RS_PROGRESS_NEEDS_BODY };

/* What was found in the head, borrowed from MHD until the request ends. */
struct rs_head {
    const char *authorization;
    const char *host;
    const char *content_encoding;
    const char *forwarded_for;
    const char *forwarded_proto;
    const char *forwarded_host;
    int64_t content_length; /* -1 chunked, 0 none */
    bool expects_continue;
    bool has_body;
};

/* Shared by loop and worker while a body streams. */
struct rs_body {
    struct rs_buf memory; /* RS_BODY_MEMORY */
    uint64_t received;    /* loop only */
    uint64_t swallowed;   /* loop only */
    uint64_t swallow_max; /* loop only */
    struct rs_sink sink;  /* RS_BODY_STREAM */
    struct rs_ring ring;
    pthread_mutex_t mu; /* for the flags below */
    bool is_draining;   /* a task of this body is queued or runs */
    bool is_suspended;  /* the ring was full; the worker resumes */
    bool has_ended;     /* the last byte is in the ring */
    bool has_failed;    /* the sink failed: r->err says why; nothing more is put in the ring */
    bool is_abandoned;  /* the client is gone: the worker ends the request */
};

struct rs_defer {
    struct rs_defer *next;
    void (*fn)(void *arg);
    void *arg;
};

struct rs_request {
    unsigned magic;
    enum rs_phase phase;
    enum rs_stage stage;
    enum rs_method method;
    struct rs_conn *conn;
    struct rs_server *server;
    struct MHD_Connection *mhd;
    struct rs_arena arena;
    struct rs_uri uri;
    struct rs_route_match match;
    const char *params[RS_ROUTE_PARAMS_MAX]; /* NUL-terminated, of match.params */
    const char *name;                        /* {name}, or NULL */
    struct rs_head head;
    const char *source;
    const char *base_url;
    struct rs_identity identity;
    struct rs_access access;
    struct rs_actor actor;
    bool body_is_complete;
    struct rs_body body;
    struct rs_err err; /* status RS_OK: no error */
    struct rs_reply reply;
    struct rs_defer *defers;
    struct rs_task task;
    uint64_t started_ns;
    char id[RS_ID_TEXT_BYTES];
};

static inline struct rs_request *rs_request_of_task(struct rs_task *task)
{
    return (struct rs_request *)(void *)((char *)task - offsetof(struct rs_request, task));
}

static inline struct rs_request *rs_request_of_reply(struct rs_reply *re)
{
    return (struct rs_request *)(void *)((char *)re - offsetof(struct rs_request, reply));
}

void rs_request_begin(struct rs_request *r, struct MHD_Connection *mhd, const char *target);
/* Runs the defers and frees all that the request holds; the connection may then have another one.
 */
void rs_request_end(struct rs_request *r);
/* Read and check the headers. */
enum rs_status rs_head_read(struct rs_request *r);
/* The client's address, trusted proxies considered. */
void rs_head_find_source(struct rs_request *r);

/* Go on with the request as far as this thread may. */
enum rs_progress rs_dispatch_progress(struct rs_request *r, bool is_on_worker);
/* Make the reply of a request whose stage is DONE; without memory none is made, and the connection
 * will be closed. */
void rs_dispatch_finish(struct rs_request *r);
/* Does the caller have what the route needs?  Whatever else it returns is in r->err. */
RS_MUST_CHECK enum rs_status rs_admit_need(struct rs_request *r);

/* Prepare for the body; RS_NOMEM. */
enum rs_status rs_body_start(struct rs_request *r);
void rs_body_release(struct rs_body *b);
/* Bytes came.  RS_OK: *taken of them were taken (fewer: suspended).  An error is in r->err: the
 * rest of the body is of no use. */
enum rs_status rs_body_put(struct rs_request *r, const char *bytes, size_t n, size_t *taken);
/* The last byte came.  true: nothing runs any more, go on now; false: a worker goes on, the
 * connection is suspended. */
bool rs_body_finish(struct rs_request *r, bool *ret_closing);
/* The request is over for MHD: log it.  true when nobody is at it any more; else a worker is, and
 * will end it. */
RS_MUST_CHECK bool rs_body_is_left(struct rs_request *r, bool is_cut);

/* One line for the request that ends, and what the metrics count of it. */
void rs_access_log(const struct rs_request *r, bool is_cut);

/* ---- connection ---- */

/* What of a request is being waited for. */
enum rs_reading { RS_READING_NOTHING, RS_READING_HEAD, RS_READING_BODY };

struct rs_conn {
    unsigned magic;
    atomic_uint refs;
    struct rs_listener *listener;
    struct MHD_Connection *mhd;
    struct rs_conn *prev, *next; /* watch->conns, under watch->mu */
    int fd;
    bool is_loopback;
    bool is_from_proxy;
    bool must_linger; /* loop only: a reply was sent while the client may still be sending */
    char address[INET6_ADDRSTRLEN];
    struct rs_conn *susp_prev, *susp_next; /* server->suspended, under suspend_mu */
    bool is_suspended;                     /* under suspend_mu */
    /* Read by the watch: */
    _Atomic uint64_t deadline_ms; /* cut the connection then; 0 = never */
    _Atomic enum rs_reading reading;
    atomic_uint answered; /* requests that ended on this connection */
    _Atomic uint64_t body_bytes;
    atomic_uint stalls;                 /* how often this side made the client wait */
    _Atomic(struct rs_stream *) stream; /* set and cleared under watch->mu */
    int file_fd;       /* -1 none; set and cleared under watch->mu: the kernel sends from it */
    uint64_t file_end; /* under watch->mu: so long must it be */
    /* The watch's own: */
    uint64_t window_start_ms;
    uint64_t window_bytes;
    unsigned window_stalls;
    unsigned answered_seen;
    struct rs_request request;
};

void rs_conn_unref(struct rs_conn *c);
/* Suspend in a callback of MHD.  false: the server stops, nothing may be suspended any more; close
 * the connection. */
RS_MUST_CHECK bool rs_conn_suspend(struct rs_conn *c);
void rs_conn_resume(struct rs_conn *c);
/* MHD's notices. */
void rs_conn_on_notice(void *arg, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code);

/* ---- watch: deadlines, slow bodies, lingering sockets ---- */

RS_MUST_CHECK enum rs_status rs_watch_start(struct rs_server *server, struct rs_err *reterr);
void rs_watch_stop(struct rs_server *server);
void rs_watch_add(struct rs_server *server, struct rs_conn *c);
void rs_watch_remove(struct rs_server *server, struct rs_conn *c);
void rs_watch_stream(struct rs_server *server, struct rs_conn *c, struct rs_stream *s);
/* The kernel sends from `fd` up to `end`; -1: it does not any more. */
void rs_watch_file(struct rs_server *server, struct rs_conn *c, int fd, uint64_t end);
/* The file that is sent is shorter than it has to be.  Threads: the connection's loop. */
bool rs_watch_file_is_short(const struct rs_conn *c);
/* Keep this socket open (a copy of it is taken) for a moment, so that the last answer is not lost
 * in a reset. */
void rs_watch_linger(struct rs_server *server, int fd);
/* Wake every waiting stream: the server stops. */
void rs_watch_wake_streams(struct rs_server *server);

/* ---- listener and server ---- */

struct rs_listener {
    struct rs_server *server;
    struct MHD_Daemon *daemon;
    struct rs_tls *tls; /* NULL: plain */
    int fd;
    char url[96];
};

struct rs_server_metrics {
    struct rs_metric *requests[5]; /* by class 1xx..5xx */
    struct rs_metric *duration;
    struct rs_metric *sent_bytes;
    struct rs_metric *received_bytes;
    struct rs_metric *connections;
    struct rs_metric *cut_slow;
};

struct rs_server {
    struct rs_server_options o;
    struct rs_routes *routes;
    struct rs_workers *workers;
    struct rs_watch *watch;
    struct rs_listener *listeners;
    struct rs_proxy_block *proxies;
    struct rs_server_metrics metrics;
    unsigned char id_key[8];
    atomic_bool is_ready;
    atomic_bool is_stopping; /* no keep-alive any more, streams end */
    atomic_uint requests_in_flight;
    atomic_int connections;
    _Atomic uint64_t requests_seen;
    pthread_mutex_t suspend_mu;
    struct rs_conn *suspended; /* under suspend_mu */
    bool is_closing;           /* under suspend_mu: nothing may be suspended any more */
};

/* wrong_port.c: a port before it listens; a new connection: was it meant for another port? */
void rs_wrong_port_listen(int fd);
void rs_wrong_port_answer(struct rs_conn *c);

/* listen.c */
RS_MUST_CHECK enum rs_status rs_listen_open(const struct rs_listen *listen, unsigned backlog,
                                            int *ret_fd, char *url, size_t url_bytes,
                                            struct rs_err *reterr);

/* callbacks.c: MHD's door. */
RS_MUST_CHECK enum rs_status
rs_listener_start(struct rs_listener *l, const struct rs_listen *listen, struct rs_err *reterr);

/* tls.c */
RS_MUST_CHECK enum rs_status rs_tls_new(const char *cert_file, const char *key_file,
                                        struct rs_tls **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_tls_reload(struct rs_tls *tls, struct rs_err *reterr);
void rs_tls_free(struct rs_tls *tls);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK; finds its rs_tls by the session's pointer. */
typedef gnutls_certificate_retrieve_function2 *rs_tls_callback;
rs_tls_callback rs_tls_handshake_callback(void);

#endif
