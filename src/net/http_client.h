/*
 * net/http_client.h: HTTP requests to elsewhere, with bounds on everything.
 * Layer: net (the only place that knows libcurl).  Spec: TESTPLAN W3-W7.
 * Threads: a client may be shared by any number of threads; each request runs on its caller's
 * thread and blocks it.
 *
 * Connections are kept and used again only by requests of the same client with the same filter: a
 * checked address stays checked.
 */
#ifndef RS_NET_HTTP_CLIENT_H
#define RS_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct sockaddr;
struct rs_http_client;

/**
 * May a connection be made to this address?  Called with the address of the socket that is about to
 * be connected, so neither odd spellings nor a name server that changes its mind come past it.
 * Must be thread-safe.
 */
typedef bool (*rs_http_filter)(const struct sockaddr *address, void *arg);

struct rs_http_client_options {
    const char *ca_file;   /* PEM; NULL = the system's */
    rs_http_filter filter; /* NULL = every address */
    void *filter_arg;
    bool use_proxy_env; /* obey http_proxy and the like (command line); false = always direct */
};

RS_MUST_CHECK enum rs_status rs_http_client_new(const struct rs_http_client_options *options,
                                                struct rs_http_client **ret, struct rs_err *reterr);
/* No request may be running. */
void rs_http_client_free(struct rs_http_client *client);
RS_DEFINE_AUTO_PTR(rs_http_client, rs_http_client_free)

struct rs_http_header {
    const char *name;
    const char *value;
};

/* Gets the body as it comes; false ends the transfer (the request then returns RS_CANCELLED). */
typedef bool (*rs_http_on_body)(const char *bytes, size_t n, void *arg);
/* Asked at least once a second; true ends the transfer with RS_CANCELLED. */
typedef bool (*rs_http_on_tick)(void *arg);

struct rs_http_request {
    const char *method;                   /* "GET" */
    const char *url;                      /* absolute; http or https; no user information */
    const struct rs_http_header *headers; /* n_headers; control bytes are refused */
    size_t n_headers;
    struct rs_str body;
    bool has_body;    /* send `body`, even when it is empty */
    const char *user; /* HTTP Basic; NULL = none */
    const char *password;
    bool https_only;             /* redirects included */
    unsigned redirects_max;      /* 0 = a redirect is an answer like any other */
    uint32_t connect_timeout_ms; /* 0 = 10 s */
    uint32_t total_timeout_ms;   /* 0 = none (streams) */
    uint32_t idle_timeout_ms;    /* end when nothing comes for so long; 0 = none */
    size_t response_bytes_max;   /* of the body kept in `body`; more is RS_TOO_LARGE */
    /* NULL = collect.  The body of an answer that is no 2xx is always collected. */
    rs_http_on_body on_body;
    rs_http_on_tick on_tick;
    void *arg; /* of both */
};

struct rs_http_response {
    long http_status;
    struct rs_buf headers; /* "name: value\n" lines of the last answer, names in lower case */
    struct rs_buf body;
    char address[64]; /* the peer that was connected to, as text */
};
#define RS_HTTP_RESPONSE_INIT                                 \
    {                                                         \
        .headers = RS_BUF_INIT(65536), .body = RS_BUF_INIT(0) \
    }
void rs_http_response_release(struct rs_http_response *r);
RS_DEFINE_AUTO(rs_http_response, struct rs_http_response, rs_http_response_release)
/* A header's first value into `out`; false when absent or too long. */
RS_MUST_CHECK bool rs_http_response_header(const struct rs_http_response *r, const char *name,
                                           char *out, size_t out_bytes);

/**
 * rs_http_perform(): send one request and read its answer.  Every HTTP status is RS_OK.
 * Errors: RS_BAD_REQUEST (the URL or a header), RS_DENIED (the filter refused every address, or
 * http where https is demanded), RS_TIMEOUT, RS_TOO_LARGE, RS_CANCELLED (a callback), RS_IO
 * (everything else; message says what), RS_NOMEM. Blocks.
 */
RS_MUST_CHECK enum rs_status rs_http_perform(struct rs_http_client *client,
                                             const struct rs_http_request *request,
                                             struct rs_http_response *response,
                                             struct rs_err *reterr);

#endif
