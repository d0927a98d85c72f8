/*
 * audit/keeper.h: the audit log's housekeeping: denied reads, gathered and written now and then;
 * checkpoints, signed when the log has grown. Layer: audit.  Spec: SPEC section 7.  Threads: any;
 * one thread of its own.
 */
#ifndef RS_AUDIT_KEEPER_H
#define RS_AUDIT_KEEPER_H

#include "audit/append.h"
#include "audit/checkpoint.h"
#include "base/buf.h"
#include "db/db.h"

struct rs_audit;

struct rs_audit_options {
    struct rs_db *db; /* borrowed; outlives the object */
    /* the signing key lives in <data_dir>/keys/ (made when missing, 0700) */
    const char *data_dir;
    uint64_t denied_ms;     /* between writes of denied reads; 0 = one minute */
    uint64_t checkpoint_ms; /* between checkpoints of a growing log; 0 = five minutes */
};

/**
 * rs_audit_start(): load or make the key, compare the log with the newest checkpoint (a log that
 * does not fit it is logged as an error and gets no new checkpoint; the daemon runs on), start the
 * thread. Errors: RS_IO, RS_CORRUPT (key file), RS_NO_SPACE, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_audit_start(const struct rs_audit_options *options,
                                            struct rs_audit **ret, struct rs_err *reterr);
/* Writes what was gathered, signs a last checkpoint, ends the thread.  Before rs_db_close().
 * NULL-safe. */
void rs_audit_stop(struct rs_audit *audit);

/**
 * rs_audit_denied(): a read of content in quarantine was denied.  To be called once for a denied
 * request, after the credentials were judged (not for the 401 that makes a client log in).  Counted
 * in bounded memory by (actor, repository, digest) and written as records `read-denied` every
 * denied_ms; past the bound the count goes to one record without a digest. Never blocks on the
 * database and cannot fail.  Lost at a crash: up to denied_ms of counts.
 * @reference  a digest, or the tag that was asked for; copied
 */
void rs_audit_denied(struct rs_audit *audit, const struct rs_actor *actor, const char *repository,
                     const char *reference);

/**
 * rs_audit_checkpoint(): a signed checkpoint over all records committed before the call, appended
 * as text; the stored one when nothing was added since.  Errors: RS_CORRUPT (the log does not fit
 * an earlier checkpoint), RS_IO, RS_NOMEM.  Blocks (a commit).
 */
RS_MUST_CHECK enum rs_status rs_audit_checkpoint(struct rs_audit *audit, struct rs_buf *out,
                                                 struct rs_err *reterr);
/* The verifier key's text, borrowed. */
const struct rs_note_key *rs_audit_key(const struct rs_audit *audit);

struct rs_audit_stats {
    uint64_t records;     /* written since the start of the process */
    uint64_t denied;      /* denied reads counted since the start */
    uint64_t checkpoints; /* signed since the start */
    int is_inconsistent;  /* the log does not fit its newest checkpoint */
};
void rs_audit_stats(struct rs_audit *audit, struct rs_audit_stats *ret);

#endif
