/*
 * events/bell.h: tells sleepers that new events were committed.
 * Layer: events.  Threads: any.  One bell for the process: it carries no data, so a needless ring
 * only costs a look.
 */
#ifndef RS_EVENTS_BELL_H
#define RS_EVENTS_BELL_H

#include <stdint.h>

#include "db/db.h"

/* How often it has rung.  Take it BEFORE looking for events, wait with it after: a ring in between
 * is not missed. */
uint64_t rs_bell_count(void);
/* Until it has rung more often than `seen`, or `timeout_ms` is over.  The count then. */
uint64_t rs_bell_wait(uint64_t seen, uint64_t timeout_ms);
void rs_bell_ring(void);
/* Within a write job: ring after the commit. */
void rs_bell_ring_after_commit(struct rs_db_conn *conn);
/* Be called at each ring, on the ringing thread (must be quick); for who cannot wait.  At most 8,
 * for the life of the process. */
void rs_bell_listen(void (*fn)(void));

#endif
