#include "audit/counters.h"

#include <stdatomic.h>

static _Atomic uint64_t records;

void rs_audit_count_record(void)
{
    (void)atomic_fetch_add_explicit(&records, 1, memory_order_relaxed);
}

uint64_t rs_audit_counted_records(void)
{
    return atomic_load_explicit(&records, memory_order_relaxed);
}
