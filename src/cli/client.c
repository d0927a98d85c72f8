#include "cli/client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "auth/id_token.h"
#include "base/assert.h"
#include "cli/terminal.h"
#include "crypto/secret.h"
#include "json/write.h"
#include "oci/link.h"
#include "oci/media_type.h"

#define SERVER_DEFAULT "http://127.0.0.1:5000"
#define URL_BYTES_MAX ((size_t)16384)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define TIMEOUT_DEFAULT_MS 60000U
#define TIMEOUT_MOST_MS 86400000U

const struct rs_option rs_client_options[] = {
    RS_OPTION("server", "URL", "the registry; or ROADSTEAD_SERVER [" SERVER_DEFAULT "]"),
    RS_OPTION("user", "NAME", "log in as this user, robot or workload; or ROADSTEAD_USER"),
    RS_OPTION("password-file", "FILE",
              "where its password, secret or token is, - for standard input;\n"
              "or the variable ROADSTEAD_PASSWORD holds it"),
    RS_OPTION("ca-file", "FILE",
              "certificates to trust instead of the system's;\nor ROADSTEAD_CA_FILE"),
    RS_FLAG("allow-http", "send a password over plain HTTP to another machine"),
    RS_OPTION("timeout", "TIME", "for one request [60s]"),
    RS_FLAG("json", "JSON for programs instead of text for people"),
    RS_OPTIONS_END,
};

struct rs_client {
    struct rs_http_client *http;
    char *server; /* without a '/' at its end */
    char *user;   /* NULL: nobody */
    struct rs_buf password;
    const char *password_file; /* borrowed from the arguments; NULL: it cannot be read again */
    bool wants_json;
    uint64_t timeout_ms;
};

/* ---- opening ---- */

static const char *setting(const struct rs_args *args, const char *option, const char *variable)
{
    const char *value = rs_args_text(args, option);
    if (value == NULL)
        value = getenv(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum rs_exit read_server(struct rs_client *c, const struct rs_args *args)
{
    const char *text = setting(args, "server", "ROADSTEAD_SERVER");
    text = text == NULL ? SERVER_DEFAULT : text;
    size_t scheme = strncasecmp(text, "https://", 8) == 0  ? 8
                    : strncasecmp(text, "http://", 7) == 0 ? 7
                                                           : 0;
    size_t n = strlen(text);
    while (n > scheme && text[n - 1] == '/')
        n--;
    if (scheme == 0 || n == scheme || memchr(text + scheme, '/', n - scheme) != NULL)
        return rs_usage("--server must be http://HOST:PORT or https://HOST, not \"%s\"", text);
    c->server = strndup(text, n);
    return c->server == NULL ? rs_tell_err(&(struct rs_err){.status = RS_NOMEM}) : RS_EXIT_OK;
}

static void wipe(struct rs_buf *password)
{
    if (password->data != NULL)
        rs_secret_wipe(password->data, password->cap);
    rs_buf_release(password);
}

/* A pipe has given what it had: to open it again could wait for ever. */
static bool may_be_read_again(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static enum rs_exit read_password(struct rs_client *c, const struct rs_args *args)
{
    const char *file = rs_args_text(args, "password-file");
    const char *variable = getenv("ROADSTEAD_PASSWORD");
    struct rs_err err = RS_ERR_INIT;
    c->password.max = RS_ID_TOKEN_BYTES_MAX; /* the longest of what may be one */
    if (file != NULL) {
        if (rs_read_input(file, c->password.max, &c->password, &err) != RS_OK) {
            (void)rs_tell_err(&err);
            return RS_EXIT_USAGE;
        }
        c->password_file = may_be_read_again(file) ? file : NULL;
    } else if (variable == NULL) {
        return rs_usage("--user needs a password: --password-file FILE, or ROADSTEAD_PASSWORD");
    } else if (rs_buf_adds(&c->password, variable) != RS_OK) {
        return rs_usage("ROADSTEAD_PASSWORD is longer than %zu bytes", RS_ID_TOKEN_BYTES_MAX);
    }
    return RS_EXIT_OK;
}

/* Tokens of workloads are short-lived, and replaced in their file (Kubernetes does): a program that
 * runs for long finds the next one there.  False when there is nothing new. */
static bool read_password_again(struct rs_client *c)
{
    struct rs_buf now = RS_BUF_INIT(RS_ID_TOKEN_BYTES_MAX);
    bool is_new = c->password_file != NULL &&
                  rs_read_input(c->password_file, now.max, &now, NULL) == RS_OK &&
                  strcmp(rs_buf_text(&now), rs_buf_text(&c->password)) != 0;
    if (is_new) {
        wipe(&c->password);
        c->password = now;
    } else {
        wipe(&now);
    }
    return is_new;
}

static bool is_local(const char *server)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(server, "://") + 3;
    for (size_t i = 0; i < RS_ARRAY_LEN(hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (strncasecmp(host, hosts[i], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

static enum rs_exit read_login(struct rs_client *c, const struct rs_args *args)
{
    const char *user = setting(args, "user", "ROADSTEAD_USER");
    if (user == NULL) {
        if (rs_args_text(args, "password-file") != NULL)
            return rs_usage("--password-file needs --user as well");
        return RS_EXIT_OK;
    }
    if (strchr(user, ':') != NULL)
        return rs_usage("a user's name has no ':'");
    c->user = strdup(user);
    if (c->user == NULL)
        return rs_tell_err(&(struct rs_err){.status = RS_NOMEM});
    if (strncasecmp(c->server, "http://", 7) == 0 && !is_local(c->server) &&
        !rs_args_flag(args, "allow-http"))
        return rs_usage("a password would go over plain HTTP to another machine: use https://, or"
                        " say --allow-http");
    return read_password(c, args);
}

static enum rs_exit open_http(struct rs_client *c, const struct rs_args *args)
{
    struct rs_err err = RS_ERR_INIT;
    struct rs_http_client_options options = {
        .ca_file = setting(args, "ca-file", "ROADSTEAD_CA_FILE"), .use_proxy_env = true};
    c->timeout_ms = TIMEOUT_DEFAULT_MS;
    if (rs_args_duration_ms(args, "timeout", TIMEOUT_MOST_MS, &c->timeout_ms, &err) != RS_OK)
        return rs_usage("%s", err.message);
    c->wants_json = rs_args_flag(args, "json");
    return rs_http_client_new(&options, &c->http, &err) == RS_OK ? RS_EXIT_OK : rs_tell_err(&err);
}

enum rs_exit rs_client_open(const struct rs_args *args, struct rs_client **ret)
{
    RS_AUTO(rs_client) struct rs_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return rs_tell_err(&(struct rs_err){.status = RS_NOMEM});
    enum rs_exit e = read_server(c, args);
    if (e == RS_EXIT_OK)
        e = read_login(c, args);
    if (e == RS_EXIT_OK)
        e = open_http(c, args);
    if (e == RS_EXIT_OK)
        *ret = RS_TAKE(c);
    return e;
}

void rs_client_close(struct rs_client *c)
{
    if (c == NULL)
        return;
    rs_http_client_free(c->http);
    wipe(&c->password);
    free(c->server);
    free(c->user);
    free(c);
}

const char *rs_client_server(const struct rs_client *c)
{
    return c->server;
}

bool rs_client_wants_json(const struct rs_client *c)
{
    return c->wants_json;
}

/* ---- requests ---- */

void rs_answer_release(struct rs_answer *a)
{
    rs_http_response_release(&a->http);
    rs_json_free(a->json);
    a->json = NULL;
}

enum rs_exit rs_client_exit_of(long http_status)
{
    if (http_status >= 200 && http_status < 300)
        return RS_EXIT_OK;
    switch (http_status) {
    case 401:
    case 403:
        return RS_EXIT_DENIED;
    case 404:
        return RS_EXIT_NO;
    default:
        return http_status >= 500 || http_status == 429 ? RS_EXIT_SERVER : RS_EXIT_REFUSED;
    }
}

void rs_client_tell_error(const struct rs_answer *a)
{
    const struct rs_json *first = rs_json_at(rs_json_get(a->json, "errors"), 0);
    const char *message = rs_json_text(rs_json_get(first, "message"));
    const char *code = rs_json_text(rs_json_get(first, "code"));
    if (message != NULL)
        rs_tell("%s (%s, HTTP %ld)", message, code == NULL ? "no code" : code, a->http.http_status);
    else
        rs_tell("the server answered HTTP %ld", a->http.http_status);
}

static enum rs_exit tell_failure(const struct rs_client *c, const struct rs_err *err)
{
    rs_tell("%s: %s", c->server,
            err->message[0] == '\0' ? rs_status_text(err->status) : err->message);
    return err->status == RS_NOMEM || err->status == RS_TOO_LARGE ? RS_EXIT_SERVER
           : err->status == RS_BAD_REQUEST                        ? RS_EXIT_USAGE
                                                                  : RS_EXIT_UNREACHABLE;
}

/* Parse the body of an answer that says it is JSON.  One that is not after all stays NULL. */
static void take_json(struct rs_answer *a)
{
    char header[RS_MEDIA_TYPE_BYTES];
    char type[RS_MEDIA_TYPE_BYTES];
    struct rs_json_limits limits = RS_JSON_LIMITS(ANSWER_BYTES_MAX);
    limits.nodes_max = 4U << 20;
    limits.depth_max = RS_CLIENT_JSON_DEPTH_MAX;
    rs_json_free(a->json);
    a->json = NULL;
    if (!rs_http_response_header(&a->http, "content-type", header, sizeof(header)) ||
        !rs_media_type_parse(rs_str_of(header), type))
        return;
    size_t n = strlen(type);
    if (n < 4 || strcmp(type + n - 4, "json") != 0)
        return;
    if (rs_json_parse(rs_buf_text(&a->http.body), a->http.body.len, &limits, &a->json, NULL) !=
        RS_OK)
        a->json = NULL;
}

static void fill(const struct rs_client *c, const struct rs_call *call, const char *url,
                 struct rs_http_header *headers, struct rs_http_request *ret)
{
    size_t n = 0;
    headers[n++] =
        (struct rs_http_header){"Accept", call->accept == NULL ? "application/json" : call->accept};
    headers[n++] = (struct rs_http_header){"User-Agent", "roadstead/" RS_VERSION};
    if (call->body != NULL)
        headers[n++] = (struct rs_http_header){
            "Content-Type", call->content_type == NULL ? "application/json" : call->content_type};
    if (call->header != NULL)
        headers[n++] = *call->header;
    *ret = (struct rs_http_request){
        .method = call->method,
        .url = url,
        .headers = headers,
        .n_headers = n,
        .body = rs_str_of(call->body),
        .has_body = call->body != NULL,
        .user = c->user,
        .password = rs_buf_text(&c->password),
        .total_timeout_ms = call->has_no_deadline ? 0 : (uint32_t)c->timeout_ms,
        .response_bytes_max = ANSWER_BYTES_MAX,
    };
}

static enum rs_status perform(struct rs_client *c, const struct rs_call *call, const char *url,
                              const struct rs_http_request *more, struct rs_answer *ret,
                              struct rs_err *reterr)
{
    struct rs_http_header headers[4];
    struct rs_http_request request;
    fill(c, call, url, headers, &request);
    if (more != NULL) {
        request.total_timeout_ms = 0;
        request.idle_timeout_ms = more->idle_timeout_ms;
        request.on_body = more->on_body;
        request.on_tick = more->on_tick;
        request.arg = more->arg;
    }
    return rs_http_perform(c->http, &request, &ret->http, reterr);
}

static enum rs_exit send_request(struct rs_client *c, const struct rs_call *call,
                                 const struct rs_http_request *more, struct rs_answer *ret)
{
    RS_AUTO(rs_buf) struct rs_buf url = RS_BUF_INIT(URL_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT;
    (void)rs_buf_adds(&url, c->server);
    (void)rs_buf_adds(&url, call->path);
    if (rs_buf_status(&url) != RS_OK)
        return rs_usage("the request's path is too long");
    enum rs_status s = perform(c, call, rs_buf_text(&url), more, ret, &err);
    if (s == RS_OK && ret->http.http_status == 401 && read_password_again(c)) {
        rs_http_response_release(&ret->http);
        ret->http = (struct rs_http_response)RS_HTTP_RESPONSE_INIT;
        s = perform(c, call, rs_buf_text(&url), more, ret, &err);
    }
    if (s != RS_OK && !(more != NULL && s == RS_CANCELLED))
        return tell_failure(c, &err);
    take_json(ret);
    enum rs_exit e = rs_client_exit_of(ret->http.http_status);
    if (e != RS_EXIT_OK && !call->quiet)
        rs_client_tell_error(ret);
    return e;
}

enum rs_exit rs_client_send(struct rs_client *c, const struct rs_call *call, struct rs_answer *ret)
{
    return send_request(c, call, NULL, ret);
}

enum rs_exit rs_client_run(const struct rs_args *args, const struct rs_call *call)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_client_send(c, call, &a);
    return e == RS_EXIT_OK && a.json != NULL ? rs_print_value(c, a.json) : e;
}

enum rs_exit rs_client_stream(struct rs_client *c, const struct rs_call *call,
                              rs_http_on_body on_body, rs_http_on_tick on_tick,
                              uint32_t idle_timeout_ms, void *arg, struct rs_answer *ret)
{
    struct rs_http_request more = {
        .idle_timeout_ms = idle_timeout_ms, .on_body = on_body, .on_tick = on_tick, .arg = arg};
    return send_request(c, call, &more, ret);
}

void rs_query_add(struct rs_buf *path, const char *key, const char *value)
{
    if (value == NULL)
        return;
    (void)rs_buf_addc(path, strchr(rs_buf_text(path), '?') == NULL ? '?' : '&');
    (void)rs_buf_adds(path, key);
    (void)rs_buf_addc(path, '=');
    (void)rs_link_encode(path, value);
}

void rs_query_add_number(struct rs_buf *path, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    rs_query_add(path, key, text);
}

void rs_path_add(struct rs_buf *path, const char *segment)
{
    (void)rs_buf_addc(path, '/');
    (void)rs_link_encode(path, segment);
}
