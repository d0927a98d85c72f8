#include "http/server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_internal.h"

static void default_to(unsigned *value, unsigned otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void set_defaults(struct rs_server_options *o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    default_to(&o->loop_threads, processors > 0 && processors < 1024 ? (unsigned)processors : 1);
    default_to(&o->worker_threads_max, 64);
    default_to(&o->worker_queue_max, 1024);
    default_to(&o->connections_max, 10000);
    default_to(&o->listen_backlog, 1024);
    default_to(&o->idle_timeout_s, 75);
    default_to(&o->header_timeout_s, 20);
    default_to(&o->stall_timeout_s, 120);
    default_to(&o->body_rate_window_s, 30);
    default_to(&o->uri_bytes_max, 8192);
    if (o->realm == NULL || strpbrk(o->realm, "\"\\") != NULL)
        o->realm = "Roadstead";
    if (o->connections_max < o->loop_threads)
        o->connections_max = o->loop_threads;
    if (o->connection_memory_bytes == 0)
        o->connection_memory_bytes = 32768;
    if (o->request_memory_bytes == 0)
        o->request_memory_bytes = (size_t)16 << 20;
    if (o->body_ring_bytes == 0)
        o->body_ring_bytes = (size_t)256 << 10;
}

/*
 * Every connection is a descriptor, and may be sending a file.  So many descriptors are kept from
 * them that decisions, audit records and the catalog go on when clients take all that they can get.
 */
static void bound_connections(struct rs_server_options *o)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return;
    rlim_t kept = 64 + (rlim_t)o->worker_threads_max * 2;
    if (kept > files.rlim_cur / 2)
        kept = files.rlim_cur / 2;
    rlim_t most = (files.rlim_cur - kept) / 2 / (o->listen_n > 0 ? o->listen_n : 1);
    if (most < o->loop_threads)
        most = o->loop_threads;
    if (o->connections_max <= most)
        return;
    rs_log(RS_LOG_WARN, "fewer connections than configured: raise the limit of open files",
           RS_N("configured", o->connections_max), RS_N("possible", most));
    o->connections_max = (unsigned)most;
}

static int64_t workers_waiting(void *arg)
{
    return rs_workers_waiting(arg);
}

static int64_t workers_alive(void *arg)
{
    return rs_workers_threads(arg);
}

static void add_metrics(struct rs_server *server)
{
    static const uint64_t bounds_micro[] = {100,    250,     500,     1000,    2500,
                                            5000,   10000,   25000,   50000,   100000,
                                            250000, 1000000, 5000000, 30000000};
    static const char *const classes[] = {"code=\"1xx\"", "code=\"2xx\"", "code=\"3xx\"",
                                          "code=\"4xx\"", "code=\"5xx\""};
    struct rs_metrics *m = server->o.metrics;
    struct rs_server_metrics *of = &server->metrics;
    for (unsigned i = 0; i < RS_ARRAY_LEN(classes); i++)
        of->requests[i] = rs_metrics_counter(m, "roadstead_http_requests_total",
                                             "Requests answered.", classes[i]);
    of->duration =
        rs_metrics_histogram(m, "roadstead_http_request_seconds",
                             "Time from a request's first line to the end of its answer.", NULL,
                             bounds_micro, RS_ARRAY_LEN(bounds_micro));
    of->sent_bytes =
        rs_metrics_counter(m, "roadstead_http_sent_bytes_total", "Bytes of answers' bodies.", NULL);
    of->received_bytes = rs_metrics_counter(m, "roadstead_http_received_bytes_total",
                                            "Bytes of requests' bodies.", NULL);
    of->connections = rs_metrics_gauge(m, "roadstead_http_connections", "Open connections.", NULL);
    of->cut_slow = rs_metrics_counter(m, "roadstead_http_slow_connections_cut_total",
                                      "Connections cut for being too slow.", NULL);
    (void)rs_metrics_gauge_of(m, "roadstead_http_workers_waiting",
                              "Requests that wait for a worker.", NULL, workers_waiting,
                              server->workers);
    (void)rs_metrics_gauge_of(m, "roadstead_http_workers", "Worker threads.", NULL, workers_alive,
                              server->workers);
}

static enum rs_status parse_proxies(struct rs_server *server, struct rs_err *reterr)
{
    unsigned n = server->o.trusted_proxies_n;
    if (n == 0)
        return RS_OK;
    server->proxies = calloc(n, sizeof(*server->proxies));
    if (server->proxies == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = RS_OK;
    for (unsigned i = 0; i < n && s == RS_OK; i++)
        s = rs_proxy_block_parse(server->o.trusted_proxies[i], &server->proxies[i], reterr);
    return s;
}

static void server_free(struct rs_server *server)
{
    for (unsigned i = 0; server->listeners != NULL && i < server->o.listen_n; i++) {
        struct rs_listener *l = &server->listeners[i];
        rs_tls_free(l->tls);
        if (l->fd >= 0)
            (void)close(l->fd);
    }
    rs_watch_stop(server);
    rs_workers_stop(server->workers);
    rs_workers_free(server->workers);
    rs_routes_free(server->routes);
    (void)pthread_mutex_destroy(&server->suspend_mu);
    free(server->listeners);
    free(server->proxies);
    free(server);
}

static enum rs_status start(struct rs_server *server, struct rs_err *reterr)
{
    struct rs_server_options *o = &server->o;
    enum rs_status s = rs_routes_new(o->routes, o->routes_n, &server->routes, reterr);
    if (s == RS_OK)
        s = parse_proxies(server, reterr);
    if (s == RS_OK)
        s = rs_workers_new(o->worker_threads_max, o->worker_queue_max, &server->workers, reterr);
    if (s == RS_OK)
        s = rs_watch_start(server, reterr);
    if (s != RS_OK)
        return s;
    add_metrics(server);
    for (unsigned i = 0; i < o->listen_n && s == RS_OK; i++)
        s = rs_listener_start(&server->listeners[i], &o->listen[i], reterr);
    return s;
}

enum rs_status rs_server_start(const struct rs_server_options *options, struct rs_server **ret,
                               struct rs_err *reterr)
{
    struct rs_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    server->o = *options;
    set_defaults(&server->o);
    bound_connections(&server->o);
    (void)pthread_mutex_init(&server->suspend_mu, NULL);
    rs_random_bytes(server->id_key, sizeof(server->id_key));
    server->listeners = calloc(options->listen_n, sizeof(*server->listeners));
    if (server->listeners == NULL || options->listen_n == 0) {
        server->o.listen_n = 0;
        server_free(server);
        return rs_fail(reterr, options->listen_n == 0 ? RS_BAD_REQUEST : RS_NOMEM,
                       options->listen_n == 0 ? "no address to listen on" : NULL);
    }
    for (unsigned i = 0; i < options->listen_n; i++) {
        server->listeners[i].server = server;
        server->listeners[i].fd = -1;
    }
    enum rs_status s = start(server, reterr);
    if (s != RS_OK) {
        rs_server_stop(server, 0);
        return s;
    }
    *ret = server;
    return RS_OK;
}

const char *rs_server_url(const struct rs_server *server, unsigned i)
{
    return i < server->o.listen_n ? server->listeners[i].url : NULL;
}

void rs_server_set_ready(struct rs_server *server, bool is_ready)
{
    atomic_store(&server->is_ready, is_ready);
}

bool rs_server_is_ready(const struct rs_server *server)
{
    return atomic_load(&server->is_ready) && !atomic_load(&server->is_stopping);
}

enum rs_status rs_server_reload_tls(struct rs_server *server, struct rs_err *reterr)
{
    enum rs_status result = RS_OK;
    for (unsigned i = 0; i < server->o.listen_n; i++) {
        struct rs_listener *l = &server->listeners[i];
        enum rs_status s = l->tls == NULL ? RS_OK : rs_tls_reload(l->tls, reterr);
        if (s != RS_OK && result == RS_OK)
            result = s; /* the others are reloaded all the same */
    }
    return result;
}

struct rs_metrics *rs_server_metrics(const struct rs_server *server)
{
    return server->o.metrics;
}

/* ---- stopping ---- */

static void stop_accepting(struct rs_server *server)
{
    for (unsigned i = 0; i < server->o.listen_n; i++) {
        struct rs_listener *l = &server->listeners[i];
        /* Closed later: a loop thread may still be about to accept from it. */
        if (l->daemon != NULL && MHD_quiesce_daemon(l->daemon) != MHD_INVALID_SOCKET)
            (void)shutdown(l->fd, SHUT_RDWR);
    }
}

static void wait_for_requests(struct rs_server *server, unsigned deadline_ms)
{
    uint64_t end_ms = rs_clock_mono_ms() + deadline_ms;
    const struct timespec pause = {.tv_nsec = 5000000};
    while (atomic_load(&server->requests_in_flight) > 0 && rs_clock_mono_ms() < end_ms)
        (void)nanosleep(&pause, NULL);
}

/* From now on nothing is suspended any more; what is gets going again.  MHD aborts the process when
 * it is stopped with one suspended. */
static void close_suspended(struct rs_server *server)
{
    (void)pthread_mutex_lock(&server->suspend_mu);
    server->is_closing = true;
    (void)pthread_mutex_unlock(&server->suspend_mu);
    /* Workers finish what they hold, and resume it themselves. */
    rs_workers_stop(server->workers);
    (void)pthread_mutex_lock(&server->suspend_mu);
    while (server->suspended != NULL) {
        struct rs_conn *c = server->suspended;
        server->suspended = c->susp_next;
        if (c->susp_next != NULL)
            c->susp_next->susp_prev = NULL;
        c->is_suspended = false;
        MHD_resume_connection(c->mhd);
    }
    (void)pthread_mutex_unlock(&server->suspend_mu);
}

void rs_server_stop(struct rs_server *server, unsigned deadline_ms)
{
    if (server == NULL)
        return;
    atomic_store(&server->is_stopping, true);
    stop_accepting(server);
    if (server->watch != NULL) {
        rs_watch_wake_streams(server);
        wait_for_requests(server, deadline_ms);
    }
    close_suspended(server);
    for (unsigned i = 0; i < server->o.listen_n; i++) {
        if (server->listeners[i].daemon != NULL)
            MHD_stop_daemon(server->listeners[i].daemon);
    }
    server_free(server);
}
