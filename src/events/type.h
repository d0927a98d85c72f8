/*
 * events/type.h: the types of events and their names.  Layer: events.  Threads: any (pure
 * functions).  Spec: SPEC section 6.
 */
#ifndef RS_EVENTS_TYPE_H
#define RS_EVENTS_TYPE_H

#include "events/append.h"

#define RS_EVENT_TYPES 5U

const char *rs_event_type_name(enum rs_event_type type);
/* false for an unknown word. */
RS_MUST_CHECK bool rs_event_type_parse(const char *word, enum rs_event_type *ret);
/* Is it about a manifest in quarantine, so for the narrower audience?  An unknown type is. */
bool rs_event_type_is_held(const char *type, bool is_held);

#endif
