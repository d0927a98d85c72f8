/* One attempt to deliver: loading what it takes, signing, sending, judging the answer. */
#include "events/sender_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define REDIRECTS_MAX 5U

static enum rs_status target_take(void *arg, const struct rs_webhook_row *row,
                                  struct rs_err *reterr)
{
    struct rs_target *t = arg;
    t->id = row->id;
    t->cursor = row->cursor;
    if (row->secret == NULL || !rs_text_copy(t->secrets, sizeof(t->secrets), row->secret))
        return rs_fail(reterr, RS_CORRUPT,
                       "the stored secret of a webhook is damaged: give it a new one");
    return rs_webhook_load(row, &t->webhook, reterr);
}

enum rs_status rs_target_load(struct rs_db *db, const char *name, struct rs_target *ret,
                              struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    return s == RS_OK ? rs_catalog_webhook_get(r.conn, name, target_take, ret, reterr) : s;
}

/* ---- the exchange ---- */

struct exchange {
    struct rs_webhooks *owner;
    size_t body_bytes;
    bool is_too_long;
};

/* What an endpoint answers is not kept: only how much of it there is counts. */
static bool body_pass(const char *bytes, size_t n, void *arg)
{
    struct exchange *x = arg;
    (void)bytes;
    x->body_bytes += n;
    x->is_too_long = x->body_bytes > RS_WEBHOOK_RESPONSE_BYTES_MAX;
    return !x->is_too_long;
}

static bool tick(void *arg)
{
    const struct exchange *x = arg;
    return atomic_load(&x->owner->stopping);
}

static bool is_success(long http_status)
{
    return http_status >= 200 && http_status <= 299;
}

/* In words for the admin; never what the endpoint wrote. */
static void failure_tell(enum rs_status s, const struct rs_http_response *response,
                         const struct rs_err *err, struct rs_webhook_ping *ret)
{
    if (response->http_status >= 300 && response->http_status <= 399)
        (void)snprintf(ret->error, sizeof(ret->error),
                       "the endpoint answered %ld, a redirect: give the webhook the final URL",
                       response->http_status);
    else if (s == RS_OK)
        (void)snprintf(ret->error, sizeof(ret->error), "the endpoint answered %ld",
                       response->http_status);
    else
        (void)snprintf(ret->error, sizeof(ret->error), "%.*s", (int)sizeof(ret->error) - 1,
                       err->message);
}

static unsigned retry_after(const struct rs_http_response *response)
{
    char text[16];
    uint64_t seconds = 0;
    if (!rs_http_response_header(response, "retry-after", text, sizeof(text)) ||
        !rs_parse_u64(rs_str_of(text), 3600, &seconds))
        return 0;
    return (unsigned)seconds;
}

static void exchange_run(struct rs_webhooks *w, const struct rs_http_request *plan,
                         struct rs_webhook_ping *ret, unsigned *ret_retry_after_s)
{
    RS_AUTO(rs_http_response) struct rs_http_response response = RS_HTTP_RESPONSE_INIT;
    struct rs_err err = RS_ERR_INIT;
    struct exchange x = {.owner = w};
    struct rs_http_request request = *plan;
    request.arg = &x;
    uint64_t before = rs_clock_mono_ms();
    enum rs_status s = rs_http_perform(w->client, &request, &response, &err);
    ret->duration_ms = (unsigned)(rs_clock_mono_ms() - before);
    ret->http_status = (unsigned)response.http_status;
    /* An endpoint that says yes and then too much has said yes. */
    ret->is_delivered = is_success(response.http_status) && (s == RS_OK || x.is_too_long);
    *ret_retry_after_s = retry_after(&response);
    if (!ret->is_delivered)
        failure_tell(s, &response, &err, ret);
}

void rs_target_send(struct rs_webhooks *w, const struct rs_target *target, const char *id,
                    struct rs_str body, struct rs_webhook_ping *ret, unsigned *ret_retry_after_s)
{
    RS_AUTO(rs_buf) struct rs_buf signature = RS_BUF_INIT(1024);
    struct rs_err err = RS_ERR_INIT;
    char timestamp[24];
    int64_t now = rs_clock_unix_s();
    memset(ret, 0, sizeof(*ret));
    *ret_retry_after_s = 0;
    if (rs_signature_write(target->secrets, id, now, body, &signature, &err) != RS_OK) {
        (void)snprintf(ret->error, sizeof(ret->error), "%.*s", (int)sizeof(ret->error) - 1,
                       err.message);
        return;
    }
    (void)snprintf(timestamp, sizeof(timestamp), "%" PRId64, now);
    const struct rs_http_header headers[] = {
        {"Content-Type", rs_event_format_content_type(target->webhook.format)},
        {"User-Agent", w->user_agent},
        {"webhook-id", id},
        {"webhook-timestamp", timestamp},
        {"webhook-signature", rs_buf_text(&signature)},
    };
    const struct rs_http_request request = {
        .method = "POST",
        .url = target->webhook.url,
        .headers = headers,
        .n_headers = RS_ARRAY_LEN(headers),
        .body = body,
        .has_body = true,
        .https_only = !w->rules.allow_http,
        .redirects_max = w->rules.follow_redirects ? REDIRECTS_MAX : 0,
        .connect_timeout_ms = w->timeout_ms,
        .total_timeout_ms = w->timeout_ms,
        .response_bytes_max = RS_WEBHOOK_RESPONSE_BYTES_MAX,
        .on_body = body_pass,
        .on_tick = tick,
    };
    exchange_run(w, &request, ret, ret_retry_after_s);
}
