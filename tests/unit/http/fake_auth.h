/* See fake_auth.c. */
#ifndef RS_TESTS_FAKE_AUTH_H
#define RS_TESTS_FAKE_AUTH_H

#include "auth/auth.h"

struct rs_auth *fake_auth(void);

#endif
