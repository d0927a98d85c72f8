/*
 * events/webhook_internal.h: what the files about webhooks share.  Layer: events, this folder only.
 */
#ifndef RS_EVENTS_WEBHOOK_INTERNAL_H
#define RS_EVENTS_WEBHOOK_INTERNAL_H

#include "events/webhook.h"
#include "json/write.h"

/* Its members (all but the secret), inside an object that the caller opened. */
void rs_webhook_write(const struct rs_webhook *webhook, struct rs_jw *w);
/* The same as the row's `settings`. */
RS_MUST_CHECK enum rs_status rs_webhook_settings_write(const struct rs_webhook *webhook,
                                                       struct rs_buf *out, struct rs_err *reterr);

#endif
