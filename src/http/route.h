/*
 * http/route.h: the one table of routes.  A route without a declared need or body limit does not build (-Werror=missing-field-initializers is
 * not enough: RS_NEED_UNSET and RS_BODY_UNSET are 0 and refused at start and by a test).
 * Layer: http.
 */
#ifndef RS_HTTP_ROUTE_H
#define RS_HTTP_ROUTE_H

#include "http/reply.h"
#include "http/request.h"

/* What a route asks of the caller before its handler runs. */
enum rs_need {
    RS_NEED_UNSET = 0,
    RS_NEED_NOTHING,        /* health, metrics, token service */
    RS_NEED_LOGIN,          /* any identity with credentials, or an anonymous one that holds some grant (GET /v2/, lists filtered by row) */
    RS_NEED_READ,           /* content of {name}: scope pull and some grant there; the resolver decides the rest */
    RS_NEED_UPLOAD,         /* push or quarantine-push on {name}, and scope push */
    RS_NEED_DELETE,         /* delete on {name}, and scope delete */
    RS_NEED_STATE,          /* the quarantine API of {name}: the use case judges by the principal's grants */
    RS_NEED_AUDIT,          /* audit-read anywhere; rows are filtered by pattern */
    RS_NEED_ADMIN,          /* admin on "**" */
};

enum rs_body_kind {
    RS_BODY_UNSET = 0,
    RS_BODY_NONE,           /* a body is refused, 400 */
    RS_BODY_MEMORY,         /* collected up to body_max, then the handler runs; more is 413 */
    RS_BODY_STREAM,         /* begin() at the headers, then bytes to its sink, then the handler */
};

enum rs_runs {
    RS_RUNS_INLINE = 0,     /* on the loop's thread: microseconds, reads only */
    RS_RUNS_ON_WORKER,      /* may block: commits, fsync, hashing; the connection is suspended meanwhile */
};

typedef enum rs_status (*rs_handler)(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);

/* Where the bytes of a streamed body go.  Called on a worker, in order; an error ends the request with that error (the rest of the body
 * is swallowed up to a bound, then the connection is closed). */
struct rs_sink {
    enum rs_status (*write)(void *arg, const void *bytes, size_t n, struct rs_err *reterr);
    void *arg;
};
typedef enum rs_status (*rs_stream_begin)(struct rs_request *r, struct rs_sink *ret_sink, struct rs_err *reterr);

struct rs_route {
    unsigned methods;        /* RS_GET | RS_HEAD ... */
    const char *pattern;     /* "/v2/{name}/manifests/{reference}": {name} spans segments, any other parameter is one segment */
    enum rs_need need;
    enum rs_body_kind body;
    uint64_t body_max;       /* bytes; for RS_BODY_STREAM 0 = no limit */
    enum rs_runs runs;
    rs_handler handler;
    rs_stream_begin begin;   /* RS_BODY_STREAM only */
    const char *repeated;    /* a query parameter that may repeat ("tag"), or NULL */
};

/* The table, in api/routes.c, and its length. */
extern const struct rs_route rs_routes[];
extern const unsigned rs_routes_n;

#endif
