/* `roadstead robot`: programs that log in with a generated secret. */
#include "cli/identity.h"
#include "cli/table.h"
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
    return rs_identity_send(args, &rs_identity_robots, "POST", "/rotate", NULL);
}

static enum rs_exit list(const struct rs_args *args)
{
    return rs_identity_list(args, &rs_identity_robots);
}

static enum rs_exit show(const struct rs_args *args)
{
    return rs_identity_show(args, &rs_identity_robots);
}

static enum rs_exit disable(const struct rs_args *args)
{
    return rs_identity_set_disabled(args, &rs_identity_robots, true);
}

static enum rs_exit enable(const struct rs_args *args)
{
    return rs_identity_set_disabled(args, &rs_identity_robots, false);
}

static enum rs_exit delete_robot(const struct rs_args *args)
{
    return rs_identity_delete(args, &rs_identity_robots);
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
static const struct rs_command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "all robots",
    .help = "Lists the robots.",
    .needs = RS_COMMAND_SERVER,
    .run = list,
};
static const struct rs_command command_show = {
    .name = "show",
    .arguments = "NAME",
    .summary = "one robot, with its grants",
    .help = "Shows a robot and what it is granted.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = show,
};
static const struct rs_command command_rotate = {
    .name = "rotate",
    .arguments = "NAME",
    .summary = "give a robot a new secret and print it",
    .help = "Makes a new secret, printed once. The old one and its tokens end at once.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = rotate,
};
static const struct rs_command command_disable = {
    .name = "disable",
    .arguments = "NAME",
    .summary = "let a robot log in no more",
    .help = "Ends the robot's secret and tokens at once, and keeps its grants.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = disable,
};
static const struct rs_command command_enable = {
    .name = "enable",
    .arguments = "NAME",
    .summary = "let a disabled robot log in again",
    .help = "Takes back a disable.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = enable,
};
static const struct rs_command command_delete = {
    .name = "delete",
    .arguments = "NAME",
    .summary = "delete a robot and its grants",
    .help = "Deletes a robot with all its grants.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = delete_robot,
};
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
