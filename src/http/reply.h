/*
 * http/reply.h: what a handler answers.
 * Layer: http.  Threads: as the request.
 * A handler that returns something other than RS_OK needs no reply: the error is turned into the OCI error body, with the status' HTTP
 * code, `Cache-Control: no-store`, and logged once.
 */
#ifndef RS_HTTP_REPLY_H
#define RS_HTTP_REPLY_H

#include "base/buf.h"
#include "http/request.h"

struct rs_reply; /* belongs to the request */

void rs_reply_status(struct rs_reply *re, unsigned http_status); /* default 200 */
/* Header values are checked: control bytes make the request fail with RS_INTERNAL.  Copied. */
void rs_reply_header(struct rs_reply *re, const char *name, const char *value);
RS_PRINTF(3, 4) void rs_reply_headerf(struct rs_reply *re, const char *name, const char *fmt, ...);
/* Takes the buffer's memory.  Content-Length is set by itself; on HEAD the body is left out and the length kept. */
void rs_reply_body(struct rs_reply *re, const char *content_type, struct rs_buf *body);
/* Copies. */
void rs_reply_bytes(struct rs_reply *re, const char *content_type, const void *bytes, size_t n);
/* Takes the descriptor: `length` bytes from `offset` (sendfile in plain HTTP, pread blocks under TLS). */
void rs_reply_file(struct rs_reply *re, const char *content_type, RS_TAKES int fd, uint64_t offset, uint64_t length);
/* HEAD of something whose body is not at hand: announce the length only. */
void rs_reply_length_only(struct rs_reply *re, const char *content_type, uint64_t length);

/* A body of unknown length, pulled: fill `out` with up to `cap` bytes; *ret_n 0 and *ret_end false means "nothing yet", called again
 * after wait_ms at the latest or when rs_stream_wake() is called.  Runs on a loop thread: must not block. */
typedef enum rs_status (*rs_stream_pull)(void *arg, char *out, size_t cap, size_t *ret_n, bool *ret_end);
void rs_reply_stream(struct rs_reply *re, const char *content_type, rs_stream_pull pull, void (*done)(void *arg), void *arg);

#endif
