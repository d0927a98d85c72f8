/* What handlers say; see reply_finish.c for how it becomes an answer. */
#include "http/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/http_internal.h"

static void fail(struct rs_reply *re, enum rs_status s)
{
    if (re->failed == RS_OK)
        re->failed = s;
}

void rs_reply_init(struct rs_reply *re)
{
    *re = (struct rs_reply){.kind = RS_REPLY_EMPTY, .status = 200, .fd = -1, .kernel_fd = -1};
    re->headers_end = &re->headers;
}

void rs_reply_drop_body(struct rs_reply *re)
{
    free(re->bytes);
    re->bytes = NULL;
    if (re->fd >= 0)
        (void)close(re->fd); /* it was only read from */
    re->fd = -1;
    if (re->stream != NULL)
        rs_stream_end(re->stream);
    re->stream = NULL;
    rs_cached_reply_unref(re->cached);
    re->cached = NULL;
    re->kind = RS_REPLY_EMPTY;
    re->content_type = NULL;
    re->length = 0;
}

void rs_reply_release(struct rs_reply *re)
{
    if (re->response != NULL && re->kind != RS_REPLY_CACHED)
        MHD_destroy_response(re->response);
    re->response = NULL;
    rs_reply_drop_body(re);
    re->headers = NULL;
    re->headers_end = &re->headers;
}

void rs_reply_status(struct rs_reply *re, unsigned http_status)
{
    rs_assert(http_status >= 200 && http_status <= 599);
    re->status = http_status;
}

/* Printable ASCII, UTF-8 and tabs: nothing that could end a header. */
static bool is_clean(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    }
    return true;
}

void rs_reply_header(struct rs_reply *re, const char *name, const char *value)
{
    struct rs_arena *arena = &rs_request_of_reply(re)->arena;
    if (!is_clean(name) || !is_clean(value) || name[0] == '\0' || strpbrk(name, " :\t") != NULL) {
        fail(re, RS_INTERNAL);
        return;
    }
    if (value[0] == '\0')
        return; /* MHD sends no empty headers, and nothing here needs one */
    struct rs_reply_header *h = rs_arena_alloc(arena, sizeof(*h));
    const char *name_copy = rs_arena_strdup(arena, name);
    const char *value_copy = rs_arena_strdup(arena, value);
    if (h == NULL || name_copy == NULL || value_copy == NULL) {
        fail(re, RS_NOMEM);
        return;
    }
    *h = (struct rs_reply_header){.name = name_copy, .value = value_copy};
    *re->headers_end = h;
    re->headers_end = &h->next;
}

void rs_reply_headerf(struct rs_reply *re, const char *name, const char *fmt, ...)
{
    char text[4200]; /* a Warning may be 4096 bytes long */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        fail(re, RS_INTERNAL);
    else
        rs_reply_header(re, name, text);
}

static void set_type(struct rs_reply *re, const char *content_type)
{
    if (content_type == NULL)
        return;
    if (!is_clean(content_type))
        fail(re, RS_INTERNAL);
    re->content_type = rs_arena_strdup(&rs_request_of_reply(re)->arena, content_type);
    if (re->content_type == NULL)
        fail(re, RS_NOMEM);
}

void rs_reply_body(struct rs_reply *re, const char *content_type, struct rs_buf *body)
{
    rs_reply_drop_body(re);
    if (rs_buf_status(body) != RS_OK) {
        fail(re, rs_buf_status(body));
        rs_buf_release(body);
        return;
    }
    set_type(re, content_type);
    size_t n;
    re->bytes = rs_buf_take(body, &n);
    re->length = n;
    re->kind = RS_REPLY_HEAP;
    if (re->bytes == NULL)
        fail(re, RS_NOMEM);
}

void rs_reply_bytes(struct rs_reply *re, const char *content_type, const void *bytes, size_t n)
{
    rs_reply_drop_body(re);
    set_type(re, content_type);
    re->bytes = malloc(n + 1);
    if (re->bytes == NULL) {
        fail(re, RS_NOMEM);
        return;
    }
    if (n > 0)
        memcpy(re->bytes, bytes, n);
    re->bytes[n] = '\0';
    re->length = n;
    re->kind = RS_REPLY_HEAP;
}

void rs_reply_file(struct rs_reply *re, const char *content_type, RS_TAKES int fd, uint64_t offset,
                   uint64_t length)
{
    rs_reply_drop_body(re);
    set_type(re, content_type);
    re->kind = RS_REPLY_FILE;
    re->fd = fd;
    re->offset = offset;
    re->length = length;
}

void rs_reply_length_only(struct rs_reply *re, const char *content_type, uint64_t length)
{
    rs_reply_drop_body(re);
    set_type(re, content_type);
    re->kind = RS_REPLY_LENGTH;
    re->length = length;
    if (rs_request_of_reply(re)->method != RS_HEAD)
        fail(re, RS_INTERNAL);
}

void rs_reply_retry_after(struct rs_reply *re, unsigned seconds)
{
    re->retry_after_s = seconds;
}

void rs_reply_challenge_scope(struct rs_reply *re, const char *scope)
{
    struct rs_arena *arena = &rs_request_of_reply(re)->arena;
    if (!is_clean(scope) || strpbrk(scope, "\"\\") != NULL)
        return; /* cannot be said inside quotes, and names nothing that exists */
    const char *both = re->challenge_scope == NULL
                           ? rs_arena_strdup(arena, scope)
                           : rs_arena_printf(arena, "%s %s", re->challenge_scope, scope);
    if (both == NULL)
        fail(re, RS_NOMEM);
    else
        re->challenge_scope = both;
}

struct rs_stream *rs_reply_stream(struct rs_reply *re, const char *content_type, unsigned wait_ms,
                                  rs_stream_pull pull, void (*done)(void *arg), void *arg)
{
    rs_reply_drop_body(re);
    set_type(re, content_type);
    re->stream = rs_stream_new(rs_request_of_reply(re)->conn, wait_ms, pull, done, arg);
    if (re->stream == NULL) {
        done(arg);
        fail(re, RS_NOMEM);
        return NULL;
    }
    re->kind = RS_REPLY_STREAM;
    return re->stream;
}
