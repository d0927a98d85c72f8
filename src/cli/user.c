/* `roadstead user`: people who log in with a password. */
#include "cli/identity.h"
#include "crypto/password.h"
#include "crypto/secret.h"
#include "json/write.h"

#define BODY_BYTES_MAX ((size_t)8192)

static const struct rs_option password_options[] = {
    RS_FLAG("password-stdin", "the user's password comes on standard input"),
    RS_OPTIONS_END,
};

/* The body for a user's password, with its name when `name` is not NULL.  Wipe it. */
static enum rs_exit write_body(const struct rs_args *args, const char *name, struct rs_buf *body)
{
    RS_AUTO(rs_buf) struct rs_buf password = RS_BUF_INIT(RS_PASSWORD_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(body);
    struct rs_err err = RS_ERR_INIT;
    bool given = rs_args_flag(args, "password-stdin");
    if (given && rs_read_input("-", RS_PASSWORD_BYTES_MAX, &password, &err) != RS_OK)
        return rs_tell_err(&err);
    if (given && password.len == 0)
        return rs_usage("no password came on standard input");
    rs_jw_object(&w);
    if (name != NULL)
        rs_jw_member_text(&w, "name", name);
    if (given)
        rs_jw_member_text(&w, "password", rs_buf_text(&password));
    rs_jw_object_end(&w);
    if (password.data != NULL)
        rs_secret_wipe(password.data, password.cap);
    return rs_buf_status(body) == RS_OK ? RS_EXIT_OK : rs_usage("the name is too long");
}

static void wipe(struct rs_buf *body)
{
    if (body->data != NULL)
        rs_secret_wipe(body->data, body->cap);
    rs_buf_release(body);
}

static enum rs_exit add(const struct rs_args *args)
{
    struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    enum rs_exit e = write_body(args, args->positional[0], &body);
    struct rs_call call = {
        .method = "POST", .path = rs_identity_users.path, .body = rs_buf_text(&body)};
    if (e == RS_EXIT_OK)
        e = rs_client_run(args, &call);
    wipe(&body);
    return e;
}

static enum rs_exit set_password(const struct rs_args *args)
{
    struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    if (!rs_args_flag(args, "password-stdin"))
        return rs_usage("the new password comes on standard input: say --password-stdin");
    enum rs_exit e = write_body(args, NULL, &body);
    if (e == RS_EXIT_OK)
        e = rs_identity_send(args, "PATCH", "", rs_buf_text(&body));
    wipe(&body);
    return e;
}

static const struct rs_command command_add = {
    .name = "add",
    .arguments = "NAME",
    .summary = "add a user",
    .help = "Adds a user without any permission (see roadstead grant add). Without\n"
            "--password-stdin the server makes a password, which is printed once.",
    .examples = "roadstead user add ann --user admin --password-file secret\n"
                "printf %s \"$PASSWORD\" | roadstead user add ann --password-stdin",
    .options = password_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = add,
};
static const struct rs_command command_list = RS_IDENTITY_LIST("user", rs_identity_users);
static const struct rs_command command_show = RS_IDENTITY_SHOW("user", rs_identity_users);
static const struct rs_command command_password = {
    .name = "password",
    .arguments = "NAME",
    .summary = "set a user's password",
    .help = "Sets a new password, read from standard input. Older passwords and tokens end\n"
            "with it.",
    .examples = "roadstead user password ann --password-stdin <new-password",
    .options = password_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .subject = &rs_identity_users,
    .run = set_password,
};
static const struct rs_command command_disable = RS_IDENTITY_DISABLE("user", rs_identity_users);
static const struct rs_command command_enable = RS_IDENTITY_ENABLE("user", rs_identity_users);
static const struct rs_command command_delete = RS_IDENTITY_DELETE("user", rs_identity_users);
static const struct rs_command *const subcommands[] = {
    &command_add,     &command_list,   &command_show,   &command_password,
    &command_disable, &command_enable, &command_delete, NULL,
};

const struct rs_command rs_command_user = {
    .name = "user",
    .arguments = "COMMAND",
    .summary = "people who log in with a password",
    .help = "Users are kept in the registry's catalog; every change is audited and effective\n"
            "for the next request. All of this needs the role admin.",
    .subcommands = subcommands,
};
