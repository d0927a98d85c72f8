/* A request's life, and what handlers ask of it. */
#include "http/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/clock.h"
#include "http/http_internal.h"

/* "<8 random bytes of this run><number>": unique, and tells nothing. */
static void make_id(struct rs_request *r)
{
    unsigned char raw[16];
    uint64_t number = atomic_fetch_add_explicit(&r->server->requests_seen, 1, memory_order_relaxed);
    memcpy(raw, r->server->id_key, 8);
    for (int i = 0; i < 8; i++)
        raw[8 + i] = (unsigned char)(number >> (56 - 8 * i));
    rs_hex_encode(raw, sizeof(raw), r->id);
}

void rs_request_begin(struct rs_request *r, struct MHD_Connection *mhd, const char *target)
{
    const struct rs_server_options *o = &r->server->o;
    r->phase = RS_PHASE_HEAD;
    r->stage = RS_STAGE_ADMIT;
    r->mhd = mhd;
    r->method = (enum rs_method)0; /* until the head says */
    r->started_ns = rs_clock_mono_ns();
    r->name = NULL;
    r->base_url = NULL;
    r->source = r->conn->address;
    r->head = (struct rs_head){0};
    r->match.route = NULL;
    r->match.params_n = 0;
    r->body_is_complete = false;
    r->body.received = 0;
    r->body.swallowed = 0;
    r->body.swallow_max = RS_SWALLOW_BYTES_MAX;
    r->body.sink = (struct rs_sink){0};
    r->body.is_draining = r->body.is_suspended = r->body.has_ended = r->body.has_failed =
        r->body.is_abandoned = false;
    r->defers = NULL;
    r->identity.principal_id = RS_ANONYMOUS_ID;
    r->identity.has_credentials = false;
    r->identity.is_token = false;
    r->identity.scope = NULL;
    memcpy(r->identity.name, "anonymous", sizeof("anonymous"));
    r->access = (struct rs_access){.checks = ""};
    make_id(r);
    rs_arena_init(&r->arena, o->request_memory_bytes);
    rs_err_clear(&r->err);
    rs_reply_init(&r->reply);
    atomic_fetch_add(&r->server->requests_in_flight, 1);
    size_t n = strlen(target);
    r->uri = (struct rs_uri){0};
    enum rs_status s = n > o->uri_bytes_max
                           ? RS_URI_TOO_LONG
                           : rs_uri_parse(rs_str_n(target, n), &r->arena, &r->uri, &r->err);
    if (s != RS_OK)
        (void)rs_fail(&r->err, s, NULL); /* answered when the headers are there */
}

void rs_request_end(struct rs_request *r)
{
    rs_assert(r->magic == RS_REQUEST_MAGIC && r->phase != RS_PHASE_NONE);
    while (r->defers != NULL) {
        struct rs_defer *d = r->defers;
        r->defers = d->next;
        d->fn(d->arg);
    }
    rs_reply_release(&r->reply);
    rs_body_release(&r->body);
    rs_arena_release(&r->arena);
    r->phase = RS_PHASE_NONE;
    r->mhd = NULL;
    atomic_fetch_sub(&r->server->requests_in_flight, 1);
}

enum rs_method rs_request_method(const struct rs_request *r)
{
    return r->method;
}

const char *rs_request_param(const struct rs_request *r, const char *param)
{
    for (unsigned i = 0; i < r->match.params_n; i++) {
        if (strcmp(r->match.params[i].name, param) == 0)
            return r->params[i];
    }
    rs_assert_failed("the route's pattern has this parameter", __FILE__, __LINE__);
}

unsigned rs_request_subject(const struct rs_request *r)
{
    return r->match.route->subject;
}

const char *rs_request_query(const struct rs_request *r, const char *key)
{
    return rs_uri_query(&r->uri, key, 0);
}

const char *rs_request_query_at(const struct rs_request *r, const char *key, unsigned i)
{
    return rs_uri_query(&r->uri, key, i);
}

const char *rs_request_header(const struct rs_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

struct header_list {
    const char *name;
    struct rs_buf joined;
    bool found;
};

static enum MHD_Result join_value(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct header_list *list = arg;
    (void)kind;
    if (strcasecmp(key, list->name) != 0)
        return MHD_YES;
    if (list->found)
        (void)rs_buf_adds(&list->joined, ", ");
    (void)rs_buf_adds(&list->joined, value == NULL ? "" : value);
    list->found = true;
    return MHD_YES;
}

const char *rs_request_header_list(struct rs_request *r, const char *name)
{
    struct header_list list = {.name = name, .joined = RS_BUF_INIT(65536)};
    (void)MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, join_value, &list);
    const char *text = NULL;
    if (list.found && rs_buf_status(&list.joined) == RS_OK)
        text = rs_arena_strndup(&r->arena, rs_buf_text(&list.joined), list.joined.len);
    rs_buf_release(&list.joined);
    return text;
}

struct rs_str rs_request_body(const struct rs_request *r)
{
    return rs_str_n(rs_buf_text(&r->body.memory), r->body.memory.len);
}

void *rs_request_sink(const struct rs_request *r)
{
    return r->body.sink.arg;
}

int64_t rs_request_content_length(const struct rs_request *r)
{
    return r->head.content_length;
}

const struct rs_identity *rs_request_identity(const struct rs_request *r)
{
    return &r->identity;
}

const struct rs_access *rs_request_access(const struct rs_request *r)
{
    return &r->access;
}

const struct rs_actor *rs_request_actor(const struct rs_request *r)
{
    return &r->actor;
}

const char *rs_request_source(const struct rs_request *r)
{
    return r->source;
}

struct rs_arena *rs_request_arena(struct rs_request *r)
{
    return &r->arena;
}

const struct rs_services *rs_request_services(const struct rs_request *r)
{
    return r->server->o.services;
}

struct rs_server *rs_request_server(const struct rs_request *r)
{
    return r->server;
}

enum rs_status rs_request_defer(struct rs_request *r, void (*fn)(void *arg), void *arg)
{
    struct rs_defer *d = rs_arena_alloc(&r->arena, sizeof(*d));
    if (d == NULL) {
        fn(arg);
        return RS_NOMEM;
    }
    *d = (struct rs_defer){.next = r->defers, .fn = fn, .arg = arg};
    r->defers = d;
    return RS_OK;
}
