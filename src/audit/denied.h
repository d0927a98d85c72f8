/*
 * audit/denied.h: denied reads of content in quarantine, gathered in bounded memory until they are
 * written. Layer: audit.  Spec: SPEC section 7.  Threads: any; counting takes a lock that is never
 * held over I/O.
 */
#ifndef RS_AUDIT_DENIED_H
#define RS_AUDIT_DENIED_H

#include <stdint.h>

#include "audit/append.h"

/* Different (actor, repository, reference) between two writes; what comes past that is only
 * counted. */
#define RS_DENIED_ENTRIES_MAX 256U

struct rs_denied;

RS_MUST_CHECK enum rs_status rs_denied_new(struct rs_denied **ret);
void rs_denied_free(struct rs_denied *d); /* NULL-safe */

void rs_denied_count(struct rs_denied *d, const struct rs_actor *actor, const char *repository,
                     const char *reference);
/* All that was counted since the object was made. */
uint64_t rs_denied_total(struct rs_denied *d);

/**
 * rs_denied_flush(): write what was gathered, one record for each entry, in one job.  What could
 * not be written is kept for the next call. Threads: one at a time (the keeper's).  Blocks.
 */
RS_MUST_CHECK enum rs_status rs_denied_flush(struct rs_denied *d, struct rs_db *db,
                                             struct rs_err *reterr);

#endif
