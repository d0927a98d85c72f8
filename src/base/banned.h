/**
 * banned.h: functions that Roadstead's code must not call. Layer: base.
 *
 * The build includes this file in front of every source file, so a use is a compile error. The
 * headers that declare the functions come first, because a poisoned name may not even be declared.
 * Tests are exempt (RS_BANNED_EXEMPT): they may start programs and leave by exit().
 *
 * Instead: rs_parse_* for numbers, rs_buf and snprintf for text, gmtime_r for time, rs_random_* for
 * randomness; a server ends by returning from main, so that every destructor has run.
 */
#ifndef RS_BASE_BANNED_H
#define RS_BASE_BANNED_H

#ifndef RS_BANNED_EXEMPT

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* Some of them are macros with some compilers and flags. */
#undef alloca
#undef sprintf
#undef strdupa
#undef vsprintf

/* No bound on what is written, or a silent cut without a terminator. */
#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets
/* Silent on overflow and on rubbish after the number; strto* also skip blanks and take signs. */
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull sscanf
/* Hidden state shared between threads. */
#pragma GCC poison strtok strerror gmtime localtime ctime asctime srand srandom
/* Unbounded stack, a shell, destructors skipped, names that race. */
#pragma GCC poison alloca strdupa system popen exit mktemp tmpnam

/* Third-party headers name parameters like these two: only calls are refused. */
#define rand() rs_banned_function_rand
#define random() rs_banned_function_random

#endif

#endif
