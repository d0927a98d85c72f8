/*
 * quarantine/policy.h: which rules hold in a repository.
 * Layer: quarantine.  Threads: any.  Spec: SPEC section 5 ("Policy per repository pattern").
 *
 * Policies are an ordered list in the catalog; the first whose pattern matches the repository
 * holds, whole: nothing is inherited from the ones after it, what it does not say has its default.
 * Without a match the defaults hold: everything is quarantined.
 */
#ifndef RS_QUARANTINE_POLICY_H
#define RS_QUARANTINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "db/db.h"

enum rs_quarantine_mode {
    RS_QUARANTINE_ON = 0, /* what was never set holds back */
    RS_QUARANTINE_OFF,
    RS_QUARANTINE_OBSERVE, /* nothing is held; what would have been is recorded */
};

#define RS_POLICY_CHECKS_MAX 16U
#define RS_POLICY_IMMUTABLE_MAX 16U
#define RS_POLICY_TAG_PATTERN_BYTES 129 /* with its NUL */
#define RS_POLICY_PATTERN_BYTES 256     /* with its NUL */
#define RS_CHECK_NAME_BYTES 65          /* with its NUL: [a-z0-9]([a-z0-9._-]{0,63}) */
#define RS_POLICIES_MAX 1000U

/* A plain value, copied freely. */
struct rs_policy {
    char pattern[RS_POLICY_PATTERN_BYTES]; /* the policy that matched; "" for the defaults */
    enum rs_quarantine_mode quarantine;
    size_t n_checks; /* required checks, sorted by name */
    char checks[RS_POLICY_CHECKS_MAX][RS_CHECK_NAME_BYTES];
    int64_t overdue_after_ms; /* 0 = never, in these three */
    int64_t expire_failed_after_ms;
    int64_t expire_quarantined_after_ms;
    size_t n_immutable_tags;
    char immutable_tags[RS_POLICY_IMMUTABLE_MAX][RS_POLICY_TAG_PATTERN_BYTES];
    bool echo;
    bool disclose;
    bool separate_duties;
};

/**
 * rs_policy_for(): the policy of a repository, as this connection's transaction sees it.
 * On failure *ret holds the strictest values (quarantine on, no echo, nothing disclosed, duties
 * separate) and the caller denies.
 * Costs one small query when no policy was changed since the last call.
 * Errors: RS_CORRUPT (a stored policy that cannot be read: nobody guesses), RS_IO, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_policy_for(struct rs_db_conn *conn, const char *repository,
                                           struct rs_policy *ret, struct rs_err *reterr);
/* The same outside of a transaction of the caller's own. */
RS_MUST_CHECK enum rs_status rs_policy_for_db(struct rs_db *db, const char *repository,
                                              struct rs_policy *ret, struct rs_err *reterr);

/* Off and observe alike: SPEC section 2 "observe counts as off". */
static inline bool rs_policy_is_off(const struct rs_policy *policy)
{
    return policy->quarantine != RS_QUARANTINE_ON;
}
/* The shortest of each duration that any policy names; 0 where none does. */
struct rs_policy_times {
    int64_t overdue_after_ms;
    int64_t expire_failed_after_ms;
    int64_t expire_quarantined_after_ms;
};
RS_MUST_CHECK enum rs_status rs_policy_shortest(struct rs_db_conn *conn,
                                                struct rs_policy_times *ret, struct rs_err *reterr);

bool rs_policy_requires_check(const struct rs_policy *policy, const char *check);
/* `*` in a pattern of immutable_tags stands for any run of characters. */
bool rs_policy_is_immutable(const struct rs_policy *policy, const char *tag);
bool rs_check_name_is_valid(const char *name);
/* The strictest values. */
void rs_policy_deny(struct rs_policy *ret);

struct rs_json;

/**
 * rs_policy_parse(): the rules of one policy out of a JSON object with the keys of SPEC section 5:
 * quarantine, checks, overdue_after, expire_failed_after, expire_quarantined_after, immutable_tags,
 * echo, disclose, separate_duties; every one optional, every other one refused, but for `pattern`
 * and `position`, which are not looked at.
 * Durations are "<number><unit>" with unit s, m, h or d, or a number of seconds; 0 means never.
 * Errors: RS_BAD_REQUEST (message names the key), and ret then holds the strictest values.
 */
RS_MUST_CHECK enum rs_status rs_policy_parse(const struct rs_json *object, const char *pattern,
                                             struct rs_policy *ret, struct rs_err *reterr);
/* The rules in canonical form, all keys, as JSON object appended to `out` (pattern left out). */
enum rs_status rs_policy_write(const struct rs_policy *policy, struct rs_buf *out);

/**
 * rs_policy_put(): add a policy, or replace the one with the same pattern; audited.  Checks the
 * pattern.
 * @position  its place in the list from 0 on, past the end means last; -1 keeps the place of a
 *            replaced one and puts a new one last
 * *ret_created is true when there was no such pattern.  What is the same already changes nothing.
 * Errors: RS_BAD_REQUEST (pattern), RS_CONFLICT (RS_POLICIES_MAX), and those of rs_db_write().
 */
struct rs_policy_change {
    const struct rs_actor *actor;
    struct rs_policy policy;
    int64_t position;
};
RS_MUST_CHECK enum rs_status rs_policy_put(struct rs_db *db, const struct rs_policy_change *change,
                                           bool *ret_created, struct rs_err *reterr);
/* Errors: RS_NOT_FOUND; and those of rs_db_write().  Audited. */
RS_MUST_CHECK enum rs_status rs_policy_remove(struct rs_db *db, const struct rs_actor *actor,
                                              const char *pattern, struct rs_err *reterr);
/* All policies in their order as a JSON array of objects {pattern, position, <rules>}. */
RS_MUST_CHECK enum rs_status rs_policy_list(struct rs_db *db, struct rs_buf *out,
                                            struct rs_err *reterr);

/* A body as the API takes it: the rules with `pattern` (required) and `position` (optional, else
 * -1). Errors: RS_BAD_REQUEST. */
RS_MUST_CHECK enum rs_status rs_policy_parse_body(const struct rs_json *object,
                                                  struct rs_policy *ret, int64_t *ret_position,
                                                  struct rs_err *reterr);

/**
 * rs_policy_apply_initial(): within a write job on a catalog that was just created: store the
 * policies that the configuration file names, in their order; audited with this actor.
 * @bodies  n JSON object texts, each as rs_policy_parse_body() takes it (a position is ignored)
 * *ret_bad, when not NULL, is the index of the one that was refused.
 * Errors: RS_BAD_REQUEST (which pattern and key), RS_CONFLICT (there are policies already).
 */
RS_MUST_CHECK enum rs_status rs_policy_apply_initial(struct rs_db_conn *conn,
                                                     const struct rs_actor *actor,
                                                     const char *const *bodies, size_t n,
                                                     size_t *ret_bad, struct rs_err *reterr);

#endif
