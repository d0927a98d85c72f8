#include "api/events.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_api.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "events/bell.h"
#include "events/feed.h"
#include "oci/link.h"
#include "registry/services.h"

#define PAGE_DEFAULT 100U
#define PAGE_BYTES_MAX ((size_t)4 << 20)
#define PART_EVENTS 64U
#define PART_BYTES ((size_t)65536)
#define BUFFER_BYTES_MAX ((size_t)8 << 20)
#define BEAT_MS 15000U
#define STREAM_MAGIC 0x65767374U

/* ---- parameters ---- */

static enum rs_status newest(const struct rs_request *r, int64_t *ret, struct rs_err *reterr)
{
    return rs_feed_newest(rs_request_services(r)->db, ret, reterr);
}

/* Where to begin: Last-Event-ID is what a stream's client sends when it comes back. */
static enum rs_status start_of(const struct rs_request *r, bool is_stream, int64_t *ret,
                               struct rs_err *reterr)
{
    const char *text = rs_request_query(r, "after");
    const char *last = is_stream ? rs_request_header(r, "Last-Event-ID") : NULL;
    uint64_t after = 0;
    if (last != NULL)
        text = last;
    if (text != NULL && strcmp(text, "latest") == 0)
        return newest(r, ret, reterr);
    if (text != NULL && !rs_parse_u64(rs_str_of(text), INT64_MAX, &after))
        return rs_fail(reterr, RS_BAD_REQUEST, "%s is an event's sequence number, or \"latest\"",
                       last != NULL ? "Last-Event-ID" : "after");
    *ret = (int64_t)after;
    return RS_OK;
}

static bool wants_stream(struct rs_request *r)
{
    const char *accept = rs_request_header_list(r, "Accept");
    return accept != NULL && strcasestr(accept, "text/event-stream") != NULL;
}

/* ---- pages ---- */

static enum rs_status link_next(struct rs_request *r, struct rs_reply *re, int64_t after,
                                unsigned n, struct rs_err *reterr)
{
    const struct rs_link_param params[] = {
        {"after", rs_arena_printf(rs_request_arena(r), "%" PRId64, after)},
        {"n", rs_arena_printf(rs_request_arena(r), "%u", n)},
    };
    if (params[0].value == NULL || params[1].value == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return rs_json_api_next(re, "/v2/_roadstead/events", params, RS_ARRAY_LEN(params), reterr);
}

static enum rs_status page_reply(struct rs_request *r, struct rs_reply *re, int64_t after,
                                 struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(BUFFER_BYTES_MAX);
    struct rs_feed_page page;
    unsigned n = 0;
    enum rs_status s = rs_json_api_page_n(r, "events", PAGE_DEFAULT, RS_FEED_PAGE_MAX, &n, reterr);
    if (s == RS_OK)
        s = rs_feed_read(services->db, services->auth, rs_request_identity(r), after, n,
                         PAGE_BYTES_MAX, RS_FEED_PAGE, &json, &page, reterr);
    if (s == RS_OK && page.has_more)
        s = link_next(r, re, page.next, n, reterr);
    if (s != RS_OK)
        return s;
    return rs_json_api_answer(re, 200, &json, reterr);
}

/* ---- the stream ---- */

struct event_stream {
    uint32_t magic;
    const struct rs_services *services;
    struct rs_identity identity;
    int64_t position;
    struct rs_buf pending;
    size_t sent; /* of pending */
    uint64_t last_sent_ms;
    struct rs_stream *stream;                   /* guarded by streams_mu */
    struct event_stream *next, **previous_next; /* guarded by streams_mu */
};

static pthread_mutex_t streams_mu = PTHREAD_MUTEX_INITIALIZER;
static struct event_stream *streams RS_GUARDED_BY(streams_mu);
static pthread_once_t listening = PTHREAD_ONCE_INIT;

static void streams_wake(void)
{
    (void)pthread_mutex_lock(&streams_mu);
    for (struct event_stream *st = streams; st != NULL; st = st->next)
        rs_stream_wake(st->stream);
    (void)pthread_mutex_unlock(&streams_mu);
}

static void listen(void)
{
    rs_bell_listen(streams_wake);
}

static void stream_link(struct event_stream *st, struct rs_stream *stream)
{
    (void)pthread_mutex_lock(&streams_mu);
    st->stream = stream;
    st->next = streams;
    st->previous_next = &streams;
    if (streams != NULL)
        streams->previous_next = &st->next;
    streams = st;
    (void)pthread_mutex_unlock(&streams_mu);
}

static void stream_done(void *arg)
{
    struct event_stream *st = arg;
    rs_assert(st->magic == STREAM_MAGIC);
    (void)pthread_mutex_lock(&streams_mu);
    if (st->previous_next != NULL) {
        *st->previous_next = st->next;
        if (st->next != NULL)
            st->next->previous_next = st->previous_next;
    }
    (void)pthread_mutex_unlock(&streams_mu);
    rs_buf_release(&st->pending);
    st->magic = 0;
    free(st);
}

/* Reads the next part into `pending`.  A comment line keeps the connection alive, shows a client
 * that went away, and has us called again when a part held nothing for this reader although more
 * events follow. */
static enum rs_status part_read(struct event_stream *st)
{
    struct rs_feed_page page;
    rs_buf_clear(&st->pending);
    st->sent = 0;
    enum rs_status s =
        rs_feed_read(st->services->db, st->services->auth, &st->identity, st->position, PART_EVENTS,
                     PART_BYTES, RS_FEED_STREAM, &st->pending, &page, NULL);
    if (s != RS_OK)
        return s;
    st->position = page.next;
    if (page.n == 0 && (page.has_more || rs_clock_mono_ms() - st->last_sent_ms >= BEAT_MS))
        s = rs_buf_adds(&st->pending, ":\n\n");
    return s;
}

static enum rs_status stream_pull(void *arg, char *out, size_t cap, size_t *ret_n, bool *ret_end)
{
    struct event_stream *st = arg;
    rs_assert(st->magic == STREAM_MAGIC);
    *ret_n = 0;
    *ret_end = false;
    if (st->sent == st->pending.len) {
        enum rs_status s = part_read(st);
        *ret_end = s == RS_UNAUTHORIZED; /* disabled or deleted meanwhile */
        if (s != RS_OK)
            return *ret_end ? RS_OK : s;
    }
    size_t n = st->pending.len - st->sent;
    if (n > cap)
        n = cap;
    if (n > 0) {
        memcpy(out, st->pending.data + st->sent, n);
        st->last_sent_ms = rs_clock_mono_ms();
    }
    st->sent += n;
    *ret_n = n;
    return RS_OK;
}

static enum rs_status stream_reply(struct rs_request *r, struct rs_reply *re, int64_t after,
                                   struct rs_err *reterr)
{
    struct event_stream *st = calloc(1, sizeof(*st));
    if (st == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    st->magic = STREAM_MAGIC;
    st->services = rs_request_services(r);
    st->identity = *rs_request_identity(r);
    st->identity.scope = NULL; /* the request's own; permissions here go by the grants */
    st->position = after;
    st->pending = (struct rs_buf)RS_BUF_INIT(BUFFER_BYTES_MAX);
    st->last_sent_ms = rs_clock_mono_ms();
    /* an answer at once, so that clients see the stream open */
    (void)rs_buf_adds(&st->pending, "retry: 3000\n\n");
    (void)pthread_once(&listening, listen);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_header(re, "X-Accel-Buffering", "no");
    struct rs_stream *stream =
        rs_reply_stream(re, "text/event-stream", BEAT_MS, stream_pull, stream_done, st);
    if (stream == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL); /* stream_done() was called */
    stream_link(st, stream);
    return RS_OK;
}

enum rs_status rs_api_events_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    bool is_stream = wants_stream(r);
    int64_t after = 0;
    enum rs_status s = start_of(r, is_stream, &after, reterr);
    if (s != RS_OK)
        return s;
    return is_stream ? stream_reply(r, re, after, reterr) : page_reply(r, re, after, reterr);
}
