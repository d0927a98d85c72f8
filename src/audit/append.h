/*
 * audit/append.h: write one audit record inside the transaction of the change it tells about.
 * Layer: audit.  Spec: SPEC section 7.
 */
#ifndef RS_AUDIT_APPEND_H
#define RS_AUDIT_APPEND_H

#include <stddef.h>

#include "auth/access.h"
#include "base/buf.h"
#include "db/db.h"

struct rs_audit_entry {
    /* "quarantined", "pushed", "released", "failed", "reversed", "deleted", "tag-moved",
     * "grant-added", ... */
    const char *action;
    const struct rs_actor *actor; /* required */
    const char *repository;       /* NULL when it is about no repository */
    const char *const *tags;      /* n_tags names, in order; may be NULL when n_tags is 0 */
    size_t n_tags;
    const char *digest;    /* NULL when it is about no manifest */
    const char *publisher; /* who pushed; NULL when it does not apply */
    /* JSON text (any value) or NULL; at most RS_AUDIT_ENTRY_DETAILS_BYTES_MAX; stored in canonical
     * form */
    const char *details;
    int64_t cause; /* seq of the decision's own record in a cascade; 0 = none */
};

/* What a decision or a report may say. */
#define RS_AUDIT_DETAILS_BYTES_MAX ((size_t)65536)
/* A record's details, where that stands in what the daemon has to tell about it: every tag that had
 * to stay where it was, a verdict that was remembered.  Nobody may say so much about an image that
 * nothing can be done about it any more. */
#define RS_AUDIT_ENTRY_DETAILS_BYTES_MAX ((size_t)12 << 20)

/* The actor of what the daemon does by itself (notices, expiry, aggregates): no principal has this
 * id, and no user may take the name. */
#define RS_AUDIT_DAEMON_ID ((int64_t)-1)
#define RS_AUDIT_DAEMON_NAME "roadstead"

/**
 * rs_audit_details_of_text(): free-form text as details: what is JSON stays that value, everything
 * else becomes one JSON string. Bytes that are not UTF-8 become U+FFFD.  Also right for the
 * `decision` of an event.
 * @out  appended to
 * Errors: RS_TOO_LARGE (more than RS_AUDIT_DETAILS_BYTES_MAX afterwards), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_audit_details_of_text(struct rs_str text, struct rs_buf *out,
                                                      struct rs_err *reterr);

/**
 * rs_audit_append(): chain and store one record.  Runs inside a write job; the record exists
 * exactly when the change does. Errors: RS_TOO_LARGE (details), RS_BAD_REQUEST (details are no
 * JSON), RS_IO, RS_NOMEM; then the caller's job must fail too.
 */
RS_MUST_CHECK enum rs_status rs_audit_append(struct rs_db_conn *conn,
                                             const struct rs_audit_entry *entry, int64_t *ret_seq,
                                             struct rs_err *reterr);

#endif
