/*
 * catalog/garbage.h: blobs that nothing needs any more.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 8 (online garbage collection).
 *
 * A repository keeps a blob that a manifest of it names, or that it got since `before_ms`, whatever
 * state the manifest is in.  One that does not keep it loses it, also when others do: what a
 * repository has must not tell what is in another one, and counts towards its quota.  A blob that
 * no repository keeps, and that is itself older than `before_ms`, is garbage.
 */
#ifndef RS_CATALOG_GARBAGE_H
#define RS_CATALOG_GARBAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/blob.h"
#include "db/db.h"

struct rs_garbage_blob {
    char digest[RS_CANONICAL_DIGEST_BYTES];
    uint64_t size;  /* bytes */
    uint64_t links; /* repositories that do not keep it */
    bool is_kept;   /* by another one */
};

/* One step of a walk over all blobs, in the order of their digests. */
struct rs_garbage_step {
    char after[RS_CANONICAL_DIGEST_BYTES]; /* in and out: "" starts the walk */
    bool is_last;                          /* out: nothing comes after this step */
    struct rs_garbage_blob *found;         /* caller's array of `found_max` */
    size_t found_max;
    size_t n_found; /* out */
};

/**
 * rs_catalog_garbage_step(): look at the next `found_max` blobs and tell which of them are garbage,
 * or kept by some repositories only.
 * A read; the cost of a step does not depend on how many blobs there are.  Errors: RS_CORRUPT, and
 * the faults of the database.
 */
RS_MUST_CHECK enum rs_status rs_catalog_garbage_step(struct rs_db_conn *conn, int64_t before_ms,
                                                     struct rs_garbage_step *step,
                                                     struct rs_err *reterr);

struct rs_garbage_removed {
    bool is_gone;   /* its row and its aliases: the caller removes the file after the commit */
    uint64_t links; /* repositories that lost it */
};

/**
 * rs_catalog_garbage_remove(): within a write job: take the blob, with who uploaded it, from the
 * repositories that still do not keep it, and touch their generations; if none is left, remove its
 * row and its aliases.  Nothing of both: somebody needs it again.
 */
RS_MUST_CHECK enum rs_status rs_catalog_garbage_remove(struct rs_db_conn *conn, const char *digest,
                                                       int64_t before_ms,
                                                       struct rs_garbage_removed *ret,
                                                       struct rs_err *reterr);

/* Is there a row for the blob?  A file without one is a stray. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_is_known(struct rs_db_conn *conn, const char *digest,
                                                      bool *ret_is_known, struct rs_err *reterr);

#endif
