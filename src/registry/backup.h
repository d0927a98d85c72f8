/*
 * registry/backup.h: copy the whole registry while it works, and bring a copy back.
 * Layer: registry.  Spec: SPEC section 8 and 10.
 *
 * A backup is a data directory: the catalog as one snapshot, every blob that it tells of, the keys.
 * It is written by the daemon to the directory of config backup.directory, never sent to a client:
 * it holds content in quarantine.  Blobs that are there already are not copied again, so the next
 * backup into the same directory costs only what is new.
 *
 * Order: garbage collection is held back; the catalog's snapshot is taken; blobs are copied, each
 * verified and durable; keys; the snapshot's name is put in place last.  A backup that ends early
 * leaves the one before it whole.
 */
#ifndef RS_REGISTRY_BACKUP_H
#define RS_REGISTRY_BACKUP_H

#include "auth/access.h"
#include "base/buf.h"
#include "registry/services.h"

struct rs_backups;

/* The object, with no thread until a backup is asked for.  @services is borrowed.  Errors:
 * RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_backups_new(const struct rs_services *services,
                                            struct rs_backups **ret, struct rs_err *reterr);
/* Stops the backup that goes on.  NULL-safe. */
void rs_backups_free(struct rs_backups *backups);

/**
 * rs_backups_ask(): begin a backup in the background.  One that comes to its end writes an audit
 * record `backed-up`. Errors: RS_CONFLICT (one goes on, or no directory is configured), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_backups_ask(struct rs_backups *backups,
                                            const struct rs_actor *actor, struct rs_err *reterr);

/* The last backup as JSON: job state, and "counts": {"blobs","copied","bytes"}.  Appended. */
RS_MUST_CHECK enum rs_status rs_backups_status(struct rs_backups *backups, struct rs_buf *out,
                                               struct rs_err *reterr);

struct rs_backup_counts {
    uint64_t blobs;  /* that the catalog tells of */
    uint64_t copied; /* of them, this time */
    uint64_t bytes;  /* copied, this time */
};

/**
 * rs_restore(): make a data directory out of a backup, every blob verified on the way.  Offline:
 * the caller has the target's lock.
 * @from  a backup directory; only read, but for SQLite's own lock files
 * @to    an empty data directory
 * Errors: RS_NOT_FOUND (no backup there), RS_CORRUPT (a blob is damaged: the message names it),
 * RS_IO, RS_NO_SPACE.  After a failure `to` holds no catalog, so no daemon takes it for whole.
 */
RS_MUST_CHECK enum rs_status rs_restore(const char *from, const char *to,
                                        void (*progress)(uint64_t done, uint64_t total, void *arg),
                                        void *arg, struct rs_backup_counts *ret,
                                        struct rs_err *reterr);

#endif
