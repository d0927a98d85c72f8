/*
 * auth/id_token.h: tokens of others: a JSON Web Token that an OpenID Connect issuer signed.
 * Layer: auth.  Spec: RFC 7515, RFC 7519, RFC 8725; OpenID Connect Core 1.0 section 2.
 * Threads: any (pure).
 *
 * Nothing of a token is believed before rs_key_set_verify() said yes to it, but its issuer and key
 * id, which only choose the keys to try; and no member of its header names a key or where to get
 * one.
 */
#ifndef RS_AUTH_ID_TOKEN_H
#define RS_AUTH_ID_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "crypto/signature.h"
#include "json/json.h"

/* What fits into a header of a request beside everything else. */
#define RS_ID_TOKEN_BYTES_MAX ((size_t)8192)
/* So far the issuer's clock may be ahead of ours (nbf, iat); an expiry is never put off. */
#define RS_ID_TOKEN_SKEW_S 60

struct rs_id_token {
    struct rs_json *header; /* owned */
    struct rs_json *claims; /* owned; an object */
    enum rs_signature_algorithm algorithm;
    const char *kid;         /* borrowed from the header; NULL = it names none */
    const char *issuer;      /* borrowed from the claims; an https URL */
    struct rs_str message;   /* what is signed; borrowed from the text */
    struct rs_str signature; /* in `bytes` */
    unsigned char *bytes;    /* owned */
};
#define RS_ID_TOKEN_INIT \
    {                    \
        .kid = NULL      \
    }
void rs_id_token_release(struct rs_id_token *token);
RS_DEFINE_AUTO(rs_id_token, struct rs_id_token, rs_id_token_release)

/**
 * rs_id_token_parse(): take apart, without believing any of it.
 * @text  untrusted, of any length; must outlive *ret
 * Errors: RS_UNAUTHORIZED for whatever is no token that could be accepted: its parts, an algorithm
 * that is not ours (none and the symmetric ones among them), a `crit`, another `typ`, no issuer;
 * RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_id_token_parse(const char *text, struct rs_id_token *ret,
                                               struct rs_err *reterr);

/**
 * rs_id_token_check_time(): of a verified token: is it valid now?  *ret_expires_unix_s is its end.
 * RS_UNAUTHORIZED, with the reason, when it is not.
 */
RS_MUST_CHECK enum rs_status rs_id_token_check_time(const struct rs_id_token *token,
                                                    int64_t now_unix_s, int64_t *ret_expires_unix_s,
                                                    struct rs_err *reterr);

#endif
