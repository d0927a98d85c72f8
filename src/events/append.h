/*
 * events/append.h: write one event to the outbox inside the transaction of the change.
 * Layer: events.  Spec: SPEC section 6.
 */
#ifndef RS_EVENTS_APPEND_H
#define RS_EVENTS_APPEND_H

#include "auth/access.h"
#include "base/id.h"
#include "db/db.h"

enum rs_event_type {
    RS_EVENT_QUARANTINE,
    RS_EVENT_PUSH,
    RS_EVENT_DELETE,
    RS_EVENT_QUARANTINE_FAILED,
    RS_EVENT_QUARANTINE_OVERDUE,
};

struct rs_event {
    enum rs_event_type type;
    const struct rs_actor *actor; /* who caused this event; for a delayed push, who released */
    const char *repository;
    const char *tag; /* NULL for none */
    const char *digest;
    const char *publisher; /* who pushed the manifest */
    int64_t size;          /* of the manifest, bytes */
    const char *media_type;
    const char *artifact_type; /* NULL for none */
    const char *subject;       /* digest, NULL for none */
    /* JSON text of the decision's details, "null" for a decision without any; only shown to those
     * who may see details.  NULL: nobody decided (a push while quarantine is off, a delete). */
    const char *decision;
    const char *quarantine_event_id; /* a delayed push names its quarantine event; NULL otherwise */
    bool is_held;                    /* about a manifest that is in quarantine: narrower audience */
};

/**
 * rs_event_append(): give the event its id and sequence number and store it; wakes webhooks and
 * streams after the commit. ret_id may be NULL.  Errors: RS_IO, RS_NOMEM; the caller's job must
 * then fail too.
 */
RS_MUST_CHECK enum rs_status rs_event_append(struct rs_db_conn *conn, const struct rs_event *event,
                                             char ret_id[RS_ID_TEXT_BYTES], struct rs_err *reterr);

#endif
