/*
 * events/webhook.h: what a webhook is, and changing it.  The changes run in write jobs and are
 * audited; the sender (events/sender.h) is told after the commit. Layer: events.  Spec: SPEC
 * section 6.
 */
#ifndef RS_EVENTS_WEBHOOK_H
#define RS_EVENTS_WEBHOOK_H

#include "auth/access.h"
#include "base/buf.h"
#include "catalog/webhook.h"
#include "db/db.h"
#include "events/render.h"
#include "events/signature.h"
#include "json/json.h"

#define RS_WEBHOOKS_MAX 64
#define RS_WEBHOOK_NAME_BYTES 65
#define RS_WEBHOOK_URL_BYTES 2048
#define RS_WEBHOOK_PATTERNS_MAX 64

/* Types, as a set of bits, in the order of enum rs_event_type. */
#define RS_WEBHOOK_TYPES_ALL 0x1fU

/* What the operator permits every webhook; from the configuration, not from the API. */
struct rs_webhook_rules {
    bool allow_http;       /* http:// URLs too */
    bool follow_redirects; /* each hop is checked like the first */
    /* Networks in CIDR form ("10.0.0.0/8") that may be reached although they are not public. */
    const char *const *private_networks;
    unsigned n_private_networks;
};

struct rs_webhook {
    char name[RS_WEBHOOK_NAME_BYTES];
    char url[RS_WEBHOOK_URL_BYTES];
    unsigned types; /* 1U << enum rs_event_type */
    enum rs_event_format format;
    bool details; /* the decision's details are sent too */
    bool enabled;
    size_t n_patterns; /* none: every repository */
    char pattern[RS_WEBHOOK_PATTERNS_MAX][256];
};

/**
 * rs_webhook_read(): the JSON object of the API and of the configuration file, checked:
 *   {"name","url","events":["push",...],"repositories":["team/app"],"format":"cloudevents","details":false,"enabled":true}
 * Required: name and url.  What is absent keeps the value that *webhook has (for a new one:
 * rs_webhook_init()). `events` absent means all that the format can tell of. Errors:
 * RS_BAD_REQUEST, with what is wrong and what is right.
 */
void rs_webhook_init(struct rs_webhook *webhook);
RS_MUST_CHECK enum rs_status rs_webhook_read(const struct rs_json *object,
                                             const struct rs_webhook_rules *rules,
                                             struct rs_webhook *webhook, struct rs_err *reterr);
/* From a row.  RS_CORRUPT. */
RS_MUST_CHECK enum rs_status rs_webhook_load(const struct rs_webhook_row *row,
                                             struct rs_webhook *ret, struct rs_err *reterr);
/* Does the webhook want this event? */
bool rs_webhook_wants(const struct rs_webhook *webhook, const char *type, const char *repository);

/* ---- changes: each is one durable job with one audit record ---- */

/* RS_CONFLICT: the name is taken, or there are RS_WEBHOOKS_MAX.  A new webhook gets the events that
 * follow.  *ret_secret is shown once. */
RS_MUST_CHECK enum rs_status rs_webhook_create(struct rs_db *db, const struct rs_webhook *webhook,
                                               const struct rs_actor *actor,
                                               char ret_secret[RS_WEBHOOK_SECRET_BYTES],
                                               struct rs_err *reterr);
/* The same inside a write job: for the configuration's initial webhooks, with a secret of their own
 * (NULL: a new one). */
RS_MUST_CHECK enum rs_status rs_webhook_create_in(struct rs_db_conn *conn,
                                                  const struct rs_webhook *webhook,
                                                  const char *secret, const struct rs_actor *actor,
                                                  char ret_secret[RS_WEBHOOK_SECRET_BYTES],
                                                  struct rs_err *reterr);
/* Change some members of the webhook of that name.  RS_NOT_FOUND, RS_BAD_REQUEST.  *ret_changed
 * false: nothing differs, nothing was written. */
RS_MUST_CHECK enum rs_status rs_webhook_change(struct rs_db *db, const char *name,
                                               const struct rs_json *object,
                                               const struct rs_webhook_rules *rules,
                                               const struct rs_actor *actor, bool *ret_changed,
                                               struct rs_err *reterr);
/* A new secret.  With keep_previous deliveries are signed with both until the next rotation.
 * RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_webhook_rotate(struct rs_db *db, const char *name,
                                               bool keep_previous, const struct rs_actor *actor,
                                               char ret_secret[RS_WEBHOOK_SECRET_BYTES],
                                               struct rs_err *reterr);
/* With its waiting and dead deliveries.  RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_webhook_delete(struct rs_db *db, const char *name,
                                               const struct rs_actor *actor, struct rs_err *reterr);
/* Dead letters wait again: that of one event, or all (event_seq 0).  *ret_n of them; 0 writes
 * nothing.  RS_NOT_FOUND: no such webhook. */
RS_MUST_CHECK enum rs_status rs_webhook_redeliver(struct rs_db *db, const char *name,
                                                  int64_t event_seq, const struct rs_actor *actor,
                                                  int64_t *ret_n, struct rs_err *reterr);

/* ---- reading, as JSON objects; secrets are never among them ---- */

/* {"webhooks":[...]} or (name) one object.  RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_webhook_show(struct rs_db *db, const char *name, struct rs_buf *out,
                                             struct rs_err *reterr);
/* {"deliveries":[{"sequence","id","type","repository","tag","digest","state","attempts","firstAttempt","nextAttempt","lastError"}],
 *  "next","more"}; state NULL: both. */
RS_MUST_CHECK enum rs_status rs_webhook_deliveries(struct rs_db *db, const char *name,
                                                   const char *state, int64_t after, unsigned n_max,
                                                   struct rs_buf *out, struct rs_err *reterr);

#endif
