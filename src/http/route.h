/*
 * http/route.h: the table of routes, and finding the row for a path.
 * Layer: http.  Threads: a table is read-only once made.
 * A row without a declared need, body kind or handler does not start (rs_routes_new(), and a unit
 * test on the real table).
 */
#ifndef RS_HTTP_ROUTE_H
#define RS_HTTP_ROUTE_H

#include "http/reply.h"
#include "http/request.h"

/* What a route asks of the caller before its handler runs. */
enum rs_need {
    RS_NEED_UNSET = 0,
    RS_NEED_NOTHING, /* health, token service; the Authorization header is not looked at */
    /* a loopback client where the configuration says so, else audit-read or admin */
    RS_NEED_METRICS,
    /* any identity with credentials, or an anonymous one that holds some grant (GET /v2/, lists
       filtered by row) */
    RS_NEED_LOGIN,
    /* content of {name}: scope pull and some grant there; the resolver decides the rest */
    RS_NEED_READ,
    RS_NEED_UPLOAD, /* push or quarantine-push on {name}, and scope push */
    RS_NEED_DELETE, /* delete on {name}, and scope delete */
    /* the quarantine API of {name}: credentials; the use case judges by the principal's grants */
    RS_NEED_STATE,
    RS_NEED_AUDIT, /* audit-read anywhere; rows are filtered by pattern */
    RS_NEED_ADMIN, /* admin on "**" */
};

/* How a route's clients expect to be let in. */
enum rs_dialect {
    RS_DIALECT_OCI = 0, /* Docker's token specification, and everything of our own */
    /* Azure's: they send no credentials, or the token of their last request, before they are
       challenged; and read with `metadata_read` as with `pull` (lists and attributes, no content)
     */
    RS_DIALECT_AZURE,
};

enum rs_body_kind {
    RS_BODY_UNSET = 0,
    RS_BODY_NONE,   /* a body is refused, 400 */
    RS_BODY_MEMORY, /* collected up to body_max, then the handler runs; more is 413 */
    RS_BODY_STREAM, /* begin() at the headers, then bytes to its sink, then the handler */
};

enum rs_runs {
    RS_RUNS_INLINE = 0, /* on the loop's thread: microseconds, reads only */
    /* may block: commits, fsync, hashing; the connection is suspended meanwhile */
    RS_RUNS_ON_WORKER,
};

typedef enum rs_status (*rs_handler)(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr);

/* Where the bytes of a streamed body go.  Called on a worker, in order; an error ends the request
 * with that error (the rest of the body is swallowed up to a bound, then the connection is closed).
 * What the sink holds is given back by rs_request_defer(). It must not touch the request or its
 * arena. */
struct rs_sink {
    enum rs_status (*write)(void *arg, const void *bytes, size_t n, struct rs_err *reterr);
    void *arg;
};
/* Called on a worker, once, before "100 Continue" is sent.  A failure is answered at once.  Leaving
 * the sink empty means that no body is expected: one that comes is 400.  The handler runs after the
 * last byte; it does not run when the body was cut or a write failed. */
typedef enum rs_status (*rs_stream_begin)(struct rs_request *r, struct rs_sink *ret_sink,
                                          struct rs_err *reterr);

struct rs_route {
    unsigned methods; /* RS_PUT | RS_POST ...; RS_GET brings RS_HEAD with it */
    /* "/v2/{name}/manifests/{reference}": {name} spans segments, any other parameter is one
     * segment; a pattern that ends in '/' also matches without it */
    const char *pattern;
    enum rs_need need;
    enum rs_dialect dialect;
    /* what a client asks the token service for, on a route without {name} (with it: a scope of that
     * repository, by the need); NULL: nothing */
    const char *scope;
    enum rs_body_kind body;
    uint64_t body_max; /* bytes; for RS_BODY_STREAM 0 = no limit */
    enum rs_runs runs; /* RS_BODY_STREAM always runs on a worker */
    rs_handler handler;
    unsigned subject;      /* what it is about, where rows share a handler: rs_request_subject() */
    rs_stream_begin begin; /* RS_BODY_STREAM only */
    /* query parameters that may repeat, separated by spaces ("tag"), or NULL */
    const char *repeated;
};

struct rs_routes; /* a checked table */

/**
 * rs_routes_new(): check and prepare a table of n rows, which is borrowed and must outlive the
 * result. Errors: RS_INTERNAL, with the row and what is wrong with it in the message; RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_routes_new(const struct rs_route *rows, unsigned n,
                                           struct rs_routes **ret, struct rs_err *reterr);
void rs_routes_free(struct rs_routes *routes); /* NULL-safe */

#define RS_ROUTE_PARAMS_MAX 4

/* The parameters of one match, in the pattern's order; runs of the path that was matched. */
struct rs_route_match {
    const struct rs_route *route; /* NULL when no row was found */
    /* methods of all rows whose pattern matches the path; 0: the path is unknown */
    unsigned allowed;
    bool bad_name; /* nothing matched, but something would if its {name} were a repository name */
    unsigned params_n;
    struct {
        const char *name; /* of the pattern, NUL-terminated */
        struct rs_str value;
    } params[RS_ROUTE_PARAMS_MAX];
};

/* Find the row.  `path` starts with '/', and was accepted by rs_uri_parse(). */
void rs_routes_match(const struct rs_routes *routes, enum rs_method method, struct rs_str path,
                     struct rs_route_match *ret);
/* "GET, HEAD, PUT" for an Allow header. */
#define RS_ALLOW_BYTES 48
void rs_methods_format(unsigned methods, char out[RS_ALLOW_BYTES]);

#endif
