/*
 * http/request.h: what a handler sees of one request.
 * Layer: http.  Threads: a request is handled by one thread at a time.
 * All texts are borrowed from the request and live until it ends.
 */
#ifndef RS_HTTP_REQUEST_H
#define RS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

struct rs_request;
struct rs_reply;

enum rs_method {
    RS_GET = 1 << 0,
    RS_HEAD = 1 << 1,
    RS_PUT = 1 << 2,
    RS_POST = 1 << 3,
    RS_PATCH = 1 << 4,
    RS_DELETE = 1 << 5,
};

enum rs_method rs_request_method(const struct rs_request *r);
/* A path parameter of the route by name ("name", "digest", ...), already matched, not decoded;
 * never NULL for a parameter the pattern has. {name} is a valid repository name; whatever else is
 * only known to be one path segment of 1..511 printable ASCII bytes. */
const char *rs_request_param(const struct rs_request *r, const char *param);
/* The `subject` of the route's row. */
unsigned rs_request_subject(const struct rs_request *r);
/* A query parameter, percent-decoded: valid UTF-8 without control bytes; NULL when absent.  A
 * repeated one was refused before the handler, unless the route lists it in `repeated`. */
const char *rs_request_query(const struct rs_request *r, const char *key);
/* The i-th value of a parameter that may repeat; NULL past the end. */
const char *rs_request_query_at(const struct rs_request *r, const char *key, unsigned i);
/* A header, NULL when absent; the first when it was sent several times.  Values hold no control
 * bytes but tabs. */
const char *rs_request_header(const struct rs_request *r, const char *name);
/* A header that is a list (Accept, If-None-Match): all its values in order, joined by ", "; NULL
 * when absent (or without memory). */
const char *rs_request_header_list(struct rs_request *r, const char *name);
/* The body of a route with RS_BODY_MEMORY, whole; empty otherwise. */
struct rs_str rs_request_body(const struct rs_request *r);
/* The `arg` of the sink that begin() gave, on a route with RS_BODY_STREAM; NULL when it gave none.
 */
void *rs_request_sink(const struct rs_request *r);
/* 0 when there is no body, -1 when the client sent none (chunked). */
int64_t rs_request_content_length(const struct rs_request *r);

/* Nobody (anonymous, without credentials) on routes with RS_NEED_NOTHING. */
const struct rs_identity *rs_request_identity(const struct rs_request *r);
/* Access on the route's {name}; all zero on routes without one. */
const struct rs_access *rs_request_access(const struct rs_request *r);
/* For audit records and events; borrowed. */
const struct rs_actor *rs_request_actor(const struct rs_request *r);
/* The client's address as text (behind trusted proxies, the one they tell). */
const char *rs_request_source(const struct rs_request *r);
struct rs_arena *rs_request_arena(struct rs_request *r);
/* scheme://host of this request as the client sees it (trusted proxies considered), for absolute
 * links.  Never NULL. */
const char *rs_request_base_url(struct rs_request *r);
const struct rs_services *rs_request_services(const struct rs_request *r);
/* Run fn(arg) when the request ends, newest first, whatever happened to the client.  On failure
 * fn(arg) has been called already. */
RS_MUST_CHECK enum rs_status rs_request_defer(struct rs_request *r, void (*fn)(void *arg),
                                              void *arg);

#endif
