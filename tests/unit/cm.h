/* The headers that cmocka wants before its own. */
#ifndef RS_TESTS_CM_H
#define RS_TESTS_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
