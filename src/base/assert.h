/*
 * base/assert.h: assertions that stay on in production.
 * Layer: base.  For our own mistakes only: nothing that a peer, a file, a row or an operator can
 * cause may be asserted.
 */
#ifndef RS_BASE_ASSERT_H
#define RS_BASE_ASSERT_H

#include "base/attr.h"

/* Prints where and what to standard error and aborts. */
RS_NORETURN void rs_assert_failed(const char *expr, const char *file, int line);

#define rs_assert(expr) ((expr) ? (void)0 : rs_assert_failed(#expr, __FILE__, __LINE__))

#endif
