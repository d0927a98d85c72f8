#include "auth/discovery.h"

#include <string.h>

#include "base/buf.h"
#include "json/json.h"
#include "net/url.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define URL_BYTES_MAX ((size_t)2048)
#define TIMEOUT_MS 5000U
#define HTTP_OK 200

static enum rs_status get(const struct rs_discovery *d, const char *url,
                          struct rs_http_response *response, struct rs_err *reterr)
{
    const struct rs_http_header headers[] = {{"Accept", "application/json"},
                                             {"User-Agent", d->user_agent}};
    const struct rs_http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .n_headers = d->user_agent == NULL ? 1 : 2,
        .https_only = true,
        .connect_timeout_ms = TIMEOUT_MS,
        .total_timeout_ms = TIMEOUT_MS,
        .response_bytes_max = RS_KEY_SET_BYTES_MAX,
        .on_tick = d->is_cancelled,
        .arg = d->arg,
    };
    struct rs_err inner = RS_ERR_INIT;
    enum rs_status s = rs_http_perform(d->client, &request, response, &inner);
    if (s != RS_OK)
        return rs_fail(reterr, s, "%.200s: %.200s%s%.80s", url, inner.message,
                       inner.log[0] == '\0' ? "" : ": ", inner.log);
    if (response->http_status != HTTP_OK)
        return rs_fail(reterr, RS_BAD_REQUEST, "%.200s: answered %ld instead of 200", url,
                       response->http_status);
    return RS_OK;
}

/* An answer about another issuer would let one sign for another. */
static enum rs_status read_configuration(struct rs_str body, const char *issuer,
                                         struct rs_buf *jwks_uri, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_url parsed;
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_KEY_SET_BYTES_MAX);
    enum rs_status s = rs_json_parse(body.p, body.n, &limits, &root, reterr);
    if (s != RS_OK)
        return s;
    const char *url = rs_json_text(rs_json_get(root, "jwks_uri"));
    if (!rs_str_eq(rs_json_str(rs_json_get(root, "issuer")), issuer))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the configuration that %.200s hands out is about another issuer", issuer);
    if (url == NULL || !rs_url_parse(url, &parsed) || !parsed.is_https || parsed.has_user)
        return rs_fail(reterr, RS_BAD_REQUEST, "the jwks_uri of %.200s is no https:// URL", issuer);
    (void)rs_buf_adds(jwks_uri, url);
    s = rs_buf_status(jwks_uri);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

static enum rs_status find_keys(const struct rs_discovery *d, const char *issuer,
                                struct rs_buf *jwks_uri, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf url = RS_BUF_INIT(URL_BYTES_MAX);
    RS_AUTO(rs_http_response) struct rs_http_response response = RS_HTTP_RESPONSE_INIT;
    size_t n = strlen(issuer);
    if (n > 0 && issuer[n - 1] == '/')
        n--;
    (void)rs_buf_add(&url, issuer, n);
    (void)rs_buf_adds(&url, WELL_KNOWN);
    enum rs_status s = rs_buf_status(&url);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    s = get(d, rs_buf_text(&url), &response, reterr);
    return s == RS_OK ? read_configuration(rs_str_n(response.body.data, response.body.len), issuer,
                                           jwks_uri, reterr)
                      : s;
}

enum rs_status rs_discovery_fetch(const struct rs_discovery *d, const char *issuer,
                                  struct rs_key_set **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf jwks_uri = RS_BUF_INIT(URL_BYTES_MAX);
    RS_AUTO(rs_http_response) struct rs_http_response response = RS_HTTP_RESPONSE_INIT;
    enum rs_status s = find_keys(d, issuer, &jwks_uri, reterr);
    if (s == RS_OK)
        s = get(d, rs_buf_text(&jwks_uri), &response, reterr);
    return s == RS_OK
               ? rs_key_set_parse(rs_str_n(response.body.data, response.body.len), ret, reterr)
               : s;
}
