/* The server on a loopback port, spoken to with raw sockets. */
#include "http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "../cm.h"
#include "base/log.h"
#include "fake_auth.h"

/* ---- handlers ---- */

static atomic_int defers_run;
static atomic_int streams_done;
static struct rs_cached_reply *shared;

static void count_defer(void *arg)
{
    (void)arg;
    defers_run++;
}

static enum rs_status hello(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)reterr;
    rs_reply_header(re, "X-Query",
                    rs_request_query(r, "q") != NULL ? rs_request_query(r, "q") : "none");
    rs_reply_bytes(re, "text/plain", "hello\n", 6);
    return rs_request_defer(r, count_defer, NULL);
}

/* Answers with what it was asked. */
static enum rs_status echo(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)reterr;
    struct rs_str body = rs_request_body(r);
    rs_reply_headerf(re, "X-Length", "%lld", (long long)rs_request_content_length(r));
    rs_reply_headerf(re, "X-Who", "%s", rs_request_actor(r)->name);
    rs_reply_headerf(re, "X-Source", "%s", rs_request_actor(r)->source);
    rs_reply_headerf(re, "X-Base", "%s", rs_request_base_url(r));
    const char *accept = rs_request_header_list(r, "Accept");
    rs_reply_header(re, "X-Accept", accept == NULL ? "none" : accept);
    rs_reply_bytes(re, "application/octet-stream", body.p, body.n);
    return RS_OK;
}

static enum rs_status manifest(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const char *reference = rs_request_param(r, "reference");
    if (strcmp(reference, "missing") == 0)
        return rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    if (strcmp(reference, "held") == 0) {
        (void)rs_fail(reterr, RS_DENIED, "%s is in quarantine \"since\"\n",
                      rs_request_param(r, "name"));
        (void)snprintf(reterr->detail, sizeof(reterr->detail), "{\"state\":\"quarantined\"}");
        return RS_DENIED;
    }
    if (strcmp(reference, "fault") == 0)
        return RS_CORRUPT;
    if (strcmp(reference, "newline") == 0)
        rs_reply_header(re, "X-Bad", "a\r\nX-Injected: b");
    if (strcmp(reference, "cached") == 0) {
        if (shared != NULL) {
            rs_reply_cached(re, shared);
            return RS_OK;
        }
        rs_reply_header(re, "Docker-Content-Digest", "sha256:1");
        rs_reply_bytes(re, "text/x", "cached", 6);
        return rs_reply_share(re, &shared);
    }
    rs_reply_bytes(re, "text/x", reference, strlen(reference));
    return RS_OK;
}

static enum rs_status file(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)r;
    char path[] = "/tmp/roadstead-file.XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return rs_fail(reterr, RS_IO, NULL);
    unlink(path);
    if (write(fd, "0123456789", 10) != 10)
        return rs_fail(reterr, RS_IO, NULL);
    rs_reply_status(re, 206);
    rs_reply_file(re, "application/octet-stream", fd, 3, 4);
    return RS_OK;
}

/* A streamed body: sums it up; "fail" as the session makes the sink fail after 1000 bytes. */
struct summing {
    uint64_t bytes;
    uint64_t sum;
    bool fails;
    bool was_ended;
};

static enum rs_status sum_write(void *arg, const void *bytes, size_t n, struct rs_err *reterr)
{
    struct summing *s = arg;
    for (size_t i = 0; i < n; i++)
        s->sum = s->sum * 31 + ((const unsigned char *)bytes)[i];
    s->bytes += n;
    return s->fails && s->bytes > 1000 ? rs_fail(reterr, RS_NO_SPACE, NULL) : RS_OK;
}

static void sum_end(void *arg)
{
    struct summing *s = arg;
    s->was_ended = true;
    defers_run++;
}

static enum rs_status sum_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                struct rs_err *reterr)
{
    const char *session = rs_request_param(r, "session");
    if (strcmp(session, "unknown") == 0)
        return rs_fail(reterr, RS_UPLOAD_UNKNOWN, NULL);
    if (strcmp(session, "nobody") == 0)
        return RS_OK;
    struct summing *s = rs_arena_alloc(rs_request_arena(r), sizeof(*s));
    if (s == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    s->fails = strcmp(session, "fail") == 0;
    *ret_sink = (struct rs_sink){.write = sum_write, .arg = s};
    return rs_request_defer(r, sum_end, s);
}

static enum rs_status sum_done(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct summing *s = rs_request_sink(r);
    (void)reterr;
    rs_reply_status(re, 202);
    rs_reply_headerf(re, "X-Sum", "%llu-%llx", (unsigned long long)s->bytes,
                     (unsigned long long)s->sum);
    return RS_OK;
}

/* Three lines, each after somebody woke the stream. */
static pthread_mutex_t feed_mu = PTHREAD_MUTEX_INITIALIZER;
static struct rs_stream *feed_stream;
static int feed_lines;
static int feed_sent;

static enum rs_status feed_pull(void *arg, char *out, size_t cap, size_t *ret_n, bool *ret_end)
{
    (void)arg;
    pthread_mutex_lock(&feed_mu);
    if (feed_sent < feed_lines)
        *ret_n = (size_t)snprintf(out, cap, "line %d\n", ++feed_sent);
    *ret_end = feed_sent == 3 && *ret_n == 0;
    pthread_mutex_unlock(&feed_mu);
    return RS_OK;
}

static void feed_done(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&feed_mu);
    feed_stream = NULL;
    pthread_mutex_unlock(&feed_mu);
    streams_done++;
}

static enum rs_status feed(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)r;
    pthread_mutex_lock(&feed_mu);
    feed_lines = feed_sent = 0;
    feed_stream = rs_reply_stream(re, "text/event-stream", 3600000, feed_pull, feed_done, NULL);
    bool ok = feed_stream != NULL;
    pthread_mutex_unlock(&feed_mu);
    return ok ? RS_OK : rs_fail(reterr, RS_NOMEM, NULL);
}

static void feed_line(void)
{
    pthread_mutex_lock(&feed_mu);
    feed_lines++;
    if (feed_stream != NULL)
        rs_stream_wake(feed_stream);
    pthread_mutex_unlock(&feed_mu);
}

static const struct rs_route routes[] = {
    {.methods = RS_GET,
     .pattern = "/hello",
     .need = RS_NEED_NOTHING,
     .body = RS_BODY_NONE,
     .handler = hello},
    {.methods = RS_GET,
     .pattern = "/hello/worker",
     .need = RS_NEED_NOTHING,
     .body = RS_BODY_NONE,
     .runs = RS_RUNS_ON_WORKER,
     .handler = hello},
    {.methods = RS_PUT,
     .pattern = "/echo",
     .need = RS_NEED_NOTHING,
     .body = RS_BODY_MEMORY,
     .body_max = 100000,
     .handler = echo},
    {.methods = RS_POST,
     .pattern = "/echo",
     .need = RS_NEED_LOGIN,
     .body = RS_BODY_MEMORY,
     .body_max = 100000,
     .runs = RS_RUNS_ON_WORKER,
     .handler = echo},
    {.methods = RS_GET,
     .pattern = "/file",
     .need = RS_NEED_NOTHING,
     .body = RS_BODY_NONE,
     .handler = file},
    {.methods = RS_GET,
     .pattern = "/feed",
     .need = RS_NEED_NOTHING,
     .body = RS_BODY_NONE,
     .handler = feed},
    {.methods = RS_GET,
     .pattern = "/metrics",
     .need = RS_NEED_METRICS,
     .body = RS_BODY_NONE,
     .handler = hello},
    {.methods = RS_GET,
     .pattern = "/admin",
     .need = RS_NEED_ADMIN,
     .body = RS_BODY_NONE,
     .handler = hello},
    {.methods = RS_GET,
     .pattern = "/v2/",
     .need = RS_NEED_LOGIN,
     .body = RS_BODY_NONE,
     .handler = hello},
    {.methods = RS_GET,
     .pattern = "/things",
     .need = RS_NEED_LOGIN,
     .scope = "registry:things:*",
     .body = RS_BODY_NONE,
     .handler = hello},
    {.methods = RS_GET,
     .pattern = "/{name}/_tags/{reference}",
     .need = RS_NEED_READ,
     .dialect = RS_DIALECT_AZURE,
     .body = RS_BODY_NONE,
     .handler = manifest},
    {.methods = RS_GET,
     .pattern = "/v2/{name}/manifests/{reference}",
     .need = RS_NEED_READ,
     .body = RS_BODY_NONE,
     .handler = manifest},
    {.methods = RS_DELETE,
     .pattern = "/v2/{name}/manifests/{reference}",
     .need = RS_NEED_DELETE,
     .body = RS_BODY_NONE,
     .handler = manifest},
    {.methods = RS_PATCH,
     .pattern = "/v2/{name}/blobs/uploads/{session}",
     .need = RS_NEED_UPLOAD,
     .body = RS_BODY_STREAM,
     .runs = RS_RUNS_ON_WORKER,
     .handler = sum_done,
     .begin = sum_begin},
};

/* ---- the server and the other side ---- */

static struct rs_server *server;

static struct rs_server_options options(void)
{
    static const struct rs_listen listen_on[] = {{.address = "127.0.0.1:0"}};
    return (struct rs_server_options){
        .routes = routes,
        .routes_n = RS_ARRAY_LEN(routes),
        .listen = listen_on,
        .listen_n = 1,
        .auth = fake_auth(),
        .loop_threads = 2,
        .quiet_access_log = true,
    };
}

static void start_with(const struct rs_server_options *o)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_server_start(o, &server, &err) != RS_OK)
        fail_msg("%s", err.message);
}

static void start(void)
{
    struct rs_server_options o = options();
    start_with(&o);
}

static int stop(void **state)
{
    (void)state;
    rs_server_stop(server, 30000);
    server = NULL;
    rs_cached_reply_unref(shared);
    shared = NULL;
    return 0;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 60};
    uint64_t port = 0;
    assert_true(rs_parse_u64(rs_str_of(strrchr(rs_server_url(server, 0), ':') + 1), 65535, &port));
    to.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* what the other side answers is what counts */
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* Reads until the text ends with `until`, or until the end; returns whether it was found. */
static bool hear(int fd, struct rs_buf *out, const char *until)
{
    char block[4096];
    for (;;) {
        if (until != NULL && strstr(rs_buf_text(out), until) != NULL)
            return true;
        ssize_t n = recv(fd, block, sizeof(block), 0);
        if (n <= 0)
            return false;
        assert_int_equal(rs_buf_add(out, block, (size_t)n), RS_OK);
    }
}

/* One request (or several), answered until the server closes. */
static const char *ask(const char *request)
{
    static struct rs_buf out = RS_BUF_INIT(1 << 20);
    int fd = dial();
    rs_buf_clear(&out);
    say(fd, request, strlen(request));
    shutdown(fd, SHUT_WR);
    hear(fd, &out, NULL);
    close(fd);
    return rs_buf_text(&out);
}

#define CLOSE "Host: reg.example\r\nConnection: close\r\n"

static void expect(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no '%s' in:\n%s", part, answer);
}

static void expect_not(const char *answer, const char *part)
{
    if (strstr(answer, part) != NULL)
        fail_msg("'%s' in:\n%s", part, answer);
}

/* ---- tests ---- */

static void answers(void **state)
{
    (void)state;
    start();
    const char *a = ask("GET /hello?q=a%20b HTTP/1.1\r\n" CLOSE "\r\n");
    expect(a, "HTTP/1.1 200 OK\r\n");
    expect(a, "X-Query: a b\r\n");
    expect(a, "Content-Length: 6\r\n");
    expect(a, "X-Content-Type-Options: nosniff\r\n");
    expect(a, "X-Request-Id: ");
    expect(a, "\r\n\r\nhello\n");
    expect_not(a, "Docker-Distribution");
    a = ask("HEAD /hello/worker HTTP/1.1\r\n" CLOSE "\r\n");
    expect(a, "Content-Length: 6\r\n");
    expect_not(a, "hello\n");
    a = ask("GET /hello HTTP/1.0\r\n\r\n");
    expect(a, "200 OK");
    /* kept alive, and one after the other in one go */
    a = ask(
        "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello/worker HTTP/1.1\r\nHost: a\r\n\r\nGET /hello?q=last HTTP/1.1\r\n" CLOSE
        "\r\n");
    expect(a, "X-Query: none");
    expect(strstr(a, "hello\n") + 6, "hello\n");
    expect(a, "X-Query: last");
    a = ask("GET /file HTTP/1.1\r\n" CLOSE "\r\n");
    expect(a, "206 Partial");
    expect(a, "Content-Length: 4\r\n");
    expect(a, "\r\n\r\n3456");
    a = ask("HEAD /file HTTP/1.1\r\n" CLOSE "\r\n");
    expect(a, "Content-Length: 4\r\n");
    expect_not(a, "3456");
    assert_true(defers_run >= 5);
}

static void refusals(void **state)
{
    (void)state;
    start();
    static const struct {
        const char *request;
        const char *status;
    } rows[] = {
        {"GET /nowhere HTTP/1.1\r\n" CLOSE "\r\n", "404 Not Found"},
        {"GET /hel%6co HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"GET /hello%2e HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"GET //hello HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"GET /hello?q=1&q=2 HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"GET /hello?q=%zz HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"PUT /hello HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "405 Method Not Allowed"},
        {"BREW /hello HTTP/1.1\r\n" CLOSE "\r\n", "405 Method Not Allowed"},
        {"GET /hello HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc", "400 Bad Request"},
        {"GET /hello HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
         "400 Bad Request"},
        {"GET /hello HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 OK"},
        {"GET /hello HTTP/1.1\r\n" CLOSE "Authorization: Basic a\r\nAuthorization: Basic b\r\n\r\n",
         "400 Bad Request"},
        {"GET /hello HTTP/1.1\r\n" CLOSE "X-A: a\x01\r\n\r\n", "400 Bad Request"},
        {"GET http://other.example/hello HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"GET http://reg.example/hello HTTP/1.1\r\n" CLOSE "\r\n", "200 OK"},
        {"GET /hello HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", "400 Bad Request"},
        {"GET /hello HTTP/1.1\r\nHost: a\"b\r\nConnection: close\r\n\r\n", "400 Bad Request"},
        {"GET /v2/UPPER/manifests/x HTTP/1.1\r\n" CLOSE "\r\n", "400 Bad Request"},
        {"PUT /echo HTTP/1.1\r\n" CLOSE "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
         "415 Unsupported Media Type"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        const char *a = ask(rows[i].request);
        if (strstr(a, rows[i].status) == NULL)
            fail_msg("%sgave %s", rows[i].request, a);
    }
    const char *a = ask("PUT /hello HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n");
    expect(a, "Allow: GET, HEAD\r\n");
    expect(a,
           "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"this path takes GET, HEAD\"}]}");
    expect(a, "Cache-Control: no-store\r\n");
    char path[9000] = "GET /hello?q=";
    memset(path + strlen(path), 'a', 8500);
    memcpy(path + 8513, " HTTP/1.1\r\n" CLOSE "\r\n", sizeof(" HTTP/1.1\r\n" CLOSE "\r\n"));
    expect(ask(path), "414 ");
}

static void bodies_in_memory(void **state)
{
    (void)state;
    start();
    const char *a = ask("PUT /echo HTTP/1.1\r\n" CLOSE
                        "Content-Length: 5\r\nAccept: a\r\nAccept: b, c\r\n\r\nabcde");
    expect(a, "X-Length: 5\r\n");
    expect(a, "X-Accept: a, b, c\r\n");
    expect(a, "\r\n\r\nabcde");
    a = ask("PUT /echo HTTP/1.1\r\n" CLOSE
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    expect(a, "X-Length: -1\r\n");
    expect(a, "\r\n\r\nabcde");
    a = ask("PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n");
    expect(a, "X-Length: 0\r\n");
    /* too large by its announcement, and by its running count */
    a = ask("PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 100001\r\n\r\n");
    expect(a, "413 ");
    struct rs_buf big = RS_BUF_INIT(1 << 20);
    assert_int_equal(
        rs_buf_adds(&big, "PUT /echo HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n"),
        RS_OK);
    for (int i = 0; i < 25; i++) {
        assert_int_equal(rs_buf_addf(&big, "1000\r\n%04096d\r\n", i), RS_OK);
    }
    assert_int_equal(rs_buf_adds(&big, "0\r\n\r\n"), RS_OK);
    a = ask(rs_buf_text(&big)); /* 102400 bytes: what is left is swallowed */
    expect(a, "413 ");
    expect(a, "SIZE_INVALID");
    rs_buf_release(&big);
    /* kept alive after a small body that nobody wanted */
    a = ask(
        "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /hello HTTP/1.1\r\n" CLOSE
        "\r\n");
    expect(a, "405 ");
    expect(a, "\r\n\r\nhello\n");
}

static void who_may(void **state)
{
    (void)state;
    start();
    static const struct {
        const char *method_path;
        const char *authorization; /* NULL: none */
        const char *status;
        const char *part;
    } rows[] = {
        {"GET /v2/", NULL, "401 ",
         "WWW-Authenticate: Bearer realm=\"http://reg.example/token\",service=\"roadstead\"\r\n"},
        {"GET /v2/", "Basic nobody", "200 ", "Docker-Distribution-Api-Version: registry/2.0\r\n"},
        {"GET /v2/a/manifests/x", NULL, "401 ", ",scope=\"repository:a:pull\"\r\n"},
        {"GET /v2/a/manifests/missing", NULL, "401 ", ",scope=\"repository:a:pull\"\r\n"},
        {"GET /v2/a/manifests/held", NULL, "401 ",
         "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}"},
        {"GET /v2/a/manifests/x", "Basic reader", "200 ", "\r\n\r\nx"},
        {"GET /v2/a/manifests/x", "Basic slow", "200 ", "\r\n\r\nx"},
        {"GET /v2/a/manifests/x", "Basic wrong", "401 ", "UNAUTHORIZED"},
        {"GET /v2/a/manifests/x", "Bearer wrong", "401 ", "error=\"invalid_token\""},
        {"GET /v2/a/manifests/x", "Basic nobody", "403 ", "DENIED"},
        {"GET /v2/a/manifests/x", "Bearer noscope", "401 ", "error=\"insufficient_scope\""},
        {"GET /v2/a/manifests/x", "Bearer anonymous", "404 ", "NAME_UNKNOWN"},
        {"GET /v2/a/manifests/missing", "Basic reader", "404 ", "MANIFEST_UNKNOWN"},
        {"GET /v2/a/manifests/held", "Basic reader", "403 ",
         "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"a is in quarantine \\\"since\\\"\\n\",\"detail\":{\"state\":\"quarantined\"}}]}"},
        {"GET /v2/a/manifests/fault", "Basic reader", "500 ", "UNSUPPORTED"},
        {"GET /v2/a/manifests/newline", "Basic reader", "500 ", "internal error"},
        {"GET /v2/broken/manifests/x", "Basic reader", "500 ", "UNSUPPORTED"},
        {"GET /v2/broken/manifests/x", NULL, "500 ", "UNSUPPORTED"},
        {"GET /v2/a/manifests/x", "Basic throttled", "429 ", "Retry-After: 7\r\n"},
        {"DELETE /v2/a/manifests/x", NULL, "401 ", ",scope=\"repository:a:delete\"\r\n"},
        {"DELETE /v2/a/manifests/x", "Basic reader", "403 ", "DENIED"},
        {"PATCH /v2/a/blobs/uploads/s", NULL, "401 ", ",scope=\"repository:a:pull,push\"\r\n"},
        {"PATCH /v2/a/blobs/uploads/s", "Basic reader", "403 ", "DENIED"},
        {"GET /things", NULL, "401 ", ",scope=\"registry:things:*\"\r\n"},
        /* Azure's clients: challenged where others are told what `anonymous` is, and reading by
           another word */
        {"GET /a/_tags/x", NULL, "401 ", ",scope=\"repository:a:pull\"\r\n"},
        {"GET /v2/open/manifests/x", NULL, "200 ", "\r\n\r\nx"},
        {"GET /open/_tags/x", NULL, "401 ", ",scope=\"repository:open:pull\"\r\n"},
        {"GET /v2/open/manifests/x", "Bearer stray", "404 ", "NAME_UNKNOWN"},
        {"GET /open/_tags/x", "Bearer stray", "401 ", "error=\"insufficient_scope\""},
        {"GET /v2/a/manifests/x", "Bearer metadata", "401 ", "error=\"insufficient_scope\""},
        {"GET /a/_tags/x", "Bearer metadata", "200 ", "\r\n\r\nx"},
        {"GET /admin", NULL, "401 ", "service=\"roadstead\"\r\n"},
        {"GET /admin", "Basic reader", "403 ", "DENIED"},
        {"GET /admin", "Basic admin", "200 ", "hello"},
        {"GET /metrics", NULL, "401 ", "UNAUTHORIZED"},
        {"GET /metrics", "Basic admin", "200 ", "hello"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char request[512];
        const char *auth = rows[i].authorization;
        (void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\n" CLOSE "%s%s%s\r\n",
                       rows[i].method_path, auth != NULL ? "Authorization: " : "",
                       auth != NULL ? auth : "", auth != NULL ? "\r\n" : "");
        const char *a = ask(request);
        if (strstr(a, rows[i].status) == NULL || strstr(a, rows[i].part) == NULL)
            fail_msg("%sgave %s", request, a);
    }
}

static void loopback_metrics_and_proxies(void **state)
{
    (void)state;
    static const char *const proxies[] = {"127.0.0.0/8"};
    struct rs_server_options o = options();
    o.metrics_on_loopback = true;
    o.challenge = RS_CHALLENGE_BASIC;
    start_with(&o);
    expect(ask("GET /metrics HTTP/1.1\r\n" CLOSE "\r\n"), "200 OK");
    const char *a =
        ask("PUT /echo HTTP/1.1\r\n" CLOSE
            "Content-Length: 0\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n");
    expect(a, "X-Source: 127.0.0.1\r\n");
    expect(a, "X-Base: http://reg.example\r\n");
    expect(ask("GET /v2/ HTTP/1.1\r\n" CLOSE "\r\n"),
           "WWW-Authenticate: Basic realm=\"Roadstead\"\r\n");
    rs_server_stop(server, 1000);
    o.trusted_proxies = proxies;
    o.trusted_proxies_n = 1;
    start_with(&o);
    /* behind a proxy nobody is a loopback client */
    expect(ask("GET /metrics HTTP/1.1\r\n" CLOSE "\r\n"), "401 ");
    a = ask("PUT /echo HTTP/1.1\r\n" CLOSE
            "Content-Length: 0\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4, 127.0.0.9\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.example\r\n\r\n");
    expect(a, "X-Source: 1.2.3.4\r\n");
    expect(a, "X-Base: https://pub.example\r\n");
    a = ask("PUT /echo HTTP/1.1\r\n" CLOSE
            "Content-Length: 0\r\nX-Forwarded-For: nonsense\r\nX-Forwarded-Host: a\"b\r\n\r\n");
    expect(a, "X-Source: 127.0.0.1\r\n");
    expect(a, "X-Base: http://reg.example\r\n");
}

static void streamed_bodies(void **state)
{
    (void)state;
    struct rs_server_options o = options();
    o.body_ring_bytes =
        4096; /* smaller than what comes at once: suspended and resumed all the time */
    start_with(&o);
    static char body[3000000];
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (char)(i * 7 + i / 1000);
        sum = sum * 31 + (unsigned char)body[i];
    }
    char want[64];
    (void)snprintf(want, sizeof(want), "X-Sum: %zu-%llx\r\n", sizeof(body),
                   (unsigned long long)sum);
    struct rs_buf out = RS_BUF_INIT(65536);
    char head[256];
    int fd = dial();
    (void)snprintf(head, sizeof(head),
                   "PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\n" CLOSE
                   "Authorization: Basic writer\r\nContent-Length: %zu\r\n\r\n",
                   sizeof(body));
    say(fd, head, strlen(head));
    say(fd, body, sizeof(body));
    hear(fd, &out, NULL);
    expect(rs_buf_text(&out), "202 ");
    expect(rs_buf_text(&out), want);
    close(fd);
    rs_buf_clear(&out);
    fd = dial();
    const char chunked[] = "PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\n" CLOSE
                           "Authorization: Basic slow-no\r\nAuthorization-X: 1\r\n"
                           "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    say(fd, chunked, strlen(chunked));
    hear(fd, &out, NULL); /* not permitted: said before any body is sent */
    expect(rs_buf_text(&out), "403 ");
    expect_not(rs_buf_text(&out), "100 Continue");
    close(fd);
    rs_buf_release(&out);
    const char *a = ask("PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\n" CLOSE
                        "Authorization: Basic writer\r\nContent-Length: 0\r\n\r\n");
    expect(a, "X-Sum: 0-0\r\n");
    a = ask("PATCH /v2/a/blobs/uploads/unknown HTTP/1.1\r\n" CLOSE
            "Authorization: Basic writer\r\nContent-Length: 3\r\n\r\nabc");
    expect(a, "404 ");
    expect(a, "BLOB_UPLOAD_UNKNOWN");
    a = ask("PATCH /v2/a/blobs/uploads/nobody HTTP/1.1\r\n" CLOSE
            "Authorization: Basic writer\r\nContent-Length: 3\r\n\r\nabc");
    expect(a, "400 ");
}

static void expect_continue(void **state)
{
    (void)state;
    start();
    struct rs_buf out = RS_BUF_INIT(65536);
    int fd = dial();
    const char head[] =
        "PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\n" CLOSE
        "Authorization: Basic writer\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    say(fd, head, strlen(head));
    assert_true(hear(fd, &out, "100 Continue\r\n\r\n"));
    say(fd, "abc", 3);
    hear(fd, &out, NULL);
    expect(rs_buf_text(&out), "202 ");
    expect(rs_buf_text(&out), "X-Sum: 3-");
    close(fd);
    rs_buf_clear(&out);
    fd = dial();
    const char big[] =
        "PATCH /v2/a/blobs/uploads/unknown HTTP/1.1\r\nHost: a\r\nAuthorization: Basic writer\r\nExpect: 100-continue\r\n"
        "Content-Length: 1073741824\r\n\r\n";
    say(fd, big, strlen(big));
    hear(fd, &out, NULL);
    expect(rs_buf_text(&out), "404 ");
    expect_not(rs_buf_text(&out), "100 Continue");
    close(fd);
    rs_buf_release(&out);
}

/* The sink fails while a large body is on its way: the client is told all the same. */
static void sink_fails(void **state)
{
    (void)state;
    start();
    struct rs_buf out = RS_BUF_INIT(65536);
    static char body[1 << 20];
    int fd = dial();
    const char head[] =
        "PATCH /v2/a/blobs/uploads/fail HTTP/1.1\r\nHost: a\r\nAuthorization: Basic writer\r\nContent-Length: 1048576\r\n\r\n";
    say(fd, head, strlen(head));
    say(fd, body, sizeof(body));
    hear(fd, &out, NULL);
    expect(rs_buf_text(&out), "507 ");
    expect(rs_buf_text(&out), "Connection: close\r\n");
    close(fd);
    rs_buf_release(&out);
    const char *a = ask(
        "PATCH /v2/a/blobs/uploads/nobody HTTP/1.1\r\nHost: a\r\nAuthorization: Basic writer\r\nContent-Length: 3\r\n\r\nabc"
        "GET /hello HTTP/1.1\r\n" CLOSE "\r\n");
    expect(a, "400 ");
    expect(a, "hello\n"); /* a small rest is swallowed, and the connection goes on */
}

static void client_leaves(void **state)
{
    (void)state;
    start();
    int before = defers_run;
    for (int i = 0; i < 50; i++) {
        const char head[] =
            "PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\nHost: a\r\nAuthorization: Basic writer\r\nContent-Length: 1048576\r\n\r\nabc";
        const struct linger reset = {.l_onoff = 1};
        int fd = dial();
        say(fd, head, strlen(head));
        if (i % 2 == 0)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    /* Requests whose headers arrived have begun; each that began must end.  A stop waits for all of
     * them. */
    rs_server_stop(server, 30000);
    server = NULL;
    int ended = defers_run - before;
    assert_true(ended <= 50);
    start();
    expect(ask("GET /hello HTTP/1.1\r\n" CLOSE "\r\n"), "200 OK");
}

static void prebuilt(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 3; i++) {
        const char *a = ask("GET /v2/a/manifests/cached HTTP/1.1\r\n" CLOSE
                            "Authorization: Basic reader\r\n\r\n");
        expect(a, "200 OK");
        expect(a, "Content-Type: text/x\r\n");
        expect(a, "Docker-Content-Digest: sha256:1\r\n");
        expect(a, "Docker-Distribution-Api-Version: registry/2.0\r\n");
        expect(a, "\r\n\r\ncached");
        assert_non_null(shared);
    }
    const char *a =
        ask("HEAD /v2/a/manifests/cached HTTP/1.1\r\n" CLOSE "Authorization: Basic reader\r\n\r\n");
    expect(a, "Content-Length: 6\r\n");
    assert_null(strstr(a, "\r\n\r\ncached"));
    assert_true(rs_cached_reply_bytes(shared) > 6);
    /* Nobody gets it without credentials. */
    expect(ask("GET /v2/a/manifests/cached HTTP/1.1\r\n" CLOSE "\r\n"), "401 ");
}

static void streams(void **state)
{
    (void)state;
    start();
    struct rs_buf out = RS_BUF_INIT(65536);
    int done = streams_done;
    int fd = dial();
    const char head[] = "GET /feed HTTP/1.1\r\nHost: a\r\n\r\n";
    say(fd, head, strlen(head));
    assert_true(hear(fd, &out, "\r\n\r\n"));
    expect(rs_buf_text(&out), "Transfer-Encoding: chunked\r\n");
    feed_line();
    assert_true(hear(fd, &out, "line 1\n"));
    feed_line();
    feed_line();
    assert_true(hear(fd, &out, "line 3\n"));
    assert_true(hear(fd, &out, "0\r\n\r\n"));
    const char next[] = "GET /hello HTTP/1.1\r\n" CLOSE "\r\n";
    say(fd, next, strlen(next));
    assert_true(hear(fd, &out, "hello\n"));
    assert_int_equal(streams_done, done + 1);
    close(fd);
    expect(ask("HEAD /feed HTTP/1.1\r\n" CLOSE "\r\n"), "200 OK");
    rs_buf_release(&out);
}

static void stop_ends_streams(void **state)
{
    (void)state;
    start();
    struct rs_buf out = RS_BUF_INIT(65536);
    int done = streams_done;
    int fd = dial();
    int idle = dial();
    const char head[] = "GET /feed HTTP/1.1\r\nHost: a\r\n\r\n";
    say(fd, head, strlen(head));
    assert_true(hear(fd, &out, "\r\n\r\n"));
    rs_server_stop(server, 30000);
    server = NULL;
    assert_int_equal(streams_done, done + 1);
    assert_true(hear(fd, &out, "0\r\n\r\n")); /* the end, not a cut */
    close(fd);
    close(idle);
    rs_buf_release(&out);
}

static void slow_clients(void **state)
{
    (void)state;
    struct rs_server_options o = options();
    o.header_timeout_s = 1;
    o.idle_timeout_s = 2;
    o.body_rate_min_bytes_s = 1000;
    o.body_rate_window_s = 1;
    start_with(&o);
    static const char *const heads[] = {
        "",
        "GET /hello HTTP/1.1\r\nX-A: ",
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nabc",
        "PATCH /v2/a/blobs/uploads/s HTTP/1.1\r\nHost: a\r\nAuthorization: Basic writer\r\nContent-Length: 90000\r\n\r\nabc",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(heads); i++) {
        struct rs_buf out = RS_BUF_INIT(65536);
        int fd = dial();
        say(fd, heads[i], strlen(heads[i]));
        assert_false(
            hear(fd, &out, NULL)); /* cut: it would hear for a minute otherwise, and fail there */
        assert_int_equal(out.len, 0);
        close(fd);
        rs_buf_release(&out);
    }
}

static void start_fails_clearly(void **state)
{
    (void)state;
    start();
    static const struct {
        const char *address;
        enum rs_status status;
    } rows[] = {
        {"127.0.0.1", RS_BAD_REQUEST},
        {"localhost:80", RS_BAD_REQUEST},
        {"127.0.0.1:65536", RS_BAD_REQUEST},
        {"[::1:80", RS_BAD_REQUEST},
        {"", RS_BAD_REQUEST},
        {"203.0.113.77:0", RS_BAD_REQUEST},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_listen listen_on = {.address = rows[i].address};
        struct rs_server_options o = options();
        struct rs_server *other = NULL;
        struct rs_err err = RS_ERR_INIT;
        o.listen = &listen_on;
        if (rs_server_start(&o, &other, &err) != rows[i].status)
            fail_msg("'%s': %s", rows[i].address, err.message);
        assert_null(other);
    }
    struct rs_listen taken = {.address = strstr(rs_server_url(server, 0), "127")};
    struct rs_server_options o = options();
    struct rs_server *other = NULL;
    struct rs_err err = RS_ERR_INIT;
    o.listen = &taken;
    assert_int_equal(rs_server_start(&o, &other, &err), RS_CONFLICT);
    expect(err.message, "is taken by another program");
    taken = (struct rs_listen){.address = "127.0.0.1:0", .cert_file = "/nonexistent/cert.pem"};
    rs_err_clear(&err);
    assert_int_equal(rs_server_start(&o, &other, &err), RS_IO);
    expect(err.message, "cannot read /nonexistent/cert.pem: No such file");
}

static void ready_or_not(void **state)
{
    (void)state;
    start();
    assert_false(rs_server_is_ready(server));
    rs_server_set_ready(server, true);
    assert_true(rs_server_is_ready(server));
    assert_null(rs_server_url(server, 1));
}

int main(void)
{
    rs_log_set_level(RS_LOG_ERROR);
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(answers, stop),
        cmocka_unit_test_teardown(refusals, stop),
        cmocka_unit_test_teardown(bodies_in_memory, stop),
        cmocka_unit_test_teardown(who_may, stop),
        cmocka_unit_test_teardown(loopback_metrics_and_proxies, stop),
        cmocka_unit_test_teardown(streamed_bodies, stop),
        cmocka_unit_test_teardown(expect_continue, stop),
        cmocka_unit_test_teardown(sink_fails, stop),
        cmocka_unit_test_teardown(client_leaves, stop),
        cmocka_unit_test_teardown(prebuilt, stop),
        cmocka_unit_test_teardown(streams, stop),
        cmocka_unit_test_teardown(stop_ends_streams, stop),
        cmocka_unit_test_teardown(slow_clients, stop),
        cmocka_unit_test_teardown(start_fails_clearly, stop),
        cmocka_unit_test_teardown(ready_or_not, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
