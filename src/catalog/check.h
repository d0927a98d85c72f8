/*
 * catalog/check.h: reports of checks, and failed verdicts that outlive their manifest.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC sections 2 and 5; invariant I5 of
 * schema.c. Functions that change something run within a write job.
 */
#ifndef RS_CATALOG_CHECK_H
#define RS_CATALOG_CHECK_H

#include "base/arena.h"
#include "catalog/manifest.h"
#include "db/db.h"

enum rs_check_state {
    RS_CHECK_RUNNING,
    RS_CHECK_PASSED,
    RS_CHECK_FAILED,
};
const char *rs_check_state_name(enum rs_check_state state);
RS_MUST_CHECK bool rs_check_state_parse(const char *name, enum rs_check_state *ret);

struct rs_check_row {
    const char *name;
    enum rs_check_state state;
    int64_t reporter_id;
    const char *reporter;
    int64_t reported_ms;
    const char *details; /* JSON or NULL */
    bool failing;        /* it failed while required and has not passed since */
};

/* By name. */
RS_MUST_CHECK enum rs_status rs_catalog_check_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   int64_t manifest_id,
                                                   const struct rs_check_row **ret, size_t *ret_n,
                                                   struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_check_put(struct rs_db_conn *conn, int64_t manifest_id,
                                                  const struct rs_check_row *row,
                                                  struct rs_err *reterr);
/* No report of the manifest is failing any more (it is released). */
RS_MUST_CHECK enum rs_status rs_catalog_check_settle(struct rs_db_conn *conn, int64_t manifest_id,
                                                     struct rs_err *reterr);

struct rs_verdict_row {
    enum rs_failed_by failed_by;
    const char *decided_by;
    const char *details; /* JSON or NULL */
    int64_t at_ms;
    const char *checks; /* JSON array of the failing reports, or NULL */
};
/* *ret is NULL when there is none. */
RS_MUST_CHECK enum rs_status
rs_catalog_verdict_find(struct rs_db_conn *conn, struct rs_arena *arena, const char *repository,
                        const char *digest, struct rs_verdict_row **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_verdict_put(struct rs_db_conn *conn, const char *repository,
                                                    const char *digest,
                                                    const struct rs_verdict_row *row,
                                                    struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_verdict_remove(struct rs_db_conn *conn,
                                                       const char *repository, const char *digest,
                                                       struct rs_err *reterr);

#endif
