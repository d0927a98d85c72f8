/*
 * cli/help.h: help texts out of the tables of commands and options.  Layer: cli.  Threads: any
 * (pure).
 */
#ifndef RS_CLI_HELP_H
#define RS_CLI_HELP_H

#include "base/buf.h"
#include "cli/command.h"

struct rs_help {
    const struct rs_command *command;         /* for one command */
    const char *path;                         /* what stands in front of its name: "" or "user " */
    const struct rs_command *const *commands; /* for the whole program */
};

enum rs_status rs_help_command(const struct rs_help *help, struct rs_buf *out);
enum rs_status rs_help_group(const struct rs_help *help, struct rs_buf *out);
enum rs_status rs_help_program(const struct rs_help *help, struct rs_buf *out);

#endif
