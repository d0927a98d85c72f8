/*
 * base/arena.h: bump allocation for the lifetime of one request.
 * Layer: base.  Threads: one at a time.  Memory only, never descriptors.
 */
#ifndef RS_BASE_ARENA_H
#define RS_BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct rs_arena_chunk;

struct rs_arena {
    struct rs_arena_chunk *chunks; /* newest first */
    size_t used_bytes;             /* sum of all chunks */
    size_t max_bytes;              /* hard cap */
};

void rs_arena_init(struct rs_arena *a, size_t max_bytes);
/* Zeroed memory aligned for any object, valid until release; NULL at the cap or without memory. */
void *rs_arena_alloc(struct rs_arena *a, size_t bytes);
/**
 * rs_arena_reserve(): room for one more item in an array that grows: the array itself, or a copy
 * twice as large, of which the first n items are set.  `array` may be NULL while *cap is 0; what it
 * was stays allocated until release.  NULL at the cap or without memory: nothing has changed.
 */
void *rs_arena_reserve(struct rs_arena *a, void *array, size_t n, size_t *cap, size_t item_bytes);
/* NUL-terminated copy of n bytes. */
char *rs_arena_strndup(struct rs_arena *a, const char *src, size_t n);
char *rs_arena_strdup(struct rs_arena *a, const char *src);
RS_PRINTF(2, 3)
char *rs_arena_printf(struct rs_arena *a, const char *fmt, ...);
/* Frees everything; idempotent; the arena can be used again. */
void rs_arena_release(struct rs_arena *a);

#endif
