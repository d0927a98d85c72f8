/*
 * Bodies of unknown length: MHD asks for bytes on a loop thread; when there are none the connection
 * is suspended until somebody wakes it. MHD would call again and again if it were not.
 */
#include "http/http_internal.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"

#define BLOCK_BYTES ((size_t)16384)

struct rs_stream {
    struct rs_conn *conn;
    rs_stream_pull pull;
    void (*done)(void *arg);
    void *arg;
    unsigned wait_ms;
    pthread_mutex_t mu;
    bool is_woken;       /* under mu: pull again before waiting */
    bool is_waiting;     /* under mu: suspended */
    uint64_t wake_at_ms; /* under mu */
};

struct rs_stream *rs_stream_new(struct rs_conn *conn, unsigned wait_ms, rs_stream_pull pull,
                                void (*done)(void *arg), void *arg)
{
    struct rs_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->conn = conn;
    s->wait_ms = wait_ms;
    s->pull = pull;
    s->done = done;
    s->arg = arg;
    (void)pthread_mutex_init(&s->mu, NULL);
    return s;
}

/* mu is held. */
static void wake(struct rs_stream *s)
{
    s->is_woken = true;
    if (s->is_waiting) {
        s->is_waiting = false;
        rs_conn_resume(s->conn);
    }
}

void rs_stream_wake(struct rs_stream *s)
{
    (void)pthread_mutex_lock(&s->mu);
    wake(s);
    (void)pthread_mutex_unlock(&s->mu);
}

void rs_stream_tick(struct rs_stream *s, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&s->mu);
    if (s->is_waiting && now_ms >= s->wake_at_ms)
        wake(s);
    (void)pthread_mutex_unlock(&s->mu);
}

/* Nothing to send: wait, unless somebody called meanwhile.  false: the server stops. */
static bool wait_for_more(struct rs_stream *s)
{
    (void)pthread_mutex_lock(&s->mu);
    bool may = true;
    if (!s->is_woken) {
        may = rs_conn_suspend(s->conn);
        s->is_waiting = may;
        s->wake_at_ms = rs_clock_mono_ms() + s->wait_ms;
    }
    (void)pthread_mutex_unlock(&s->mu);
    return may;
}

static ssize_t read_stream(void *arg, uint64_t position, char *out, size_t cap)
{
    struct rs_stream *s = arg;
    (void)position;
    for (;;) {
        if (atomic_load(&s->conn->listener->server->is_stopping))
            return MHD_CONTENT_READER_END_OF_STREAM;
        (void)pthread_mutex_lock(&s->mu);
        s->is_woken = false; /* before the pull: a wake during it counts */
        (void)pthread_mutex_unlock(&s->mu);
        size_t n = 0;
        bool is_end = false;
        if (s->pull(s->arg, out, cap, &n, &is_end) != RS_OK)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        rs_assert(n <= cap);
        if (n > 0)
            return (ssize_t)n;
        if (is_end)
            return MHD_CONTENT_READER_END_OF_STREAM;
        (void)pthread_mutex_lock(&s->mu);
        bool again = s->is_woken;
        (void)pthread_mutex_unlock(&s->mu);
        if (again)
            continue;
        return wait_for_more(s) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

struct MHD_Response *rs_stream_response(struct rs_stream *s)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, s, NULL);
}

void rs_stream_end(struct rs_stream *s)
{
    s->done(s->arg);
    (void)pthread_mutex_destroy(&s->mu);
    free(s);
}
