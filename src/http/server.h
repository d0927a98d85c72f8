/*
 * http/server.h: the HTTP server: listeners, threads, limits, shutdown.
 * Layer: http.  Spec: SPEC section 9; RFC 9112.
 * Threads: start, reload and stop are called by one thread (serve's).
 */
#ifndef RS_HTTP_SERVER_H
#define RS_HTTP_SERVER_H

#include "http/metrics.h"
#include "http/route.h"

struct rs_services;
struct rs_auth;
struct rs_server;

struct rs_listen {
    /* "127.0.0.1:5000", "[::1]:5000", ":5000" (every address); port 0 takes a free one */
    const char *address;
    const char *cert_file; /* PEM, certificate first, then the chain; NULL = plain HTTP */
    const char *key_file;  /* PEM */
};

enum rs_challenge { RS_CHALLENGE_BEARER, RS_CHALLENGE_BASIC };

/* 0 or NULL means the default in brackets.  Texts and arrays are borrowed and outlive the server.
 */
struct rs_server_options {
    const struct rs_route *routes;
    unsigned routes_n;
    const struct rs_listen *listen;
    unsigned listen_n;
    const struct rs_services *services; /* handed to the handlers */
    /* NULL: only routes with RS_NEED_NOTHING are served, everything else is 503 */
    struct rs_auth *auth;
    struct rs_metrics *metrics; /* NULL: none are kept */

    unsigned loop_threads;           /* per listener [number of processors] */
    unsigned worker_threads_max;     /* [64] */
    unsigned worker_queue_max;       /* waiting requests before 503 [1024] */
    unsigned connections_max;        /* per listener [10000] */
    unsigned connections_per_ip_max; /* [0 = no limit] */
    unsigned listen_backlog;         /* [1024] */
    size_t connection_memory_bytes;  /* [32768] */
    size_t request_memory_bytes;     /* arena of one request [16 MiB] */
    size_t body_ring_bytes;          /* buffer of one streamed body [256 KiB] */
    unsigned idle_timeout_s;         /* between requests [75] */
    unsigned header_timeout_s;       /* for a request's head, from its first line on [20] */
    unsigned stall_timeout_s;        /* no byte read or written at all [120] */
    unsigned body_rate_min_bytes_s;  /* of a request body, over body_rate_window_s; 0: any */
    unsigned body_rate_window_s;     /* [30] */
    unsigned uri_bytes_max;          /* [8192] */

    /* "https://registry.example.org": base of absolute links and of the challenge; NULL: taken
     * from each request */
    const char *public_url;
    const char *realm; /* what clients show when they ask for a password ["Roadstead"] */
    enum rs_challenge challenge;
    const char *const *trusted_proxies; /* addresses or CIDR blocks whose X-Forwarded-* count */
    unsigned trusted_proxies_n;
    bool metrics_on_loopback; /* RS_NEED_METRICS is open to loopback clients */
    /* no line for each request (failures of this side are logged all the same) */
    bool quiet_access_log;
};

/**
 * rs_server_start(): check the table, bind, listen and serve.
 * Errors (nothing is left running): RS_INTERNAL (the table), RS_BAD_REQUEST (an address or a CIDR
 * block that cannot be understood), RS_CONFLICT (the port is taken), RS_DENIED (not permitted to
 * bind), RS_IO (anything else, certificates included), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_server_start(const struct rs_server_options *options,
                                             struct rs_server **ret, struct rs_err *reterr);

/* The i-th listener's URL with its real port, "http://127.0.0.1:34567"; NULL past the end.
 * Borrowed. */
const char *rs_server_url(const struct rs_server *server, unsigned i);

/* /readyz tells it: 503 until it is set, and again from the beginning of rs_server_stop(). */
void rs_server_set_ready(struct rs_server *server, bool is_ready);
bool rs_server_is_ready(const struct rs_server *server);

/**
 * rs_server_reload_tls(): read the certificate and key files again.  New handshakes use the new
 * ones, no connection is dropped. After a failure (RS_IO) every listener goes on with what it had.
 */
RS_MUST_CHECK enum rs_status rs_server_reload_tls(struct rs_server *server, struct rs_err *reterr);

/**
 * rs_server_stop(): accept nothing more, let what is in flight finish for at most `deadline_ms`,
 * cut the rest, free everything. Blocks.  A handler that runs on a worker is always waited for: it
 * may be in the middle of a commit.  NULL-safe.
 */
void rs_server_stop(struct rs_server *server, unsigned deadline_ms);

/* What it was given in the options; NULL when none are kept. */
struct rs_metrics *rs_server_metrics(const struct rs_server *server);

/* The server that serves this request (for health routes). */
struct rs_server *rs_request_server(const struct rs_request *r);

#endif
