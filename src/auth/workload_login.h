/*
 * auth/workload_login.h: log a workload in with a token of its issuer.
 * Layer: auth, this folder only.  Threads: any.  Spec: SPEC sections 3 and 9.
 */
#ifndef RS_AUTH_WORKLOAD_LOGIN_H
#define RS_AUTH_WORKLOAD_LOGIN_H

#include "auth/auth_internal.h"
#include "auth/known.h"

/* Can this text be a token of an issuer?  (Nothing is verified.) */
RS_MUST_CHECK bool rs_workload_token_is_one(const char *token);

/**
 * rs_workload_login(): whose token is it?
 * @name           the workload that it must be; NULL = the only one that the token fits
 * @ret_is_signed  the issuer of a workload signed it; as long as nobody did, the answer to a failed
 *                 login must not tell which names there are
 * RS_AUTH_INLINE never gets further than what was proved a moment ago: ret->must_block.
 * Errors: RS_UNAUTHORIZED (until the signature is verified one and the same text), RS_TOO_MANY,
 * RS_BUSY (the issuer's keys are not to be had), RS_IO, RS_CORRUPT, RS_NOMEM.
 * Blocks on the issuer, for a bounded time among a bounded number (auth/issuer_keys.h).
 */
RS_MUST_CHECK enum rs_status rs_workload_login(struct rs_auth *auth, const char *name,
                                               const char *token, const char *source,
                                               struct rs_arena *arena, enum rs_auth_mode mode,
                                               struct rs_auth_result *ret, bool *ret_is_signed,
                                               struct rs_err *reterr);

#endif
