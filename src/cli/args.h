/*
 * cli/args.h: options and arguments of a command line.
 * Layer: cli.  Threads: one.
 *
 * Options may stand anywhere: --name VALUE, --name=VALUE, --flag; after `--` everything is an
 * argument.  Names are never abbreviated: a script must not change its meaning when an option is
 * added.
 */
#ifndef RS_CLI_ARGS_H
#define RS_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct rs_option {
    const char *name;  /* without dashes */
    const char *value; /* what its value is called, "URL"; NULL = a flag */
    const char *help;  /* one or two lines */
    bool repeats;      /* may be given several times */
};

#define RS_OPTION(name_, value_, help_)                     \
    {                                                       \
        .name = (name_), .value = (value_), .help = (help_) \
    }
#define RS_OPTION_MANY(name_, value_, help_)                                 \
    {                                                                        \
        .name = (name_), .value = (value_), .help = (help_), .repeats = true \
    }
#define RS_FLAG(name_, help_)            \
    {                                    \
        .name = (name_), .help = (help_) \
    }
#define RS_OPTIONS_END \
    {                  \
        .name = NULL   \
    }

#define RS_ARGS_MAX 256U

struct rs_args {
    const struct rs_option *own; /* tables that were searched; each ends with a name of NULL */
    const struct rs_option *common;
    const char *const *positional; /* n_positional of them; borrowed from argv */
    size_t n_positional;
    bool wants_help;
    const void *subject; /* the command's (cli/command.h) */
    const char *positionals[RS_ARGS_MAX];
    struct rs_args_set {
        const struct rs_option *option;
        const char *value;
    } set[RS_ARGS_MAX];
    size_t n_set;
};

/**
 * rs_args_parse(): read argv[0..argc-1] (without the program's and the command's names).
 * @own, @common  tables, either may be NULL
 * Errors: RS_BAD_REQUEST: an unknown option (with the one that was probably meant), a missing or
 * superfluous value, an option given twice that does not repeat, too many words.
 */
RS_MUST_CHECK enum rs_status rs_args_parse(int argc, char *const *argv, const struct rs_option *own,
                                           const struct rs_option *common, struct rs_args *ret,
                                           struct rs_err *reterr);

/* Asking for an option that is in no table is a mistake of ours and asserted. */
bool rs_args_flag(const struct rs_args *a, const char *name);
/* NULL when it was not given. */
const char *rs_args_text(const struct rs_args *a, const char *name);
/* The i-th value of an option that repeats; NULL past the end. */
const char *rs_args_text_at(const struct rs_args *a, const char *name, size_t i);
/* Leaves *ret as it is when the option was not given.  RS_BAD_REQUEST for anything else than a
 * number from min to max. */
RS_MUST_CHECK enum rs_status rs_args_number(const struct rs_args *a, const char *name, uint64_t min,
                                            uint64_t max, uint64_t *ret, struct rs_err *reterr);
/* "90", "90s", "5m", "2h", "7d" as milliseconds, otherwise like rs_args_number(). */
RS_MUST_CHECK enum rs_status rs_args_duration_ms(const struct rs_args *a, const char *name,
                                                 uint64_t max_ms, uint64_t *ret,
                                                 struct rs_err *reterr);

#endif
