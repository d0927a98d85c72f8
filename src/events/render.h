/*
 * events/render.h: an event as JSON, for the feed and for each webhook format.
 * Layer: events.  Threads: any (pure functions).  Spec: SPEC section 6; CloudEvents 1.0 JSON; the
 * webhook payloads of Azure Container Registry; the notification envelope of the distribution
 * project.
 */
#ifndef RS_EVENTS_RENDER_H
#define RS_EVENTS_RENDER_H

#include "base/buf.h"
#include "catalog/event.h"

enum rs_event_format { RS_FORMAT_CLOUDEVENTS, RS_FORMAT_ACR, RS_FORMAT_DOCKER };

/* "cloudevents", "acr", "docker". */
const char *rs_event_format_name(enum rs_event_format format);
RS_MUST_CHECK bool rs_event_format_parse(const char *word, enum rs_event_format *ret);
/* Can the format tell of this type at all? */
bool rs_event_format_has(enum rs_event_format format, const char *type);
const char *rs_event_format_content_type(enum rs_event_format format);

/* The event's own object:
 * {"sequence","id","type","timestamp","repository","tag","digest","actor","publisher","size","mediaType","artifactType","subject",
 *  "quarantineEvent","decision","requestId"}; decision is null or {"by","state","details"}, details
 * only when with_details. RS_CORRUPT when the stored payload is damaged. */
RS_MUST_CHECK enum rs_status rs_event_render(const struct rs_event_row *row, bool with_details,
                                             struct rs_buf *out, struct rs_err *reterr);
/* A webhook's body.  `base_url` is this registry's public URL ("https://registry.example"), "" when
 * not configured. */
RS_MUST_CHECK enum rs_status rs_event_render_format(const struct rs_event_row *row,
                                                    enum rs_event_format format, bool with_details,
                                                    const char *base_url, struct rs_buf *out,
                                                    struct rs_err *reterr);

#endif
