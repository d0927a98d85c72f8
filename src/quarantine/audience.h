/*
 * quarantine/audience.h: who may know about the state of a manifest, and how much.
 * Layer: quarantine.  Threads: as the connection.  Spec: SPEC section 5 ("GET on that path"), 4.
 * Judged by the principal's grants, whatever its token's scope.
 */
#ifndef RS_QUARANTINE_AUDIENCE_H
#define RS_QUARANTINE_AUDIENCE_H

#include "auth/access.h"
#include "catalog/manifest.h"
#include "quarantine/policy.h"

enum rs_audience {
    RS_AUDIENCE_NONE = 0, /* the manifest does not exist, as far as this caller is told */
    RS_AUDIENCE_BRIEF,    /* state, since when, and the checks' names and states */
    RS_AUDIENCE_FULL,     /* everything */
};

/* Permissions whose holders see everything about states (never content). */
#define RS_AUDIENCE_FULL_PERMS                                                           \
    ((uint32_t)RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_DECIDE | RS_PERM_CHECK_ANY | \
     RS_PERM_AUDIT_READ)

struct rs_asker {
    const struct rs_identity *identity;
    const struct rs_access *access; /* on the manifest's repository */
};

/* RS_AUDIENCE_NONE whenever something fails on the way. */
RS_MUST_CHECK enum rs_status rs_audience_of(struct rs_db_conn *conn, const struct rs_asker *asker,
                                            const struct rs_policy *policy,
                                            const struct rs_manifest_row *row,
                                            enum rs_audience *ret, struct rs_err *reterr);

/**
 * rs_audience_refuse(): the answer to a caller who lacks the permission for what he asks of this
 * manifest (NULL: it is not there): RS_DENIED if he may know of it, else RS_MANIFEST_UNKNOWN.
 * @needs  what he would need, for the message
 */
RS_MUST_CHECK enum rs_status rs_audience_refuse(struct rs_db_conn *conn,
                                                const struct rs_asker *asker,
                                                const struct rs_policy *policy,
                                                const struct rs_manifest_row *row,
                                                const char *needs, struct rs_err *reterr);

#endif
