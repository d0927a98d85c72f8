/*
 * quarantine/idset.h: a set of row ids, for walks over manifests that may meet one twice.
 * Layer: quarantine.  Threads: one at a time.
 */
#ifndef RS_QUARANTINE_IDSET_H
#define RS_QUARANTINE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Start with {0}.  The memory is the arena's; ids are greater than 0. */
struct rs_idset {
    int64_t *slots; /* 0 = free; at most half of them used */
    size_t cap;     /* a power of two, or 0 */
    size_t n;
};

bool rs_idset_has(const struct rs_idset *set, int64_t id);
/* *ret_added is false when it was there.  RS_NOMEM leaves the set as it was. */
RS_MUST_CHECK enum rs_status rs_idset_add(struct rs_idset *set, struct rs_arena *arena, int64_t id,
                                          bool *ret_added);

#endif
