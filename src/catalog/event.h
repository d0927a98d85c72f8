/*
 * catalog/event.h: the rows of the outbox, which is the feed as well.
 * Layer: catalog.  Spec: SPEC section 6.
 * One connection writes, so the order of seq is the order of the commits: whoever read up to a seq
 * has seen all before it.
 */
#ifndef RS_CATALOG_EVENT_H
#define RS_CATALOG_EVENT_H

#include "db/db.h"

struct rs_event_row {
    int64_t seq; /* given by the catalog */
    const char *id;
    const char *type;
    const char *repository;
    const char *tag; /* NULL for none */
    const char *digest;
    bool is_held;
    int64_t created_ms;
    /* the event as a JSON object, without its sequence and the decision's details */
    const char *payload;
    const char *decision; /* the decision's details as JSON, NULL for none */
};

/* Inside a write job. */
RS_MUST_CHECK enum rs_status rs_catalog_event_insert(struct rs_db_conn *conn,
                                                     const struct rs_event_row *row,
                                                     int64_t *ret_seq, struct rs_err *reterr);

/* Each event after a seq, in order, at most `n_max` of them.  The row is borrowed for the call;
 * *stop ends early. */
typedef enum rs_status (*rs_event_row_fn)(void *arg, const struct rs_event_row *row, bool *stop,
                                          struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_event_each(struct rs_db_conn *conn, int64_t after,
                                                   int64_t n_max, rs_event_row_fn fn, void *arg,
                                                   struct rs_err *reterr);
/* One event; *ret_found false when there is none. */
RS_MUST_CHECK enum rs_status rs_catalog_event_get(struct rs_db_conn *conn, int64_t seq,
                                                  rs_event_row_fn fn, void *arg, bool *ret_found,
                                                  struct rs_err *reterr);
/* The newest seq; 0 when there is none. */
RS_MUST_CHECK enum rs_status rs_catalog_event_newest(struct rs_db_conn *conn, int64_t *ret_seq,
                                                     struct rs_err *reterr);

/* A walk over the oldest events, in steps that hold the writer for a short time each: it ends at
 * the first that are young, however many follow them. */
struct rs_event_prune {
    int64_t before_ms; /* older than this are to go */
    int64_t n_max;     /* looked at in one step */
    int64_t after;     /* in and out: 0 starts the walk */
    bool is_last;      /* out: nothing is left to do */
};
/* Inside a write job: one step.  The first also removes dead letters as old.  What an enabled
 * webhook has not passed yet, and what a delivery still names, stays. */
RS_MUST_CHECK enum rs_status rs_catalog_event_prune(struct rs_db_conn *conn,
                                                    struct rs_event_prune *prune,
                                                    struct rs_err *reterr);

#endif
