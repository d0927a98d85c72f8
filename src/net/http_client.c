#include "net/http_client.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/assert.h"
#include "base/clock.h"

#define CLIENT_MAGIC 0x63757263U
#define IDLE_HANDLES_MAX 8U
#define CONNECT_TIMEOUT_MS 10000U
#define HEADER_BYTES_MAX ((size_t)8192)

struct rs_http_client {
    unsigned magic;
    struct rs_http_client_options options;
    char *ca_file;
    pthread_mutex_t mutex;
    /* Handles that nobody uses at the moment, with their open connections.  Under the mutex. */
    CURL *idle[IDLE_HANDLES_MAX];
    size_t n_idle;
};

/* One request under way; lives on its caller's stack. */
struct exchange {
    const struct rs_http_client *client;
    const struct rs_http_request *request;
    struct rs_http_response *response;
    uint64_t last_byte_ms;
    unsigned n_refused; /* addresses that the filter refused, and those it let through */
    unsigned n_allowed;
    enum rs_status stopped; /* why a callback of ours ended the transfer */
    char why[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    rs_assert(code == CURLE_OK);
}

/* ---- the client ---- */

enum rs_status rs_http_client_new(const struct rs_http_client_options *options,
                                  struct rs_http_client **ret, struct rs_err *reterr)
{
    (void)pthread_once(&global_once, global_init);
    struct rs_http_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    c->magic = CLIENT_MAGIC;
    c->options = *options;
    c->options.ca_file = NULL;
    if (options->ca_file != NULL) {
        c->ca_file = strdup(options->ca_file);
        if (c->ca_file == NULL) {
            free(c);
            return rs_fail(reterr, RS_NOMEM, NULL);
        }
    }
    int rc = pthread_mutex_init(&c->mutex, NULL);
    rs_assert(rc == 0);
    *ret = c;
    return RS_OK;
}

void rs_http_client_free(struct rs_http_client *c)
{
    if (c == NULL)
        return;
    rs_assert(c->magic == CLIENT_MAGIC);
    for (size_t i = 0; i < c->n_idle; i++)
        curl_easy_cleanup(c->idle[i]);
    c->magic = 0;
    (void)pthread_mutex_destroy(&c->mutex);
    free(c->ca_file);
    free(c);
}

static CURL *take_handle(struct rs_http_client *c)
{
    CURL *handle = NULL;
    (void)pthread_mutex_lock(&c->mutex);
    if (c->n_idle > 0)
        handle = c->idle[--c->n_idle];
    (void)pthread_mutex_unlock(&c->mutex);
    return handle != NULL ? handle : curl_easy_init();
}

static void give_handle(struct rs_http_client *c, CURL *handle)
{
    curl_easy_reset(handle); /* forgets everything but the connections */
    (void)pthread_mutex_lock(&c->mutex);
    if (c->n_idle < IDLE_HANDLES_MAX) {
        c->idle[c->n_idle++] = handle;
        handle = NULL;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (handle != NULL)
        curl_easy_cleanup(handle);
}

/* ---- the library's callbacks ---- */

/* The address is judged here, after every name look-up and right before the socket: no name can be
 * resolved differently in between. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *x = arg;
    const struct rs_http_client_options *o = &x->client->options;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        (o->filter != NULL && !o->filter(&address->addr, o->filter_arg))) {
        x->n_refused++;
        return CURL_SOCKET_BAD;
    }
    x->n_allowed++;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t stop(struct exchange *x, enum rs_status why)
{
    x->stopped = why;
    return 0; /* less than was given: the library ends the transfer */
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    n *= size; /* size is 1 */
    x->last_byte_ms = rs_clock_mono_ms();
    bool is_good = x->response->http_status >= 200 && x->response->http_status < 300;
    if (x->request->on_body != NULL && is_good)
        return x->request->on_body(bytes, n, x->request->arg) ? n : stop(x, RS_CANCELLED);
    enum rs_status s = rs_buf_add(&x->response->body, bytes, n);
    return s == RS_OK ? n : stop(x, s);
}

/* Of "HTTP/1.1 200 OK"; 0 when there is none. */
static long status_of(struct rs_str line)
{
    const char *blank = memchr(line.p, ' ', line.n);
    uint64_t status = 0;
    if (blank == NULL || line.p + line.n - blank < 4 ||
        !rs_parse_u64(rs_str_n(blank + 1, 3), 999, &status))
        return 0;
    return (long)status;
}

/* Keep "name: value" lines of the last answer; a status line starts another one. */
static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct rs_buf *out = &x->response->headers;
    n *= size;
    x->last_byte_ms = rs_clock_mono_ms();
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        rs_buf_clear(out);
        x->response->http_status = status_of(rs_str_n(line, n));
        return n;
    }
    size_t len = n;
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    const char *colon = memchr(line, ':', len);
    if (colon == NULL)
        return n;
    for (const char *p = line; p < colon; p++)
        (void)rs_buf_addc(out, *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
    (void)rs_buf_add(out, colon, len - (size_t)(colon - line));
    (void)rs_buf_addc(out, '\n');
    enum rs_status s = rs_buf_status(out);
    return s == RS_OK ? n : stop(x, s);
}

static int tick(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct exchange *x = arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    uint32_t idle_ms = x->request->idle_timeout_ms;
    if (x->request->on_tick != NULL && x->request->on_tick(x->request->arg))
        x->stopped = RS_CANCELLED;
    else if (idle_ms > 0 && rs_clock_mono_ms() - x->last_byte_ms > idle_ms)
        x->stopped = RS_TIMEOUT;
    return x->stopped != RS_OK;
}

/* ---- a request ---- */

static bool url_part_is_set(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);
    curl_free(text);
    return code == CURLUE_OK;
}

static enum rs_status check_url(const struct rs_http_request *r, struct rs_err *reterr)
{
    CURLU *url = curl_url();
    if (url == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    bool valid = curl_url_set(url, CURLUPART_URL, r->url, CURLU_DISALLOW_USER) == CURLUE_OK &&
                 url_part_is_set(url, CURLUPART_HOST);
    curl_url_cleanup(url);
    bool is_https = strncasecmp(r->url, "https://", 8) == 0;
    size_t scheme_n = is_https ? 8 : strncasecmp(r->url, "http://", 7) == 0 ? 7 : 0;
    /* The library reads a third slash as a slip of the pen. */
    if (!valid || scheme_n == 0 || r->url[scheme_n] == '/')
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the URL is not valid: http:// or https://, a host and a path are"
                       " expected, without a user name");
    if (r->https_only && !is_https)
        return rs_fail(reterr, RS_DENIED, "only https:// URLs are allowed");
    return RS_OK;
}

static bool is_header_name(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return name[0] != '\0' && name[strspn(name, token)] == '\0';
}

static bool is_header_value(const char *value)
{
    for (; *value != '\0'; value++)
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static enum rs_status add_header(struct curl_slist **list, const struct rs_http_header *h,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf line = RS_BUF_INIT(HEADER_BYTES_MAX);
    if (!is_header_name(h->name) || !is_header_value(h->value))
        return rs_fail(reterr, RS_BAD_REQUEST, "the header %.60s cannot be sent", h->name);
    (void)rs_buf_adds(&line, h->name);
    /* A semicolon is the library's way of saying that the value is empty. */
    (void)rs_buf_adds(&line, h->value[0] == '\0' ? ";" : ": ");
    (void)rs_buf_adds(&line, h->value);
    if (rs_buf_status(&line) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&line), NULL);
    return append(list, rs_buf_text(&line)) ? RS_OK : rs_fail(reterr, RS_NOMEM, NULL);
}

static enum rs_status make_headers(const struct rs_http_request *r, struct curl_slist **ret,
                                   struct rs_err *reterr)
{
    /* Nothing that was not asked for: no 100-continue, no form type. */
    if (!append(ret, "Expect:") || !append(ret, "Content-Type:"))
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < r->n_headers; i++) {
        enum rs_status s = add_header(ret, &r->headers[i], reterr);
        if (s != RS_OK)
            return s;
    }
    return RS_OK;
}

/* Options whose failure means a lack of memory or a library too old for what must be enforced. */
static bool set_security(CURL *h, struct exchange *x)
{
    const struct rs_http_request *r = x->request;
    const char *protocols = r->https_only ? "https" : "http,https";
    bool ok = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, protocols) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, x) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (ok && x->client->ca_file != NULL)
        ok = curl_easy_setopt(h, CURLOPT_CAINFO, x->client->ca_file) == CURLE_OK;
    if (ok && !x->client->options.use_proxy_env)
        ok = curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
    if (ok && r->redirects_max > 0)
        ok = curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
             curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)r->redirects_max) == CURLE_OK &&
             curl_easy_setopt(h, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL) == CURLE_OK;
    return ok;
}

static bool set_message(CURL *h, const struct rs_http_request *r, struct curl_slist *headers)
{
    bool ok = curl_easy_setopt(h, CURLOPT_URL, r->url) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
              curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    bool is_head = strcmp(r->method, "HEAD") == 0;
    if (ok && is_head)
        ok = curl_easy_setopt(h, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (ok && !is_head && r->has_body)
        ok = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n) == CURLE_OK &&
             curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body.n == 0 ? "" : r->body.p) == CURLE_OK;
    if (ok && !is_head)
        ok = curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
    if (ok && r->user != NULL)
        ok = curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
             curl_easy_setopt(h, CURLOPT_USERNAME, r->user) == CURLE_OK &&
             curl_easy_setopt(h, CURLOPT_PASSWORD, r->password) == CURLE_OK;
    return ok;
}

static bool set_transfer(CURL *h, struct exchange *x)
{
    const struct rs_http_request *r = x->request;
    uint32_t connect_ms = r->connect_timeout_ms == 0 ? CONNECT_TIMEOUT_MS : r->connect_timeout_ms;
    /* A look-up that a dead name server keeps waiting cannot be ended: it is left to end by itself,
     * on its thread, and holds up neither a timeout nor the end of the daemon. */
    return curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_ERRORBUFFER, x->why) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)r->total_timeout_ms) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEDATA, x) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_HEADERDATA, x) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, tick) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_XFERINFODATA, x) == CURLE_OK;
}

static enum rs_status judge(CURLcode code, const struct exchange *x, struct rs_err *reterr)
{
    const char *why = x->why[0] == '\0' ? curl_easy_strerror(code) : x->why;
    if (code == CURLE_OK)
        return RS_OK;
    if (x->stopped == RS_TOO_LARGE)
        return rs_fail(reterr, RS_TOO_LARGE, "the answer is larger than is allowed");
    if (x->stopped == RS_TIMEOUT)
        return rs_fail(reterr, RS_TIMEOUT, "nothing came from the server for too long");
    if (x->stopped != RS_OK)
        return rs_fail(reterr, x->stopped, "the transfer was ended");
    if (x->n_refused > 0 && x->n_allowed == 0)
        return rs_fail(reterr, RS_DENIED, "the server's address is not one that may be reached");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return rs_fail(reterr, RS_TIMEOUT, "the server did not answer in time: %s", why);
    if (code == CURLE_OUT_OF_MEMORY)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return rs_fail(reterr, RS_BAD_REQUEST, "the URL cannot be used: %s", why);
    return rs_fail(reterr, RS_IO, "%s", why);
}

static void take_facts(CURL *h, struct rs_http_response *response)
{
    const char *address = NULL;
    (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &response->http_status);
    if (curl_easy_getinfo(h, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL)
        (void)rs_text_copy(response->address, sizeof(response->address), address);
}

enum rs_status rs_http_perform(struct rs_http_client *client, const struct rs_http_request *request,
                               struct rs_http_response *response, struct rs_err *reterr)
{
    rs_assert(client->magic == CLIENT_MAGIC);
    struct exchange x = {.client = client, .request = request, .response = response};
    struct curl_slist *headers = NULL;
    response->http_status = 0;
    rs_buf_clear(&response->headers);
    rs_buf_clear(&response->body);
    response->body.max = request->response_bytes_max;
    enum rs_status s = check_url(request, reterr);
    if (s == RS_OK)
        s = make_headers(request, &headers, reterr);
    CURL *h = s == RS_OK ? take_handle(client) : NULL;
    if (s == RS_OK && (h == NULL || !set_security(h, &x) || !set_message(h, request, headers) ||
                       !set_transfer(h, &x)))
        s = rs_fail(reterr, RS_NOMEM, NULL);
    if (s == RS_OK) {
        x.last_byte_ms = rs_clock_mono_ms();
        s = judge(curl_easy_perform(h), &x, reterr);
        take_facts(h, response);
    }
    if (h != NULL)
        give_handle(client, h);
    curl_slist_free_all(headers);
    return s;
}

/* ---- the response ---- */

void rs_http_response_release(struct rs_http_response *r)
{
    rs_buf_release(&r->headers);
    rs_buf_release(&r->body);
}

bool rs_http_response_header(const struct rs_http_response *r, const char *name, char *out,
                             size_t out_bytes)
{
    size_t name_n = strlen(name);
    const char *line = rs_buf_text(&r->headers);
    while (*line != '\0') {
        size_t n = strcspn(line, "\n");
        if (n > name_n && strncasecmp(line, name, name_n) == 0 && line[name_n] == ':') {
            const char *value = line + name_n + 1;
            value += strspn(value, " \t");
            size_t value_n = (size_t)(line + n - value);
            if (value_n >= out_bytes)
                return false;
            memcpy(out, value, value_n);
            out[value_n] = '\0';
            return true;
        }
        line += n + (line[n] == '\n' ? 1U : 0U);
    }
    return false;
}
