/*
 * auth/key_set.h: the public keys of an issuer.
 * Layer: auth.  Spec: RFC 7517; RFC 8725.  Threads: any; a set is immutable, shared by reference.
 */
#ifndef RS_AUTH_KEY_SET_H
#define RS_AUTH_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "crypto/signature.h"

struct rs_key_set;

#define RS_KEY_SET_BYTES_MAX ((size_t)512 * 1024)
#define RS_KEY_SET_KEYS_MAX 128U

/**
 * rs_key_set_parse(): a JSON Web Key Set.  Keys that are of no use here (of other kinds, for
 * encryption, private or symmetric ones, too small) are passed over, as RFC 7517 section 5 wants
 * it. Errors: RS_BAD_REQUEST (no key set, too many keys, or none that is of use), RS_TOO_LARGE,
 * RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_key_set_parse(struct rs_str json, struct rs_key_set **ret,
                                              struct rs_err *reterr);
struct rs_key_set *rs_key_set_ref(struct rs_key_set *set);
void rs_key_set_unref(struct rs_key_set *set); /* NULL-safe */
RS_DEFINE_AUTO_PTR(rs_key_set, rs_key_set_unref)

/* Is there a key that a token with this header may be signed with?  `kid` NULL (the token names
 * none): only when there is no choice. */
RS_MUST_CHECK bool rs_key_set_has(const struct rs_key_set *set, const char *kid);
/* Did such a key make the signature, with this algorithm? */
RS_MUST_CHECK bool rs_key_set_verify(const struct rs_key_set *set, const char *kid,
                                     enum rs_signature_algorithm algorithm, struct rs_str message,
                                     struct rs_str signature);

#endif
