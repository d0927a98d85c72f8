/*
 * catalog/garbage.h: blobs that nothing needs any more.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 8 (online garbage collection).
 *
 * A blob is garbage when every repository that has it neither names it in a manifest nor got it
 * since `before_ms`, and it is itself older than that.  A manifest that names a blob keeps it,
 * whatever state the manifest is in.
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
    uint64_t size; /* bytes */
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
 * rs_catalog_garbage_step(): look at the next `found_max` blobs and tell which of them are garbage.
 * A read; the cost of a step does not depend on how many blobs there are.  Errors: RS_CORRUPT, and
 * the faults of the database.
 */
RS_MUST_CHECK enum rs_status rs_catalog_garbage_step(struct rs_db_conn *conn, int64_t before_ms,
                                                     struct rs_garbage_step *step,
                                                     struct rs_err *reterr);

/**
 * rs_catalog_garbage_remove(): within a write job: if the blob is still garbage, remove its links,
 * its uploaders, its row and its aliases, and touch the generations of the repositories that lose
 * it. *ret_removed false: somebody needs it again, nothing changed.  The caller removes the file
 * after the commit.
 */
RS_MUST_CHECK enum rs_status rs_catalog_garbage_remove(struct rs_db_conn *conn, const char *digest,
                                                       int64_t before_ms, bool *ret_removed,
                                                       struct rs_err *reterr);

/* Is there a row for the blob?  A file without one is a stray. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_is_known(struct rs_db_conn *conn, const char *digest,
                                                      bool *ret_is_known, struct rs_err *reterr);

#endif
