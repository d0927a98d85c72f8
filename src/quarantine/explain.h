/*
 * quarantine/explain.h: why can a principal (not) read a reference, in words.
 * Layer: quarantine.  Threads: any.  Spec: SPEC section 10 ("explain").
 *
 * The answer is worked out by asking the resolver the very question, so it cannot differ from what
 * a read gives; who asks about himself is told no more than that read tells him.  The state beyond
 * it is told to whoever may know states (quarantine/audience.h), and to an admin where the policy
 * discloses it.
 */
#ifndef RS_QUARANTINE_EXPLAIN_H
#define RS_QUARANTINE_EXPLAIN_H

#include "quarantine/audience.h"
#include "quarantine/resolver.h"

struct rs_explain_question {
    const struct rs_viewer *subject; /* whose read is explained */
    const char *reference;           /* a tag, a manifest's digest or a blob's */
    const struct rs_asker *asker;    /* who asks, with his access on the repository */
    bool asker_is_admin;
};

/**
 * rs_explain(): append a JSON object: principal, repository, reference, readable, status (of the
 * GET), permissions, missing (the permission that would help, or null), because (sentences), and,
 * where it may be told, state, since and checks. Errors: RS_DIGEST_INVALID (the reference), faults.
 * A denied read is an answer.
 */
RS_MUST_CHECK enum rs_status rs_explain(struct rs_db *db,
                                        const struct rs_explain_question *question,
                                        struct rs_buf *out, struct rs_err *reterr);

#endif
