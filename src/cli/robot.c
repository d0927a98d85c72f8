/* `roadstead robot`: programs that log in with a generated secret. */
#include "cli/identity.h"
#include "json/write.h"

static enum rs_exit add(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(8192);
    struct rs_jw w = RS_JW_INIT(&body);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", args->positional[0]);
    rs_jw_object_end(&w);
    if (rs_buf_status(&body) != RS_OK)
        return rs_usage("the name is too long");
    struct rs_call call = {
        .method = "POST", .path = rs_identity_robots.path, .body = rs_buf_text(&body)};
    return rs_client_run(args, &call);
}

static enum rs_exit rotate(const struct rs_args *args)
{
    return rs_identity_send(args, "POST", "/rotate", NULL);
}

static const struct rs_command command_add = {
    .name = "add",
    .arguments = "NAME",
    .summary = "add a robot and print its secret",
    .help = "Adds a robot without any permission (see roadstead grant add). Its secret is\n"
            "printed once and can be had no more.",
    .examples = "roadstead robot add scanner --user admin --password-file secret",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = add,
};
static const struct rs_command command_list = RS_IDENTITY_LIST("robot", rs_identity_robots);
static const struct rs_command command_show = RS_IDENTITY_SHOW("robot", rs_identity_robots);
static const struct rs_command command_rotate = {
    .name = "rotate",
    .arguments = "NAME",
    .summary = "give a robot a new secret and print it",
    .help = "Makes a new secret, printed once. The old one and its tokens end at once.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .subject = &rs_identity_robots,
    .run = rotate,
};
static const struct rs_command command_disable = RS_IDENTITY_DISABLE("robot", rs_identity_robots);
static const struct rs_command command_enable = RS_IDENTITY_ENABLE("robot", rs_identity_robots);
static const struct rs_command command_delete = RS_IDENTITY_DELETE("robot", rs_identity_robots);
static const struct rs_command *const subcommands[] = {
    &command_add,     &command_list,   &command_show,   &command_rotate,
    &command_disable, &command_enable, &command_delete, NULL,
};

const struct rs_command rs_command_robot = {
    .name = "robot",
    .arguments = "COMMAND",
    .summary = "programs that log in with a generated secret",
    .help = "Robots are kept in the registry's catalog; every change is audited and effective\n"
            "for the next request. All of this needs the role admin.",
    .subcommands = subcommands,
};
