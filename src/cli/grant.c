/* `roadstead grant`: who may do what where. */
#include <string.h>

#include "auth/role.h"
#include "cli/client.h"
#include "cli/table.h"
#include "json/write.h"

#define GRANTS "/v2/_roadstead/admin/grants"

static const struct rs_option list_options[] = {
    RS_OPTION("principal", "NAME", "only those of this user, robot or `anonymous`"),
    RS_OPTIONS_END,
};
static const struct rs_column columns[] = {{"ID", "id", RS_COLUMN_NUMBER},
                                           {"PRINCIPAL", "principal", RS_COLUMN_TEXT},
                                           {"ROLE", "role", RS_COLUMN_TEXT},
                                           {"PERMISSION", "permission", RS_COLUMN_TEXT},
                                           {"REPOSITORIES", "pattern", RS_COLUMN_TEXT},
                                           {.title = NULL}};

static enum rs_exit add(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(8192);
    struct rs_jw w = RS_JW_INIT(&body);
    const char *what = args->positional[1];
    rs_jw_object(&w);
    rs_jw_member_text(&w, "principal", args->positional[0]);
    rs_jw_member_text(&w, rs_role_is_permission(what) ? "permission" : "role", what);
    rs_jw_member_text(&w, "pattern", args->positional[2]);
    rs_jw_object_end(&w);
    if (rs_buf_status(&body) != RS_OK)
        return rs_usage("the arguments are too long");
    struct rs_call call = {.method = "POST", .path = GRANTS, .body = rs_buf_text(&body)};
    return rs_client_run(args, &call);
}

static void add_principal(struct rs_buf *path, const char *principal)
{
    (void)rs_buf_adds(path, GRANTS);
    rs_query_add(path, "principal", principal);
}

static enum rs_exit list(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    add_principal(&path, rs_args_text(args, "principal"));
    struct rs_listing listing = {
        .path = rs_buf_text(&path), .member = "grants", .columns = columns, .nothing = "no grants"};
    return rs_client_list(args, &listing);
}

static bool is_same(const struct rs_json *value, const char *text)
{
    const char *own = rs_json_text(value);
    return own != NULL && strcmp(own, text) == 0;
}

/* The id of the grant that the three arguments describe. */
static enum rs_exit find_id(struct rs_client *c, const struct rs_args *args, int64_t *ret)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    add_principal(&path, args->positional[0]); /* all of one principal's come in one page */
    struct rs_call call = {.method = "GET", .path = rs_buf_text(&path)};
    enum rs_exit e = rs_client_send(c, &call, &a);
    const struct rs_json *grants = rs_json_get(a.json, "grants");
    for (size_t i = 0; e == RS_EXIT_OK && i < rs_json_len(grants); i++) {
        const struct rs_json *g = rs_json_at(grants, i);
        if ((is_same(rs_json_get(g, "role"), args->positional[1]) ||
             is_same(rs_json_get(g, "permission"), args->positional[1])) &&
            is_same(rs_json_get(g, "pattern"), args->positional[2]) &&
            rs_json_int(rs_json_get(g, "id"), 0, RS_JSON_INT_MAX, ret))
            return RS_EXIT_OK;
    }
    if (e == RS_EXIT_OK) {
        rs_tell("%s holds no %s on %s", args->positional[0], args->positional[1],
                args->positional[2]);
        return RS_EXIT_NO;
    }
    return e;
}

static enum rs_exit remove_grant(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    int64_t id = 0;
    uint64_t number = 0;
    if (args->n_positional == 2)
        return rs_usage("a grant is named by its id, or by principal, role and pattern");
    if (args->n_positional == 1 &&
        !rs_parse_u64(rs_str_of(args->positional[0]), INT64_MAX, &number))
        return rs_usage("\"%s\" is no id of a grant", args->positional[0]);
    id = (int64_t)number;
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK && args->n_positional == 3)
        e = find_id(c, args, &id);
    if (e != RS_EXIT_OK)
        return e;
    (void)rs_buf_addf(&path, GRANTS "/%lld", (long long)id);
    struct rs_call call = {.method = "DELETE", .path = rs_buf_text(&path)};
    return rs_client_send(c, &call, &a);
}

static const struct rs_command command_add = {
    .name = "add",
    .arguments = "PRINCIPAL ROLE PATTERN",
    .summary = "grant a role or a permission",
    .help = "Grants PRINCIPAL (a user, a robot or `anonymous`) a role or a single permission on\n"
            "the repositories that PATTERN matches: * within one part of a name, ** across.\n"
            "\n"
            "Roles: consumer, publisher, quarantine-reader, processor, checker:NAME, maintainer,\n"
            "auditor, admin. Permissions: pull, push, delete, quarantine-pull, quarantine-push,\n"
            "quarantine-decide, quarantine-override, check:NAME, audit-read.\n"
            "Nobody can hold admin and a quarantine permission.",
    .examples = "roadstead grant add ci publisher 'team/**'\n"
                "roadstead grant add scanner checker:scan '**'",
    .arguments_min = 3,
    .arguments_max = 3,
    .needs = RS_COMMAND_SERVER,
    .run = add,
};
static const struct rs_command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "all grants",
    .help = "Lists the grants.",
    .examples = "roadstead grant list --principal ci",
    .options = list_options,
    .needs = RS_COMMAND_SERVER,
    .run = list,
};
static const struct rs_command command_remove = {
    .name = "remove",
    .arguments = "ID | PRINCIPAL ROLE PATTERN",
    .summary = "take a grant back",
    .help = "Removes a grant; it ends for the next request, whatever tokens are about.",
    .examples = "roadstead grant remove ci publisher 'team/**'",
    .arguments_min = 1,
    .arguments_max = 3,
    .needs = RS_COMMAND_SERVER,
    .run = remove_grant,
};
static const struct rs_command *const subcommands[] = {&command_add, &command_list, &command_remove,
                                                       NULL};

const struct rs_command rs_command_grant = {
    .name = "grant",
    .arguments = "COMMAND",
    .summary = "who may do what, where",
    .help = "A grant gives a principal a role on a pattern of repositories. Changes are\n"
            "audited and effective for the next request. All of this needs the role admin.",
    .subcommands = subcommands,
};
