/*
 * crypto/secret.h: comparing and forgetting secrets.  Layer: crypto.  Threads: any.
 * Secrets are made with rs_random_bytes() or rs_id_new() of base/id.h.
 */
#ifndef RS_CRYPTO_SECRET_H
#define RS_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Equal bytes; takes the same time wherever they differ. */
bool rs_secret_equal(const void *a, const void *b, size_t n);
/* Equal texts; tells nothing about where they differ, only (by its time) the length of `given`. */
bool rs_secret_equal_text(const char *given, const char *secret);
/* Overwrite in a way that the compiler keeps.  NULL with n = 0 is fine. */
void rs_secret_wipe(void *p, size_t n);

#endif
