/* The head of a request: which headers may be there, and who really asks. */
#include "http/http_internal.h"

#include <string.h>
#include <strings.h>

struct scan {
    struct rs_request *r;
    const char *content_length;
    bool is_chunked;
    const char *problem;
};

static bool value_is_clean(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Headers that say who asks, what for, or where a body ends: one that is there twice has two
 * meanings. */
static bool take_once(struct scan *s, const char **slot, const char *value)
{
    if (*slot != NULL) {
        s->problem = "a header that may be there once was sent twice";
        return false;
    }
    *slot = value;
    return true;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *key, size_t key_n,
                                 const char *value, size_t value_n)
{
    struct scan *s = arg;
    struct rs_head *h = &s->r->head;
    (void)kind;
    if (value == NULL) {
        value = "";
        value_n = 0;
    }
    if (!value_is_clean(value, value_n) || strlen(value) != value_n || strlen(key) != key_n) {
        s->problem = "a header holds a control byte";
        return MHD_NO;
    }
    const struct {
        const char *name;
        const char **slot;
    } once[] = {
        {"authorization", &h->authorization},
        {"host", &h->host},
        {"content-length", &s->content_length},
        {"content-encoding", &h->content_encoding},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(once); i++) {
        if (strcasecmp(key, once[i].name) == 0)
            return take_once(s, once[i].slot, value) ? MHD_YES : MHD_NO;
    }
    if (strcasecmp(key, "transfer-encoding") == 0)
        s->is_chunked = true;
    else if (strcasecmp(key, "expect") == 0)
        h->expects_continue = true;
    else if (strcasecmp(key, "x-forwarded-for") == 0)
        h->forwarded_for = value; /* the last one: that is the proxy's own */
    else if (strcasecmp(key, "x-forwarded-proto") == 0)
        h->forwarded_proto = value;
    else if (strcasecmp(key, "x-forwarded-host") == 0)
        h->forwarded_host = value;
    return MHD_YES;
}

enum rs_status rs_head_read(struct rs_request *r)
{
    struct scan s = {.r = r};
    struct rs_head *h = &r->head;
    *h = (struct rs_head){0};
    (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, on_header, &s);
    if (s.problem != NULL)
        return rs_fail(&r->err, RS_BAD_REQUEST, "%s", s.problem);
    if (h->host != NULL && h->host[0] != '\0' && !rs_uri_host_is_valid(rs_str_of(h->host)))
        return rs_fail(&r->err, RS_BAD_REQUEST,
                       "the Host header is not a host name with an optional port");
    if (r->uri.authority.n > 0 && h->host != NULL &&
        (strlen(h->host) != r->uri.authority.n ||
         strncasecmp(h->host, r->uri.authority.p, r->uri.authority.n) != 0))
        return rs_fail(&r->err, RS_BAD_REQUEST,
                       "the request target and the Host header name different hosts");
    uint64_t length = 0;
    if (s.content_length != NULL && !rs_parse_u64(rs_str_of(s.content_length), INT64_MAX, &length))
        return rs_fail(&r->err, RS_BAD_REQUEST, "the Content-Length is not a number that can be");
    if (s.is_chunked && s.content_length != NULL)
        return rs_fail(&r->err, RS_BAD_REQUEST,
                       "the request has both Content-Length and Transfer-Encoding");
    h->content_length = s.is_chunked ? -1 : (int64_t)length;
    h->has_body = h->content_length != 0;
    return RS_OK;
}

/* The last address in X-Forwarded-For that is not one of our proxies: whatever stands before it may
 * be invented. */
static const char *forwarded_source(struct rs_request *r)
{
    const char *list = r->head.forwarded_for;
    size_t end = strlen(list);
    while (end > 0) {
        size_t start = end;
        while (start > 0 && list[start - 1] != ',')
            start--;
        size_t from = start;
        size_t to = end;
        while (from < to && (list[from] == ' ' || list[from] == '\t'))
            from++;
        while (to > from && (list[to - 1] == ' ' || list[to - 1] == '\t'))
            to--;
        unsigned char bytes[16];
        char *text = rs_arena_strndup(&r->arena, list + from, to - from);
        if (text == NULL || !rs_address_parse(text, bytes))
            return NULL;
        bool is_ours = false;
        for (unsigned i = 0; i < r->server->o.trusted_proxies_n && !is_ours; i++)
            is_ours = rs_proxy_block_has(&r->server->proxies[i], bytes);
        if (!is_ours)
            return text;
        end = start > 0 ? start - 1 : 0;
    }
    return NULL;
}

void rs_head_find_source(struct rs_request *r)
{
    const char *told = NULL;
    if (r->conn->is_from_proxy && r->head.forwarded_for != NULL)
        told = forwarded_source(r);
    r->source = told != NULL ? told : r->conn->address;
}

/* scheme://host as the client sees it. */
static const char *find_base_url(struct rs_request *r)
{
    if (r->server->o.public_url != NULL)
        return r->server->o.public_url;
    const char *scheme = r->conn->listener->tls != NULL ? "https" : "http";
    const char *host = r->head.host;
    if (r->conn->is_from_proxy) {
        const struct rs_head *h = &r->head;
        if (h->forwarded_proto != NULL &&
            (strcmp(h->forwarded_proto, "https") == 0 || strcmp(h->forwarded_proto, "http") == 0))
            scheme = h->forwarded_proto;
        if (h->forwarded_host != NULL && rs_uri_host_is_valid(rs_str_of(h->forwarded_host)))
            host = h->forwarded_host;
    }
    if (host == NULL || host[0] == '\0')
        return r->conn->listener->url; /* HTTP/1.0 */
    return rs_arena_printf(&r->arena, "%s://%s", scheme, host);
}

const char *rs_request_base_url(struct rs_request *r)
{
    if (r->base_url == NULL)
        r->base_url = find_base_url(r);
    return r->base_url != NULL ? r->base_url : r->conn->listener->url;
}
