#include "cli/identity.h"

#include <string.h>

static const struct rs_column columns[] = {{"NAME", "name", RS_COLUMN_TEXT},
                                           {"DISABLED", "disabled", RS_COLUMN_TEXT},
                                           {"CREATED", "created", RS_COLUMN_TIME},
                                           {.title = NULL}};
static const struct rs_column workload_columns[] = {{"NAME", "name", RS_COLUMN_TEXT},
                                                    {"ISSUER", "issuer", RS_COLUMN_TEXT},
                                                    {"DISABLED", "disabled", RS_COLUMN_TEXT},
                                                    {"CREATED", "created", RS_COLUMN_TIME},
                                                    {.title = NULL}};

const struct rs_identity_kind rs_identity_users = {.path = "/v2/_roadstead/admin/users",
                                                   .member = "users",
                                                   .nothing = "no users",
                                                   .columns = columns};
const struct rs_identity_kind rs_identity_robots = {.path = "/v2/_roadstead/admin/robots",
                                                    .member = "robots",
                                                    .nothing = "no robots",
                                                    .columns = columns};
const struct rs_identity_kind rs_identity_workloads = {.path = "/v2/_roadstead/admin/workloads",
                                                       .member = "workloads",
                                                       .nothing = "no workloads",
                                                       .columns = workload_columns};

enum rs_exit rs_identity_list(const struct rs_args *args)
{
    const struct rs_identity_kind *kind = args->subject;
    struct rs_listing listing = {.path = kind->path,
                                 .member = kind->member,
                                 .columns = kind->columns,
                                 .nothing = kind->nothing};
    return rs_client_list(args, &listing);
}

enum rs_exit rs_identity_send(const struct rs_args *args, const char *method, const char *more,
                              const char *body)
{
    const struct rs_identity_kind *kind = args->subject;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    (void)rs_buf_adds(&path, kind->path);
    rs_path_add(&path, args->positional[0]);
    (void)rs_buf_adds(&path, more);
    struct rs_call call = {.method = method, .path = rs_buf_text(&path), .body = body};
    return rs_client_run(args, &call);
}

enum rs_exit rs_identity_show(const struct rs_args *args)
{
    return rs_identity_send(args, "GET", "", NULL);
}

enum rs_exit rs_identity_disable(const struct rs_args *args)
{
    return rs_identity_send(args, "PATCH", "", "{\"disabled\":true}");
}

enum rs_exit rs_identity_enable(const struct rs_args *args)
{
    return rs_identity_send(args, "PATCH", "", "{\"disabled\":false}");
}

enum rs_exit rs_identity_delete(const struct rs_args *args)
{
    return rs_identity_send(args, "DELETE", "", NULL);
}
