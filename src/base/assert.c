#include "base/assert.h"

#include <stdio.h>

void rs_assert_failed(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "roadstead: internal error: %s:%d: %s\n", file, line, expr);
    abort();
}
