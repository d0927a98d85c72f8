#include "events/counters.h"

#include <stdatomic.h>

static _Atomic uint64_t events;

void rs_event_count(void)
{
    (void)atomic_fetch_add_explicit(&events, 1, memory_order_relaxed);
}

uint64_t rs_event_counted(void)
{
    return atomic_load_explicit(&events, memory_order_relaxed);
}
