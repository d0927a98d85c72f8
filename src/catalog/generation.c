#include "catalog/generation.h"

#include <stdatomic.h>

#define SLOTS 1024U

static _Atomic uint64_t repository_slots[SLOTS];
static _Atomic uint64_t access_slot;

static uintptr_t slot_of(const char *repository)
{
    uint64_t h = 14695981039346656037U; /* FNV-1a: only spreads, protects nothing */
    for (const char *p = repository; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211U;
    return (uintptr_t)(h % SLOTS);
}

uint64_t rs_generation_repository(const char *repository)
{
    return atomic_load(&repository_slots[slot_of(repository)]);
}

uint64_t rs_generation_access(void)
{
    return atomic_load(&access_slot);
}

static void bump_repository(void *arg)
{
    (void)atomic_fetch_add(&repository_slots[(uintptr_t)arg], 1);
}

static void bump_access(void *arg)
{
    (void)arg;
    (void)atomic_fetch_add(&access_slot, 1);
}

void rs_generation_touch_repository(struct rs_db_conn *conn, const char *repository)
{
    /* an index, never dereferenced */
    rs_db_after_commit(conn, bump_repository, (void *)slot_of(repository));
}

void rs_generation_touch_access(struct rs_db_conn *conn)
{
    rs_db_after_commit(conn, bump_access, NULL);
}

static void bump_all(void *arg)
{
    (void)arg;
    for (uintptr_t i = 0; i < SLOTS; i++)
        (void)atomic_fetch_add(&repository_slots[i], 1);
}

void rs_generation_touch_all(struct rs_db_conn *conn)
{
    rs_db_after_commit(conn, bump_all, NULL);
}
