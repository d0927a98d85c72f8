#include "net/http_client.h"

#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "net/address.h"
#include "peer.h"

#define OK_ANSWER \
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind:  first \r\nX-kind: two\r\n\r\nhello"

static struct rs_http_client *client(rs_http_filter filter)
{
    struct rs_http_client *c = NULL;
    struct rs_http_client_options o = {.filter = filter};
    assert_int_equal(rs_http_client_new(&o, &c, NULL), RS_OK);
    return c;
}

static bool only_public(const struct sockaddr *address, void *arg)
{
    (void)arg;
    return rs_address_is_public(address);
}

/* Send `request` to the peer with this path. */
static enum rs_status perform_with(struct rs_http_client *c, unsigned port, const char *path,
                                   struct rs_http_request *request,
                                   struct rs_http_response *response, struct rs_err *err)
{
    char url[200];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    request->url = url;
    if (request->method == NULL)
        request->method = "GET";
    request->total_timeout_ms = request->total_timeout_ms == 0 ? 60000 : request->total_timeout_ms;
    if (request->response_bytes_max == 0)
        request->response_bytes_max = 1000;
    enum rs_status s = rs_http_perform(c, request, response, err);
    request->url = NULL;
    return s;
}

static void a_get(void **state)
{
    (void)state;
    const char *answer = OK_ANSWER;
    struct peer *p = peer_start(&answer, 1);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {0};
    char value[16];
    assert_int_equal(perform_with(c, peer_port(p), "/a/../b?c=%2F", &q, &r, NULL), RS_OK);
    peer_stop(p);
    assert_int_equal(r.http_status, 200);
    assert_string_equal(rs_buf_text(&r.body), "hello");
    assert_true(rs_http_response_header(&r, "X-KIND", value, sizeof(value)));
    assert_string_equal(value, "first ");
    assert_false(rs_http_response_header(&r, "X-Other", value, sizeof(value)));
    assert_false(rs_http_response_header(&r, "X-Kind", value, 3));
    assert_string_equal(r.address, "127.0.0.1");
    /* the path goes out as it was given */
    assert_non_null(strstr(peer_request(p, 0), "GET /a/../b?c=%2F HTTP/1.1\r\n"));
    assert_null(strcasestr(peer_request(p, 0), "authorization"));
    peer_free(p);
}

static void a_post(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
                                          "HTTP/1.1 204 No Content\r\n\r\n"};
    struct peer *p = peer_start(answers, 2);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    const struct rs_http_header headers[] = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    struct rs_http_request q = {.method = "POST",
                                .headers = headers,
                                .n_headers = 2,
                                .body = rs_str_of("{\"a\":1}"),
                                .has_body = true,
                                .user = "ann",
                                .password = "a:b"};
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_OK);
    assert_int_equal(r.http_status, 201);
    assert_string_equal(rs_buf_text(&r.body), "");
    struct rs_http_request empty = {.method = "PUT", .has_body = true};
    assert_int_equal(perform_with(c, peer_port(p), "/", &empty, &r, NULL), RS_OK);
    assert_int_equal(r.http_status, 204);
    peer_stop(p);
    const char *sent = peer_request(p, 0);
    assert_non_null(strstr(sent, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(sent, "X-Empty:\r\n"));
    assert_non_null(strstr(sent, "Content-Length: 7\r\n"));
    assert_non_null(strstr(sent, "Authorization: Basic YW5uOmE6Yg==\r\n"));
    assert_non_null(strstr(sent, "\r\n\r\n{\"a\":1}"));
    assert_null(strcasestr(sent, "Expect:"));
    assert_non_null(strstr(peer_request(p, 1), "PUT / HTTP/1.1\r\n"));
    assert_non_null(strstr(peer_request(p, 1), "Content-Length: 0\r\n"));
    assert_null(strcasestr(peer_request(p, 1), "Content-Type:"));
    assert_null(strcasestr(peer_request(p, 1), "Authorization:"));
    peer_free(p);
}

static void a_head(void **state)
{
    (void)state;
    const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nX-Kind: a\r\n\r\n";
    struct peer *p = peer_start(&answer, 1);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {.method = "HEAD", .user = "ann", .password = "b"};
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_OK);
    assert_int_equal(r.http_status, 200);
    assert_string_equal(rs_buf_text(&r.body), "");
    peer_stop(p);
    assert_non_null(strstr(peer_request(p, 0), "HEAD / HTTP/1.1\r\n"));
    assert_non_null(strstr(peer_request(p, 0), "Authorization: Basic YW5uOmI=\r\n"));
    peer_free(p);
}

static void the_answer_is_bounded(void **state)
{
    (void)state;
    static const char *const answers[] = {OK_ANSWER, OK_ANSWER,
                                          ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                           "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")};
    struct peer *p = peer_start(answers, 3);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {.response_bytes_max = 5};
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_OK);
    q.response_bytes_max = 4;
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_TOO_LARGE);
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_TOO_LARGE);
    peer_free(p);
}

static void the_filter_judges_the_address(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1", "localhost",          "0x7f.1",          "2130706433", "127.1",     "0",
        "[::1]",     "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1",   "[fd00::1]", "0.0.0.0"};
    const char *answer = OK_ANSWER;
    struct peer *p = peer_start(&answer, 1);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(only_public);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    for (size_t i = 0; i < RS_ARRAY_LEN(hosts); i++) {
        char url[100];
        struct rs_err err = RS_ERR_INIT;
        (void)snprintf(url, sizeof(url), "http://%s:%u/", hosts[i], peer_port(p));
        struct rs_http_request q = {.method = "GET", .url = url, .total_timeout_ms = 60000};
        enum rs_status s = rs_http_perform(c, &q, &r, &err);
        if (s != RS_DENIED)
            fail_msg("%s: %s %s", hosts[i], rs_status_name(s), err.message);
    }
    peer_stop(p);
    assert_int_equal(peer_requests(p), 0);
    peer_free(p);
}

static void redirects_only_when_asked(void **state)
{
    (void)state;
    char first[200];
    static const char *answers[3];
    answers[1] = OK_ANSWER;
    answers[2] = OK_ANSWER;
    answers[0] = first;
    struct peer *target = peer_start(answers + 1, 1);
    (void)snprintf(first, sizeof(first),
                   "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:%u/there\r\n"
                   "Content-Length: 2\r\n\r\nno",
                   peer_port(target));
    const char *twice[] = {first, first, first};
    struct peer *p = peer_start(twice, 3);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {
        .method = "POST", .body = rs_str_of("x"), .has_body = true, .user = "u", .password = "p"};
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_OK);
    assert_int_equal(r.http_status, 307);
    q.redirects_max = 1;
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, NULL), RS_OK);
    assert_int_equal(r.http_status, 200);
    assert_string_equal(rs_buf_text(&r.body), "hello");
    peer_stop(target);
    assert_non_null(strstr(peer_request(target, 0), "POST /there HTTP/1.1\r\n"));
    assert_non_null(strstr(peer_request(target, 0), "\r\n\r\nx"));
    /* to another host (a port makes one) no password goes along */
    assert_null(strcasestr(peer_request(target, 0), "authorization"));
    /* where only https is allowed a redirect to http is none */
    peer_free(target);
    peer_free(p);
}

static void what_cannot_be_sent(void **state)
{
    (void)state;
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    static const char *const urls[] = {"",
                                       "x",
                                       "127.0.0.1",
                                       "ftp://127.0.0.1/",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http:///x",
                                       "http://u:p@127.0.0.1/",
                                       "http://u@127.0.0.1/",
                                       "gopher://127.0.0.1/",
                                       "http://127.0.0.1:99999/",
                                       "http://a b/",
                                       "httpx://a/",
                                       "http://127.0.0.1/\r\nX: y"};
    for (size_t i = 0; i < RS_ARRAY_LEN(urls); i++) {
        struct rs_http_request q = {.method = "GET", .url = urls[i], .total_timeout_ms = 5000};
        enum rs_status s = rs_http_perform(c, &q, &r, NULL);
        if (s != RS_BAD_REQUEST)
            fail_msg("%s: %s", urls[i], rs_status_name(s));
    }
    static const struct rs_http_header headers[] = {
        {"", "x"}, {"a b", "x"}, {"a:", "x"}, {"a", "x\r\nb: c"}, {"a\r\nb", "x"}, {"a", "\x7f"}};
    for (size_t i = 0; i < RS_ARRAY_LEN(headers); i++) {
        struct rs_http_request q = {
            .method = "GET", .url = "http://127.0.0.1:1/", .headers = &headers[i], .n_headers = 1};
        assert_int_equal(rs_http_perform(c, &q, &r, NULL), RS_BAD_REQUEST);
    }
    struct rs_http_request plain = {
        .method = "GET", .url = "http://127.0.0.1:1/", .https_only = true};
    assert_int_equal(rs_http_perform(c, &plain, &r, NULL), RS_DENIED);
}

static bool stop_at_once(void *arg)
{
    (*(unsigned *)arg)++;
    return true;
}

static bool count_body(const char *bytes, size_t n, void *arg)
{
    (void)bytes;
    *(unsigned *)arg += (unsigned)n;
    return *(unsigned *)arg < 5;
}

static void ends_when_it_must(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "", OK_ANSWER};
    struct peer *p = peer_start(answers, 3);
    struct peer *silent = peer_start(answers, 1); /* of the one that may end before it connects */
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    unsigned calls = 0;
    struct rs_http_request whole = {.total_timeout_ms = 300};
    assert_int_equal(perform_with(c, peer_port(p), "/", &whole, &r, NULL), RS_TIMEOUT);
    struct rs_http_request idle = {.idle_timeout_ms = 300};
    assert_int_equal(perform_with(c, peer_port(p), "/", &idle, &r, NULL), RS_TIMEOUT);
    struct rs_http_request ticked = {.on_tick = stop_at_once, .arg = &calls};
    assert_int_equal(perform_with(c, peer_port(silent), "/", &ticked, &r, NULL), RS_CANCELLED);
    assert_true(calls > 0);
    calls = 0;
    struct rs_http_request streamed = {.on_body = count_body, .arg = &calls};
    assert_int_equal(perform_with(c, peer_port(p), "/", &streamed, &r, NULL), RS_CANCELLED);
    assert_int_equal(calls, 5);
    peer_free(silent);
    peer_free(p);
}

static void nobody_there(void **state)
{
    (void)state;
    const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort";
    struct peer *p = peer_start(&answer, 1);
    RS_AUTO(rs_http_client) struct rs_http_client *c = client(NULL);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {0};
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, &err), RS_IO);
    peer_stop(p);
    rs_err_clear(&err);
    assert_int_equal(perform_with(c, peer_port(p), "/", &q, &r, &err), RS_IO);
    assert_true(strlen(err.message) > 0);
    peer_free(p);
}

static void a_missing_ca_file_is_an_error(void **state)
{
    (void)state;
    struct rs_http_client *c = NULL;
    struct rs_http_client_options o = {.ca_file = "/nowhere/ca.pem"};
    assert_int_equal(rs_http_client_new(&o, &c, NULL), RS_OK);
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    const char *answer = OK_ANSWER;
    struct peer *p = peer_start(&answer, 1);
    char url[100];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", peer_port(p));
    struct rs_http_request q = {.method = "GET", .url = url, .total_timeout_ms = 60000};
    assert_int_equal(rs_http_perform(c, &q, &r, NULL), RS_IO);
    peer_free(p);
    rs_http_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get),
        cmocka_unit_test(a_post),
        cmocka_unit_test(a_head),
        cmocka_unit_test(the_answer_is_bounded),
        cmocka_unit_test(the_filter_judges_the_address),
        cmocka_unit_test(redirects_only_when_asked),
        cmocka_unit_test(what_cannot_be_sent),
        cmocka_unit_test(ends_when_it_must),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(a_missing_ca_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
