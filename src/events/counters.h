/*
 * events/counters.h: how many events this process has committed, for the metrics.  Layer: events.
 * Threads: any (an atomic counter).
 */
#ifndef RS_EVENTS_COUNTERS_H
#define RS_EVENTS_COUNTERS_H

#include <stdint.h>

void rs_event_count(void);
uint64_t rs_event_counted(void);

#endif
