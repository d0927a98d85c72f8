/*
 * crypto/hash.h: SHA-256 and SHA-512, streaming and at once.
 * Layer: crypto.  Threads: a hasher belongs to one thread at a time; hashers are independent.
 */
#ifndef RS_CRYPTO_HASH_H
#define RS_CRYPTO_HASH_H

#include <stddef.h>

#include "base/err.h"

enum rs_hash_algorithm { RS_HASH_SHA256, RS_HASH_SHA512 };

#define RS_SHA256_BYTES 32
#define RS_SHA512_BYTES 64
#define RS_HASH_BYTES_MAX RS_SHA512_BYTES
/* "sha512:", 128 hex digits and a NUL: holds a digest text of either algorithm. */
#define RS_HASH_TEXT_BYTES 136

struct rs_hasher;

RS_MUST_CHECK enum rs_status rs_hasher_new(enum rs_hash_algorithm algorithm, struct rs_hasher **ret,
                                           struct rs_err *reterr);
/* An independent copy of the running state: the original goes on. */
RS_MUST_CHECK enum rs_status rs_hasher_clone(const struct rs_hasher *h, struct rs_hasher **ret,
                                             struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_hasher_update(struct rs_hasher *h, const void *src, size_t n,
                                              struct rs_err *reterr);
/* Ends the stream: the raw digest, RS_SHA256_BYTES or RS_SHA512_BYTES of it.  Afterwards only
 * free it. */
RS_MUST_CHECK enum rs_status
rs_hasher_final(struct rs_hasher *h, unsigned char out[RS_HASH_BYTES_MAX], struct rs_err *reterr);
/* The same as canonical text, "sha256:<lower-case hex>". */
RS_MUST_CHECK enum rs_status rs_hasher_final_text(struct rs_hasher *h, char out[RS_HASH_TEXT_BYTES],
                                                  struct rs_err *reterr);
void rs_hasher_free(struct rs_hasher *h); /* NULL is fine */
RS_DEFINE_AUTO_PTR(rs_hasher, rs_hasher_free)

/* At once.  These cannot fail for want of memory; a broken crypto library aborts (fail closed). */
void rs_hash_sha256(const void *src, size_t n, unsigned char out[RS_SHA256_BYTES]);
void rs_hash_sha512(const void *src, size_t n, unsigned char out[RS_SHA512_BYTES]);
/* "sha256:<hex>" or "sha512:<hex>" of n bytes. */
void rs_hash_text(enum rs_hash_algorithm algorithm, const void *src, size_t n,
                  char out[RS_HASH_TEXT_BYTES]);

#endif
