#include "events/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "json/json.h"
#include "json/write.h"

static const struct {
    const char *name;
    const char *content_type;
    const char *const *types; /* NULL: all */
} formats[] = {
    [RS_FORMAT_CLOUDEVENTS] = {"cloudevents", "application/cloudevents+json; charset=utf-8", NULL},
    [RS_FORMAT_ACR] = {"acr", "application/json",
                       (const char *const[]){"quarantine", "push", "delete", "ping", NULL}},
    [RS_FORMAT_DOCKER] = {"docker", "application/vnd.docker.distribution.events.v1+json",
                          (const char *const[]){"push", "delete", "ping", NULL}},
};

const char *rs_event_format_name(enum rs_event_format format)
{
    rs_assert((unsigned)format < RS_ARRAY_LEN(formats));
    return formats[format].name;
}

bool rs_event_format_parse(const char *word, enum rs_event_format *ret)
{
    for (unsigned i = 0; i < RS_ARRAY_LEN(formats); i++) {
        if (strcmp(formats[i].name, word) == 0) {
            *ret = (enum rs_event_format)i;
            return true;
        }
    }
    return false;
}

bool rs_event_format_has(enum rs_event_format format, const char *type)
{
    rs_assert((unsigned)format < RS_ARRAY_LEN(formats));
    const char *const *types = formats[format].types;
    for (; types != NULL && *types != NULL; types++)
        if (strcmp(*types, type) == 0)
            return true;
    return formats[format].types == NULL;
}

const char *rs_event_format_content_type(enum rs_event_format format)
{
    rs_assert((unsigned)format < RS_ARRAY_LEN(formats));
    return formats[format].content_type;
}

/* ---- the event's own object ---- */

static enum rs_status damaged(const struct rs_event_row *row, struct rs_err *reterr)
{
    return rs_fail(reterr, RS_CORRUPT, "the stored event %" PRId64 " is damaged", row->seq);
}

static enum rs_status payload_parse(const struct rs_event_row *row, struct rs_json **ret,
                                    struct rs_err *reterr)
{
    if (row->payload == NULL)
        return damaged(row, reterr);
    enum rs_status s = rs_json_parse_text(row->payload, RS_CORRUPT, ret, NULL);
    if (s == RS_NOMEM)
        return rs_fail(reterr, s, NULL);
    return s == RS_OK && rs_json_kind(*ret) == RS_JSON_OBJECT ? RS_OK : damaged(row, reterr);
}

/* The decision with its details, which are kept beside the payload. */
static enum rs_status decision_write(struct rs_jw *w, const struct rs_json *decision,
                                     const struct rs_event_row *row, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *details = NULL;
    struct rs_json_iter it = {0};
    if (row->decision != NULL &&
        rs_json_parse_text(row->decision, RS_CORRUPT, &details, NULL) != RS_OK)
        return damaged(row, reterr);
    rs_jw_object(w);
    while (rs_json_next(decision, &it)) {
        rs_jw_key(w, it.key);
        rs_jw_node(w, it.value);
    }
    rs_jw_key(w, "details");
    rs_jw_node(w, details);
    rs_jw_object_end(w);
    return RS_OK;
}

static enum rs_status event_write(struct rs_jw *w, const struct rs_event_row *row,
                                  const struct rs_json *payload, bool with_details,
                                  struct rs_err *reterr)
{
    struct rs_json_iter it = {0};
    rs_jw_object(w);
    rs_jw_member_int(w, "sequence", row->seq);
    while (rs_json_next(payload, &it)) {
        rs_jw_key(w, it.key);
        if (with_details && strcmp(it.key, "decision") == 0 &&
            rs_json_kind(it.value) == RS_JSON_OBJECT) {
            enum rs_status s = decision_write(w, it.value, row, reterr);
            if (s != RS_OK)
                return s;
        } else {
            rs_jw_node(w, it.value);
        }
    }
    rs_jw_object_end(w);
    enum rs_status s = rs_buf_status(w->buf);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_event_render(const struct rs_event_row *row, bool with_details,
                               struct rs_buf *out, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *payload = NULL;
    struct rs_jw w = RS_JW_INIT(out);
    enum rs_status s = payload_parse(row, &payload, reterr);
    return s == RS_OK ? event_write(&w, row, payload, with_details, reterr) : s;
}

/* ---- CloudEvents 1.0, structured mode ---- */

static void joined_member(struct rs_jw *w, const char *key, const char *a, const char *b,
                          const char *c)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(4096);
    (void)rs_buf_addf(&text, "%s%s%s", a, b, c);
    rs_jw_member_text(w, key, rs_buf_text(&text));
}

static enum rs_status cloudevent_write(struct rs_jw *w, const struct rs_event_row *row,
                                       const struct rs_json *payload, bool with_details,
                                       const char *base_url, struct rs_err *reterr)
{
    char sequence[24];
    /* its order as text is its order */
    (void)snprintf(sequence, sizeof(sequence), "%019" PRId64, row->seq);
    rs_jw_object(w);
    rs_jw_member_text(w, "specversion", "1.0");
    rs_jw_member_text(w, "id", row->id);
    joined_member(w, "source", base_url, "/v2/", row->repository);
    joined_member(w, "type", "roadstead.", row->type, "");
    joined_member(w, "subject", row->repository, row->tag != NULL ? ":" : "@",
                  row->tag != NULL ? row->tag : row->digest);
    rs_jw_member_time(w, "time", row->created_ms);
    rs_jw_member_text(w, "datacontenttype", "application/json");
    rs_jw_member_text(w, "sequence", sequence);
    rs_jw_key(w, "data");
    enum rs_status s = event_write(w, row, payload, with_details, reterr);
    rs_jw_object_end(w);
    return s;
}

/* ---- the two older payloads: both tell the target and the request ---- */

static const char *host_of(const char *base_url)
{
    const char *host = strstr(base_url, "://");
    return host != NULL ? host + 3 : "";
}

static void node_member(struct rs_jw *w, const char *key, const struct rs_json *node)
{
    if (rs_json_kind(node) == RS_JSON_ABSENT || rs_json_kind(node) == RS_JSON_NULL)
        return; /* these formats leave out what does not apply */
    rs_jw_key(w, key);
    rs_jw_node(w, node);
}

static void target_write(struct rs_jw *w, const struct rs_event_row *row,
                         const struct rs_json *payload, const char *base_url, bool with_url)
{
    rs_jw_key(w, "target");
    rs_jw_object(w);
    node_member(w, "mediaType", rs_json_get(payload, "mediaType"));
    node_member(w, "size", rs_json_get(payload, "size"));
    rs_jw_member_text(w, "digest", row->digest);
    node_member(w, "length", rs_json_get(payload, "size"));
    rs_jw_member_text(w, "repository", row->repository);
    if (with_url) {
        RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(1024);
        (void)rs_buf_addf(&path, "/v2/%s/manifests/%s", row->repository, row->digest);
        joined_member(w, "url", base_url, rs_buf_text(&path), "");
    }
    if (row->tag != NULL)
        rs_jw_member_text(w, "tag", row->tag);
    rs_jw_object_end(w);
}

static void request_write(struct rs_jw *w, const struct rs_event_row *row,
                          const struct rs_json *payload, const char *base_url)
{
    rs_jw_key(w, "request");
    rs_jw_object(w);
    node_member(w, "id", rs_json_get(payload, "requestId"));
    rs_jw_member_text(w, "host", host_of(base_url));
    rs_jw_member_text(w, "method", strcmp(row->type, "delete") == 0 ? "DELETE" : "PUT");
    rs_jw_object_end(w);
}

static void head_write(struct rs_jw *w, const struct rs_event_row *row)
{
    rs_jw_member_text(w, "id", row->id);
    rs_jw_member_time(w, "timestamp", row->created_ms);
    rs_jw_member_text(w, "action", row->type);
}

static void acr_write(struct rs_jw *w, const struct rs_event_row *row,
                      const struct rs_json *payload, const char *base_url)
{
    rs_jw_object(w);
    head_write(w, row);
    target_write(w, row, payload, base_url, false);
    request_write(w, row, payload, base_url);
    rs_jw_object_end(w);
}

static void docker_write(struct rs_jw *w, const struct rs_event_row *row,
                         const struct rs_json *payload, const char *base_url)
{
    rs_jw_object(w);
    rs_jw_key(w, "events");
    rs_jw_array(w);
    rs_jw_object(w);
    head_write(w, row);
    target_write(w, row, payload, base_url, true);
    request_write(w, row, payload, base_url);
    rs_jw_key(w, "actor");
    rs_jw_object(w);
    node_member(w, "name", rs_json_get(payload, "actor"));
    rs_jw_object_end(w);
    rs_jw_key(w, "source");
    rs_jw_object(w);
    rs_jw_member_text(w, "addr", host_of(base_url));
    rs_jw_object_end(w);
    rs_jw_object_end(w);
    rs_jw_array_end(w);
    rs_jw_object_end(w);
}

enum rs_status rs_event_render_format(const struct rs_event_row *row, enum rs_event_format format,
                                      bool with_details, const char *base_url, struct rs_buf *out,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *payload = NULL;
    struct rs_jw w = RS_JW_INIT(out);
    enum rs_status s = payload_parse(row, &payload, reterr);
    if (s != RS_OK)
        return s;
    switch (format) {
    case RS_FORMAT_CLOUDEVENTS:
        s = cloudevent_write(&w, row, payload, with_details, base_url, reterr);
        break;
    case RS_FORMAT_ACR:
        acr_write(&w, row, payload, base_url);
        break;
    case RS_FORMAT_DOCKER:
        docker_write(&w, row, payload, base_url);
        break;
    }
    if (s == RS_OK)
        s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}
