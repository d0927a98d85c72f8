/*
 * events/signature.h: Standard Webhooks secrets and signatures.
 * Layer: events.  Threads: any (pure functions).  Spec: Standard Webhooks 1.0, symmetric scheme v1.
 */
#ifndef RS_EVENTS_SIGNATURE_H
#define RS_EVENTS_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* "whsec_" and the base64 of 32 random bytes, with a NUL. */
#define RS_WEBHOOK_SECRET_BYTES 51

void rs_signature_secret_new(char out[RS_WEBHOOK_SECRET_BYTES]);
/* "whsec_" and base64 of 24..64 bytes. */
bool rs_signature_secret_is_valid(struct rs_str secret);

/**
 * rs_signature_write(): the value of `webhook-signature`: "v1,<base64>" for each secret, newest
 * first, separated by spaces. Signed is "<id>.<unix seconds>.<body>".
 * @secrets  one or more whsec_ texts separated by spaces
 * Errors: RS_CORRUPT (a stored secret that is none), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_signature_write(const char *secrets, const char *id, int64_t unix_s,
                                                struct rs_str body, struct rs_buf *out,
                                                struct rs_err *reterr);

#endif
