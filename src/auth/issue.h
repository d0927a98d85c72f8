/*
 * auth/issue.h: hand out tokens.
 * Layer: auth.  Threads: any.  Spec: SPEC section 9.
 *
 * A token never does more than the credential it was got with: granted = asked and held, and, when
 * that credential is itself a token, what that one carries.
 */
#ifndef RS_AUTH_ISSUE_H
#define RS_AUTH_ISSUE_H

#include <stdint.h>

#include "auth/auth.h"
#include "auth/scope.h"

struct rs_issued {
    const char *token;
    const struct rs_scope *scope; /* what it carries */
    int64_t issued_unix_s;
    int64_t expires_in_s;
};

/* A chain of tokens ends so long after a secret was shown: a refresh token cannot renew itself. */
#define RS_ISSUE_REFRESH_SECONDS ((int64_t)3 * 3600)

/**
 * rs_issue_access(): an access token for `identity`; `asked` is narrowed in place.
 * Texts of *ret are in the arena.
 * Errors: RS_UNAUTHORIZED (a refresh token's time is over), RS_BAD_REQUEST (too long), RS_IO,
 * RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_issue_access(struct rs_auth *auth,
                                             const struct rs_identity *identity,
                                             struct rs_scope *asked, struct rs_arena *arena,
                                             struct rs_issued *ret, struct rs_err *reterr);
/* A refresh token with the power of `identity`'s credentials, no more; never for `anonymous`
 * (RS_UNAUTHORIZED). */
RS_MUST_CHECK enum rs_status rs_issue_refresh(struct rs_auth *auth,
                                              const struct rs_identity *identity,
                                              struct rs_arena *arena, struct rs_issued *ret,
                                              struct rs_err *reterr);

#endif
