/* Connections: from MHD's "started" to its "closed", and suspending in between. */
#include "http/http_internal.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"

static void find_address(struct rs_conn *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info == NULL ? NULL : info->client_addr;
    (void)rs_text_copy(c->address, sizeof(c->address), "unknown");
    if (sa == NULL)
        return;
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, c->address, sizeof(c->address));
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        /* One client has one address, whichever socket it came through. */
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, in6.sin6_addr.s6_addr + (is_v4 ? 12 : 0),
                        c->address, sizeof(c->address));
    }
}

/* What its address says of a client. */
static void classify(struct rs_conn *c)
{
    static const struct rs_proxy_block v4_loopback = {
        .address = {[10] = 0xff, [11] = 0xff, [12] = 127}, .bits = 104};
    static const struct rs_proxy_block v6_loopback = {.address = {[15] = 1}, .bits = 128};
    unsigned char bytes[16];
    if (!rs_address_parse(c->address, bytes))
        return;
    c->is_loopback =
        rs_proxy_block_has(&v4_loopback, bytes) || rs_proxy_block_has(&v6_loopback, bytes);
    const struct rs_server *server = c->listener->server;
    for (unsigned i = 0; i < server->o.trusted_proxies_n && !c->is_from_proxy; i++)
        c->is_from_proxy = rs_proxy_block_has(&server->proxies[i], bytes);
}

static struct rs_conn *conn_new(struct rs_listener *l, struct MHD_Connection *mhd)
{
    struct rs_conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->magic = RS_CONN_MAGIC;
    atomic_init(&c->refs, 1);
    c->listener = l;
    c->mhd = mhd;
    c->fd = -1;
    c->file_fd = -1;
    c->answered_seen = UINT_MAX; /* the watch has not looked yet */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        c->fd = info->connect_fd;
    find_address(c);
    classify(c);
    struct rs_request *r = &c->request;
    r->magic = RS_REQUEST_MAGIC;
    r->conn = c;
    r->server = l->server;
    rs_reply_init(&r->reply);
    (void)pthread_mutex_init(&r->body.mu, NULL);
    atomic_store(&c->deadline_ms,
                 rs_clock_mono_ms() + (uint64_t)l->server->o.idle_timeout_s * 1000);
    return c;
}

void rs_conn_unref(struct rs_conn *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    (void)pthread_mutex_destroy(&c->request.body.mu);
    c->magic = 0;
    free(c);
}

static void on_started(struct rs_listener *l, struct MHD_Connection *mhd, void **context)
{
    struct rs_conn *c = conn_new(l, mhd);
    *context = c;
    if (c == NULL)
        return; /* the first request is refused for lack of a connection */
    if (l->tls != NULL) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        /* MHD needs this pointer for pre-shared keys only, which are not used here. */
        if (info != NULL)
            gnutls_session_set_ptr(info->tls_session, l->tls);
    }
    rs_wrong_port_answer(c);
    rs_metric_add(l->server->metrics.connections, 1);
    rs_watch_add(l->server, c);
}

static void on_closed(struct rs_listener *l, void **context)
{
    struct rs_conn *c = *context;
    *context = NULL;
    if (c == NULL)
        return;
    rs_assert(c->magic == RS_CONN_MAGIC);
    rs_watch_remove(l->server, c);
    if (c->must_linger)
        rs_watch_linger(l->server, c->fd);
    c->fd = -1;
    rs_metric_add(l->server->metrics.connections, -1);
    rs_conn_unref(c);
}

void rs_conn_on_notice(void *arg, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
    switch (code) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        on_started(arg, mhd, context);
        break;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        on_closed(arg, context);
        break;
    }
}

bool rs_conn_suspend(struct rs_conn *c)
{
    struct rs_server *server = c->listener->server;
    (void)pthread_mutex_lock(&server->suspend_mu);
    bool may = !server->is_closing;
    if (may) {
        rs_assert(!c->is_suspended);
        c->is_suspended = true;
        c->susp_prev = NULL;
        c->susp_next = server->suspended;
        if (c->susp_next != NULL)
            c->susp_next->susp_prev = c;
        server->suspended = c;
        MHD_suspend_connection(c->mhd);
    }
    (void)pthread_mutex_unlock(&server->suspend_mu);
    return may;
}

void rs_conn_resume(struct rs_conn *c)
{
    struct rs_server *server = c->listener->server;
    (void)pthread_mutex_lock(&server->suspend_mu);
    if (c->is_suspended) {
        c->is_suspended = false;
        if (c->susp_next != NULL)
            c->susp_next->susp_prev = c->susp_prev;
        if (c->susp_prev != NULL)
            c->susp_prev->susp_next = c->susp_next;
        else
            server->suspended = c->susp_next;
        MHD_resume_connection(c->mhd);
    }
    (void)pthread_mutex_unlock(&server->suspend_mu);
}
