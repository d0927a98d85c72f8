/*
 * crypto/hmac.h: HMAC-SHA256.  Layer: crypto.  Spec: RFC 2104.  Threads: any (pure functions).
 */
#ifndef RS_CRYPTO_HMAC_H
#define RS_CRYPTO_HMAC_H

#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

#define RS_HMAC_BYTES 32

/* Over the concatenation of `parts`, so that nobody needs to copy a body to sign it.  Errors:
 * RS_NOMEM, RS_INTERNAL. */
RS_MUST_CHECK enum rs_status rs_hmac_sha256(const void *key, size_t key_n,
                                            const struct rs_str *parts, size_t n_parts,
                                            unsigned char out[RS_HMAC_BYTES],
                                            struct rs_err *reterr);

#endif
