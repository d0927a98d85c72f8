/*
 * crypto/ed25519.h: Ed25519 signatures with raw keys.  Layer: crypto.  Spec: RFC 8032.  Threads:
 * any (pure functions).
 */
#ifndef RS_CRYPTO_ED25519_H
#define RS_CRYPTO_ED25519_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define RS_ED25519_KEY_BYTES 32 /* a private key (its seed) and a public key alike */
#define RS_ED25519_SIGNATURE_BYTES 64

/* A new private key out of the system's random bytes. */
void rs_ed25519_generate(unsigned char private_key[RS_ED25519_KEY_BYTES]);
/* The public key of a private one.  Errors: RS_NOMEM, RS_INTERNAL. */
RS_MUST_CHECK enum rs_status
rs_ed25519_public(const unsigned char private_key[RS_ED25519_KEY_BYTES],
                  unsigned char ret_public_key[RS_ED25519_KEY_BYTES], struct rs_err *reterr);
RS_MUST_CHECK enum rs_status
rs_ed25519_sign(const unsigned char private_key[RS_ED25519_KEY_BYTES], const void *message,
                size_t n, unsigned char ret_signature[RS_ED25519_SIGNATURE_BYTES],
                struct rs_err *reterr);
/* False for a wrong signature and for every error. */
RS_MUST_CHECK bool rs_ed25519_verify(const unsigned char public_key[RS_ED25519_KEY_BYTES],
                                     const void *message, size_t n,
                                     const unsigned char signature[RS_ED25519_SIGNATURE_BYTES]);

#endif
