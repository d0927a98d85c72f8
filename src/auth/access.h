/*
 * auth/access.h: who asks, and what that principal may do in one repository.
 * Layer: auth.  Spec: SPEC sections 3 and 9.
 */
#ifndef RS_AUTH_ACCESS_H
#define RS_AUTH_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Permissions.  check:<name> is not a bit, see rs_access.checks. */
enum rs_perm {
    RS_PERM_PULL = 1 << 0,
    RS_PERM_PUSH = 1 << 1,
    RS_PERM_DELETE = 1 << 2,
    RS_PERM_QUARANTINE_PULL = 1 << 3,
    RS_PERM_QUARANTINE_PUSH = 1 << 4,
    RS_PERM_QUARANTINE_DECIDE = 1 << 5,
    RS_PERM_QUARANTINE_OVERRIDE = 1 << 6,
    RS_PERM_AUDIT_READ = 1 << 7,
    RS_PERM_ADMIN = 1 << 8,
    /* holds at least one check:<name>; which ones: rs_access_has_check() */
    RS_PERM_CHECK_ANY = 1 << 9,
    /* In rs_access.scope only: what Azure's routes under /acr/v1/ call for; `pull` carries the
       read, `push` neither. */
    RS_SCOPE_METADATA_READ = 1 << 16,
    RS_SCOPE_METADATA_WRITE = 1 << 17,
};

#define RS_PRINCIPAL_NAME_BYTES 256
#define RS_ANONYMOUS_ID ((int64_t)0)
#define RS_CREDENTIAL_BYTES 16U

struct rs_scope; /* auth/scope.h */

/* Whoever the request's credentials proved.  Plain value, copied freely; holds no secret. */
struct rs_identity {
    int64_t principal_id;               /* RS_ANONYMOUS_ID for anonymous; never used twice */
    char name[RS_PRINCIPAL_NAME_BYTES]; /* "anonymous", a user's or a robot's name */
    /* an Authorization header was sent and was good (an anonymous token counts) */
    bool has_credentials;
    bool is_token; /* Bearer: `scope` limits pull, push and delete */
    /* borrowed from the verified token for the request's lifetime; NULL for Basic */
    const struct rs_scope *scope;
    /* Private to auth/: which secret proved this identity (a one-way mark of it), and when. */
    unsigned char credential[RS_CREDENTIAL_BYTES];
    int64_t proved_unix_s;
};

/* What one principal may do in one repository at this moment. */
struct rs_access {
    /* by the principal's grants: PULL..CHECK_ANY, whatever a token's scope says */
    uint32_t perms;
    /* which of PULL, PUSH, DELETE, METADATA_* the credentials carry for this repository: all for
     * Basic, and for an anonymous request without credentials */
    uint32_t scope;
    /* '\n'-separated names of check:<name> held here, "*" among them for all; "" none.  Borrowed,
     * request lifetime */
    const char *checks;
    /* pull is held only because `anonymous` holds it: what is not disclosed to anonymous is not to
     * this one */
    bool is_public;
};

static inline bool rs_access_has(const struct rs_access *a, uint32_t perm)
{
    return (a->perms & perm) == perm;
}
static inline bool rs_access_has_any(const struct rs_access *a, uint32_t perms)
{
    return (a->perms & perms) != 0;
}
/* Does the caller hold check:<check> (or check:*)? */
bool rs_access_has_check(const struct rs_access *a, const char *check);

/* Who causes a change: goes into every audit record and event.  Texts are borrowed for the
 * request's (or job's) lifetime. */
struct rs_actor {
    int64_t principal_id;
    const char *name;
    const char *request_id;
    const char *source; /* the client's address, as text; "" for the daemon itself */
};

#endif
