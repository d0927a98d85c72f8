/*
 * http/reply.h: what a handler answers.
 * Layer: http.  Threads: as the request (one at a time), unless a function says otherwise.
 *
 * A handler that returns something other than RS_OK needs no reply: whatever it filled in is
 * dropped (but for the challenge scopes and Retry-After), and the error is turned into the OCI
 * error body with the status' HTTP code and `Cache-Control: no-store`, and logged once. The
 * transport adds by itself: Content-Length, Date, X-Request-Id, X-Content-Type-Options,
 * `Docker-Distribution-Api-Version` under /v2/, `Cache-Control: no-store` on every 4xx and 5xx that
 * says nothing else, WWW-Authenticate on 401, Retry-After on 429 and 503, Allow on 405. A 401, 403
 * or 404 answer to a request without an Authorization header goes out as 401 with the challenge
 * (SPEC section 4).
 */
#ifndef RS_HTTP_REPLY_H
#define RS_HTTP_REPLY_H

#include "base/buf.h"
#include "http/request.h"

struct rs_reply; /* belongs to the request */

void rs_reply_status(struct rs_reply *re, unsigned http_status); /* default 200 */
/* Header values are checked: control bytes make the request fail with RS_INTERNAL.  Copied.  The
 * same name may be added again. */
void rs_reply_header(struct rs_reply *re, const char *name, const char *value);
RS_PRINTF(3, 4)
void rs_reply_headerf(struct rs_reply *re, const char *name, const char *fmt, ...);
/* Takes the buffer's memory.  Content-Length is set by itself; on HEAD the body is left out and the
 * length kept. A buffer that has failed (rs_buf_status()) makes the request fail with that status.
 */
void rs_reply_body(struct rs_reply *re, const char *content_type, struct rs_buf *body);
/* Copies. */
void rs_reply_bytes(struct rs_reply *re, const char *content_type, const void *bytes, size_t n);
/* Takes the descriptor: `length` bytes from `offset` (sendfile in plain HTTP, pread blocks under
 * TLS). */
void rs_reply_file(struct rs_reply *re, const char *content_type, RS_TAKES int fd, uint64_t offset,
                   uint64_t length);
/* HEAD of something whose body is not at hand: announce the length only.  Of use on HEAD alone;
 * RS_INTERNAL on any other method. */
void rs_reply_length_only(struct rs_reply *re, const char *content_type, uint64_t length);

/* For a 429 or 503: seconds for Retry-After (0: the default, 1).  Kept when the handler fails. */
void rs_reply_retry_after(struct rs_reply *re, unsigned seconds);
/* One more scope for the challenge of a 401 ("repository:<source>:pull" of a mount), besides the
 * route's own.  Kept when the handler fails. */
void rs_reply_challenge_scope(struct rs_reply *re, const char *scope);
/* The detail member (JSON text) of the error is in rs_err.detail; nothing to do here. */

/* ---- prebuilt answers: made once, sent many times, from any thread ---- */

/* immutable and counted: status, headers and body, ready to be sent (without X-Request-Id) */
struct rs_cached_reply;

/**
 * rs_reply_share(): freeze what `re` holds now (status, headers, and a body of bytes or none; not a
 * file or a stream), so that rs_reply_cached() can answer with it again.  `re` itself is answered
 * with it. *ret has one reference, the caller's.  Errors: RS_NOMEM, RS_INTERNAL (nothing that can
 * be shared); `re` is then unchanged.
 */
RS_MUST_CHECK enum rs_status rs_reply_share(struct rs_reply *re, struct rs_cached_reply **ret);
/* Answer with a prebuilt reply, GET and HEAD alike; whatever `re` held is dropped.  Takes a
 * reference of its own.  No allocation. */
void rs_reply_cached(struct rs_reply *re, struct rs_cached_reply *c);
/* Threads: any. */
struct rs_cached_reply *rs_cached_reply_ref(struct rs_cached_reply *c);
void rs_cached_reply_unref(struct rs_cached_reply *c); /* NULL-safe */
/* Memory it holds, for the bound of a cache. */
size_t rs_cached_reply_bytes(const struct rs_cached_reply *c);

/* ---- bodies of unknown length ---- */

struct rs_stream; /* lives until done() has returned */

/* Fill `out` with up to `cap` bytes; *ret_n 0 and *ret_end false means "nothing yet".  An error
 * cuts the connection, so that the client sees that the answer is incomplete.  Runs on a loop
 * thread: must not block on anything but a read of the catalog. */
typedef enum rs_status (*rs_stream_pull)(void *arg, char *out, size_t cap, size_t *ret_n,
                                         bool *ret_end);

/**
 * rs_reply_stream(): answer with what `pull` gives, chunk by chunk.  After "nothing yet" it is
 * called again when rs_stream_wake() was called (at once if that happened meanwhile), or after
 * wait_ms (a stream that then sends a byte, as SSE's comment lines do, finds clients that went
 * away; while it waits nothing does).  When the server stops, *pull* is not called again. done(arg)
 * is called exactly once, when the reply has ended, whatever happened, also on HEAD and when this
 * function fails. The result is for rs_stream_wake() and is good until done() has been called; NULL
 * without memory (return RS_NOMEM then).
 */
struct rs_stream *rs_reply_stream(struct rs_reply *re, const char *content_type, unsigned wait_ms,
                                  rs_stream_pull pull, void (*done)(void *arg), void *arg);
/* There may be something to pull.  Threads: any, also the database's writer; never blocks for long.
 * A lock that the caller holds over this call may be taken in pull() and done(). */
void rs_stream_wake(struct rs_stream *s);

#endif
