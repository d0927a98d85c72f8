/*
 * quarantine/standing.h: how a manifest stands: its checks by the policy of this moment, whether it
 * is a root or a part, what a release would take with it and what refuses it. Layer: quarantine.
 * Threads: as the connection.  Spec: SPEC sections 1, 2 and 5.
 */
#ifndef RS_QUARANTINE_STANDING_H
#define RS_QUARANTINE_STANDING_H

#include "catalog/check.h"
#include "quarantine/release.h"

#define RS_ETAG_BYTES 67 /* 64 hex digits in double quotes, and a NUL */

struct rs_standing_check {
    const char *name;
    const struct rs_check_row *report; /* NULL: nobody reported it */
    bool is_required;
};

struct rs_standing {
    struct rs_manifest_row *row;
    const struct rs_standing_check *checks; /* n_checks: required ones first, then other reports */
    size_t n_checks;
    size_t n_required;
    size_t n_missing; /* required ones that are not passed */
    bool is_part;
    struct rs_manifest_list roots; /* of a part: the indexes that decide about it, some of them */
    struct rs_release_plan plan;   /* in quarantine only */
};

RS_MUST_CHECK enum rs_status rs_standing_load(const struct rs_change *c,
                                              struct rs_manifest_row *row, struct rs_standing *ret,
                                              struct rs_err *reterr);

/* The row and its checks only. */
RS_MUST_CHECK enum rs_status rs_standing_checks(const struct rs_change *c,
                                                struct rs_manifest_row *row,
                                                struct rs_standing *ret, struct rs_err *reterr);

/* Is it decided in its own right (SPEC section 1, "root")? */
static inline bool rs_standing_is_root(const struct rs_standing *st)
{
    return rs_manifest_is_held(st->row) && !st->is_part && !st->row->joined;
}
/* In state quarantined, required checks there are and none is missing: what the last one would
 * release. */
static inline bool rs_standing_checks_passed(const struct rs_standing *st)
{
    return st->n_required > 0 && st->n_missing == 0;
}
/* The names of the missing checks, separated by ", ", appended. */
enum rs_status rs_standing_print_missing(const struct rs_standing *st, struct rs_buf *out);

/**
 * rs_standing_etag(): changes whenever the state, a check, a descendant or an attachment does.
 * Errors: faults.
 */
RS_MUST_CHECK enum rs_status rs_standing_etag(const struct rs_change *c,
                                              const struct rs_standing *st, char ret[RS_ETAG_BYTES],
                                              struct rs_err *reterr);
/* Does an If-Match header name this entity tag (strongly), or everything? */
bool rs_standing_etag_matches(const char *header, const char *etag);

#endif
