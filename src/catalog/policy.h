/*
 * catalog/policy.h: the rows of policies.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 5.
 * What the rules mean is quarantine/policy.h's business; here they are text.
 */
#ifndef RS_CATALOG_POLICY_H
#define RS_CATALOG_POLICY_H

#include "base/arena.h"
#include "base/id.h"
#include "db/db.h"

struct rs_catalog_policy {
    const char *pattern;
    const char *rules; /* canonical JSON object */
    int64_t position;  /* 0, 1, 2, ... without gaps */
};

/* All policies by position, texts in the arena. */
RS_MUST_CHECK enum rs_status rs_catalog_policy_all(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   const struct rs_catalog_policy **ret,
                                                   size_t *ret_n, struct rs_err *reterr);
/**
 * rs_catalog_policy_replace_all(): within a write job: these n policies, in this order, are now
 * all. Gives the list a new version and touches the access generation.
 */
RS_MUST_CHECK enum rs_status rs_catalog_policy_replace_all(struct rs_db_conn *conn,
                                                           const struct rs_catalog_policy *policies,
                                                           size_t n, int64_t now_ms,
                                                           struct rs_err *reterr);
/**
 * rs_catalog_policy_version(): a random text that changes with every change of the list, "" before
 * the first.  It is read in the same snapshot as the rows, so that a cache keyed by it can be stale
 * in no interleaving, also inside of a write job that is rolled back later.
 */
RS_MUST_CHECK enum rs_status rs_catalog_policy_version(struct rs_db_conn *conn,
                                                       char ret[RS_ID_TEXT_BYTES],
                                                       struct rs_err *reterr);

#endif
