/*
 * cli/identity.h: what `user`, `robot` and `workload` share.  Layer: cli.
 */
#ifndef RS_CLI_IDENTITY_H
#define RS_CLI_IDENTITY_H

#include "cli/client.h"
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

RS_MUST_CHECK enum rs_exit rs_identity_list(const struct rs_args *args,
                                            const struct rs_identity_kind *kind);
RS_MUST_CHECK enum rs_exit rs_identity_show(const struct rs_args *args,
                                            const struct rs_identity_kind *kind);
RS_MUST_CHECK enum rs_exit rs_identity_set_disabled(const struct rs_args *args,
                                                    const struct rs_identity_kind *kind,
                                                    bool is_disabled);
RS_MUST_CHECK enum rs_exit rs_identity_delete(const struct rs_args *args,
                                              const struct rs_identity_kind *kind);
/* A request about the identity that the first argument names; `more` is appended to its path.
 * Prints the answer, if it has one. */
RS_MUST_CHECK enum rs_exit rs_identity_send(const struct rs_args *args,
                                            const struct rs_identity_kind *kind, const char *method,
                                            const char *more, const char *body);

#endif
