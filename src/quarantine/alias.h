/*
 * quarantine/alias.h: a digest of another algorithm becomes known as a name of bytes.
 * Layer: quarantine.  Threads: within a write job.  Spec: SPEC sections 1 ("One content, one
 * state") and 2 (Attachments).
 */
#ifndef RS_QUARANTINE_ALIAS_H
#define RS_QUARANTINE_ALIAS_H

#include "audit/append.h"
#include "db/db.h"

/**
 * rs_alias_learn(): remember that `alias` (verified against the bytes) is `digest`; whatever named
 * the bytes by it names the digest from now on.  An attachment that waited for its subject under
 * the alias joins it; where the subject turns out to be released already it came too late for that
 * and needs a decision of its own, as if the subject had arrived released.
 * Errors: RS_CORRUPT when the alias is known as something else, and faults.
 */
RS_MUST_CHECK enum rs_status rs_alias_learn(struct rs_db_conn *conn, const struct rs_actor *actor,
                                            const char *alias, const char *digest,
                                            struct rs_err *reterr);

#endif
