/*
 * cli/command.h: what a subcommand is.
 * Layer: cli.  Threads: the command line is one thread until `serve` starts its own.  Spec: SPEC
 * section 10.
 *
 * One file per subcommand defines one `const struct rs_command rs_command_<name>`; cli/cli.c lists
 * them all, parses what was typed and writes every help text out of these tables.
 */
#ifndef RS_CLI_COMMAND_H
#define RS_CLI_COMMAND_H

#include "cli/args.h"

/* How the program ends; told in every help text and in docs/cli.md. */
enum rs_exit {
    RS_EXIT_OK = 0,
    RS_EXIT_NO = 1,          /* the answer is no: not found, failed, not sound */
    RS_EXIT_USAGE = 2,       /* the command line cannot be understood */
    RS_EXIT_UNREACHABLE = 3, /* no answer from the server, or its certificate is not trusted */
    RS_EXIT_DENIED = 4,      /* credentials missing or wrong, or not allowed */
    RS_EXIT_REFUSED = 5,     /* the server refuses this request as it is, or in the present state */
    RS_EXIT_SERVER = 6,      /* the server, or this machine, cannot do it at the moment */
    RS_EXIT_TIMEOUT = 7,     /* `wait` gave up */
};

enum rs_command_needs {
    RS_COMMAND_ALONE = 0, /* no server: only its own options */
    RS_COMMAND_SERVER,    /* a running registry: --server, --user, --json and the like are added */
};

struct rs_command {
    const char *name;
    const char *arguments;           /* "REFERENCE [TAG...]"; "" none */
    const char *summary;             /* one line, for lists */
    const char *help;                /* paragraphs; lines of at most 78 columns */
    const char *examples;            /* command lines, one a line; NULL none */
    const struct rs_option *options; /* its own; ends with a name of NULL; NULL none */
    unsigned arguments_min;
    unsigned arguments_max;
    enum rs_command_needs needs;
    enum rs_exit (*run)(const struct rs_args *args);
    const void *subject; /* what it is about, where several share `run`: args->subject there */
    /* Ends with NULL; `run` is then what it does without one, or NULL. */
    const struct rs_command *const *subcommands;
};

/* All of them, in the order in which they are listed; ends with NULL. */
extern const struct rs_command *const rs_commands[];

extern const struct rs_command rs_command_serve;
extern const struct rs_command rs_command_status;
extern const struct rs_command rs_command_list;
extern const struct rs_command rs_command_tags;
extern const struct rs_command rs_command_inspect;
extern const struct rs_command rs_command_explain;
extern const struct rs_command rs_command_release;
extern const struct rs_command rs_command_fail;
extern const struct rs_command rs_command_check;
extern const struct rs_command rs_command_wait;
extern const struct rs_command rs_command_process;
extern const struct rs_command rs_command_delete;
extern const struct rs_command rs_command_events;
extern const struct rs_command rs_command_audit;
extern const struct rs_command rs_command_user;
extern const struct rs_command rs_command_robot;
extern const struct rs_command rs_command_workload;
extern const struct rs_command rs_command_grant;
extern const struct rs_command rs_command_policy;
extern const struct rs_command rs_command_webhook;
extern const struct rs_command rs_command_gc;
extern const struct rs_command rs_command_fsck;
extern const struct rs_command rs_command_backup;
extern const struct rs_command rs_command_restore;

#endif
