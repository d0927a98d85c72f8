/*
 * crypto/signature.h: verify signatures of others with their public keys.
 * Layer: crypto.  Spec: RFC 7518 section 3 (JWA), RFC 8037.  Threads: any; a key is read-only once
 * made and may be used by many threads at a time.
 */
#ifndef RS_CRYPTO_SIGNATURE_H
#define RS_CRYPTO_SIGNATURE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* Asymmetric ones only: whoever can verify cannot sign. */
enum rs_signature_algorithm {
    RS_SIGNATURE_RS256,
    RS_SIGNATURE_RS384,
    RS_SIGNATURE_RS512,
    RS_SIGNATURE_PS256,
    RS_SIGNATURE_PS384,
    RS_SIGNATURE_PS512,
    RS_SIGNATURE_ES256,
    RS_SIGNATURE_ES384,
    RS_SIGNATURE_ES512,
    RS_SIGNATURE_EDDSA, /* Ed25519 */
};

/* By its name in JOSE ("RS256"), exactly; false for every other, "none" among them. */
RS_MUST_CHECK bool rs_signature_algorithm_parse(const char *name, enum rs_signature_algorithm *ret);

struct rs_public_key;

/* Larger numbers than this make verifying slow, smaller ones make it worthless. */
#define RS_RSA_BITS_MIN 2048
#define RS_RSA_BITS_MAX 8192

/*
 * Keys out of their numbers, big-endian.  RS_BAD_REQUEST for what is no usable key (an RSA modulus
 * out of the bounds, a point that is not on its curve, another curve); RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_public_key_rsa(struct rs_str modulus, struct rs_str exponent,
                                               struct rs_public_key **ret, struct rs_err *reterr);
/* @curve  "P-256", "P-384", "P-521"; x and y have the curve's full length */
RS_MUST_CHECK enum rs_status rs_public_key_ec(const char *curve, struct rs_str x, struct rs_str y,
                                              struct rs_public_key **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_public_key_ed25519(struct rs_str x, struct rs_public_key **ret,
                                                   struct rs_err *reterr);
void rs_public_key_free(struct rs_public_key *key); /* NULL-safe */
RS_DEFINE_AUTO_PTR(rs_public_key, rs_public_key_free)

/* Is the algorithm one for keys of this kind (and, for elliptic curves, of this very curve)? */
RS_MUST_CHECK bool rs_public_key_serves(const struct rs_public_key *key,
                                        enum rs_signature_algorithm algorithm);
/* False for a wrong signature, an algorithm that the key does not serve, and for every error. */
RS_MUST_CHECK bool rs_public_key_verify(const struct rs_public_key *key,
                                        enum rs_signature_algorithm algorithm,
                                        struct rs_str message, struct rs_str signature);

#endif
