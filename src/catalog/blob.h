/*
 * catalog/blob.h: the rows of blobs: which exist, in which repositories they are, who uploaded
 * them, what names and opens them, and under which other digests they are known. Layer: catalog.
 * Threads: as the connection.  Spec: SPEC sections 1 ("one content, one state") and 4; invariants
 * I1 to I3 of schema.c.
 *
 * Digests are canonical sha256 texts unless said otherwise.  Nobody checks permissions here.
 */
#ifndef RS_CATALOG_BLOB_H
#define RS_CATALOG_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"

#define RS_CANONICAL_DIGEST_BYTES \
    72 /* "sha256:", 64 hex digits, NUL; the same as in blob/store.h */

/* ---- digests ---- */

/**
 * rs_catalog_alias_resolve(): the canonical digest of any valid digest text.  A sha256 one is its
 * own canonical form, known or not; another algorithm's must have been seen with its bytes. Errors:
 * RS_NOT_FOUND (an unknown alias), RS_DIGEST_INVALID (no digest at all), RS_CORRUPT, and the faults
 * of the database.
 */
RS_MUST_CHECK enum rs_status rs_catalog_alias_resolve(struct rs_db_conn *conn, const char *digest,
                                                      char ret_canonical[RS_CANONICAL_DIGEST_BYTES],
                                                      struct rs_err *reterr);

/* Remember that `alias` (a digest of another algorithm, verified against the bytes) is `digest`.
 * Within a write job.  Known already: fine; known as something else: RS_CORRUPT. */
RS_MUST_CHECK enum rs_status rs_catalog_alias_add(struct rs_db_conn *conn, const char *alias,
                                                  const char *digest, struct rs_err *reterr);

/* ---- blobs in the store ---- */

/* The blob's bytes are in the store, durably.  Within a write job. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_add(struct rs_db_conn *conn, const char *digest,
                                                 uint64_t size, struct rs_err *reterr);
/* Its size; RS_NOT_FOUND when the store does not have it. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_size(struct rs_db_conn *conn, const char *digest,
                                                  uint64_t *ret_size, struct rs_err *reterr);

/* ---- blobs in a repository ---- */

/* Whoever answers from a cache about this blob must look again, in every repository that has or
 * names it.  Within a write job. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_touch(struct rs_db_conn *conn, const char *digest,
                                                   struct rs_err *reterr);

struct rs_catalog_blob_link {
    bool is_present; /* the blob is in the repository: uploaded or mounted there (SPEC 4) */
    /* deleted, but kept for the manifests that name it; goes with the last of them.  Implies
     * is_present */
    bool is_withdrawn;
    uint64_t refs;  /* manifests of the repository that name it (I1) */
    uint64_t opens; /* released ones that open it (I2) */
};

/* RS_NOT_FOUND when the repository neither has nor names it. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_link_get(struct rs_db_conn *conn,
                                                      int64_t repository_id, const char *digest,
                                                      struct rs_catalog_blob_link *ret,
                                                      struct rs_err *reterr);

/* Instead of an uploader: the blob came by a mount. */
#define RS_CATALOG_NO_UPLOADER INT64_C(-1)

/**
 * rs_catalog_blob_link(): the blob (its row must exist) is now in the repository.  Undoes a
 * withdrawal. Within a write job; the caller touches the repository's generation.
 * @uploader_id  the principal that sent the bytes; RS_CATALOG_NO_UPLOADER when nobody did: whoever
 *               mounts a blob sends nothing, and is given nothing back that it did not send
 */
RS_MUST_CHECK enum rs_status rs_catalog_blob_link(struct rs_db_conn *conn, int64_t repository_id,
                                                  const char *digest, int64_t uploader_id,
                                                  struct rs_err *reterr);

/* The same by the repository's name: it is created if need be, and its generation is touched. */
RS_MUST_CHECK enum rs_status rs_catalog_blob_link_into(struct rs_db_conn *conn,
                                                       const char *repository, const char *digest,
                                                       int64_t uploader_id, struct rs_err *reterr);

/**
 * rs_catalog_blob_unlink(): take the blob out of the repository: at once when no manifest there
 * names it, else with the last manifest that does (a released image must not lose its layers).
 * Within a write job.  *ret_was_there false when it was not in the repository: nothing changes.
 * Asking twice is fine.
 */
RS_MUST_CHECK enum rs_status rs_catalog_blob_unlink(struct rs_db_conn *conn, int64_t repository_id,
                                                    const char *digest, bool *ret_was_there,
                                                    struct rs_err *reterr);

/**
 * rs_catalog_blob_count(): move the counters of invariants I1 and I2 by the deltas.  Within the
 * write job that changes the manifest.
 *
 * Call it once for each (manifest, digest), also when the manifest names the digest several times
 * (opens counts when any of those references opens):
 *   push     refs +1, and opens +1 when the manifest is released and its reference opens
 *   release  opens +1 for each opening reference
 *   delete   refs -1, and opens -1 when it was released and opened
 *
 * A digest that the repository did not know gets a row that is not present.  A row that nothing
 * names and that is not present, or is withdrawn, goes away.  A counter that would fall below zero
 * is RS_CORRUPT and fails the job.
 */
RS_MUST_CHECK enum rs_status rs_catalog_blob_count(struct rs_db_conn *conn, int64_t repository_id,
                                                   const char *digest, int refs_delta,
                                                   int opens_delta, struct rs_err *reterr);

/* Did this principal upload the blob into this repository itself? */
RS_MUST_CHECK enum rs_status rs_catalog_blob_is_uploader(struct rs_db_conn *conn,
                                                         int64_t repository_id, const char *digest,
                                                         int64_t principal_id, bool *ret,
                                                         struct rs_err *reterr);

#endif
