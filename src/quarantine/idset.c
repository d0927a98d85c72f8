#include "quarantine/idset.h"

#define CAP_MIN ((size_t)64)

/* The slot of the id, or the free one where it belongs. */
static size_t slot_of(const struct rs_idset *set, int64_t id)
{
    size_t mask = set->cap - 1;
    size_t i = (size_t)(((uint64_t)id * 0x9e3779b97f4a7c15U) >> 32) & mask;
    while (set->slots[i] != 0 && set->slots[i] != id)
        i = (i + 1) & mask;
    return i;
}

bool rs_idset_has(const struct rs_idset *set, int64_t id)
{
    return set->cap > 0 && set->slots[slot_of(set, id)] == id;
}

static enum rs_status grow(struct rs_idset *set, struct rs_arena *arena)
{
    struct rs_idset bigger = {.cap = set->cap == 0 ? CAP_MIN : set->cap * 2, .n = set->n};
    bigger.slots = rs_arena_alloc(arena, bigger.cap * sizeof(*bigger.slots));
    if (bigger.slots == NULL)
        return RS_NOMEM;
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i] != 0)
            bigger.slots[slot_of(&bigger, set->slots[i])] = set->slots[i];
    *set = bigger;
    return RS_OK;
}

enum rs_status rs_idset_add(struct rs_idset *set, struct rs_arena *arena, int64_t id,
                            bool *ret_added)
{
    if (2 * (set->n + 1) > set->cap) {
        enum rs_status s = grow(set, arena);
        if (s != RS_OK)
            return s;
    }
    size_t i = slot_of(set, id);
    *ret_added = set->slots[i] == 0;
    if (*ret_added) {
        set->slots[i] = id;
        set->n++;
    }
    return RS_OK;
}
