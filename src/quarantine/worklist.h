/*
 * quarantine/worklist.h: what waits for a decision.
 * Layer: quarantine.  Threads: any; reads one snapshot.  Spec: SPEC section 5 ("the work list").
 */
#ifndef RS_QUARANTINE_WORKLIST_H
#define RS_QUARANTINE_WORKLIST_H

#include "auth/auth.h"
#include "base/buf.h"
#include "quarantine/audience.h"

#define RS_WORKLIST_N_MAX ((int64_t)1000)
#define RS_WORKLIST_N_DEFAULT ((int64_t)100)

struct rs_worklist_query {
    struct rs_auth *auth;
    const struct rs_identity *identity;
    enum rs_state state;    /* quarantined or failed */
    const char *repository; /* a name or a pattern; NULL for all */
    const char *check;      /* only those that still need this check; NULL for all */
    int64_t n;              /* 0..RS_WORKLIST_N_MAX rows */
    int64_t last;           /* after this one; 0 for the first page */
};

/**
 * rs_worklist(): append {"images": [...]}: roots in push order, of repositories where the caller
 * holds quarantine-pull, quarantine-decide, a check or audit-read.  Each: repository, digest,
 * state, since, kind, mediaType, artifactType, size, publisher, pushed, tags (pushed under),
 * checks, ready (nothing required is missing), overdue. *ret_next is where the next page goes on, 0
 * when this was the last one.  A page may be shorter than n, even empty, and still have a
 * successor: only so many rows are looked at for one request.
 */
RS_MUST_CHECK enum rs_status rs_worklist(struct rs_db *db, const struct rs_worklist_query *query,
                                         struct rs_buf *out, int64_t *ret_next,
                                         struct rs_err *reterr);

/* How many manifests are in each state of quarantine at this moment, and how many are overdue. */
struct rs_worklist_counts {
    int64_t quarantined;
    int64_t failed;
    int64_t overdue;
};
RS_MUST_CHECK enum rs_status rs_worklist_count(struct rs_db *db, struct rs_worklist_counts *ret,
                                               struct rs_err *reterr);

#endif
