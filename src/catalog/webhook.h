/*
 * catalog/webhook.h: webhooks, and the deliveries that did not succeed at once.
 * Layer: catalog.  Spec: SPEC section 6.
 *
 * A webhook's cursor is the seq up to which every event was delivered, was not wanted, or has a row
 * in `delivery`.  So nothing is lost at any point of a crash: what is past the cursor is sent
 * (again), what has a row is retried.
 */
#ifndef RS_CATALOG_WEBHOOK_H
#define RS_CATALOG_WEBHOOK_H

#include "db/db.h"

struct rs_webhook_row {
    int64_t id;
    const char *name;
    const char *settings; /* JSON, see events/webhook.h */
    const char *secret;   /* one or two of whsec_..., newest first, separated by a space */
    bool enabled;
    int64_t created_ms;
    int64_t cursor;
    int64_t waiting; /* deliveries in each state; only set by each() and get() */
    int64_t dead;
};

typedef enum rs_status (*rs_webhook_row_fn)(void *arg, const struct rs_webhook_row *row,
                                            struct rs_err *reterr);
/* All webhooks by name; the row is borrowed for the call. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_each(struct rs_db_conn *conn, rs_webhook_row_fn fn,
                                                     void *arg, struct rs_err *reterr);
/* One by its name: RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_get(struct rs_db_conn *conn, const char *name,
                                                    rs_webhook_row_fn fn, void *arg,
                                                    struct rs_err *reterr);

/* Is it still there?  Cheap, unlike get(), which counts deliveries. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_exists(struct rs_db_conn *conn, int64_t id,
                                                       bool *ret_exists, struct rs_err *reterr);

/* ---- inside a write job ---- */

/* RS_CONFLICT when the name is taken. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_insert(struct rs_db_conn *conn,
                                                       const struct rs_webhook_row *row,
                                                       struct rs_err *reterr);
/* Settings, secret and enabled of the row with row->id. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_update(struct rs_db_conn *conn,
                                                       const struct rs_webhook_row *row,
                                                       struct rs_err *reterr);
/* With its deliveries. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_delete(struct rs_db_conn *conn, int64_t id,
                                                       struct rs_err *reterr);
/* Forward only. */
RS_MUST_CHECK enum rs_status rs_catalog_webhook_advance(struct rs_db_conn *conn, int64_t id,
                                                        int64_t cursor, struct rs_err *reterr);

/* ---- deliveries ---- */

struct rs_delivery_row {
    int64_t webhook_id;
    int64_t event_seq;
    const char *digest;
    const char *state; /* "waiting" or "dead" */
    int64_t attempts;
    int64_t first_ms;
    int64_t next_ms;
    const char *last_error; /* NULL before the first failure */
    const char *event_id;   /* of the event, read only */
    const char *event_type;
    const char *repository;
    const char *tag;
};

typedef enum rs_status (*rs_delivery_row_fn)(void *arg, const struct rs_delivery_row *row,
                                             struct rs_err *reterr);
/* In order of the events, after one; state NULL = both; at most n_max. */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_each(struct rs_db_conn *conn, int64_t webhook_id,
                                                      const char *state, int64_t after,
                                                      int64_t n_max, rs_delivery_row_fn fn,
                                                      void *arg, struct rs_err *reterr);
/* The waiting delivery that may be tried first: no earlier event of its digest waits at the same
 * webhook.  *ret_found false when none waits; otherwise row.next_ms says when it is due. */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_next(struct rs_db_conn *conn, int64_t webhook_id,
                                                      rs_delivery_row_fn fn, void *arg,
                                                      bool *ret_found, struct rs_err *reterr);
/* Does a delivery of this digest wait at the webhook? */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_waits(struct rs_db_conn *conn, int64_t webhook_id,
                                                       const char *digest, bool *ret_waits,
                                                       struct rs_err *reterr);
/* Insert or replace, inside a write job. */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_put(struct rs_db_conn *conn,
                                                     const struct rs_delivery_row *row,
                                                     struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_delivery_delete(struct rs_db_conn *conn, int64_t webhook_id,
                                                        int64_t event_seq, struct rs_err *reterr);
/* Everything that waits at the webhook is due now. */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_hurry(struct rs_db_conn *conn, int64_t webhook_id,
                                                       int64_t now_ms, struct rs_err *reterr);
/* Dead letters wait again, from now, with their attempts forgotten: one (event_seq) or all (0).
 * *ret_n of them. */
RS_MUST_CHECK enum rs_status rs_catalog_delivery_revive(struct rs_db_conn *conn, int64_t webhook_id,
                                                        int64_t event_seq, int64_t now_ms,
                                                        int64_t *ret_n, struct rs_err *reterr);

#endif
