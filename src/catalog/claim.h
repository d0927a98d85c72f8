/*
 * catalog/claim.h: leases on work, and the queries that find work.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC sections 2 ("root"), 5 (claims, work
 * list). Functions that change something run within a write job.
 */
#ifndef RS_CATALOG_CLAIM_H
#define RS_CATALOG_CLAIM_H

#include "base/arena.h"
#include "base/id.h"
#include "catalog/manifest.h"
#include "db/db.h"

struct rs_claim_row {
    char id[RS_ID_TEXT_BYTES];
    int64_t manifest_id;
    const char *check_name; /* "" is the decision */
    int64_t principal_id;
    const char *principal;
    int64_t lease_ms;
    int64_t expires_ms; /* wall time, only to be shown */
    const char *boot_id;
    int64_t expires_mono_ms; /* of that boot */
};

/* *ret is NULL when there is none. */
RS_MUST_CHECK enum rs_status rs_catalog_claim_find(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   const char *id, struct rs_claim_row **ret,
                                                   struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_claim_of(struct rs_db_conn *conn, struct rs_arena *arena,
                                                 int64_t manifest_id, const char *check_name,
                                                 struct rs_claim_row **ret, struct rs_err *reterr);
/* All of a manifest, by check. */
RS_MUST_CHECK enum rs_status rs_catalog_claim_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   int64_t manifest_id,
                                                   const struct rs_claim_row **ret, size_t *ret_n,
                                                   struct rs_err *reterr);
/* Replaces whatever lease there was on (manifest, check). */
RS_MUST_CHECK enum rs_status rs_catalog_claim_put(struct rs_db_conn *conn,
                                                  const struct rs_claim_row *row,
                                                  struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_claim_remove(struct rs_db_conn *conn, const char *id,
                                                     struct rs_err *reterr);
RS_MUST_CHECK enum rs_status
rs_catalog_claim_remove_all(struct rs_db_conn *conn, int64_t manifest_id, struct rs_err *reterr);
/* After a reboot nobody knows how much of a lease has passed: leases of other boots begin anew. */
RS_MUST_CHECK enum rs_status rs_catalog_claim_adopt(struct rs_db_conn *conn, const char *boot_id,
                                                    int64_t now_mono_ms, int64_t now_ms,
                                                    struct rs_err *reterr);

RS_MUST_CHECK enum rs_status rs_catalog_claim_has_other_boot(struct rs_db_conn *conn,
                                                             const char *boot_id, bool *ret,
                                                             struct rs_err *reterr);

/* ---- work ---- */

/* A root of the work list and the name of its repository. */
struct rs_work_row {
    int64_t id;
    /* NULL: its row is damaged; the others are work all the same */
    struct rs_manifest_row *manifest;
    const char *repository;
};
struct rs_work_query {
    enum rs_state state;    /* quarantined or failed */
    const char *repository; /* one repository's, or NULL for all */
    int64_t after_id;
    int64_t n_max;
};
/* Quarantined roots that nobody holds a live lease of, for a check ("" is the decision) that they
 * have not passed. */
struct rs_work_free {
    const char *check_name;
    const char *boot_id; /* leases of another boot count as live */
    int64_t now_mono_ms;
    int64_t after_id;
    int64_t n_max;
};
RS_MUST_CHECK enum rs_status rs_catalog_work_free(struct rs_db_conn *conn, struct rs_arena *arena,
                                                  const struct rs_work_free *query,
                                                  const struct rs_work_row **ret, size_t *ret_n,
                                                  struct rs_err *reterr);
/* Roots (SPEC section 1) in push order. */
RS_MUST_CHECK enum rs_status rs_catalog_work_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                                  const struct rs_work_query *query,
                                                  const struct rs_work_row **ret, size_t *ret_n,
                                                  struct rs_err *reterr);
/* Is this manifest a part: never pushed under a tag, and named by an index in state quarantined? */
RS_MUST_CHECK enum rs_status rs_catalog_work_is_part(struct rs_db_conn *conn,
                                                     const struct rs_manifest_row *row, bool *ret,
                                                     struct rs_err *reterr);
/* In that state since `until_ms` or longer, after (after_ms, after_id), in that order.  For notices
 * (`not_overdue`): roots that were not told to be overdue.  Else, for expiry: roots, and
 * attachments whose subject is not there. */
struct rs_work_since {
    enum rs_state state;
    bool not_overdue;
    int64_t until_ms;
    int64_t after_ms;
    int64_t after_id;
    int64_t n_max;
};
RS_MUST_CHECK enum rs_status rs_catalog_work_since(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   const struct rs_work_since *query,
                                                   const struct rs_work_row **ret, size_t *ret_n,
                                                   struct rs_err *reterr);

/* How many manifests are in each state of quarantine, and how many roots are overdue (metrics). */
struct rs_work_counts {
    int64_t quarantined;
    int64_t failed;
    int64_t overdue;
};
RS_MUST_CHECK enum rs_status
rs_catalog_work_counts(struct rs_db_conn *conn, struct rs_work_counts *ret, struct rs_err *reterr);

#endif
