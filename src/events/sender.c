#include "events/sender_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "catalog/event.h"
#include "crypto/secret.h"
#include "events/bell.h"
#include "events/render.h"

#define BODY_BYTES_MAX ((size_t)1 << 20)
#define ROWS_AT_ONCE 256
/* Events passed over without a note of it: what a crash costs is to look at them again. */
#define UNNOTED_MAX 1000
/* New events that failed one after the other before the whole endpoint is left alone for a while.
 */
#define STREAK_MAX 3
#define PAUSE_MOST_MS UINT64_C(60000)
#define IDLE_MS UINT64_C(60000)

/* The thread's own state. */
struct work {
    struct rs_webhooks *w;
    const char *name;
    int64_t webhook_id;
    struct rs_target target;
    uint64_t generation; /* of the target */
    int64_t position;    /* looked at up to here; at or past the stored cursor */
    int64_t noted;       /* the stored cursor */
    unsigned streak;     /* first attempts that failed in a row */
    uint64_t paused_until_ms;
};

/* One event to send, copied out of its row. */
struct item {
    int64_t seq;
    bool is_found;
    bool is_damaged;
    bool is_retry; /* it has a row in `delivery` */
    int64_t attempts;
    int64_t first_ms;
    int64_t next_ms;
    char id[64];
    char digest[160];
    struct rs_buf body;
};

static void item_release(struct item *item)
{
    rs_buf_release(&item->body);
}
RS_DEFINE_AUTO(item, struct item, item_release)

#define ITEM_INIT                           \
    {                                       \
        .body = RS_BUF_INIT(BODY_BYTES_MAX) \
    }

static bool is_stopping(const struct work *k)
{
    return atomic_load(&k->w->stopping);
}

/* ---- what to send next ---- */

static enum rs_status event_take(void *arg, const struct rs_event_row *row, bool *stop,
                                 struct rs_err *reterr)
{
    struct work *k = ((void **)arg)[0];
    struct item *item = ((void **)arg)[1];
    const struct rs_webhook *webhook = &k->target.webhook;
    (void)stop;
    rs_buf_clear(&item->body);
    item->is_damaged = row->id == NULL || row->digest == NULL ||
                       !rs_text_copy(item->id, sizeof(item->id), row->id) ||
                       !rs_text_copy(item->digest, sizeof(item->digest), row->digest);
    if (item->is_damaged)
        return RS_OK;
    enum rs_status s = rs_event_render_format(row, webhook->format, webhook->details,
                                              k->w->public_url, &item->body, reterr);
    item->is_damaged = s == RS_CORRUPT || s == RS_TOO_LARGE;
    return item->is_damaged ? RS_OK : s;
}

static enum rs_status delivery_take(void *arg, const struct rs_delivery_row *row,
                                    struct rs_err *reterr)
{
    struct item *item = arg;
    (void)reterr;
    item->is_retry = true;
    item->seq = row->event_seq;
    item->attempts = row->attempts;
    item->first_ms = row->first_ms;
    item->next_ms = row->next_ms;
    return RS_OK;
}

struct scan {
    struct work *k;
    struct item *item;
    int64_t looked_at;
};

static enum rs_status scan_row(void *arg, const struct rs_event_row *row, bool *stop,
                               struct rs_err *reterr)
{
    struct scan *scan = arg;
    (void)reterr;
    scan->looked_at++;
    if (row->type != NULL && row->repository != NULL &&
        rs_webhook_wants(&scan->k->target.webhook, row->type, row->repository)) {
        scan->item->is_found = *stop = true;
        scan->item->seq = row->seq;
        (void)rs_text_copy(scan->item->digest, sizeof(scan->item->digest),
                           row->digest != NULL ? row->digest : "");
        return RS_OK; /* one that was cut is found damaged when it is loaded */
    }
    scan->k->position = row->seq;
    return RS_OK;
}

/* The next wanted event past the position; what nobody wants is passed over.  *ret_blocked: an
 * earlier one of its digest waits. */
static enum rs_status event_find(struct work *k, struct rs_db_conn *conn, struct item *item,
                                 bool *ret_blocked, struct rs_err *reterr)
{
    struct scan scan = {.k = k, .item = item, .looked_at = ROWS_AT_ONCE};
    enum rs_status s = RS_OK;
    *ret_blocked = false;
    while (s == RS_OK && !item->is_found && scan.looked_at >= ROWS_AT_ONCE) {
        scan.looked_at = 0;
        s = rs_catalog_event_each(conn, k->position, ROWS_AT_ONCE, scan_row, &scan, reterr);
    }
    if (s == RS_OK && item->is_found)
        s = rs_catalog_delivery_waits(conn, k->webhook_id, item->digest, ret_blocked, reterr);
    return s;
}

static enum rs_status event_load(struct work *k, struct rs_db_conn *conn, struct item *item,
                                 struct rs_err *reterr)
{
    void *both[2] = {k, item};
    bool found = false;
    enum rs_status s = rs_catalog_event_get(conn, item->seq, event_take, both, &found, reterr);
    if (s == RS_OK && !found)
        item->is_damaged = true;
    return s;
}

/* ---- what came of it, written durably ---- */

struct outcome {
    struct work *k;
    const struct item *item;
    enum { DELIVERED, WAITS, DEAD, PASSED_OVER } what;
    int64_t next_ms;
    int64_t now_ms;
    const char *error;
};

static enum rs_status outcome_row_put(struct rs_db_conn *conn, const struct outcome *o,
                                      struct rs_err *reterr)
{
    const struct item *item = o->item;
    bool was_tried = o->error != NULL;
    struct rs_delivery_row row = {
        .webhook_id = o->k->webhook_id,
        .event_seq = item->seq,
        .digest = item->digest,
        .state = o->what == DEAD ? "dead" : "waiting",
        .attempts = item->attempts + (was_tried ? 1 : 0),
        .first_ms = item->is_retry && item->attempts > 0 ? item->first_ms : o->now_ms,
        .next_ms = o->next_ms,
        .last_error = o->error,
    };
    return rs_catalog_delivery_put(conn, &row, reterr);
}

static enum rs_status outcome_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct outcome *o = arg;
    int64_t id = o->k->webhook_id;
    bool exists = false;
    enum rs_status s = rs_catalog_webhook_exists(conn, id, &exists, reterr);
    if (s == RS_OK && !exists)
        s = rs_fail(reterr, RS_NOT_FOUND, NULL);
    if (s != RS_OK)
        return s;
    if (o->what == WAITS || o->what == DEAD)
        s = outcome_row_put(conn, o, reterr);
    else if (o->what == DELIVERED && o->item->is_retry)
        s = rs_catalog_delivery_delete(conn, id, o->item->seq, reterr);
    if (s == RS_OK && o->what == DELIVERED && o->k->streak >= STREAK_MAX)
        /* the endpoint is back: what waits need not wait longer */
        s = rs_catalog_delivery_hurry(conn, id, o->now_ms, reterr);
    if (s == RS_OK && !(o->item != NULL && o->item->is_retry))
        s = rs_catalog_webhook_advance(conn, id, o->k->position, reterr);
    return s;
}

static enum rs_status outcome_note(struct work *k, struct outcome *o, struct rs_err *reterr)
{
    o->k = k;
    o->now_ms = rs_clock_unix_ms();
    if (o->item != NULL && !o->item->is_retry && k->position < o->item->seq)
        k->position = o->item->seq;
    enum rs_status s = rs_db_write(k->w->db, outcome_job, o, reterr);
    if (s == RS_OK)
        k->noted = k->position;
    else if (o->item != NULL && !o->item->is_retry)
        k->position = k->noted; /* not noted: it is sent again, with the same id */
    return s;
}

/* ---- one attempt ---- */

static void failure_count(struct work *k, const struct item *item, unsigned retry_after_s)
{
    uint64_t pause = 0;
    if (item->attempts == 0)
        k->streak++;
    if (k->streak >= STREAK_MAX) {
        struct rs_backoff b = k->w->backoff;
        b.most_ms = b.most_ms < PAUSE_MOST_MS ? b.most_ms : PAUSE_MOST_MS;
        pause = rs_backoff_delay(&b, (int64_t)k->streak - STREAK_MAX + 1, 0);
    }
    if (retry_after_s * UINT64_C(1000) > pause)
        pause = retry_after_s * UINT64_C(1000);
    k->paused_until_ms = pause == 0 ? 0 : rs_clock_mono_ms() + pause;
}

static enum rs_status failed(struct work *k, const struct item *item, const char *error,
                             bool is_hopeless, struct rs_err *reterr)
{
    uint32_t random = 0;
    int64_t now = rs_clock_unix_ms();
    int64_t attempts = item->attempts + 1;
    int64_t first = item->attempts > 0 ? item->first_ms : now;
    rs_random_bytes(&random, sizeof(random));
    bool is_over = is_hopeless || rs_backoff_is_over(&k->w->backoff, attempts, first, now);
    struct outcome o = {
        .item = item,
        .what = is_over ? DEAD : WAITS,
        .next_ms = now + (int64_t)rs_backoff_delay(&k->w->backoff, attempts, random),
        .error = error,
    };
    enum rs_status s = outcome_note(k, &o, reterr);
    if (s == RS_OK && is_over) {
        (void)atomic_fetch_add(&k->w->dead, 1);
        rs_log(RS_LOG_WARN, "webhook delivery given up", RS_F("webhook", k->name),
               RS_N("event", item->seq), RS_F("error", error));
    }
    return s;
}

static enum rs_status item_send(struct work *k, struct item *item, struct rs_err *reterr)
{
    struct rs_webhook_ping answer;
    unsigned retry_after_s = 0;
    if (item->is_damaged)
        return failed(k, item, "the stored event is damaged or too large to be sent", true, reterr);
    rs_target_send(k->w, &k->target, item->id, rs_str_n(rs_buf_text(&item->body), item->body.len),
                   &answer, &retry_after_s);
    if (answer.is_delivered) {
        struct outcome o = {.item = item, .what = DELIVERED};
        (void)atomic_fetch_add(&k->w->delivered, 1);
        enum rs_status s = outcome_note(k, &o, reterr);
        k->streak = 0;
        k->paused_until_ms = 0;
        return s;
    }
    if (is_stopping(k))
        return RS_OK; /* cut by us: it counts for nothing and is sent again */
    (void)atomic_fetch_add(&k->w->failed, 1);
    failure_count(k, item, retry_after_s);
    return failed(k, item, answer.error, false, reterr);
}

/* ---- the loop ---- */

/* Chooses what to do; *ret_wait_ms is how long there is nothing (0: something was found and is in
 * *item). */
static enum rs_status next_find(struct work *k, struct item *item, bool *ret_blocked,
                                uint64_t *ret_wait_ms, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    bool has_delivery = false;
    uint64_t until_retry = IDLE_MS;
    *ret_blocked = false;
    *ret_wait_ms = 0;
    enum rs_status s = rs_db_read_begin(k->w->db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_delivery_next(r.conn, k->webhook_id, delivery_take, item, &has_delivery,
                                     reterr);
    if (s != RS_OK)
        return s;
    /* Events that followed a change of the webhook may be in this snapshot: they are not to be
     * judged by what it wanted before. */
    if (k->generation != rs_webhook_generation()) {
        *ret_wait_ms = IDLE_MS;
        return RS_OK;
    }
    if (has_delivery)
        until_retry = rs_backoff_wait(&k->w->backoff, item->next_ms, rs_clock_unix_ms());
    if (has_delivery && until_retry == 0)
        return event_load(k, r.conn, item, reterr);
    *item = (struct item)ITEM_INIT;
    s = event_find(k, r.conn, item, ret_blocked, reterr);
    if (s == RS_OK && item->is_found)
        return *ret_blocked ? RS_OK : event_load(k, r.conn, item, reterr);
    *ret_wait_ms = until_retry < IDLE_MS ? until_retry : IDLE_MS;
    return s;
}

static enum rs_status step(struct work *k, uint64_t *ret_wait_ms, struct rs_err *reterr)
{
    RS_AUTO(item) struct item item = ITEM_INIT;
    bool is_blocked = false;
    enum rs_status s = next_find(k, &item, &is_blocked, ret_wait_ms, reterr);
    if (s != RS_OK)
        return s;
    if (is_blocked) {
        struct outcome o = {.item = &item, .what = WAITS, .next_ms = rs_clock_unix_ms()};
        return outcome_note(k, &o, reterr);
    }
    if (*ret_wait_ms == 0)
        return item_send(k, &item, reterr);
    if (k->position - k->noted >= UNNOTED_MAX) {
        struct outcome o = {.what = PASSED_OVER};
        return outcome_note(k, &o, reterr);
    }
    return RS_OK;
}

/* Takes the webhook's settings again when any webhook has changed.  False: it is gone, another one,
 * or disabled. */
static bool target_refresh(struct work *k, struct rs_err *reterr)
{
    uint64_t generation = rs_webhook_generation();
    if (k->generation == generation)
        return true;
    enum rs_status s = rs_target_load(k->w->db, k->name, &k->target, reterr);
    if (s != RS_OK || k->target.id != k->webhook_id || !k->target.webhook.enabled)
        return false;
    k->noted = k->target.cursor;
    if (k->position < k->noted)
        k->position = k->noted;
    k->generation = generation;
    k->paused_until_ms = 0; /* it may have been mended */
    return true;
}

static uint64_t pause_left(const struct work *k)
{
    uint64_t now = rs_clock_mono_ms();
    return k->paused_until_ms > now ? k->paused_until_ms - now : 0;
}

static void work_run(struct work *k)
{
    while (!is_stopping(k)) {
        struct rs_err err = RS_ERR_INIT;
        uint64_t seen = rs_bell_count();
        uint64_t wait_ms = pause_left(k);
        if (!target_refresh(k, &err))
            return;
        enum rs_status s = wait_ms == 0 ? step(k, &wait_ms, &err) : RS_OK;
        if (s == RS_NOT_FOUND)
            return;
        if (s != RS_OK) {
            rs_log(RS_LOG_WARN, "webhook sender cannot go on; it tries again",
                   RS_F("webhook", k->name), RS_F("error", err.message), RS_F("detail", err.log));
            wait_ms = 1000;
        }
        /* New events end an idle wait; a pause, and the wait after a failure, only the end or a
         * change of the webhooks does. */
        while (wait_ms > 0 && !is_stopping(k) && k->generation == rs_webhook_generation()) {
            uint64_t before = rs_clock_mono_ms();
            uint64_t now_seen = rs_bell_wait(seen, wait_ms);
            uint64_t waited = rs_clock_mono_ms() - before;
            wait_ms = waited >= wait_ms ? 0 : wait_ms - waited;
            if (now_seen > seen && s == RS_OK && pause_left(k) == 0)
                break;
            seen = now_seen;
        }
    }
}

void *rs_sender_run(void *arg)
{
    struct rs_sender *sender = arg;
    struct work *k = calloc(1, sizeof(*k));
    if (k != NULL) {
        k->w = sender->owner;
        k->name = sender->name;
        k->webhook_id = sender->webhook_id;
        k->generation = UINT64_MAX;
        work_run(k);
        rs_secret_wipe(&k->target, sizeof(k->target));
    }
    free(k);
    atomic_store(&sender->is_done, true);
    rs_bell_ring(); /* the manager joins it */
    return NULL;
}
