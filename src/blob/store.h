/*
 * blob/store.h: content-addressed blob files and upload sessions on disk.
 * Layer: blob.  Spec: distribution-spec "Pushing Blobs"; DESIGN rules 1 and 2.
 * Layout below the data directory: blobs/sha256/<2 hex>/<hex>; uploads/<id>/{data,session}.
 * Threads: the store is thread-safe; an upload writer belongs to one thread at a time.
 *
 * Who may do what is not decided here: reading needs a grant, and repository links live in the
 * catalog.
 */
#ifndef RS_BLOB_STORE_H
#define RS_BLOB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "blob/grant.h"

struct rs_blobs; /* the store */

struct rs_blobs_options {
    const char *data_dir;
    uint64_t
        lease_ms; /* how long an uploaded or confirmed blob is safe from collection, 0 = an hour */
    /* Called when an fsync failed: the process must stop writing and exit. */
    void (*on_fatal)(void *arg, const struct rs_err *err);
    void *on_fatal_arg;
};

/* Creates missing directories (each new one and its parent fsynced).  Errors: RS_IO, RS_NO_SPACE,
 * RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_blobs_open(const struct rs_blobs_options *options,
                                           struct rs_blobs **ret, struct rs_err *reterr);
void rs_blobs_close(struct rs_blobs *blobs); /* NULL-safe */

/* What must not be collected; borrowed, lives as long as the store. */
struct rs_leases;
struct rs_leases *rs_blobs_leases(struct rs_blobs *blobs);

/**
 * rs_blob_open(): a read-only descriptor on a granted blob; the caller closes it.
 * *ret_size is the file's size, which equals the grant's (else RS_CORRUPT).
 * Errors: RS_BLOB_UNKNOWN (the file is gone), RS_CORRUPT, RS_IO.
 */
RS_MUST_CHECK enum rs_status rs_blob_open(struct rs_blobs *blobs, const struct rs_grant *grant,
                                          int *ret_fd, uint64_t *ret_size, struct rs_err *reterr);

/* Hash the stored file and compare; gives no bytes.  RS_OK, RS_BLOB_UNKNOWN, RS_CORRUPT, RS_IO.
 * ret_size may be NULL. */
RS_MUST_CHECK enum rs_status rs_blob_verify(struct rs_blobs *blobs, const char *digest,
                                            uint64_t *ret_size, struct rs_err *reterr);
/* Which file holds a blob's bytes: another one, or none, after it was uploaded again or removed. */
struct rs_blob_stamp {
    uint64_t inode; /* 0: there is no file */
    int64_t changed_ns;
};
RS_MUST_CHECK enum rs_status rs_blob_stamp(struct rs_blobs *blobs, const char *digest,
                                           struct rs_blob_stamp *ret, struct rs_err *reterr);
/* Remove a blob's file (garbage collection, after its row is gone).  Missing is fine. */
RS_MUST_CHECK enum rs_status rs_blob_delete(struct rs_blobs *blobs, const char *digest,
                                            struct rs_err *reterr);
/* Visit every stored blob file; `fn` returns false to stop. */
typedef bool (*rs_blob_visit)(const char *digest, uint64_t size, int64_t mtime_ms, void *arg);
RS_MUST_CHECK enum rs_status rs_blobs_each(struct rs_blobs *blobs, rs_blob_visit fn, void *arg,
                                           struct rs_err *reterr);

/* ---- upload sessions: they belong to (repository, principal) and survive a restart ---- */

struct rs_upload_info {
    char id[RS_ID_TEXT_BYTES];
    char repository[256];
    int64_t principal_id;
    char algorithm[8];  /* announced digest algorithm: "sha256" (default) or "sha512" */
    uint64_t size;      /* bytes received so far */
    int64_t started_ms; /* wall clock */
    int64_t touched_ms;
};

/* Start a session.  Not durable by itself (a power cut may lose it, a crash of the daemon does
 * not). */
RS_MUST_CHECK enum rs_status rs_upload_start(struct rs_blobs *blobs, const char *repository,
                                             int64_t principal_id, const char *algorithm,
                                             struct rs_upload_info *ret, struct rs_err *reterr);
/* Look a session up.  Another repository or principal, a malformed id, an unknown one:
 * RS_UPLOAD_UNKNOWN, all alike. */
RS_MUST_CHECK enum rs_status rs_upload_get(struct rs_blobs *blobs, const char *repository,
                                           int64_t principal_id, const char *id,
                                           struct rs_upload_info *ret, struct rs_err *reterr);
/* Cancel: removes it.  RS_UPLOAD_UNKNOWN as above; RS_CONFLICT while a writer holds it. */
RS_MUST_CHECK enum rs_status rs_upload_cancel(struct rs_blobs *blobs, const char *repository,
                                              int64_t principal_id, const char *id,
                                              struct rs_err *reterr);
/* Remove sessions not touched for max_age_ms and what is left of broken ones; one that is written
 * to stays.  *ret_n how many. */
RS_MUST_CHECK enum rs_status rs_uploads_expire(struct rs_blobs *blobs, int64_t now_ms,
                                               int64_t max_age_ms, uint64_t *ret_n,
                                               struct rs_err *reterr);

struct rs_upload; /* an open writer on a session: exclusive */

/**
 * rs_upload_open(): take the session for writing at its end.  A second writer gets RS_CONFLICT
 * (409). The running hash of what is there is restored (kept in memory between requests where
 * possible, else rehashed).
 */
RS_MUST_CHECK enum rs_status rs_upload_open(struct rs_blobs *blobs, const char *repository,
                                            int64_t principal_id, const char *id,
                                            struct rs_upload **ret, struct rs_err *reterr);
uint64_t rs_upload_size(const struct rs_upload *u);
/* Hash and write.  After an error the writer must be closed; the session stays usable at the size
 * that *_get() tells. */
RS_MUST_CHECK enum rs_status rs_upload_append(struct rs_upload *u, const void *src, size_t n,
                                              struct rs_err *reterr);
/* Give the session back, keeping what was received.  NULL-safe; ends the writer. */
void rs_upload_close(struct rs_upload *u);

struct rs_upload_result {
    char digest[72]; /* canonical "sha256:<hex>" */
    char alias[136]; /* the digest the client named when that is another algorithm, else "" */
    uint64_t size;
};

/* Writes the catalog's rows of a blob that is in place, durably.  Returns RS_OK, or why not. */
typedef enum rs_status (*rs_upload_record)(const struct rs_upload_result *stored, void *arg,
                                           struct rs_err *reterr);

/**
 * rs_upload_commit(): verify against the client's digest and put the bytes in place, durably:
 *   fdatasync(data) -> rename to its content address -> fsync(directory) -> record().
 * On return the caller may acknowledge.  Ends the writer (also on failure).  After
 * RS_DIGEST_INVALID, and when record() failed, the session is gone; after RS_IO or RS_NO_SPACE
 * before that it stays.
 *
 * A blob that is stored already is replaced: the new file was verified just now, the old one
 * perhaps long ago, so that pushing a damaged blob again heals it; who reads the old file reads it
 * to its end.  A crash before record() leaves a stray file.  From before the file is in place until
 * record() has returned nobody collects the blob, and afterwards it has a lease (blob/lease.h).
 * @record  called on this thread; NULL: nothing to record.  Its status is passed on.
 */
RS_MUST_CHECK enum rs_status rs_upload_commit(RS_TAKES struct rs_upload *u, const char *digest,
                                              rs_upload_record record, void *arg,
                                              struct rs_upload_result *ret, struct rs_err *reterr);

#endif
