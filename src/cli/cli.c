#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/help.h"
#include "cli/suggest.h"

/* clang-format off */
const struct rs_command *const rs_commands[] = {
    &rs_command_serve,
    &rs_command_status,
    &rs_command_list,
    &rs_command_tags,
    &rs_command_inspect,
    &rs_command_explain,
    &rs_command_release,
    &rs_command_fail,
    &rs_command_check,
    &rs_command_wait,
    &rs_command_process,
    &rs_command_delete,
    &rs_command_events,
    &rs_command_audit,
    &rs_command_user,
    &rs_command_robot,
    &rs_command_workload,
    &rs_command_grant,
    &rs_command_policy,
    &rs_command_webhook,
    &rs_command_gc,
    &rs_command_fsck,
    &rs_command_backup,
    &rs_command_restore,
    NULL,
};
/* clang-format on */

static const struct rs_command *look_up(const struct rs_command *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (strcmp((*list)->name, name) == 0)
            return *list;
    return NULL;
}

static enum rs_exit refuse_command(const struct rs_command *const *list, const char *path,
                                   const char *name)
{
    struct rs_suggest s = RS_SUGGEST_INIT(name);
    for (; *list != NULL; list++)
        rs_suggest_try(&s, (*list)->name);
    if (s.best != NULL)
        return rs_usage("there is no command \"%s%s\"; did you mean \"%s%s\"?", path, name, path,
                        s.best);
    return rs_usage("there is no command \"%s%s\"; see roadstead %s--help", path, name, path);
}

static enum rs_exit print_help(enum rs_status (*write)(const struct rs_help *, struct rs_buf *),
                               const struct rs_help *help)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    (void)write(help, &text);
    return rs_print(&text);
}

static bool wants_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* A command that does something. */
static enum rs_exit run_command(const struct rs_help *help, int argc, char **argv)
{
    const struct rs_command *command = help->command;
    struct rs_args args;
    struct rs_err err = RS_ERR_INIT;
    const struct rs_option *common = command->needs == RS_COMMAND_SERVER ? rs_client_options : NULL;
    if (rs_args_parse(argc, argv, command->options, common, &args, &err) != RS_OK)
        return rs_usage("%s; see roadstead %s%s --help", err.message, help->path, command->name);
    if (args.wants_help)
        return print_help(rs_help_command, help);
    if (args.n_positional < command->arguments_min || args.n_positional > command->arguments_max)
        return rs_usage("roadstead %s%s %s: %zu arguments were given; see roadstead %s%s --help",
                        help->path, command->name, command->arguments, args.n_positional,
                        help->path, command->name);
    args.subject = command->subject;
    return command->run(&args);
}

/* A command that has subcommands. */
static enum rs_exit run_group(const struct rs_command *group, int argc, char **argv)
{
    char path[64];
    struct rs_help help = {.command = group, .path = ""};
    /* A group that is a command too: its own options stand where a subcommand would. */
    if (group->run != NULL && (argc == 0 || (argv[0][0] == '-' && !wants_help(argv[0]))))
        return run_command(&help, argc, argv);
    if (argc == 0 || wants_help(argv[0])) {
        enum rs_exit e = print_help(rs_help_group, &help);
        return argc == 0 && e == RS_EXIT_OK ? RS_EXIT_USAGE : e;
    }
    (void)snprintf(path, sizeof(path), "%s ", group->name);
    help.path = path;
    help.command = look_up(group->subcommands, argv[0]);
    if (help.command == NULL)
        return refuse_command(group->subcommands, path, argv[0]);
    return run_command(&help, argc - 1, argv + 1);
}

static enum rs_exit print_version(void)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(256);
    (void)rs_buf_adds(&text, "roadstead " RS_VERSION "\n");
    return rs_print(&text);
}

/* `roadstead help release`, `roadstead help user add` */
static enum rs_exit explain(int argc, char **argv)
{
    char help_word[] = "--help";
    char *words[3] = {argv[0], argc > 1 ? argv[1] : help_word, help_word};
    const struct rs_command *command = look_up(rs_commands, argv[0]);
    if (command == NULL)
        return refuse_command(rs_commands, "", argv[0]);
    struct rs_help help = {.command = command, .path = ""};
    return command->subcommands != NULL ? run_group(command, argc > 1 ? 2 : 1, words + 1)
                                        : print_help(rs_help_command, &help);
}

static enum rs_exit run(int argc, char **argv)
{
    struct rs_help all = {.commands = rs_commands};
    if (argc < 2) {
        enum rs_exit e = print_help(rs_help_program, &all);
        return e == RS_EXIT_OK ? RS_EXIT_USAGE : e;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)
        return print_version();
    if (wants_help(argv[1]))
        return argc > 2 ? explain(argc - 2, argv + 2) : print_help(rs_help_program, &all);
    const struct rs_command *command = look_up(rs_commands, argv[1]);
    if (command == NULL)
        return refuse_command(rs_commands, "", argv[1]);
    if (command->subcommands != NULL)
        return run_group(command, argc - 2, argv + 2);
    struct rs_help help = {.command = command, .path = ""};
    return run_command(&help, argc - 2, argv + 2);
}

int rs_cli_main(int argc, char **argv)
{
    return (int)run(argc, argv);
}
