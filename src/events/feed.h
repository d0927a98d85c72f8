/*
 * events/feed.h: the events for their readers, page by page; the stream is pages too.
 * Layer: events.  Spec: SPEC section 6 (last two items).  Threads: any; reads only.
 *
 * Who sees what: events of repositories that the reader has a grant on; those about a manifest in
 * quarantine (`quarantine*`, and `delete` of such a one) only with quarantine-pull,
 * quarantine-decide, a check or audit-read there; the decision's details only with quarantine-pull,
 * quarantine-decide or audit-read.  Judged anew for every page by the principal's grants of that
 * moment.
 */
#ifndef RS_EVENTS_FEED_H
#define RS_EVENTS_FEED_H

#include "auth/auth.h"
#include "base/buf.h"
#include "catalog/event.h"
#include "db/db.h"

#define RS_FEED_PAGE_MAX 1000

enum rs_feed_form {
    RS_FEED_PAGE,   /* {"events":[...],"next":<sequence>,"more":<bool>} */
    RS_FEED_STREAM, /* id:, event: and data: lines of text/event-stream */
};

struct rs_feed_page {
    int64_t next;  /* go on with after=next */
    bool has_more; /* there may be more right now */
    unsigned n;    /* events written */
};

/* Append a page.  As rs_audit_query(). */
RS_MUST_CHECK enum rs_status rs_feed_read(struct rs_db *db, struct rs_auth *auth,
                                          const struct rs_identity *identity, int64_t after,
                                          unsigned n_max, size_t bytes_max, enum rs_feed_form form,
                                          struct rs_buf *out, struct rs_feed_page *ret,
                                          struct rs_err *reterr);

/* The newest event's sequence, 0 when there is none: where a reader begins who wants only what
 * follows. */
RS_MUST_CHECK enum rs_status rs_feed_newest(struct rs_db *db, int64_t *ret_seq,
                                            struct rs_err *reterr);

/* May somebody with this access see the event / its decision's details?  (The rules above, as pure
 * functions.) */
bool rs_feed_shows(const struct rs_access *access, const char *type, bool is_held);
bool rs_feed_shows_details(const struct rs_access *access);

#endif
