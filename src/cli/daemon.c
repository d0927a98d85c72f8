#include "cli/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/reply_cache.h"
#include "api/routes.h"
#include "audit/keeper.h"
#include "auth/auth.h"
#include "base/log.h"
#include "blob/store.h"
#include "catalog/schema.h"
#include "cli/data_dir.h"
#include "db/db.h"
#include "events/sender.h"
#include "registry/backup.h"
#include "registry/checker.h"
#include "registry/collect.h"
#include "registry/first_start.h"

/* When a write cannot be made durable nothing is gained by waiting for others. */
#define FAILED_STOP_MS 2000U
/* How this registry calls itself when it asks others. */
#define USER_AGENT "roadstead/" RS_VERSION

void rs_daemon_init(struct rs_daemon *d, const struct rs_config *config)
{
    memset(d, 0, sizeof(*d));
    d->config = config;
    d->lock_fd = -1;
    d->main_thread = pthread_self();
    d->services.config = config;
}

/* A commit or an fsync failed: what the kernel says afterwards cannot be trusted.  DESIGN rule 2.
 */
static void on_fatal(void *arg, const struct rs_err *err)
{
    struct rs_daemon *d = arg;
    rs_log(RS_LOG_ERROR, "cannot make changes durable: stopping; check the disk, then start again",
           RS_F("reason", err->message), RS_F("cause", err->log));
    atomic_store(&d->has_failed, true);
    (void)pthread_kill(d->main_thread, SIGTERM);
}

/* ---- storage ---- */

static enum rs_status open_catalog(struct rs_daemon *d, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(4096);
    bool created;
    if (rs_buf_addf(&path, "%s/catalog.db", d->config->data) != RS_OK)
        return rs_fail(reterr, RS_BAD_REQUEST, "the name of the data directory is too long");
    const struct rs_db_options options = {
        .path = rs_buf_text(&path), .on_fatal = on_fatal, .on_fatal_arg = d};
    enum rs_status s = rs_db_open(&options, &d->services.db, reterr);
    return s == RS_OK ? rs_schema_migrate(d->services.db, &created, reterr) : s;
}

static enum rs_status open_blobs(struct rs_daemon *d, struct rs_err *reterr)
{
    const struct rs_blobs_options options = {.data_dir = d->config->data,
                                             .lease_ms = (uint64_t)d->config->gc_lease_ms,
                                             .on_fatal = on_fatal,
                                             .on_fatal_arg = d};
    return rs_blobs_open(&options, &d->services.blobs, reterr);
}

/* ---- what works on it ---- */

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static enum rs_status start_auth(struct rs_daemon *d, struct rs_err *reterr)
{
    bool is_first;
    const struct rs_auth_options options = {
        .db = d->services.db,
        .data_dir = d->config->data,
        .service = d->config->service_name,
        .token_seconds = (unsigned)(d->config->auth_token_ms / 1000),
        /* some workers are never kept waiting by logins */
        .passwords_waiting_max = (unsigned)(d->config->limit_workers * 3 / 4),
        .issuer_keys =
            {
                .private_networks = d->config->oidc_private_networks.item,
                .n_private_networks = d->config->oidc_private_networks.n,
                .ca_file = text_or_null(d->config->oidc_ca_file),
                .user_agent = USER_AGENT,
                .refresh_ms = (uint64_t)d->config->oidc_refresh_ms,
                .keep_ms = (uint64_t)d->config->oidc_keep_ms,
                .retry_ms = (uint64_t)d->config->oidc_retry_ms,
            },
    };
    enum rs_status s = rs_first_start(d->services.db, d->config, &is_first, reterr);
    if (s == RS_OK && is_first)
        rs_log(RS_LOG_INFO, "first start: the admin's password is in the data directory",
               RS_F("file", RS_ADMIN_CREDENTIALS_FILE));
    return s == RS_OK ? rs_auth_new(&options, &d->services.auth, reterr) : s;
}

static enum rs_status start_audit(struct rs_daemon *d, struct rs_err *reterr)
{
    const struct rs_audit_options options = {
        .db = d->services.db,
        .data_dir = d->config->data,
        .denied_ms = (uint64_t)d->config->audit_denied_reads_ms,
        .checkpoint_ms = (uint64_t)d->config->audit_checkpoint_ms,
    };
    return rs_audit_start(&options, &d->services.audit, reterr);
}

static enum rs_status start_webhooks(struct rs_daemon *d, struct rs_err *reterr)
{
    const struct rs_config *c = d->config;
    const struct rs_webhooks_options options = {
        .db = d->services.db,
        .rules =
            {
                .allow_http = c->webhook_allow_http,
                .follow_redirects = c->webhook_follow_redirects,
                .private_networks = c->webhook_private_networks.item,
                .n_private_networks = (unsigned)c->webhook_private_networks.n,
            },
        .public_url = text_or_null(c->service_url),
        .user_agent = USER_AGENT,
        .timeout_ms = (unsigned)c->webhook_timeout_ms,
        .give_up_ms = (uint64_t)c->webhook_give_up_ms,
        .event_retention_ms = (uint64_t)c->event_retention_ms,
    };
    return rs_webhooks_start(&options, &d->services.webhooks, reterr);
}

static enum rs_status start_cache(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_reply_cache_new(0, &d->services.reply_cache, reterr);
}

/* Notices and expiry need no more than this. */
#define REAPER_MS 1000U

static void reap(void *arg)
{
    struct rs_daemon *d = arg;
    struct rs_err err = RS_ERR_INIT;
    if (rs_reaper_tick(d->services.db, &d->reaper, &err) != RS_OK && err.status != RS_CANCELLED)
        rs_log(RS_LOG_ERROR, "what is overdue or expired was not looked at; it is tried again",
               RS_F("error", err.message), RS_F("cause", err.log));
    atomic_fetch_add(&d->overdue, d->reaper.overdue);
    atomic_fetch_add(&d->expired, d->reaper.expired);
}

static enum rs_status start_reaper(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_periodic_start(REAPER_MS, reap, d, &d->reaping, reterr);
}

static enum rs_status start_collector(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_collector_start(&d->services, &d->services.collector, reterr);
}

static enum rs_status start_checker(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_checker_start(&d->services, &d->services.checker, reterr);
}

static enum rs_status make_backups(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_backups_new(&d->services, &d->services.backups, reterr);
}

/* ---- serving ---- */

static unsigned seconds(int64_t ms)
{
    return (unsigned)((ms + 999) / 1000);
}

static enum rs_status list_addresses(struct rs_daemon *d, unsigned *ret_n, struct rs_err *reterr)
{
    const struct rs_config *c = d->config;
    size_t n = c->listen.n + c->tls_listen.n;
    d->listen = calloc(n + 1, sizeof(*d->listen));
    if (d->listen == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < c->listen.n; i++)
        d->listen[i].address = c->listen.item[i];
    for (size_t i = 0; i < c->tls_listen.n; i++) {
        d->listen[c->listen.n + i] = (struct rs_listen){
            .address = c->tls_listen.item[i],
            .cert_file = c->tls_certificate,
            .key_file = text_or_null(c->tls_key),
        };
    }
    *ret_n = (unsigned)n;
    return RS_OK;
}

static enum rs_status start_server(struct rs_daemon *d, struct rs_err *reterr)
{
    const struct rs_config *c = d->config;
    struct rs_server_options options = {
        .routes_n = rs_routes_n,
        .services = &d->services,
        .auth = d->services.auth,
        .metrics = d->metrics,
        .loop_threads = (unsigned)c->limit_loop_threads,
        .worker_threads_max = (unsigned)c->limit_workers,
        .worker_queue_max = (unsigned)c->limit_worker_queue,
        .connections_max = (unsigned)c->limit_connections,
        .connections_per_ip_max = (unsigned)c->limit_connections_per_address,
        .connection_memory_bytes = (size_t)c->limit_connection_memory_bytes,
        .idle_timeout_s = seconds(c->limit_idle_ms),
        .header_timeout_s = seconds(c->limit_header_ms),
        .stall_timeout_s = seconds(c->limit_stall_ms),
        .body_rate_min_bytes_s = (unsigned)c->limit_body_rate_bytes_s,
        .body_rate_window_s = seconds(c->limit_body_rate_window_ms),
        .uri_bytes_max = (unsigned)c->limit_uri_bytes,
        .public_url = text_or_null(c->service_url),
        .realm = c->service_realm,
        .challenge = c->auth_challenge == RS_CONFIG_CHALLENGE_BASIC ? RS_CHALLENGE_BASIC
                                                                    : RS_CHALLENGE_BEARER,
        .trusted_proxies = c->trusted_proxies.item,
        .trusted_proxies_n = (unsigned)c->trusted_proxies.n,
        .metrics_on_loopback = c->metrics_loopback,
        .quiet_access_log = !c->log_requests,
    };
    d->routes = rs_api_routes_configured(c);
    if (d->routes == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    options.routes = d->routes;
    enum rs_status s = list_addresses(d, &options.listen_n, reterr);
    options.listen = d->listen;
    return s == RS_OK ? rs_server_start(&options, &d->server, reterr) : s;
}

static enum rs_status start_metrics(struct rs_daemon *d, struct rs_err *reterr)
{
    enum rs_status s = rs_metrics_new(&d->metrics);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_daemon_add_metrics(d);
    return RS_OK;
}

static enum rs_status lock(struct rs_daemon *d, struct rs_err *reterr)
{
    return rs_data_dir_lock(d->config->data, &d->lock_fd, reterr);
}

enum rs_status rs_daemon_start(struct rs_daemon *d, struct rs_err *reterr)
{
    static const struct {
        enum rs_status (*start)(struct rs_daemon *d, struct rs_err *reterr);
        const char *what; /* is in front of the error; NULL: the error says it */
    } steps[] = {
        {lock, NULL},
        {open_catalog, "the catalog"},
        {open_blobs, "the blobs"},
        {start_auth, NULL},
        {start_audit, "the audit log"},
        {start_webhooks, "webhooks"},
        {start_cache, "the cache"},
        {start_reaper, "expiry"},
        {start_collector, "the collector"},
        {start_checker, "the checker"},
        {make_backups, "backups"},
        {start_metrics, "the metrics"},
        {start_server, NULL},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(steps); i++) {
        struct rs_err err = RS_ERR_INIT;
        enum rs_status s = steps[i].start(d, &err);
        if (s == RS_OK)
            continue;
        (void)rs_fail(&err, s, NULL);
        (void)rs_fail(reterr, s, "%s%s%.400s", steps[i].what != NULL ? steps[i].what : "",
                      steps[i].what != NULL ? ": " : "", err.message);
        return err.log[0] != '\0' ? rs_err_log(reterr, "%s", err.log) : s;
    }
    rs_server_set_ready(d->server, true);
    return RS_OK;
}

void rs_daemon_release(struct rs_daemon *d)
{
    bool has_failed = atomic_load(&d->has_failed);
    if (d->services.auth != NULL)
        rs_auth_cancel(d->services.auth);
    rs_server_stop(d->server, has_failed ? FAILED_STOP_MS : (unsigned)d->config->limit_shutdown_ms);
    d->server = NULL;
    rs_periodic_stop(d->reaping);
    d->reaping = NULL;
    rs_backups_free(d->services.backups);
    rs_checker_stop(d->services.checker);
    rs_collector_stop(d->services.collector);
    rs_webhooks_stop(d->services.webhooks);
    rs_audit_stop(d->services.audit);
    rs_auth_free(d->services.auth);
    rs_reply_cache_free(d->services.reply_cache);
    rs_blobs_close(d->services.blobs);
    rs_db_close(d->services.db);
    d->services = (struct rs_services){.config = d->config};
    rs_metrics_free(d->metrics);
    d->metrics = NULL;
    free(d->routes);
    d->routes = NULL;
    free(d->listen);
    d->listen = NULL;
    if (d->lock_fd >= 0)
        (void)close(d->lock_fd); /* the lock goes with it */
    d->lock_fd = -1;
}
