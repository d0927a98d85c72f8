/*
 * The watch: one thread that looks at every connection twice a second, because MHD's own timeout
 * sees neither a head that drips in, nor a body that crawls, nor a suspended connection.  It ends a
 * connection by shutting its socket down; MHD then finds it closed.
 */
#include "http/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"

#define TICK_MS 500U
#define LINGER_MS 3000U
#define LINGERING_MAX 256U

struct lingering {
    int fd;
    uint64_t until_ms;
    uint64_t drained_bytes;
};

struct rs_watch {
    struct rs_server *server;
    pthread_t thread;
    pthread_cond_t stop;
    /* for all below; held while a socket is shut down, so that its number cannot have a new meaning
     */
    pthread_mutex_t mu;
    bool is_stopping;
    struct rs_conn *conns;
    struct lingering lingering[LINGERING_MAX];
    unsigned lingering_n;
};

void rs_watch_add(struct rs_server *server, struct rs_conn *c)
{
    struct rs_watch *w = server->watch;
    (void)pthread_mutex_lock(&w->mu);
    c->next = w->conns;
    if (c->next != NULL)
        c->next->prev = c;
    w->conns = c;
    (void)pthread_mutex_unlock(&w->mu);
}

void rs_watch_remove(struct rs_server *server, struct rs_conn *c)
{
    struct rs_watch *w = server->watch;
    (void)pthread_mutex_lock(&w->mu);
    if (c->next != NULL)
        c->next->prev = c->prev;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        w->conns = c->next;
    (void)pthread_mutex_unlock(&w->mu);
}

void rs_watch_stream(struct rs_server *server, struct rs_conn *c, struct rs_stream *s)
{
    (void)pthread_mutex_lock(&server->watch->mu);
    atomic_store(&c->stream, s);
    (void)pthread_mutex_unlock(&server->watch->mu);
}

void rs_watch_file(struct rs_server *server, struct rs_conn *c, int fd, uint64_t end)
{
    (void)pthread_mutex_lock(&server->watch->mu);
    c->file_fd = fd;
    c->file_end = end;
    (void)pthread_mutex_unlock(&server->watch->mu);
}

/* The kernel sends a file as far as it goes, and MHD then waits for more until its timeout. */
bool rs_watch_file_is_short(const struct rs_conn *c)
{
    struct stat st;
    return c->file_fd >= 0 && fstat(c->file_fd, &st) == 0 && (uint64_t)st.st_size < c->file_end;
}

void rs_watch_linger(struct rs_server *server, int fd)
{
    struct rs_watch *w = server->watch;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return;
    (void)shutdown(copy, SHUT_WR);
    (void)pthread_mutex_lock(&w->mu);
    bool has_room = w->lingering_n < LINGERING_MAX && !w->is_stopping;
    if (has_room)
        w->lingering[w->lingering_n++] =
            (struct lingering){.fd = copy, .until_ms = rs_clock_mono_ms() + LINGER_MS};
    (void)pthread_mutex_unlock(&w->mu);
    if (!has_room)
        (void)close(copy);
}

void rs_watch_wake_streams(struct rs_server *server)
{
    struct rs_watch *w = server->watch;
    (void)pthread_mutex_lock(&w->mu);
    for (struct rs_conn *c = w->conns; c != NULL; c = c->next) {
        struct rs_stream *s = atomic_load(&c->stream);
        if (s != NULL)
            rs_stream_wake(s);
    }
    (void)pthread_mutex_unlock(&w->mu);
}

/* Is the body slower than it may be?  Time during which this side made the client wait does not
 * count. */
static bool is_crawling(struct rs_conn *c, uint64_t now_ms, const struct rs_server_options *o)
{
    uint64_t bytes = atomic_load_explicit(&c->body_bytes, memory_order_relaxed);
    unsigned stalls = atomic_load_explicit(&c->stalls, memory_order_relaxed);
    bool is_reading = atomic_load_explicit(&c->reading, memory_order_relaxed) == RS_READING_BODY;
    if (!is_reading || c->window_start_ms == 0 || c->window_stalls != stalls) {
        c->window_start_ms = is_reading ? now_ms : 0;
        c->window_bytes = bytes;
        c->window_stalls = stalls;
        return false;
    }
    uint64_t window_ms = now_ms - c->window_start_ms;
    if (window_ms < (uint64_t)o->body_rate_window_s * 1000)
        return false;
    bool is_slow = bytes - c->window_bytes < o->body_rate_min_bytes_s * window_ms / 1000;
    c->window_start_ms = now_ms;
    c->window_bytes = bytes;
    return is_slow;
}

/*
 * MHD takes a short read for the end of what there is, so that it does not see a client's FIN that
 * came together with the bytes before it.  Look whether nothing more will come: while the rest of a
 * request is waited for, and once before it begins (always would be a call for each idle
 * connection; there the idle timeout decides).
 */
static bool has_ended(struct rs_conn *c)
{
    char byte;
    unsigned answered = atomic_load_explicit(&c->answered, memory_order_relaxed);
    bool is_within = atomic_load_explicit(&c->reading, memory_order_relaxed) != RS_READING_NOTHING;
    if (!is_within && answered == c->answered_seen)
        return false;
    c->answered_seen = answered;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void look_at(struct rs_watch *w, struct rs_conn *c, uint64_t now_ms)
{
    struct rs_stream *s = atomic_load(&c->stream);
    if (s != NULL)
        rs_stream_tick(s, now_ms);
    uint64_t deadline = atomic_load_explicit(&c->deadline_ms, memory_order_relaxed);
    if ((deadline != 0 && now_ms >= deadline) || is_crawling(c, now_ms, &w->server->o)) {
        rs_metric_add(w->server->metrics.cut_slow, 1);
        (void)shutdown(c->fd, SHUT_RDWR);
    } else if (rs_watch_file_is_short(c)) {
        (void)shutdown(c->fd, SHUT_RDWR);
    } else if (has_ended(c)) {
        (void)shutdown(c->fd, SHUT_RD); /* what is being sent still arrives */
    }
}

/* Reads what a client still sends, up to a bound; true when this socket can be closed. */
static bool drain(struct lingering *l, uint64_t now_ms)
{
    char scrap[4096];
    while (l->drained_bytes < RS_SWALLOW_BYTES_MAX) {
        ssize_t n = recv(l->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (n < 0)
            break;
        l->drained_bytes += (uint64_t)n;
    }
    return now_ms >= l->until_ms;
}

static void tick(struct rs_watch *w)
{
    uint64_t now_ms = rs_clock_mono_ms();
    for (struct rs_conn *c = w->conns; c != NULL; c = c->next)
        look_at(w, c, now_ms);
    for (unsigned i = 0; i < w->lingering_n;) {
        if (drain(&w->lingering[i], now_ms)) {
            (void)close(w->lingering[i].fd);
            w->lingering[i] = w->lingering[--w->lingering_n];
        } else {
            i++;
        }
    }
}

static void *watch_main(void *arg)
{
    struct rs_watch *w = arg;
    (void)pthread_mutex_lock(&w->mu);
    while (!w->is_stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)TICK_MS * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        while (!w->is_stopping && pthread_cond_timedwait(&w->stop, &w->mu, &until) != ETIMEDOUT)
            continue;
        if (!w->is_stopping)
            tick(w);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return NULL;
}

enum rs_status rs_watch_start(struct rs_server *server, struct rs_err *reterr)
{
    struct rs_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    w->server = server;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->stop, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&w->mu, NULL);
    int e = pthread_create(&w->thread, NULL, watch_main, w);
    if (e != 0) {
        (void)pthread_mutex_destroy(&w->mu);
        (void)pthread_cond_destroy(&w->stop);
        free(w);
        return rs_fail_errno(reterr, e, "pthread_create");
    }
    server->watch = w;
    return RS_OK;
}

void rs_watch_stop(struct rs_server *server)
{
    struct rs_watch *w = server->watch;
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->mu);
    rs_assert(w->conns == NULL);
    w->is_stopping = true;
    (void)pthread_cond_signal(&w->stop);
    (void)pthread_mutex_unlock(&w->mu);
    (void)pthread_join(w->thread, NULL);
    for (unsigned i = 0; i < w->lingering_n; i++)
        (void)close(w->lingering[i].fd);
    (void)pthread_mutex_destroy(&w->mu);
    (void)pthread_cond_destroy(&w->stop);
    free(w);
    server->watch = NULL;
}
