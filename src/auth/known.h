/*
 * auth/known.h: principals as the catalog has them now, and credentials that were proved a moment
 * ago.  Layer: auth, this folder only.  Threads: any.
 */
#ifndef RS_AUTH_KNOWN_H
#define RS_AUTH_KNOWN_H

#include "auth/auth_internal.h"
#include "catalog/principal.h"

/* A principal as it is now, and the generation that this is true for (may_cache: it was not read in
 * an older snapshot). */
struct rs_known {
    struct rs_principal row; /* wipe row.secret after use */
    bool is_there;
    bool may_cache;
    uint64_t generation;
};

/* By its name, or (NULL) by its id.  That nobody is there is RS_OK.  Errors: RS_IO, RS_CORRUPT,
 * RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_known_find(struct rs_auth *auth, const char *name, int64_t id,
                                           struct rs_known *ret, struct rs_err *reterr);
/* One-way mark of a principal's present secret.  A token carries it and ends when the secret
 * changes; the secret's own salt keeps it from telling anything. */
void rs_auth_mark_credential(int64_t principal_id, const char *stored_secret,
                             unsigned char out[RS_CREDENTIAL_BYTES]);

/* What a request of this principal carries, once it proved that it is this one. */
void rs_known_identify(const struct rs_known *k, struct rs_identity *ret);

/* Is the principal of a verified credential still there, enabled, and of the same secret? Refreshes
 * the name.  RS_UNAUTHORIZED when not. */
RS_MUST_CHECK enum rs_status rs_known_judge(struct rs_auth *auth, struct rs_verified *v,
                                            bool *ret_may_cache, struct rs_err *reterr);

/* What the cache knows about a credential: RS_OK, or RS_NOT_FOUND when it must be verified (again),
 * or a fault. */
RS_MUST_CHECK enum rs_status rs_known_recall(struct rs_auth *auth,
                                             const struct rs_verified_key *key,
                                             struct rs_arena *arena, struct rs_identity *ret,
                                             struct rs_err *reterr);
/* @expires_unix_s  of the credential itself; INT64_MAX = never: each use keeps it longer */
void rs_known_remember(struct rs_auth *auth, const struct rs_verified_key *key,
                       const struct rs_known *k, const struct rs_identity *identity,
                       int64_t expires_unix_s);

#endif
