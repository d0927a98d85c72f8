/*
 * blob/store_internal.h: what the files of blob/ share.  Only they may include it.
 * Layer: blob.
 *
 * Which file does what: store.c opens the store and reads, verifies, lists and deletes blobs;
 * session.c keeps the files of upload sessions; running.c the running hashes of sessions and who
 * writes to which; upload.c writes, and puts a finished blob in place; lease.c what must not be
 * collected; blob_io.c the system calls.
 */
#ifndef RS_BLOB_STORE_INTERNAL_H
#define RS_BLOB_STORE_INTERNAL_H

#include <stdatomic.h>

#include "blob/lease.h"
#include "blob/store.h"
#include "crypto/hash.h"

struct rs_running_table;

struct rs_blobs {
    int bucket_root_fd; /* blobs/sha256 */
    int uploads_fd;     /* uploads */
    struct rs_leases *leases;
    struct rs_running_table *running;
    void (*on_fatal)(void *arg, const struct rs_err *err);
    void *on_fatal_arg;
    _Atomic bool is_stopped; /* after a failed fsync nothing is written any more */
};

/* ---- blob_io.c: all paths are relative to a directory's descriptor, symbolic links are never
 * followed ---- */

/* Descriptors or a negative errno value. */
int rs_blob_io_open_dir(int at, const char *name);
int rs_blob_io_open_file(int at, const char *name,
                         int flags); /* a regular file, else -ELOOP; O_CREAT with 0600 */
/* Bytes from `at` on: n, or as many as there are.  Negative errno on failure. */
ssize_t rs_blob_io_read(int fd, char *out, size_t n, uint64_t at);
/* Hash the whole file.  Errors: RS_IO, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_blob_io_hash(int fd, struct rs_hasher *hasher, uint64_t *ret_size,
                                             struct rs_err *reterr);
/* store.c: the file of a blob, opened: the caller closes it.  Errors: RS_BLOB_UNKNOWN (no file),
 * RS_CORRUPT (no regular file), faults. */
RS_MUST_CHECK enum rs_status rs_blob_find(struct rs_blobs *blobs, const char *digest, int *ret_fd,
                                          uint64_t *ret_size, struct rs_err *reterr);
/* Whether writing is still allowed. */
RS_MUST_CHECK enum rs_status rs_blob_io_check(const struct rs_blobs *blobs, struct rs_err *reterr);
/* A sync of whatever kind failed: stop writing, tell the process.  Returns the status. */
enum rs_status rs_blob_io_fatal(struct rs_blobs *blobs, int e, const char *what,
                                struct rs_err *reterr);

/* Where a canonical digest lies: blobs/sha256/<bucket>/<file>. */
struct rs_blob_place {
    char bucket[3];
    char file[65];
};
/* RS_DIGEST_INVALID for anything that is not a canonical sha256 digest: nothing else ever becomes a
 * path. */
RS_MUST_CHECK enum rs_status rs_blob_place_of(const char *digest, struct rs_blob_place *ret,
                                              struct rs_err *reterr);

/* ---- session.c ---- */

bool rs_session_id_is_valid(const char *id);
/* Open a session's directory and read what it is; the caller closes *ret_dir.  RS_UPLOAD_UNKNOWN
 * when it is not there or not readable as one. */
RS_MUST_CHECK enum rs_status rs_session_load(struct rs_blobs *blobs, const char *id,
                                             struct rs_upload_info *ret, int *ret_dir,
                                             struct rs_err *reterr);
/* The same, and it belongs to them; else RS_UPLOAD_UNKNOWN. */
RS_MUST_CHECK enum rs_status rs_session_load_own(struct rs_blobs *blobs, const char *repository,
                                                 int64_t principal_id, const char *id,
                                                 struct rs_upload_info *ret, int *ret_dir,
                                                 struct rs_err *reterr);
/* Remove a session's files; what is left after a failure is removed when it expires. */
void rs_session_remove(struct rs_blobs *blobs, const char *id);

/* ---- running.c ---- */

/* The running hashes of one session.  Between take and give it belongs to the taker alone. */
struct rs_running {
    char id[RS_ID_TEXT_BYTES];
    struct rs_hasher *sha256; /* NULL: nothing is known, hash what is there */
    struct rs_hasher *sha512; /* only for sessions that announced it */
    uint64_t hashed_bytes;    /* what both have seen */
    /* guarded by the table's lock */
    bool is_taken;
    uint64_t used_mono_ms;
    struct rs_running *next;
};

/* @idle_max  sessions whose hashes are kept while nobody writes to them */
RS_MUST_CHECK enum rs_status rs_running_new(unsigned idle_max, struct rs_running_table **ret,
                                            struct rs_err *reterr);
void rs_running_free(struct rs_running_table *table);
/* RS_CONFLICT when somebody else has it. */
RS_MUST_CHECK enum rs_status rs_running_take(struct rs_running_table *table, const char *id,
                                             struct rs_running **ret, struct rs_err *reterr);
/* Give it back; it is remembered as long as there is room. */
void rs_running_give(struct rs_running_table *table, struct rs_running *r);
/* The session is gone: forget it. */
void rs_running_drop(struct rs_running_table *table, struct rs_running *r);
/* Forget the hashes, so that the next writer hashes anew. */
void rs_running_reset(struct rs_running *r);

#endif
