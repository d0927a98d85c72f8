/* One line for each request, and what the metrics count. */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/log.h"

static const char *method_word(const struct rs_request *r)
{
    static char const *const words[] = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"};
    for (unsigned i = 0; i < RS_ARRAY_LEN(words); i++) {
        if (r->method == (enum rs_method)(1U << i))
            return words[i];
    }
    return "-";
}

static uint64_t sent_bytes(const struct rs_request *r)
{
    bool has_body = r->phase == RS_PHASE_REPLIED && r->method != RS_HEAD &&
                    r->reply.kind != RS_REPLY_LENGTH && r->reply.kind != RS_REPLY_STREAM &&
                    r->reply.status != 304;
    return has_body ? r->reply.length : 0;
}

/* What was answered: by us, or by the library to what it could not read; 0 when nothing was. */
static unsigned status_of(const struct rs_request *r)
{
    if (r->phase == RS_PHASE_REPLIED)
        return r->reply.status;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info == NULL ? 0 : info->http_status;
}

static void count(const struct rs_request *r, unsigned status, uint64_t micro)
{
    const struct rs_server_metrics *m = &r->server->metrics;
    if (status >= 100 && status <= 599)
        rs_metric_add(m->requests[status / 100 - 1], 1);
    rs_metric_observe(m->duration, micro);
    rs_metric_add(m->sent_bytes, (int64_t)sent_bytes(r));
    rs_metric_add(m->received_bytes, (int64_t)r->body.received);
}

void rs_access_log(const struct rs_request *r, bool is_cut)
{
    uint64_t micro = (rs_clock_mono_ns() - r->started_ns) / 1000;
    bool is_fault =
        r->err.status != RS_OK && rs_status_http(r->err.status) >= 500 && r->err.status != RS_BUSY;
    unsigned status = status_of(r);
    count(r, status, micro);
    if (r->server->o.quiet_access_log && !is_fault)
        return;
    bool is_error = r->err.status != RS_OK;
    char from[320] = "";
    if (is_fault && r->err.file != NULL) {
        struct rs_buf where = RS_BUF_INIT(sizeof(from) - 1);
        (void)rs_buf_addf(&where, "%.256s:%d", r->err.file, r->err.line);
        (void)rs_text_copy(from, sizeof(from), rs_buf_text(&where));
        rs_buf_release(&where);
    }
    rs_log(is_fault ? RS_LOG_ERROR : RS_LOG_INFO, "request", RS_F("id", r->id),
           RS_F("source", r->source), RS_F("principal", r->identity.name),
           RS_F("method", method_word(r)), RS_F("path", r->uri.path.n > 0 ? r->uri.path.p : "-"),
           RS_N("status", status), RS_N("sent", sent_bytes(r)), RS_N("received", r->body.received),
           RS_N("us", micro), RS_F("error", is_error ? rs_status_name(r->err.status) : NULL),
           RS_F("reason", is_error ? r->err.message : NULL),
           RS_F("cause", is_error && r->err.log[0] != '\0' ? r->err.log : NULL),
           RS_F("at", from[0] != '\0' ? from : NULL), RS_F("cut", is_cut ? "yes" : NULL));
}
