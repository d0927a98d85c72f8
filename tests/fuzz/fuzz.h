/* What every fuzz target defines: libFuzzer's entry point.  It must not keep anything, and aborts
 * when a property does not hold. */
#ifndef RS_TESTS_FUZZ_H
#define RS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
