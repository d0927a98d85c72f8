/*
 * catalog/audit.h: the rows of the audit log and of its checkpoints.
 * Layer: catalog.  Spec: SPEC section 7.
 * The columns beside `record` are copies for filtering; what counts is the record's bytes
 * (audit/record.h).
 */
#ifndef RS_CATALOG_AUDIT_H
#define RS_CATALOG_AUDIT_H

#include "db/db.h"

#define RS_AUDIT_HASH_BYTES 32

struct rs_audit_row {
    int64_t seq;
    int64_t at_ms;
    const char *action;
    const char *repository; /* NULL for none */
    const char *digest;     /* NULL for none */
    const char *actor;
    struct rs_str record;     /* canonical bytes */
    struct rs_str chain_hash; /* RS_AUDIT_HASH_BYTES when the row is sound */
    struct rs_str leaf_hash;
};

/* The newest record: its seq (0 when there is none) and its chain hash (zeroes when there is none).
 * Errors: RS_CORRUPT, RS_IO. */
RS_MUST_CHECK enum rs_status
rs_catalog_audit_head(struct rs_db_conn *conn, int64_t *ret_seq,
                      unsigned char ret_chain_hash[RS_AUDIT_HASH_BYTES], struct rs_err *reterr);

/* Inside a write job.  RS_CONFLICT when the seq exists. */
RS_MUST_CHECK enum rs_status rs_catalog_audit_insert(struct rs_db_conn *conn,
                                                     const struct rs_audit_row *row,
                                                     struct rs_err *reterr);

/* What to look for; zero and NULL mean "any". */
struct rs_audit_filter {
    int64_t after; /* records with a greater seq */
    const char *repository;
    const char *digest;
    const char *actor;
    const char *action;
    int64_t from_ms; /* at or after */
    int64_t to_ms;   /* before; 0 = no bound */
};

/* Called for each row in order of seq; the row is borrowed for the call.  Set *stop to end early;
 * an error ends it with that error. */
typedef enum rs_status (*rs_audit_row_fn)(void *arg, const struct rs_audit_row *row, bool *stop,
                                          struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_audit_each(struct rs_db_conn *conn,
                                                   const struct rs_audit_filter *filter,
                                                   rs_audit_row_fn fn, void *arg,
                                                   struct rs_err *reterr);

/* A signed checkpoint with the tree's frontier at its size (audit/tree.h), so that the tree goes on
 * from there after a restart. */
struct rs_audit_checkpoint_row {
    int64_t size;
    struct rs_str note;     /* text */
    struct rs_str frontier; /* hashes, concatenated */
    int64_t created_ms;
};
/* The newest; *ret_found false when there is none.  fn is called at most once, the row is borrowed
 * for the call. */
typedef enum rs_status (*rs_audit_checkpoint_fn)(void *arg,
                                                 const struct rs_audit_checkpoint_row *row,
                                                 struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_audit_checkpoint_newest(struct rs_db_conn *conn,
                                                                rs_audit_checkpoint_fn fn,
                                                                void *arg, bool *ret_found,
                                                                struct rs_err *reterr);
/* The one with the smallest size greater than `after`, for walking over all of them. */
RS_MUST_CHECK enum rs_status
rs_catalog_audit_checkpoint_next(struct rs_db_conn *conn, int64_t after, rs_audit_checkpoint_fn fn,
                                 void *arg, bool *ret_found, struct rs_err *reterr);
/* Inside a write job; a row of the same size is kept. */
RS_MUST_CHECK enum rs_status rs_catalog_audit_checkpoint_insert(
    struct rs_db_conn *conn, const struct rs_audit_checkpoint_row *row, struct rs_err *reterr);
/* Keep the newest `keep` of them. */
RS_MUST_CHECK enum rs_status rs_catalog_audit_checkpoint_prune(struct rs_db_conn *conn,
                                                               int64_t keep, struct rs_err *reterr);

#endif
