/*
 * cli/audit.h: parts of `audit` that stand in files of their own.  Layer: cli.
 */
#ifndef RS_CLI_AUDIT_H
#define RS_CLI_AUDIT_H

#include "cli/client.h"

extern const struct rs_command rs_audit_command_verify;

#endif
