#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"

#define NAME_COLUMNS 12U
#define OPTION_COLUMNS 24U

static void pad(struct rs_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)rs_buf_addc(out, ' ');
}

/* Lines of `text`, each after `indent` blanks; the first one goes on where the cursor is. */
static void add_lines(struct rs_buf *out, const char *text, size_t indent, bool first_is_placed)
{
    while (text != NULL && text[0] != '\0') {
        size_t n = strcspn(text, "\n");
        if (!first_is_placed && n > 0)
            pad(out, indent);
        first_is_placed = false;
        (void)rs_buf_add(out, text, n);
        (void)rs_buf_addc(out, '\n');
        text += text[n] == '\n' ? n + 1 : n;
    }
}

static void add_options(struct rs_buf *out, const char *title, const struct rs_option *options)
{
    if (options == NULL || options->name == NULL)
        return;
    (void)rs_buf_addf(out, "\n%s:\n", title);
    for (; options->name != NULL; options++) {
        size_t start = out->len;
        (void)rs_buf_addf(out, "  --%s%s%s", options->name, options->value == NULL ? "" : " ",
                          options->value == NULL ? "" : options->value);
        size_t used = out->len - start;
        if (used + 2 > OPTION_COLUMNS) {
            (void)rs_buf_addc(out, '\n');
            used = 0;
        }
        pad(out, OPTION_COLUMNS - used);
        add_lines(out, options->help, OPTION_COLUMNS, true);
        if (options->repeats) {
            pad(out, OPTION_COLUMNS);
            (void)rs_buf_adds(out, "(may be given several times)\n");
        }
    }
}

static void add_exit_codes(struct rs_buf *out, enum rs_command_needs needs)
{
    (void)rs_buf_adds(out,
                      "\nExit status: 0 done, 1 the answer is no (not found, failed, not sound),\n"
                      "2 command line");
    if (needs == RS_COMMAND_SERVER)
        (void)rs_buf_adds(out, ", 3 server not reachable, 4 denied, 5 refused by the server,\n"
                               "6 fault of server or machine");
    else
        (void)rs_buf_adds(out, ", 6 this machine cannot do it");
    (void)rs_buf_adds(out, ".\n");
}

static void add_commands(struct rs_buf *out, const struct rs_command *const *list)
{
    (void)rs_buf_adds(out, "\nCommands:\n");
    for (; *list != NULL; list++) {
        size_t n = strlen((*list)->name);
        (void)rs_buf_addf(out, "  %s", (*list)->name);
        pad(out, n + 2 < NAME_COLUMNS ? NAME_COLUMNS - n : 2);
        (void)rs_buf_addf(out, "%s\n", (*list)->summary);
    }
}

static void add_own(struct rs_buf *out, const struct rs_command *c)
{
    add_options(out, "Options", c->options);
    if (c->needs == RS_COMMAND_SERVER)
        add_options(out, "Options of every command that talks to a server", rs_client_options);
    if (c->examples != NULL) {
        (void)rs_buf_adds(out, "\nExamples:\n");
        add_lines(out, c->examples, 2, false);
    }
    add_exit_codes(out, c->needs);
}

enum rs_status rs_help_command(const struct rs_help *help, struct rs_buf *out)
{
    const struct rs_command *c = help->command;
    (void)rs_buf_addf(out, "Usage: roadstead %s%s%s%s%s\n\n", help->path, c->name,
                      c->arguments[0] == '\0' ? "" : " ", c->arguments, " [OPTIONS]");
    add_lines(out, c->help, 0, false);
    add_own(out, c);
    return (enum rs_status)out->failed;
}

enum rs_status rs_help_group(const struct rs_help *help, struct rs_buf *out)
{
    const struct rs_command *c = help->command;
    (void)rs_buf_addf(out, "Usage: roadstead %s %s%s\n\n", c->name, c->arguments,
                      c->run == NULL ? "" : " [OPTIONS]");
    add_lines(out, c->help, 0, false);
    add_commands(out, c->subcommands);
    (void)rs_buf_addf(out, "\nroadstead %s COMMAND --help tells more about each.\n", c->name);
    if (c->run != NULL)
        add_own(out, c);
    return (enum rs_status)out->failed;
}

enum rs_status rs_help_program(const struct rs_help *help, struct rs_buf *out)
{
    (void)rs_buf_adds(
        out, "Usage: roadstead COMMAND\n\n"
             "Roadstead is a container registry that keeps every image in quarantine until\n"
             "it is released. `roadstead serve` is the registry; every other command talks\n"
             "to one that is running.\n");
    add_commands(out, help->commands);
    (void)rs_buf_adds(out,
                      "\nroadstead COMMAND --help tells more about each; roadstead --version.\n");
    add_options(out, "Options of every command that talks to a server", rs_client_options);
    (void)rs_buf_adds(out, "\nExit status:\n"
                           "  0  done\n"
                           "  1  the answer is no: not found, failed, not sound\n"
                           "  2  the command line cannot be understood\n"
                           "  3  the server cannot be reached, or its certificate is not trusted\n"
                           "  4  denied: credentials missing or wrong, or not allowed\n"
                           "  5  the server refuses the request as it is, or in the present state\n"
                           "  6  a fault of the server or of this machine; trying again may help\n"
                           "  7  `wait` gave up\n");
    return (enum rs_status)out->failed;
}
