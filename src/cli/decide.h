/*
 * cli/decide.h: what `release` and `fail` share.  Layer: cli.
 */
#ifndef RS_CLI_DECIDE_H
#define RS_CLI_DECIDE_H

#include "cli/client.h"

extern const struct rs_option rs_decide_options[];
/* Send the decision `state` ("released" or "failed") about the image that the arguments name. */
RS_MUST_CHECK enum rs_exit rs_decide_send(const struct rs_args *args, const char *state);

#endif
