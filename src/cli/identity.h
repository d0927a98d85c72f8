/*
 * cli/identity.h: what `user`, `robot` and `workload` share.  Layer: cli.
 */
#ifndef RS_CLI_IDENTITY_H
#define RS_CLI_IDENTITY_H

#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"

struct rs_identity_kind {
    const char *path;   /* of the API */
    const char *member; /* of a page of the list */
    const char *nothing;
    const struct rs_column *columns;
};
extern const struct rs_identity_kind rs_identity_users;
extern const struct rs_identity_kind rs_identity_robots;
extern const struct rs_identity_kind rs_identity_workloads;

/* A request about the identity that the first argument names, of the kind that is the command's
 * subject; `more` is appended to its path.  Prints the answer, if it has one. */
RS_MUST_CHECK enum rs_exit rs_identity_send(const struct rs_args *args, const char *method,
                                            const char *more, const char *body);

/* The subcommands that are the same for all kinds: an initializer each, of a struct rs_command. */
enum rs_exit rs_identity_list(const struct rs_args *args);
enum rs_exit rs_identity_show(const struct rs_args *args);
enum rs_exit rs_identity_disable(const struct rs_args *args);
enum rs_exit rs_identity_enable(const struct rs_args *args);
enum rs_exit rs_identity_delete(const struct rs_args *args);

#define RS_IDENTITY_LIST(noun, kind)                                                    \
    {                                                                                   \
        .name = "list", .arguments = "", .summary = "all " noun "s",                    \
        .help = "Lists the " noun "s.", .needs = RS_COMMAND_SERVER, .subject = &(kind), \
        .run = rs_identity_list                                                         \
    }
#define RS_IDENTITY_OF_ONE(name_, summary_, help_, kind, run_)                                  \
    {                                                                                           \
        .name = (name_), .arguments = "NAME", .summary = (summary_), .help = (help_),           \
        .arguments_min = 1, .arguments_max = 1, .needs = RS_COMMAND_SERVER, .subject = &(kind), \
        .run = (run_)                                                                           \
    }
#define RS_IDENTITY_SHOW(noun, kind)                                                         \
    RS_IDENTITY_OF_ONE("show", "one " noun ", with its grants",                              \
                       "Shows a " noun ", how it may log in, and what it is granted.", kind, \
                       rs_identity_show)
#define RS_IDENTITY_DISABLE(noun, kind)                                                           \
    RS_IDENTITY_OF_ONE("disable", "let a " noun " log in no more",                                \
                       "Ends what the " noun " is logged in with at once, and keeps its grants.", \
                       kind, rs_identity_disable)
#define RS_IDENTITY_ENABLE(noun, kind)                                                            \
    RS_IDENTITY_OF_ONE("enable", "let a disabled " noun " log in again", "Takes back a disable.", \
                       kind, rs_identity_enable)
#define RS_IDENTITY_DELETE(noun, kind)                                                             \
    RS_IDENTITY_OF_ONE("delete", "delete a " noun " and its grants",                               \
                       "Deletes a " noun " with all its grants. A later one of the same name is\n" \
                       "somebody else.",                                                           \
                       kind, rs_identity_delete)

#endif
