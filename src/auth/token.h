/*
 * auth/token.h: our own tokens, JWS compact form with HMAC-SHA256.
 * Layer: auth.  Threads: any.  Spec: SPEC section 9; RFC 7515, RFC 7519, RFC 8725; Docker's token
 * specification for `access`.
 *
 * The header of a token is compared with the exact texts that this registry writes, one per key,
 * and never interpreted: a token cannot name an algorithm, a key or an address of a key.
 */
#ifndef RS_AUTH_TOKEN_H
#define RS_AUTH_TOKEN_H

#include <stdint.h>

#include "auth/access.h"
#include "auth/keys.h"
#include "auth/scope.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* What fits into a header of a request beside everything else. */
#define RS_TOKEN_BYTES_MAX ((size_t)8192)
/* A clock that stepped back by this much since the token was issued is forgiven (nbf, iat); an
 * expiry never is: the clock that judges it is the one that wrote it. */
#define RS_TOKEN_SKEW_S ((int64_t)60)

enum rs_token_use {
    RS_TOKEN_ACCESS = 1 << 0,  /* Authorization: Bearer */
    RS_TOKEN_REFRESH = 1 << 1, /* good for nothing but getting access tokens */
};

struct rs_token_claims {
    enum rs_token_use use;
    int64_t principal_id;
    unsigned char credential[RS_CREDENTIAL_BYTES]; /* of the secret that it was got with */
    int64_t proved_unix_s;                         /* when that secret was last shown */
    int64_t issued_unix_s;
    int64_t expires_unix_s;
    const struct rs_scope *scope; /* NULL in a refresh token that is not narrowed */
};

/* Append a signed token to `out`.  RS_BAD_REQUEST when the scope makes it longer than
 * RS_TOKEN_BYTES_MAX; RS_NOMEM, RS_INTERNAL. */
RS_MUST_CHECK enum rs_status rs_token_write(struct rs_keys *keys, const char *service,
                                            const struct rs_token_claims *claims,
                                            struct rs_buf *out, struct rs_err *reterr);

/**
 * rs_token_read(): verify and read a token of one of the kinds in `uses`.
 * Whether its principal is still there, enabled, and of the same credential is the caller's part.
 * @text  untrusted, of any length
 * Errors: RS_UNAUTHORIZED for whatever is not a valid token of ours now; RS_NOMEM, RS_INTERNAL.
 */
RS_MUST_CHECK enum rs_status rs_token_read(struct rs_keys *keys, const char *service,
                                           struct rs_str text, unsigned uses, int64_t now_unix_s,
                                           struct rs_arena *arena, struct rs_token_claims *ret,
                                           struct rs_err *reterr);

#endif
