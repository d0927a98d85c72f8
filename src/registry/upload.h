/*
 * registry/upload.h: how blobs come into a repository and leave it.
 * Layer: registry.  Threads: any; a writer belongs to one request.  Everything but
 * rs_registry_upload_status() blocks on disk. Spec: distribution-spec "Pushing Blobs", "Mounting a
 * blob from another repository", "Deleting Blobs"; SPEC sections 4 and 8.
 *
 * The transport has checked already that the caller may upload to (or delete from) the repository.
 */
#ifndef RS_REGISTRY_UPLOAD_H
#define RS_REGISTRY_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "registry/services.h"

/* Who uploads where.  Borrowed for the call, or for the life of the writer. */
struct rs_uploader {
    const struct rs_services *services;
    const struct rs_identity *identity;
    const struct rs_access *access;
    const struct rs_actor *actor;
    const char *repository; /* a valid name */
    struct rs_arena *arena;
};

/* How far a session is. */
struct rs_upload_progress {
    char id[RS_ID_TEXT_BYTES];
    uint64_t size; /* bytes received */
};

/* A blob that is now in the repository, durably. */
struct rs_uploaded {
    char digest[136]; /* in the algorithm that the client used */
    uint64_t size;
};

/**
 * rs_registry_upload_start(): a new session.
 * @algorithm  the `digest-algorithm` parameter, NULL when absent; another than sha256 and sha512:
 * RS_UNSUPPORTED
 */
RS_MUST_CHECK enum rs_status rs_registry_upload_start(const struct rs_uploader *by,
                                                      const char *algorithm,
                                                      struct rs_upload_progress *ret,
                                                      struct rs_err *reterr);

/* RS_UPLOAD_UNKNOWN: no such session of this principal in this repository. */
RS_MUST_CHECK enum rs_status rs_registry_upload_status(const struct rs_uploader *by, const char *id,
                                                       struct rs_upload_progress *ret,
                                                       struct rs_err *reterr);

/* RS_CONFLICT while another request writes to it. */
RS_MUST_CHECK enum rs_status rs_registry_upload_cancel(const struct rs_uploader *by, const char *id,
                                                       struct rs_err *reterr);

/* ---- one request's bytes ---- */

struct rs_upload_writer;

/* What the headers say about the bytes to come. */
struct rs_upload_chunk {
    const char *content_range; /* "<first>-<last>", NULL when absent */
    int64_t content_length;    /* -1 unknown */
};

/**
 * rs_registry_upload_open(): take the session for writing.
 * Errors: RS_UPLOAD_UNKNOWN; RS_UPLOAD_RANGE (416: the chunk does not start where the session
 * ends); RS_UPLOAD_INVALID (a malformed Content-Range); RS_SIZE_INVALID (it disagrees with the
 * Content-Length); RS_CONFLICT (another request writes to the session). The session is unchanged
 * after each of them.
 */
RS_MUST_CHECK enum rs_status rs_registry_upload_open(const struct rs_uploader *by, const char *id,
                                                     const struct rs_upload_chunk *chunk,
                                                     struct rs_upload_writer **ret,
                                                     struct rs_err *reterr);

/* A writer on a new session that ends with it: the single POST.  Whatever fails, nothing of it
 * stays.
 * @digest  as for rs_registry_upload_finish(); malformed: RS_DIGEST_INVALID at once
 * @content_length  -1 unknown */
RS_MUST_CHECK enum rs_status rs_registry_upload_open_single(const struct rs_uploader *by,
                                                            const char *digest,
                                                            int64_t content_length,
                                                            struct rs_upload_writer **ret,
                                                            struct rs_err *reterr);

/* Is it a digest that an upload can end with?  RS_DIGEST_INVALID, also for NULL. */
RS_MUST_CHECK enum rs_status rs_registry_upload_check_digest(const char *digest,
                                                             struct rs_err *reterr);

/* The sink of the request's body: `arg` is the writer.  After an error the session stays usable, at
 * the size that its status tells.  The low-disk watermark holds here too: nobody has to say how
 * much will come, and many may have been let in while there was room for each. */
enum rs_status rs_registry_upload_write(void *arg, const void *bytes, size_t n,
                                        struct rs_err *reterr);

/**
 * rs_registry_upload_pause(): the request's bytes are all there and the blob goes on (PATCH).
 * Afterwards the writer may only be dropped. RS_SIZE_INVALID when fewer came than Content-Range
 * said (those that came are kept).
 */
RS_MUST_CHECK enum rs_status rs_registry_upload_pause(struct rs_upload_writer *w,
                                                      struct rs_upload_progress *ret,
                                                      struct rs_err *reterr);

/**
 * rs_registry_upload_finish(): the blob is complete (PUT, single POST): verify, store, link, all
 * durable on return.  Afterwards the writer may only be dropped. Errors: RS_DIGEST_INVALID
 * (malformed or of another algorithm: the session stays; not the digest of the bytes: it is gone),
 * RS_SIZE_INVALID (as above), RS_NO_SPACE and RS_IO (the session stays where it can).
 */
RS_MUST_CHECK enum rs_status rs_registry_upload_finish(struct rs_upload_writer *w,
                                                       const char *digest, struct rs_uploaded *ret,
                                                       struct rs_err *reterr);

/* Free the writer.  Without pause or finish before (the client is gone, or an error) the session
 * keeps what came.  NULL-safe. */
void rs_registry_upload_drop(struct rs_upload_writer *w);

/* ---- without bytes ---- */

enum rs_mount {
    RS_MOUNT_NO = 0, /* not readable for this caller, or not there: start a session, 202 */
    RS_MOUNT_DONE,   /* the blob is in the repository now, 201 */
    /* the principal could, this token's scope does not say so: 401 that names both scopes */
    RS_MOUNT_SCOPE,
};

/**
 * rs_registry_blob_mount(): take a blob over from another repository, without its bytes.
 * @digest  `mount`; anything malformed is RS_DIGEST_INVALID
 * @from    the source, NULL: any repository where this caller may read it
 * *ret_source (in the arena) is the repository that RS_MOUNT_SCOPE is about.
 */
RS_MUST_CHECK enum rs_status rs_registry_blob_mount(const struct rs_uploader *by,
                                                    const char *digest, const char *from,
                                                    enum rs_mount *ret,
                                                    struct rs_uploaded *ret_blob,
                                                    const char **ret_source, struct rs_err *reterr);

/**
 * rs_registry_blob_delete(): take a blob out of the repository.  When manifests there name it, it
 * stays readable through them and goes with the last one.  RS_BLOB_UNKNOWN when it is not there;
 * RS_DIGEST_INVALID.
 */
RS_MUST_CHECK enum rs_status rs_registry_blob_delete(const struct rs_uploader *by,
                                                     const char *digest, struct rs_err *reterr);

#endif
