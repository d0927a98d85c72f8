/*
 * audit/counters.h: how many audit records this process has committed, for the metrics.
 * Layer: audit.  Threads: any (an atomic counter, like those of catalog/generation.h).
 */
#ifndef RS_AUDIT_COUNTERS_H
#define RS_AUDIT_COUNTERS_H

#include <stdint.h>

void rs_audit_count_record(void);
uint64_t rs_audit_counted_records(void);

#endif
