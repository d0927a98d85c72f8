/* Every command and every option stands in docs/cli.md, and every help text fits a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "cli/client.h"
#include "cli/help.h"

static struct rs_buf documentation = RS_BUF_INIT(1U << 20);

static int read_documentation(void **state)
{
    (void)state;
    char path[4096];
    char block[4096];
    size_t n;
    (void)snprintf(path, sizeof(path), "%s/../../../docs/cli.md", getenv("RS_TEST_DATA"));
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return -1;
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        if (rs_buf_add(&documentation, block, n) != RS_OK)
            return -1;
    return fclose(f);
}

static int forget_documentation(void **state)
{
    (void)state;
    rs_buf_release(&documentation);
    return 0;
}

static void expect(const char *text)
{
    if (strstr(rs_buf_text(&documentation), text) == NULL)
        fail_msg("docs/cli.md has no\n%s\n(scripts/cli-docs writes that part of it anew)", text);
}

static void expect_options(const struct rs_option *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        char row[200];
        (void)snprintf(row, sizeof(row), "\n| `--%s%s%s` | ", o->name, o->value == NULL ? "" : " ",
                       o->value == NULL ? "" : o->value);
        expect(row);
    }
}

static void check_width(const struct rs_buf *text)
{
    for (const char *line = rs_buf_text(text); line[0] != '\0';) {
        size_t n = strcspn(line, "\n");
        if (n > 90)
            fail_msg("%zu columns: %.*s", n, (int)n, line);
        line += line[n] == '\n' ? n + 1 : n;
    }
}

static void check_command(const struct rs_command *c, const char *path)
{
    char heading[200];
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    struct rs_help help = {.command = c, .path = path, .commands = rs_commands};
    (void)snprintf(heading, sizeof(heading), "\n### roadstead %s%s%s%s\n", path, c->name,
                   c->arguments[0] == '\0' ? "" : " ", c->arguments);
    expect(heading);
    expect_options(c->options);
    if (strlen(c->summary) < 5 || strlen(c->summary) > 70)
        fail_msg("the summary of %s%s has %zu columns, at most 70", path, c->name,
                 strlen(c->summary));
    assert_true(strlen(c->help) > 5);
    assert_true(c->arguments_max >= c->arguments_min);
    assert_true(c->run != NULL || c->subcommands != NULL);
    assert_int_equal(c->subcommands != NULL ? rs_help_group(&help, &text)
                                            : rs_help_command(&help, &text),
                     RS_OK);
    check_width(&text);
}

static void every_command(void **state)
{
    (void)state;
    for (const struct rs_command *const *c = rs_commands; *c != NULL; c++) {
        char path[64];
        check_command(*c, "");
        (void)snprintf(path, sizeof(path), "%s ", (*c)->name);
        for (const struct rs_command *const *s = (*c)->subcommands; s != NULL && *s != NULL; s++)
            check_command(*s, path);
    }
    expect_options(rs_client_options);
}

static void the_whole_program(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    struct rs_help help = {.commands = rs_commands};
    assert_int_equal(rs_help_program(&help, &text), RS_OK);
    check_width(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command),
        cmocka_unit_test(the_whole_program),
    };
    return cmocka_run_group_tests(tests, read_documentation, forget_documentation);
}
