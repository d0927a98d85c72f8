#include "events/type.h"

#include <string.h>

#include "base/assert.h"

static const char *const names[RS_EVENT_TYPES] = {
    [RS_EVENT_QUARANTINE] = "quarantine",
    [RS_EVENT_PUSH] = "push",
    [RS_EVENT_DELETE] = "delete",
    [RS_EVENT_QUARANTINE_FAILED] = "quarantine_failed",
    [RS_EVENT_QUARANTINE_OVERDUE] = "quarantine_overdue",
};

const char *rs_event_type_name(enum rs_event_type type)
{
    rs_assert((unsigned)type < RS_EVENT_TYPES);
    return names[type];
}

bool rs_event_type_parse(const char *word, enum rs_event_type *ret)
{
    for (unsigned i = 0; i < RS_EVENT_TYPES; i++) {
        if (strcmp(names[i], word) == 0) {
            *ret = (enum rs_event_type)i;
            return true;
        }
    }
    return false;
}

bool rs_event_type_is_held(const char *type, bool is_held)
{
    enum rs_event_type t;
    if (!rs_event_type_parse(type, &t))
        return true;
    switch (t) {
    case RS_EVENT_PUSH:
        return false;
    case RS_EVENT_DELETE:
        return is_held;
    case RS_EVENT_QUARANTINE:
    case RS_EVENT_QUARANTINE_FAILED:
    case RS_EVENT_QUARANTINE_OVERDUE:
        return true;
    }
    return true;
}
