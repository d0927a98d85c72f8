/*
 * base/clock.h: the two clocks and their text form.
 * Layer: base.  Threads: any.
 * Wall time is for records that people read and for validity of credentials; monotonic time is for
 * every duration.
 */
#ifndef RS_BASE_CLOCK_H
#define RS_BASE_CLOCK_H

#include <stdint.h>

#include "base/attr.h"

int64_t rs_clock_unix_ms(void);
int64_t rs_clock_unix_s(void);
uint64_t rs_clock_mono_ms(void);
/* Nanoseconds of CLOCK_BOOTTIME: goes on while the machine sleeps, never steps. */
uint64_t rs_clock_mono_ns(void);

#define RS_TIME_TEXT_BYTES 32
/* RFC 3339 UTC with milliseconds, "2026-11-30T20:05:01.123Z". */
void rs_clock_format(int64_t unix_ms, char out[RS_TIME_TEXT_BYTES]);
/* Accepts what rs_clock_format() writes, and RFC 3339 UTC without or with 1-9 fraction digits;
 * false otherwise. */
RS_MUST_CHECK _Bool rs_clock_parse(const char *text, int64_t *ret_unix_ms);

#endif
