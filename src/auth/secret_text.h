/*
 * auth/secret_text.h: the secrets that this registry makes itself, and how they are stored.
 * Layer: auth.  Threads: any (pure, but for the random bytes).  Spec: SPEC section 9.
 *
 * A robot's secret has 256 random bits, so one SHA-256 protects it as well as any slow hash, and
 * verifying it costs a microsecond.
 */
#ifndef RS_AUTH_SECRET_TEXT_H
#define RS_AUTH_SECRET_TEXT_H

#include <stdbool.h>

#include "base/attr.h"

#define RS_SECRET_PREFIX "rsr_" /* lets scanners of source code find a secret that leaked */
#define RS_SECRET_TEXT_BYTES (sizeof RS_SECRET_PREFIX - 1 + 43 + 1)
#define RS_SECRET_STORED_BYTES (7 + 64 + 1)

/* A new secret. */
void rs_secret_text_new(char out[RS_SECRET_TEXT_BYTES]);
/* A new password for a person to type: 130 random bits, without letters that look alike. */
#define RS_SECRET_PASSWORD_BYTES 27
void rs_secret_password_new(char out[RS_SECRET_PASSWORD_BYTES]);

/* Does it look like a secret of ours?  Then it is worth the cheap comparison. */
bool rs_secret_text_is_ours(const char *text);
/* What the catalog keeps of it: "sha256:<hex>". */
void rs_secret_text_stored(const char *secret, char out[RS_SECRET_STORED_BYTES]);
/* In constant time. */
RS_MUST_CHECK bool rs_secret_text_matches(const char *given, const char *stored);

#endif
