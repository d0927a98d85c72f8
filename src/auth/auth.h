/*
 * auth/auth.h: from an Authorization header to a principal, and from a principal to what it may do
 * in a repository. Layer: auth.  Threads: any; the object is thread-safe.  Spec: SPEC sections 3
 * and 9.
 *
 * What was verified once is cached (by a keyed hash of the header, bounded, for a short monotonic
 * time), and judged anew whenever rs_generation_access() has moved: a disabled principal, a changed
 * password, a removed grant are effective for the very next request.
 */
#ifndef RS_AUTH_AUTH_H
#define RS_AUTH_AUTH_H

#include <stddef.h>

#include "auth/access.h"
#include "auth/issuer_keys.h"
#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

struct rs_auth;

struct rs_auth_options {
    struct rs_db *db; /* borrowed; outlives the object */
    /* the signing keys live in <data_dir>/keys/ (0700, files 0600) */
    const char *data_dir;
    /* name of this registry in challenges and in `aud`; NULL = "roadstead" */
    const char *service;
    unsigned token_seconds;     /* life of a token; 0 = 300, at most 86400 */
    unsigned passwords_at_once; /* password hashes computed at the same time; 0 = 2 */
    /* callers (worker threads) waiting for their turn before RS_BUSY; 0 = 48 */
    unsigned passwords_waiting_max;
    /* Failed logins: so many at once for one (source, name), then one more per
     * `failure_refill_seconds`; ten times as many for one source, and for one name.  0 = 10 and 5.
     */
    unsigned failures_burst;
    unsigned failure_refill_seconds;
    struct rs_issuer_keys_options issuer_keys; /* of the issuers of workloads' tokens */
};

/**
 * rs_auth_new(): load the signing keys (the first start creates one, durably) and prepare the
 * caches. Errors: RS_IO, RS_NO_SPACE, RS_CORRUPT (a key file that is not ours: nothing is
 * overwritten), RS_NOMEM.  Blocks on disk I/O.
 */
RS_MUST_CHECK enum rs_status rs_auth_new(const struct rs_auth_options *options,
                                         struct rs_auth **ret, struct rs_err *reterr);
void rs_auth_free(struct rs_auth *auth); /* NULL-safe; nobody may be inside any more */
/* The daemon is stopping: nobody waits for an issuer's keys any longer. */
void rs_auth_cancel(struct rs_auth *auth);

/* The registry's name for `service="..."` in challenges.  Borrowed; never holds '"', '\' or control
 * bytes. */
const char *rs_auth_service(const struct rs_auth *auth);
/* Life of the tokens issued here. */
unsigned rs_auth_token_seconds(const struct rs_auth *auth);

/* Since the start: how often a name and a password were computed to be wrong, and how often an
 * attempt was refused unseen after too many of these. */
struct rs_auth_stats {
    uint64_t failed;
    uint64_t throttled;
};
void rs_auth_stats(struct rs_auth *auth, struct rs_auth_stats *ret);

/* A new key signs from now on; tokens of the old ones go on until they expire.  Durable on return.
 * Errors: RS_IO, RS_NO_SPACE, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_auth_rotate_keys(struct rs_auth *auth, struct rs_err *reterr);

enum rs_auth_mode {
    /* on a loop thread: microseconds; what needs a password hash is put off by ret->must_block */
    RS_AUTH_INLINE,
    /* on a worker: may compute a password hash (tens of milliseconds) and wait for its turn */
    RS_AUTH_MAY_BLOCK,
    /* as before, for the token service only: a refresh token may stand in the place of a password
     */
    RS_AUTH_FOR_TOKENS,
};

struct rs_auth_result {
    struct rs_identity identity; /* only when the call succeeded and must_block is false */
    /* RS_OK, but nothing is decided: call again with RS_AUTH_MAY_BLOCK on a worker */
    bool must_block;
    /* with RS_TOO_MANY and RS_BUSY: for the Retry-After header; else 0 */
    unsigned retry_after_s;
};

/**
 * rs_auth_authenticate(): who sends this request?  Basic (users, robots, and workloads with
 * a token of their issuer) or Bearer (our own tokens). Routes with RS_NEED_NOTHING are not
 * authenticated by the transport: the token service calls this itself.
 * @authorization  the header's value, untrusted; NULL = none was sent: the identity is `anonymous`
 * without credentials
 * @source         the client's address as text (behind trusted proxies, the one they tell); for
 * throttling only
 * @arena          of the request: identity.scope is copied into it
 * Errors: RS_UNAUTHORIZED (bad scheme, unknown name, wrong or disabled credential, bad or expired
 * token: one and the same answer, to be sent with the challenge), RS_TOO_MANY (429: too many
 * failures; the credential was not looked at), RS_BUSY, RS_IO, RS_NOMEM: whatever is not RS_OK
 * denies. Blocks: RS_AUTH_INLINE never on more than a read of the catalog; RS_AUTH_MAY_BLOCK on a
 * password hash.
 */
RS_MUST_CHECK enum rs_status rs_auth_authenticate(struct rs_auth *auth, const char *authorization,
                                                  const char *source, struct rs_arena *arena,
                                                  enum rs_auth_mode mode,
                                                  struct rs_auth_result *ret,
                                                  struct rs_err *reterr);

/* The same for a name and a password that came another way (the form of an OAuth2 request). */
RS_MUST_CHECK enum rs_status rs_auth_password(struct rs_auth *auth, const char *name,
                                              const char *password, const char *source,
                                              struct rs_arena *arena, enum rs_auth_mode mode,
                                              struct rs_auth_result *ret, struct rs_err *reterr);
/**
 * rs_auth_exchange(): a token that stands in the place of a password: one of ours, of a kind in
 * `uses`, or one of the issuer of a workload that it fits (OpenID Connect).
 * Errors and blocking as rs_auth_authenticate(); an issuer's keys may have to be fetched.
 */
RS_MUST_CHECK enum rs_status rs_auth_exchange(struct rs_auth *auth, const char *token,
                                              unsigned uses, const char *source,
                                              struct rs_arena *arena, enum rs_auth_mode mode,
                                              struct rs_auth_result *ret, struct rs_err *reterr);
/* The same for a token of ours alone; `uses` is of enum rs_token_use (auth/token.h).  Never blocks
 * on more than a read. */
RS_MUST_CHECK enum rs_status rs_auth_token(struct rs_auth *auth, const char *token, unsigned uses,
                                           struct rs_arena *arena, struct rs_identity *ret,
                                           struct rs_err *reterr);

/**
 * rs_auth_access(): what the principal may do in `repository` now; cheap (no SQL while no grant has
 * changed). A name that no repository has yet is fine.  No grant gives perms 0, which is no error.
 * What `anonymous` may pull everybody may pull (ret->is_public says that the pull is held for that
 * reason only). Errors: RS_IO, RS_CORRUPT, RS_NOMEM; *ret is then all zero: nothing is permitted.
 */
RS_MUST_CHECK enum rs_status rs_auth_access(struct rs_auth *auth,
                                            const struct rs_identity *identity,
                                            const char *repository, struct rs_arena *arena,
                                            struct rs_access *ret, struct rs_err *reterr);

/**
 * rs_auth_has_any(): does the principal hold at least one of `perms` (bits of enum rs_perm) under
 * any pattern? For routes about no single repository: RS_PERM_AUDIT_READ for the log, RS_PERM_ADMIN
 * (only one held on "**" counts for admin routes, see rs_auth_is_admin()), any of ~0U for GET /v2/.
 */
RS_MUST_CHECK enum rs_status rs_auth_has_any(struct rs_auth *auth,
                                             const struct rs_identity *identity, uint32_t perms,
                                             bool *ret_has, struct rs_err *reterr);
/* admin on "**". */
RS_MUST_CHECK enum rs_status rs_auth_is_admin(struct rs_auth *auth,
                                              const struct rs_identity *identity,
                                              bool *ret_is_admin, struct rs_err *reterr);

/* One pattern under which a principal holds something; several may match the same repository: what
 * they give adds up. */
struct rs_auth_pattern {
    const char *pattern; /* as rs_glob_match() takes it */
    uint32_t perms;
    const char *checks; /* as rs_access.checks */
    bool is_public;     /* everybody has it: it is one of `anonymous` */
};

/**
 * rs_auth_patterns(): all that the principal holds, pattern by pattern (what `anonymous` may pull
 * included), for lists over many repositories: narrow the query by the patterns, or ask
 * rs_auth_access() row by row.  Copied into the arena.
 */
RS_MUST_CHECK enum rs_status
rs_auth_patterns(struct rs_auth *auth, const struct rs_identity *identity, struct rs_arena *arena,
                 const struct rs_auth_pattern **ret, size_t *ret_n, struct rs_err *reterr);

/**
 * rs_auth_access_of(): what some OTHER principal may do in a repository (explain), by its name, as
 * if with Basic. RS_NOT_FOUND when nobody has that name.
 */
RS_MUST_CHECK enum rs_status rs_auth_access_of(struct rs_auth *auth, const char *principal,
                                               const char *repository, struct rs_arena *arena,
                                               struct rs_identity *ret_identity,
                                               struct rs_access *ret, struct rs_err *reterr);

#endif
