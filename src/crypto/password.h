/*
 * crypto/password.h: slow hashes of passwords and robot secrets.
 * Layer: crypto.  Threads: any.  Every function blocks for tens of milliseconds of processor time:
 * workers only, never the event loop.
 */
#ifndef RS_CRYPTO_PASSWORD_H
#define RS_CRYPTO_PASSWORD_H

#include <stdbool.h>

#include "base/err.h"

#define RS_PASSWORD_BYTES_MAX 512U
#define RS_PASSWORD_HASH_BYTES 384

/**
 * rs_password_hash(): a new salted hash in crypt(5) form: yescrypt where the system has it, else
 * bcrypt.
 * Errors: RS_BAD_REQUEST (empty or longer than RS_PASSWORD_BYTES_MAX; past 72 bytes where only
 * bcrypt is there, which would cut it silently), RS_NOMEM, RS_INTERNAL.
 */
RS_MUST_CHECK enum rs_status
rs_password_hash(const char *password, char out[RS_PASSWORD_HASH_BYTES], struct rs_err *reterr);
/**
 * rs_password_verify(): does `password` belong to the stored hash?
 * A stored text that is no hash of an accepted method never matches (RS_OK, false).
 * Errors: RS_NOMEM, RS_INTERNAL; *ret_matches is then false.
 */
RS_MUST_CHECK enum rs_status rs_password_verify(const char *password, const char *stored,
                                                bool *ret_matches, struct rs_err *reterr);
/* Spend the time of a verification for a user that does not exist, so that the answer's time
 * does not tell. */
void rs_password_verify_nobody(const char *password);

#endif
