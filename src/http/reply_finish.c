/* From a request's outcome to the response that MHD sends. */
#include "http/http_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json/write.h"

#define FILE_BLOCK_BYTES ((size_t)65536)

struct rs_cached_reply {
    atomic_uint refs;
    unsigned status;
    uint64_t length;
    size_t bytes;
    struct MHD_Response *response;
};

bool rs_error_body(const struct rs_err *err, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_key(&w, "errors");
    rs_jw_array(&w);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "code", rs_status_oci_code(err->status));
    rs_jw_member_text(&w, "message",
                      err->message[0] != '\0' ? err->message : rs_status_text(err->status));
    if (err->detail[0] != '\0')
        rs_jw_member_raw(&w, "detail", err->detail);
    rs_jw_object_end(&w);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    return rs_buf_status(out) == RS_OK;
}

/* Whoever sent no credentials learns nothing but that they are needed: SPEC section 4. */
static void hide_from_nobody(struct rs_request *r)
{
    const struct rs_route *route = r->match.route;
    unsigned http = r->err.status != RS_OK ? rs_status_http(r->err.status) : r->reply.status;
    if (route == NULL || route->need == RS_NEED_NOTHING || r->head.authorization != NULL ||
        r->identity.has_credentials)
        return;
    if (http != 401 && http != 403 && http != 404)
        return;
    rs_err_clear(&r->err);
    (void)rs_fail(&r->err, RS_UNAUTHORIZED, NULL);
}

/* Replace whatever the handler said by the error's body; its extra headers are gone, Allow
 * excepted. */
static bool take_error(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    struct rs_buf body = RS_BUF_INIT(16384);
    rs_reply_drop_body(re);
    if (r->err.status != RS_METHOD_NOT_ALLOWED) {
        re->headers = NULL;
        re->headers_end = &re->headers;
    }
    re->failed = RS_OK;
    re->status = rs_status_http(r->err.status);
    if (!rs_error_body(&r->err, &body)) {
        rs_buf_release(&body);
        return false;
    }
    rs_reply_body(re, "application/json", &body);
    return re->failed == RS_OK;
}

/* ---- headers ---- */

bool rs_reply_has_header(const struct rs_reply *re, const char *name)
{
    for (const struct rs_reply_header *h = re->headers; h != NULL; h = h->next) {
        if (strcasecmp(h->name, name) == 0)
            return true;
    }
    return false;
}

static bool is_under_v2(const struct rs_request *r)
{
    return r->uri.path.n >= 3 && memcmp(r->uri.path.p, "/v2", 3) == 0 &&
           (r->uri.path.n == 3 || r->uri.path.p[3] == '/');
}

void rs_reply_each_header(struct rs_request *r, rs_header_add add, void *arg)
{
    const struct rs_reply *re = &r->reply;
    if (re->content_type != NULL)
        add(arg, "Content-Type", re->content_type);
    for (const struct rs_reply_header *h = re->headers; h != NULL; h = h->next)
        add(arg, h->name, h->value);
    add(arg, "X-Content-Type-Options", "nosniff");
    if (is_under_v2(r))
        add(arg, "Docker-Distribution-Api-Version", "registry/2.0");
    if (re->status >= 400 && !rs_reply_has_header(re, "Cache-Control"))
        add(arg, "Cache-Control", "no-store");
    if ((re->status == 429 || re->status == 503) && !rs_reply_has_header(re, "Retry-After")) {
        char seconds[16];
        (void)snprintf(seconds, sizeof(seconds), "%u",
                       re->retry_after_s > 0 ? re->retry_after_s : 1);
        add(arg, "Retry-After", seconds);
    }
}

struct adding {
    struct MHD_Response *response;
    size_t bytes;
    bool failed;
};

static void add_to_response(void *arg, const char *name, const char *value)
{
    struct adding *a = arg;
    a->bytes += strlen(name) + strlen(value) + 128; /* with what MHD needs around them */
    if (MHD_add_response_header(a->response, name, value) != MHD_YES)
        a->failed = true;
}

/* ---- bodies ---- */

static ssize_t read_file(void *arg, uint64_t position, char *out, size_t cap)
{
    struct rs_reply *re = arg;
    uint64_t left = re->length - position;
    size_t want = cap < left ? cap : (size_t)left;
    ssize_t n = pread(re->fd, out, want, (off_t)(re->offset + position));
    /* A file that ends early or cannot be read cuts the connection: never a short 200. */
    if (n <= 0)
        re->read_errno = n < 0 ? errno : -1;
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

void rs_reply_note_cut(struct rs_request *r, const char *why)
{
    const struct rs_reply *re = &r->reply;
    char text[128];
    if (re->kind != RS_REPLY_FILE || (re->read_errno == 0 && why == NULL) || r->err.status != RS_OK)
        return;
    if (re->read_errno != 0)
        why = re->read_errno < 0 ? "the file ended early"
                                 : strerror_r(re->read_errno, text, sizeof(text));
    (void)rs_fail(&r->err, RS_IO, NULL);
    (void)rs_err_log(&r->err, "read a blob while it was sent: %s", why);
}

static struct MHD_Response *file_response(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    if (r->conn->listener->tls != NULL)
        return MHD_create_response_from_callback(re->length, FILE_BLOCK_BYTES, read_file, re, NULL);
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(re->length, re->fd, re->offset);
    if (response != NULL) {
        re->kernel_fd = re->fd;
        re->fd = -1; /* MHD closes it */
    }
    return response;
}

static struct MHD_Response *length_response(uint64_t length)
{
    char text[24];
    struct MHD_Response *response = MHD_create_response_empty(MHD_RF_HEAD_ONLY_RESPONSE);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)length);
    if (response != NULL && MHD_add_response_header(response, "Content-Length", text) != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static struct MHD_Response *make_response(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    switch (re->kind) {
    case RS_REPLY_EMPTY:
        return MHD_create_response_empty(re->status == 304 ? MHD_RF_HEAD_ONLY_RESPONSE
                                                           : MHD_RF_NONE);
    case RS_REPLY_HEAP: {
        char *bytes = RS_TAKE(re->bytes);
        struct MHD_Response *response =
            MHD_create_response_from_buffer_with_free_callback((size_t)re->length, bytes, free);
        if (response == NULL)
            free(bytes);
        return response;
    }
    case RS_REPLY_FILE:
        if (r->method == RS_HEAD)
            return length_response(re->length);
        return re->length == 0 ? MHD_create_response_empty(MHD_RF_NONE) : file_response(r);
    case RS_REPLY_LENGTH:
        return length_response(re->length);
    case RS_REPLY_STREAM:
        return rs_stream_response(re->stream);
    case RS_REPLY_CACHED:
        return re->cached->response;
    }
    return NULL;
}

bool rs_reply_finish(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    hide_from_nobody(r);
    if (r->err.status == RS_OK && re->failed != RS_OK)
        (void)rs_fail(&r->err, re->failed, NULL);
    if (r->err.status != RS_OK && !take_error(r))
        return false;
    if (re->status == 401 && re->kind != RS_REPLY_CACHED)
        rs_challenge_add(r);
    re->response = make_response(r);
    if (re->response == NULL || re->kind == RS_REPLY_CACHED)
        return re->response != NULL;
    struct adding a = {.response = re->response};
    rs_reply_each_header(r, add_to_response, &a);
    add_to_response(&a, "X-Request-Id", r->id);
    if (atomic_load_explicit(&r->server->is_stopping, memory_order_relaxed))
        add_to_response(&a, "Connection", "close");
    return !a.failed;
}

/* ---- prebuilt answers ---- */

enum rs_status rs_reply_share(struct rs_reply *re, struct rs_cached_reply **ret)
{
    struct rs_request *r = rs_request_of_reply(re);
    if (re->failed != RS_OK || (re->kind != RS_REPLY_EMPTY && re->kind != RS_REPLY_HEAP) ||
        re->status >= 400)
        return RS_INTERNAL;
    struct rs_cached_reply *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return RS_NOMEM;
    struct adding a = {.response = make_response(r)};
    if (a.response != NULL)
        rs_reply_each_header(r, add_to_response, &a);
    else
        a.failed = true;
    if (a.failed) {
        if (a.response != NULL)
            MHD_destroy_response(a.response);
        free(c);
        re->kind = RS_REPLY_EMPTY;
        re->failed = RS_NOMEM; /* the body is gone with the response */
        return RS_NOMEM;
    }
    atomic_init(&c->refs, 2); /* the caller's, and this reply's */
    c->status = re->status;
    c->length = re->length;
    c->bytes = sizeof(*c) + 256 + a.bytes + (size_t)re->length;
    c->response = a.response;
    re->kind = RS_REPLY_CACHED;
    re->cached = c;
    *ret = c;
    return RS_OK;
}

void rs_reply_cached(struct rs_reply *re, struct rs_cached_reply *c)
{
    rs_cached_reply_ref(c);
    rs_reply_drop_body(re);
    re->kind = RS_REPLY_CACHED;
    re->cached = c;
    re->status = c->status;
    re->length = c->length;
}

struct rs_cached_reply *rs_cached_reply_ref(struct rs_cached_reply *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void rs_cached_reply_unref(struct rs_cached_reply *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    MHD_destroy_response(c->response);
    free(c);
}

size_t rs_cached_reply_bytes(const struct rs_cached_reply *c)
{
    return c->bytes;
}
