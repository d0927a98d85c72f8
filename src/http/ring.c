#include "http/ring.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

bool rs_ring_init(struct rs_ring *ring, size_t bytes)
{
    size_t cap = 4096;
    while (cap < bytes && cap < SIZE_MAX / 4)
        cap *= 2;
    ring->data = malloc(cap);
    ring->cap = cap;
    atomic_init(&ring->put, 0);
    atomic_init(&ring->taken, 0);
    return ring->data != NULL;
}

void rs_ring_release(struct rs_ring *ring)
{
    free(ring->data);
    ring->data = NULL;
}

size_t rs_ring_used(struct rs_ring *ring)
{
    size_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    return atomic_load_explicit(&ring->put, memory_order_acquire) - taken;
}

size_t rs_ring_put(struct rs_ring *ring, const void *src, size_t n)
{
    size_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    /* acquire: the consumer has read the bytes that are overwritten now */
    size_t room = ring->cap - (put - atomic_load_explicit(&ring->taken, memory_order_acquire));
    if (n > room)
        n = room;
    size_t at = put & (ring->cap - 1);
    size_t first = n < ring->cap - at ? n : ring->cap - at;
    if (n > 0) {
        memcpy(ring->data + at, src, first);
        memcpy(ring->data, (const char *)src + first, n - first);
    }
    atomic_store_explicit(&ring->put, put + n, memory_order_release);
    return n;
}

size_t rs_ring_peek(struct rs_ring *ring, const char **ret)
{
    size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    size_t used = atomic_load_explicit(&ring->put, memory_order_acquire) - taken;
    size_t at = taken & (ring->cap - 1);
    *ret = ring->data + at;
    return used < ring->cap - at ? used : ring->cap - at;
}

void rs_ring_take(struct rs_ring *ring, size_t n)
{
    size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    rs_assert(n <= atomic_load_explicit(&ring->put, memory_order_relaxed) - taken);
    atomic_store_explicit(&ring->taken, taken + n, memory_order_release);
}
