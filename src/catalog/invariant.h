/*
 * catalog/invariant.h: the invariants of schema.c as queries that find what breaks them.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 8 (fsck).
 */
#ifndef RS_CATALOG_INVARIANT_H
#define RS_CATALOG_INVARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/blob.h"
#include "db/db.h"

/* One broken place.  Texts are borrowed for the call. */
struct rs_invariant_break {
    const char *invariant;  /* "I1" ... */
    const char *what;       /* what is wrong, for people */
    const char *repository; /* NULL when it is about none */
    const char *subject;    /* a digest, a tag, a row's name; NULL when there is none */
    /* rs_catalog_invariant_repair() can put it right without losing content or opening any */
    bool is_repairable;
};

/* Return false to stop. */
typedef bool (*rs_invariant_visit)(const struct rs_invariant_break *b, void *arg);

/* How many invariants there are: the progress of a check is i of this. */
size_t rs_catalog_invariants(void);

/* Find every break of the i-th invariant, on the caller's snapshot.  Errors: the faults of the
 * database. */
RS_MUST_CHECK enum rs_status rs_catalog_invariant_check(struct rs_db_conn *conn, size_t i,
                                                        rs_invariant_visit fn, void *arg,
                                                        struct rs_err *reterr);

/**
 * rs_catalog_invariant_repair(): within a write job: put right what can be derived from the rest.
 * Counters are counted anew, pointers to nothing are cleared, rows of nothing go.  It never makes
 * anything readable that was not, and never changes a state. *ret_rows rows changed; 0 also when
 * this invariant cannot be repaired.
 */
RS_MUST_CHECK enum rs_status rs_catalog_invariant_repair(struct rs_db_conn *conn, size_t i,
                                                         int64_t *ret_rows, struct rs_err *reterr);

/**
 * rs_catalog_blob_lost(): within a write job: the blob's file is missing or damaged beyond use:
 * forget it everywhere, so that clients are told that it is not there and push it again; what
 * manifests say about it stays.
 */
RS_MUST_CHECK enum rs_status rs_catalog_blob_lost(struct rs_db_conn *conn, const char *digest,
                                                  struct rs_err *reterr);

/* A blob's or a manifest's row, for a walk over all of them in the order of their digests. */
struct rs_stored {
    char digest[RS_CANONICAL_DIGEST_BYTES];
    uint64_t size;
};
/* The first blob after `after` ("" starts); *ret_found false at the end. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_next(struct rs_db_conn *conn, const char *after,
                                                  struct rs_stored *ret, bool *ret_found,
                                                  struct rs_err *reterr);
/* The same for the stored bytes of manifests; *ret_bytes is borrowed until the next statement of
 * the connection. */
typedef enum rs_status (*rs_stored_manifest_fn)(const char *digest, struct rs_str bytes, void *arg,
                                                struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_manifest_bytes_each(struct rs_db_conn *conn,
                                                            rs_stored_manifest_fn fn, void *arg,
                                                            struct rs_err *reterr);

/* How much there is to verify. */
struct rs_stored_totals {
    uint64_t blobs;
    uint64_t blob_bytes;
    uint64_t manifests;
};
RS_MUST_CHECK enum rs_status rs_catalog_stored_totals(struct rs_db_conn *conn,
                                                      struct rs_stored_totals *ret,
                                                      struct rs_err *reterr);

#endif
