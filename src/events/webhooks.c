/* The senders as a whole: starting and stopping them, which addresses they may reach, the retention
 * of events. */
#include "events/sender_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "catalog/event.h"
#include "events/bell.h"
#include "crypto/secret.h"
#include "json/write.h"

#define LOOK_AGAIN_MS UINT64_C(60000)
#define RESTART_MS UINT64_C(1000)
#define PRUNE_EVERY_MS UINT64_C(600000)
#define PRUNE_AT_ONCE 500
/* curl with TLS needs some tens of KiB; a thread's default stack is for who knows what. */
#define STACK_BYTES ((size_t)512 * 1024)

static enum rs_status client_make(struct rs_webhooks *w, struct rs_err *reterr)
{
    const struct rs_http_client_options options = {.filter = rs_reach_permits,
                                                   .filter_arg = &w->reach};
    enum rs_status s =
        rs_reach_init(&w->reach, "webhooks.private_networks", w->rules.private_networks,
                      w->rules.n_private_networks, reterr);
    return s == RS_OK ? rs_http_client_new(&options, &w->client, reterr) : s;
}

/* ---- the manager's thread ---- */

struct manager {
    struct rs_webhooks *w;
    struct rs_sender *sender[RS_WEBHOOKS_MAX];
    unsigned n;
    struct rs_webhook scratch; /* too large for a stack this small */
};

/* How many had ended. */
static unsigned done_join(struct manager *m)
{
    unsigned n_before = m->n;
    for (unsigned i = 0; i < m->n;) {
        struct rs_sender *sender = m->sender[i];
        if (!atomic_load(&sender->is_done)) {
            i++;
            continue;
        }
        (void)pthread_join(sender->thread, NULL);
        free(sender);
        m->sender[i] = m->sender[--m->n];
    }
    return n_before - m->n;
}

static bool any_done(const struct manager *m)
{
    for (unsigned i = 0; i < m->n; i++)
        if (atomic_load(&m->sender[i]->is_done))
            return true;
    return false;
}

static enum rs_status sender_start(struct manager *m, const struct rs_webhook_row *row,
                                   struct rs_err *reterr)
{
    pthread_attr_t attr;
    struct rs_sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    sender->owner = m->w;
    sender->webhook_id = row->id;
    (void)rs_text_copy(sender->name, sizeof(sender->name), row->name);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&sender->thread, &attr, rs_sender_run, sender);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        free(sender);
        return rs_fail_errno(reterr, rc, "a webhook's thread");
    }
    m->sender[m->n++] = sender;
    return RS_OK;
}

static enum rs_status row_serve(void *arg, const struct rs_webhook_row *row, struct rs_err *reterr)
{
    struct manager *m = arg;
    for (unsigned i = 0; i < m->n; i++)
        if (m->sender[i]->webhook_id == row->id)
            return RS_OK;
    if (!row->enabled || m->n >= RS_WEBHOOKS_MAX)
        return RS_OK;
    enum rs_status s = rs_webhook_load(row, &m->scratch, NULL);
    if (s == RS_CORRUPT) {
        rs_log(RS_LOG_ERROR, "the stored settings of a webhook are damaged; nothing is sent to it",
               RS_F("webhook", row->name));
        return RS_OK;
    }
    return s == RS_OK ? sender_start(m, row, reterr) : rs_fail(reterr, s, NULL);
}

static enum rs_status senders_start(struct manager *m, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(m->w->db, &r.conn, reterr);
    return s == RS_OK ? rs_catalog_webhook_each(r.conn, row_serve, m, reterr) : s;
}

static enum rs_status prune_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct rs_event_prune *walk = arg;
    return rs_catalog_event_prune(conn, walk, reterr);
}

static void events_prune(struct rs_webhooks *w)
{
    struct rs_err err = RS_ERR_INIT;
    struct rs_event_prune walk = {.before_ms = rs_clock_unix_ms() - (int64_t)w->retention_ms,
                                  .n_max = PRUNE_AT_ONCE,
                                  .is_last = w->retention_ms == 0};
    enum rs_status s = RS_OK;
    while (s == RS_OK && !walk.is_last && !atomic_load(&w->stopping))
        s = rs_db_write(w->db, prune_job, &walk, &err);
    if (s != RS_OK)
        rs_log(RS_LOG_WARN, "old events could not be removed; it is tried again",
               RS_F("error", err.message), RS_F("detail", err.log));
}

/* Sleeps until the webhooks have changed, a sender has ended, it is time to look again, or the end.
 */
static void manager_wait(const struct manager *m, uint64_t seen, uint64_t generation,
                         uint64_t wait_ms)
{
    uint64_t until = rs_clock_mono_ms() + wait_ms;
    uint64_t now;
    while (!atomic_load(&m->w->stopping) && rs_webhook_generation() == generation && !any_done(m) &&
           (now = rs_clock_mono_ms()) < until)
        seen = rs_bell_wait(seen, until - now);
}

/* One round; how long to sleep after it. */
static uint64_t manager_round(struct manager *m, bool is_changed)
{
    struct rs_err err = RS_ERR_INIT;
    /* A sender that ended although nothing was changed failed: it is not started again as fast as
     * it ends. */
    if (done_join(m) > 0 && !is_changed)
        return RESTART_MS;
    if (senders_start(m, &err) == RS_OK)
        return LOOK_AGAIN_MS;
    rs_log(RS_LOG_WARN, "webhook senders could not be started; it is tried again",
           RS_F("error", err.message), RS_F("detail", err.log));
    return RESTART_MS;
}

static void *manager_run(void *arg)
{
    struct rs_webhooks *w = arg;
    uint64_t next_prune = 0;
    uint64_t last_generation = UINT64_MAX;
    struct manager *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        rs_log(RS_LOG_ERROR, "no memory for the webhook senders: nothing is sent until a restart");
        return NULL;
    }
    m->w = w;
    while (!atomic_load(&w->stopping)) {
        uint64_t seen = rs_bell_count();
        uint64_t generation = rs_webhook_generation();
        uint64_t wait_ms = manager_round(m, generation != last_generation);
        last_generation = generation;
        if (rs_clock_mono_ms() >= next_prune) {
            events_prune(w);
            next_prune = rs_clock_mono_ms() + PRUNE_EVERY_MS;
        }
        manager_wait(m, seen, generation, wait_ms);
    }
    while (m->n > 0) {
        struct rs_sender *sender = m->sender[--m->n];
        (void)pthread_join(sender->thread, NULL);
        free(sender);
    }
    free(m);
    return NULL;
}

/* ---- start and stop ---- */

enum rs_status rs_webhooks_start(const struct rs_webhooks_options *o, struct rs_webhooks **ret,
                                 struct rs_err *reterr)
{
    struct rs_webhooks *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    w->db = o->db;
    w->rules = o->rules;
    w->public_url = o->public_url != NULL ? o->public_url : "";
    w->user_agent = o->user_agent != NULL ? o->user_agent : "roadstead/" RS_VERSION;
    w->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : 10000U;
    w->retention_ms = o->event_retention_ms;
    w->backoff = (struct rs_backoff){
        .first_ms = o->retry_first_ms != 0 ? o->retry_first_ms : 1000U,
        .most_ms = o->retry_most_ms != 0 ? o->retry_most_ms : 3600000U,
        .give_up_ms = o->give_up_ms != 0 ? o->give_up_ms : UINT64_C(86400000),
    };
    enum rs_status s = client_make(w, reterr);
    int rc = s == RS_OK ? pthread_create(&w->manager, NULL, manager_run, w) : 0;
    if (s == RS_OK && rc != 0)
        s = rs_fail_errno(reterr, rc, "the webhooks' thread");
    if (s != RS_OK) {
        rs_webhooks_stop(w);
        return s;
    }
    w->has_manager = true;
    *ret = w;
    return RS_OK;
}

void rs_webhooks_stop(struct rs_webhooks *w)
{
    if (w == NULL)
        return;
    atomic_store(&w->stopping, true);
    rs_bell_ring();
    if (w->has_manager)
        (void)pthread_join(w->manager, NULL);
    rs_http_client_free(w->client);
    rs_reach_release(&w->reach);
    free(w);
}

const struct rs_webhook_rules *rs_webhooks_rules(const struct rs_webhooks *w)
{
    return &w->rules;
}

void rs_webhooks_stats(const struct rs_webhooks *w, struct rs_webhooks_stats *ret)
{
    ret->delivered = atomic_load(&w->delivered);
    ret->failed = atomic_load(&w->failed);
    ret->dead = atomic_load(&w->dead);
}

/* ---- ping ---- */

static enum rs_status ping_body(const struct rs_webhooks *w, const struct rs_target *target,
                                const char *id, struct rs_buf *out, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf payload = RS_BUF_INIT(1024);
    struct rs_jw jw = RS_JW_INIT(&payload);
    int64_t now = rs_clock_unix_ms();
    rs_jw_object(&jw);
    rs_jw_member_text(&jw, "id", id);
    rs_jw_member_text(&jw, "type", "ping");
    rs_jw_member_time(&jw, "timestamp", now);
    rs_jw_member_text(&jw, "webhook", target->webhook.name);
    rs_jw_object_end(&jw);
    enum rs_status s = rs_buf_status(&payload);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    struct rs_event_row row = {.id = id,
                               .type = "ping",
                               .repository = "",
                               .digest = "",
                               .created_ms = now,
                               .payload = rs_buf_text(&payload)};
    return rs_event_render_format(&row, target->webhook.format, false, w->public_url, out, reterr);
}

enum rs_status rs_webhooks_ping(struct rs_webhooks *w, const char *name,
                                struct rs_webhook_ping *ret, struct rs_err *reterr)
{
    char id[RS_ID_TEXT_BYTES];
    unsigned retry_after_s = 0;
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(8192);
    RS_AUTO_FREE struct rs_target *target = calloc(1, sizeof(*target));
    if (target == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    rs_id_new(id);
    enum rs_status s = rs_target_load(w->db, name, target, reterr);
    if (s == RS_OK)
        s = ping_body(w, target, id, &body, reterr);
    if (s == RS_OK)
        rs_target_send(w, target, id, rs_str_n(rs_buf_text(&body), body.len), ret, &retry_after_s);
    rs_secret_wipe(target, sizeof(*target));
    return s;
}
