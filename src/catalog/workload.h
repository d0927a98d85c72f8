/*
 * catalog/workload.h: what makes a principal of kind `workload`: its issuer and its rule.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 3.
 * The principal's row (catalog/principal.h) is the other half; its `secret` is a new random one
 * with each change of the rule, so that whatever was got under one rule ends with it, for good.
 */
#ifndef RS_CATALOG_WORKLOAD_H
#define RS_CATALOG_WORKLOAD_H

#include "base/arena.h"
#include "db/db.h"

struct rs_workload {
    int64_t principal_id;
    const char *name;
    const char *rule;   /* canonical JSON, see auth/workload_rule.h */
    const char *secret; /* of the principal's row */
};

/* Set or replace.  Within a write job, as part of adding or changing the principal. */
RS_MUST_CHECK enum rs_status rs_workload_put(struct rs_db_conn *conn, int64_t principal_id,
                                             const char *issuer, const char *rule,
                                             struct rs_err *reterr);
/* The rule, in the arena.  RS_CORRUPT when there is none. */
RS_MUST_CHECK enum rs_status rs_workload_rule_of(struct rs_db_conn *conn, int64_t principal_id,
                                                 struct rs_arena *arena, const char **ret,
                                                 struct rs_err *reterr);

/* Does a workload that is not disabled name this issuer?  `name` NULL: any workload. */
RS_MUST_CHECK enum rs_status rs_workload_has_issuer(struct rs_db_conn *conn, const char *issuer,
                                                    const char *name, bool *ret,
                                                    struct rs_err *reterr);
/* Called for each of these, in the order of names; `w` is borrowed until return.  An error ends the
 * walk with that error. */
typedef enum rs_status (*rs_workload_visit)(const struct rs_workload *w, void *arg,
                                            struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_workload_each(struct rs_db_conn *conn, const char *issuer,
                                              const char *name, rs_workload_visit fn, void *arg,
                                              struct rs_err *reterr);

#endif
