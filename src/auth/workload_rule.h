/*
 * auth/workload_rule.h: whose tokens log a workload in: {"issuer", "audience", "claims"}.
 * Layer: auth.  Spec: SPEC sections 3 and 9 (audience and claim rules); RFC 7519 section 4.1.
 * Threads: any (pure).
 *
 * A claim's rule is a text, in which `*` stands for anything but '/' and `**` for anything; an
 * integer, true or false; a list of rules, of which one must be met; or an object, whose every
 * member is a rule for the claim's member of that name.  A claim that is a list meets a rule with
 * any of its elements.  What is not there meets nothing.
 */
#ifndef RS_AUTH_WORKLOAD_RULE_H
#define RS_AUTH_WORKLOAD_RULE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"
#include "json/write.h"

/* Of the canonical text. */
#define RS_WORKLOAD_RULE_BYTES_MAX ((size_t)4096)
#define RS_WORKLOAD_ISSUER_BYTES_MAX 512U
/* The members' names, for rs_json_only(). */
#define RS_WORKLOAD_RULE_KEYS "issuer", "audience", "claims"

/* Borrowed from the JSON that it was read from. */
struct rs_workload_rule {
    const char *issuer;             /* an https URL */
    const struct rs_json *audience; /* a text or a list of them: one must be the token's */
    const struct rs_json *claims;   /* an object with at least one member */
};

/* Read the members that are there; the others are NULL.  RS_BAD_REQUEST names what is wrong. */
RS_MUST_CHECK enum rs_status rs_workload_rule_read(const struct rs_json *object,
                                                   struct rs_workload_rule *ret,
                                                   struct rs_err *reterr);
/* What is not set in `rule` comes from `old` (NULL: nothing does).  RS_BAD_REQUEST when something
 * is missing then. */
RS_MUST_CHECK enum rs_status rs_workload_rule_complete(struct rs_workload_rule *rule,
                                                       const struct rs_workload_rule *old,
                                                       struct rs_err *reterr);
/* Append a complete rule as canonical JSON: one text for one rule.  RS_BAD_REQUEST past
 * RS_WORKLOAD_RULE_BYTES_MAX, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_workload_rule_write(const struct rs_workload_rule *rule,
                                                    struct rs_buf *out, struct rs_err *reterr);

/* Write the members of a stored rule into the open object.  RS_CORRUPT, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_workload_rule_write_members(const char *stored, struct rs_jw *w,
                                                            struct rs_err *reterr);

/* Do the claims of a verified token meet it: issuer, audience, and every claim? */
RS_MUST_CHECK bool rs_workload_rule_is_met(const struct rs_workload_rule *rule,
                                           const struct rs_json *token_claims);

#endif
