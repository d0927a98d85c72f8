/*
 * http/ring.h: a bounded buffer of bytes between one producer and one consumer.
 * Layer: http.  Threads: one thread puts, one takes; no lock (positions are atomic).
 */
#ifndef RS_HTTP_RING_H
#define RS_HTTP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Invariant: taken <= put <= taken + cap; positions only grow. */
struct rs_ring {
    char *data;
    size_t cap; /* a power of two */
    _Atomic size_t put;
    _Atomic size_t taken;
};

/* At least `bytes` of room, rounded up to a power of two; false without memory. */
RS_MUST_CHECK bool rs_ring_init(struct rs_ring *ring, size_t bytes);
void rs_ring_release(struct rs_ring *ring); /* idempotent; good on all zero */

/* Producer: copy as much as there is room for; returns how much. */
size_t rs_ring_put(struct rs_ring *ring, const void *src, size_t n);
/* Consumer: the oldest bytes that lie together; 0 when empty.  They stay until rs_ring_take(). */
size_t rs_ring_peek(struct rs_ring *ring, const char **ret);
void rs_ring_take(struct rs_ring *ring, size_t n);
/* Either: bytes in it. */
size_t rs_ring_used(struct rs_ring *ring);

#endif
