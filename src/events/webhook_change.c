/* Changing webhooks: each change is one job with one audit record. */
#include "events/webhook.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/append.h"
#include "base/clock.h"
#include "catalog/event.h"
#include "crypto/secret.h"
#include "events/bell.h"
#include "events/sender_internal.h"
#include "events/webhook_internal.h"
#include "json/write.h"

#define SECRETS_BYTES ((size_t)256) /* two of the longest that are accepted */

static _Atomic uint64_t generation;

uint64_t rs_webhook_generation(void)
{
    return atomic_load(&generation);
}

static void changed(void *arg)
{
    (void)arg;
    (void)atomic_fetch_add(&generation, 1);
    rs_bell_ring(); /* the senders look at their webhooks again */
}

/* One record for the change of one webhook.  Settings are told, secrets never. */
static enum rs_status audited(struct rs_db_conn *conn, const char *action,
                              const struct rs_actor *actor, const char *details,
                              struct rs_err *reterr)
{
    struct rs_audit_entry entry = {.action = action, .actor = actor, .details = details};
    enum rs_status s = rs_audit_append(conn, &entry, NULL, reterr);
    if (s == RS_OK)
        rs_db_after_commit(conn, changed, NULL);
    return s;
}

static enum rs_status name_audited(struct rs_db_conn *conn, const char *action,
                                   const struct rs_actor *actor, const char *name,
                                   const char *more_key, int64_t more, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(4096);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "webhook", name);
    if (more_key != NULL)
        rs_jw_member_int(&w, more_key, more);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&details);
    return s == RS_OK ? audited(conn, action, actor, rs_buf_text(&details), reterr)
                      : rs_fail(reterr, s, NULL);
}

static enum rs_status settings_audited(struct rs_db_conn *conn, const char *action,
                                       const struct rs_actor *actor, const char *settings,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_raw(&w, "webhook", settings);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&details);
    return s == RS_OK ? audited(conn, action, actor, rs_buf_text(&details), reterr)
                      : rs_fail(reterr, s, NULL);
}

static enum rs_status count_row(void *arg, const struct rs_webhook_row *row, struct rs_err *reterr)
{
    (void)row;
    (void)reterr;
    ++*(unsigned *)arg;
    return RS_OK;
}

enum rs_status rs_webhook_create_in(struct rs_db_conn *conn, const struct rs_webhook *webhook,
                                    const char *secret, const struct rs_actor *actor,
                                    char ret_secret[RS_WEBHOOK_SECRET_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf settings = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_webhook_row row = {
        .name = webhook->name, .enabled = webhook->enabled, .created_ms = rs_clock_unix_ms()};
    unsigned n = 0;
    rs_signature_secret_new(ret_secret);
    if (secret != NULL && !rs_signature_secret_is_valid(rs_str_of(secret)))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "secret: \"whsec_\" and the base64 of 24 to 64 random bytes is expected");
    enum rs_status s = rs_catalog_webhook_each(conn, count_row, &n, reterr);
    if (s == RS_OK && n >= RS_WEBHOOKS_MAX)
        s = rs_fail(reterr, RS_CONFLICT,
                    "there are %u webhooks already, which is the most: delete one", n);
    if (s == RS_OK)
        s = rs_webhook_settings_write(webhook, &settings, reterr);
    if (s == RS_OK)
        s = rs_catalog_event_newest(conn, &row.cursor, reterr);
    if (s != RS_OK)
        return s;
    row.settings = rs_buf_text(&settings);
    row.secret = secret != NULL ? secret : ret_secret;
    s = rs_catalog_webhook_insert(conn, &row, reterr);
    return s == RS_OK ? settings_audited(conn, "webhook-created", actor, row.settings, reterr) : s;
}

struct create {
    const struct rs_webhook *webhook;
    const struct rs_actor *actor;
    char *secret;
};

static enum rs_status create_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct create *c = arg;
    return rs_webhook_create_in(conn, c->webhook, NULL, c->actor, c->secret, reterr);
}

enum rs_status rs_webhook_create(struct rs_db *db, const struct rs_webhook *webhook,
                                 const struct rs_actor *actor,
                                 char ret_secret[RS_WEBHOOK_SECRET_BYTES], struct rs_err *reterr)
{
    struct create c = {.webhook = webhook, .actor = actor, .secret = ret_secret};
    return rs_db_write(db, create_job, &c, reterr);
}

/* What a change needs of the row, copied out of the statement. */
struct found {
    int64_t id;
    bool enabled;
    struct rs_webhook webhook;
    char settings[RS_AUDIT_DETAILS_BYTES_MAX];
    char secret[SECRETS_BYTES];
};

static enum rs_status found_take(void *arg, const struct rs_webhook_row *row, struct rs_err *reterr)
{
    struct found *f = arg;
    f->id = row->id;
    f->enabled = row->enabled;
    if (!rs_text_copy(f->settings, sizeof(f->settings), row->settings) ||
        !rs_text_copy(f->secret, sizeof(f->secret), row->secret))
        return rs_fail(
            reterr, RS_CORRUPT,
            "the stored settings of a webhook are damaged: delete it and create it anew");
    return rs_webhook_load(row, &f->webhook, reterr);
}

struct change {
    const char *name;
    const struct rs_json *object;
    const struct rs_webhook_rules *rules;
    const struct rs_actor *actor;
    bool is_changed;
    struct found found;
};

static enum rs_status change_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct change *c = arg;
    RS_AUTO(rs_buf) struct rs_buf settings = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    enum rs_status s = rs_catalog_webhook_get(conn, c->name, found_take, &c->found, reterr);
    if (s == RS_OK)
        s = rs_webhook_read(c->object, c->rules, &c->found.webhook, reterr);
    if (s == RS_OK)
        s = rs_webhook_settings_write(&c->found.webhook, &settings, reterr);
    if (s != RS_OK)
        return s;
    c->is_changed = strcmp(rs_buf_text(&settings), c->found.settings) != 0;
    if (!c->is_changed)
        return RS_OK;
    struct rs_webhook_row row = {.id = c->found.id,
                                 .settings = rs_buf_text(&settings),
                                 .secret = c->found.secret,
                                 .enabled = c->found.webhook.enabled};
    s = rs_catalog_webhook_update(conn, &row, reterr);
    return s == RS_OK ? settings_audited(conn, "webhook-changed", c->actor, row.settings, reterr)
                      : s;
}

enum rs_status rs_webhook_change(struct rs_db *db, const char *name, const struct rs_json *object,
                                 const struct rs_webhook_rules *rules, const struct rs_actor *actor,
                                 bool *ret_changed, struct rs_err *reterr)
{
    RS_AUTO_FREE struct change *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    c->name = name;
    c->object = object;
    c->rules = rules;
    c->actor = actor;
    enum rs_status s = rs_db_write(db, change_job, c, reterr);
    *ret_changed = c->is_changed;
    rs_secret_wipe(c->found.secret, sizeof(c->found.secret));
    return s;
}

struct rotate {
    const char *name;
    bool keep_previous;
    const struct rs_actor *actor;
    char *secret;
    struct found found;
};

static enum rs_status rotate_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct rotate *r = arg;
    char secrets[SECRETS_BYTES + RS_WEBHOOK_SECRET_BYTES];
    enum rs_status s = rs_catalog_webhook_get(conn, r->name, found_take, &r->found, reterr);
    if (s != RS_OK)
        return s;
    r->found.secret[strcspn(r->found.secret, " ")] = '\0';
    rs_signature_secret_new(r->secret);
    (void)snprintf(secrets, sizeof(secrets), "%s%s%s", r->secret, r->keep_previous ? " " : "",
                   r->keep_previous ? r->found.secret : "");
    struct rs_webhook_row row = {.id = r->found.id,
                                 .settings = r->found.settings,
                                 .secret = secrets,
                                 .enabled = r->found.enabled};
    s = rs_catalog_webhook_update(conn, &row, reterr);
    rs_secret_wipe(secrets, sizeof(secrets));
    return s == RS_OK
               ? name_audited(conn, "webhook-secret-rotated", r->actor, r->name, NULL, 0, reterr)
               : s;
}

enum rs_status rs_webhook_rotate(struct rs_db *db, const char *name, bool keep_previous,
                                 const struct rs_actor *actor,
                                 char ret_secret[RS_WEBHOOK_SECRET_BYTES], struct rs_err *reterr)
{
    RS_AUTO_FREE struct rotate *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    r->name = name;
    r->keep_previous = keep_previous;
    r->actor = actor;
    r->secret = ret_secret;
    enum rs_status s = rs_db_write(db, rotate_job, r, reterr);
    rs_secret_wipe(r->found.secret, sizeof(r->found.secret));
    return s;
}

struct by_name {
    const char *name;
    const struct rs_actor *actor;
    int64_t event_seq;
    int64_t n;
};

static enum rs_status id_take(void *arg, const struct rs_webhook_row *row, struct rs_err *reterr)
{
    (void)reterr;
    *(int64_t *)arg = row->id;
    return RS_OK;
}

static enum rs_status delete_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct by_name *b = arg;
    int64_t id = 0;
    enum rs_status s = rs_catalog_webhook_get(conn, b->name, id_take, &id, reterr);
    if (s == RS_OK)
        s = rs_catalog_webhook_delete(conn, id, reterr);
    return s == RS_OK ? name_audited(conn, "webhook-deleted", b->actor, b->name, NULL, 0, reterr)
                      : s;
}

enum rs_status rs_webhook_delete(struct rs_db *db, const char *name, const struct rs_actor *actor,
                                 struct rs_err *reterr)
{
    struct by_name b = {.name = name, .actor = actor};
    return rs_db_write(db, delete_job, &b, reterr);
}

static enum rs_status redeliver_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct by_name *b = arg;
    int64_t id = 0;
    b->n = 0;
    enum rs_status s = rs_catalog_webhook_get(conn, b->name, id_take, &id, reterr);
    if (s == RS_OK)
        s = rs_catalog_delivery_revive(conn, id, b->event_seq, rs_clock_unix_ms(), &b->n, reterr);
    if (s != RS_OK || b->n == 0)
        return s;
    return name_audited(conn, "webhook-redelivered", b->actor, b->name, "deliveries", b->n, reterr);
}

enum rs_status rs_webhook_redeliver(struct rs_db *db, const char *name, int64_t event_seq,
                                    const struct rs_actor *actor, int64_t *ret_n,
                                    struct rs_err *reterr)
{
    struct by_name b = {.name = name, .actor = actor, .event_seq = event_seq};
    enum rs_status s = rs_db_write(db, redeliver_job, &b, reterr);
    *ret_n = b.n;
    return s;
}
