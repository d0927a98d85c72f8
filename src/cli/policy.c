/* `roadstead policy`: what is held back where, and who has to look at it. */
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "json/write.h"

#define POLICIES "/v2/_roadstead/policies"
#define BODY_BYTES_MAX ((size_t)65536)

static const struct rs_option set_options[] = {
    RS_OPTION("quarantine", "MODE", "on (preset), off, or observe"),
    RS_OPTION_MANY("check", "NAME", "a required check"),
    RS_OPTION("overdue-after", "TIME", "tell when an image is held for longer than this"),
    RS_OPTION("expire-failed-after", "TIME", "delete failed images after this"),
    RS_OPTION("expire-quarantined-after", "TIME", "delete images nobody decided on after this"),
    RS_OPTION_MANY("immutable-tags", "PATTERN", "live tags that do not move"),
    RS_FLAG("no-echo", "publishers cannot read back what they pushed"),
    RS_FLAG("no-disclose", "who may not read is not told that an image is in quarantine"),
    RS_FLAG("separate-duties", "nobody decides on his own push"),
    RS_OPTION("position", "NUMBER", "its place in the list, from 0 on [kept, or the last]"),
    RS_OPTION("file", "FILE", "the rules as a JSON object instead, - for standard input"),
    RS_OPTIONS_END,
};
static const struct rs_column columns[] = {{"POSITION", "position", RS_COLUMN_NUMBER},
                                           {"PATTERN", "pattern", RS_COLUMN_TEXT},
                                           {"QUARANTINE", "quarantine", RS_COLUMN_TEXT},
                                           {"CHECKS", "checks", RS_COLUMN_TEXT},
                                           {"OVERDUE", "overdue_after", RS_COLUMN_TEXT},
                                           {"IMMUTABLE TAGS", "immutable_tags", RS_COLUMN_TEXT},
                                           {"ECHO", "echo", RS_COLUMN_TEXT},
                                           {"DISCLOSE", "disclose", RS_COLUMN_TEXT},
                                           {.title = NULL}};

static void write_rules(struct rs_jw *w, const struct rs_args *args)
{
    static const char *const texts[][2] = {
        {"quarantine", "quarantine"},
        {"overdue_after", "overdue-after"},
        {"expire_failed_after", "expire-failed-after"},
        {"expire_quarantined_after", "expire-quarantined-after"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(texts); i++)
        if (rs_args_text(args, texts[i][1]) != NULL)
            rs_jw_member_text(w, texts[i][0], rs_args_text(args, texts[i][1]));
    rs_jw_member_option(w, "checks", args, "check");
    rs_jw_member_option(w, "immutable_tags", args, "immutable-tags");
    if (rs_args_flag(args, "no-echo"))
        rs_jw_member_bool(w, "echo", false);
    if (rs_args_flag(args, "no-disclose"))
        rs_jw_member_bool(w, "disclose", false);
    if (rs_args_flag(args, "separate-duties"))
        rs_jw_member_bool(w, "separate_duties", true);
}

/* The members of the object in the file. */
static enum rs_exit write_file(struct rs_jw *w, const char *path)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *rules = NULL;
    struct rs_json_iter it = {0};
    struct rs_err err = RS_ERR_INIT;
    if (rs_read_input(path, BODY_BYTES_MAX, &text, &err) != RS_OK ||
        rs_json_parse_text(rs_buf_text(&text), RS_BAD_REQUEST, &rules, &err) != RS_OK)
        return rs_tell_err(&err);
    if (rs_json_kind(rules) != RS_JSON_OBJECT)
        return rs_usage("the rules are a JSON object");
    while (rs_json_next(rules, &it)) {
        if (strcmp(it.key, "pattern") == 0 || strcmp(it.key, "position") == 0)
            continue; /* the command line says them; a policy that was printed may come back */
        rs_jw_key(w, it.key);
        rs_jw_node(w, it.value);
    }
    return RS_EXIT_OK;
}

static enum rs_exit write_body(const struct rs_args *args, struct rs_buf *body)
{
    struct rs_jw w = RS_JW_INIT(body);
    struct rs_err err = RS_ERR_INIT;
    const char *file = rs_args_text(args, "file");
    uint64_t position = UINT64_MAX;
    enum rs_exit e = RS_EXIT_OK;
    if (rs_args_number(args, "position", 0, 1000000, &position, &err) != RS_OK)
        return rs_usage("%s", err.message);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "pattern", args->positional[0]);
    if (position != UINT64_MAX)
        rs_jw_member_int(&w, "position", (int64_t)position);
    if (file != NULL)
        e = write_file(&w, file);
    write_rules(&w, args);
    rs_jw_object_end(&w);
    if (e == RS_EXIT_OK && rs_buf_status(body) != RS_OK)
        return rs_usage("the rules are too large");
    return e;
}

static enum rs_exit set(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    enum rs_exit e = write_body(args, &body);
    struct rs_call call = {.method = "PUT", .path = POLICIES, .body = rs_buf_text(&body)};
    return e == RS_EXIT_OK ? rs_client_run(args, &call) : e;
}

static enum rs_exit list(const struct rs_args *args)
{
    struct rs_listing listing = {.path = POLICIES,
                                 .member = "policies",
                                 .columns = columns,
                                 .nothing = "no policies: everything is quarantined"};
    return rs_client_list(args, &listing);
}

static enum rs_exit show(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_call call = {.method = "GET", .path = POLICIES};
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_client_send(c, &call, &a);
    if (e != RS_EXIT_OK)
        return e;
    const struct rs_json *policies = rs_json_get(a.json, "policies");
    for (size_t i = 0; i < rs_json_len(policies); i++) {
        const struct rs_json *policy = rs_json_at(policies, i);
        const char *pattern = rs_json_text(rs_json_get(policy, "pattern"));
        if (pattern != NULL && strcmp(pattern, args->positional[0]) == 0)
            return rs_print_value(c, policy);
    }
    rs_tell("there is no policy for the pattern %s", args->positional[0]);
    return RS_EXIT_NO;
}

static enum rs_exit remove_policy(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    (void)rs_buf_adds(&path, POLICIES);
    rs_query_add(&path, "pattern", args->positional[0]);
    struct rs_call call = {.method = "DELETE", .path = rs_buf_text(&path)};
    return rs_client_run(args, &call);
}

static const struct rs_command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "all policies, in their order",
    .help = "Lists the policies; the first whose pattern matches a repository holds there.",
    .needs = RS_COMMAND_SERVER,
    .run = list,
};
static const struct rs_command command_show = {
    .name = "show",
    .arguments = "PATTERN",
    .summary = "one policy with all its rules",
    .help = "Shows the policy that was set for exactly this pattern.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = show,
};
static const struct rs_command command_set = {
    .name = "set",
    .arguments = "PATTERN",
    .summary = "add a policy, or replace the one of this pattern",
    .help = "Sets the whole policy of PATTERN (* within one part of a name, ** across): what is\n"
            "not said gets its preset. It holds for the next request; it decides nothing\n"
            "about images that are in quarantine already.",
    .examples = "roadstead policy set '**' --check scan --check sign\n"
                "roadstead policy set 'mirror/**' --quarantine off --position 0\n"
                "roadstead policy show '**' --json | roadstead policy set 'team/**' --file -",
    .options = set_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = set,
};
static const struct rs_command command_remove = {
    .name = "remove",
    .arguments = "PATTERN",
    .summary = "remove a policy",
    .help = "Removes the policy of exactly this pattern. What no policy matches is\n"
            "quarantined.",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = remove_policy,
};
static const struct rs_command *const subcommands[] = {&command_list, &command_show, &command_set,
                                                       &command_remove, NULL};

const struct rs_command rs_command_policy = {
    .name = "policy",
    .arguments = "COMMAND",
    .summary = "what is held back, where, and who must look at it",
    .help = "Policies are an ordered list by repository pattern, first match wins. Changes are\n"
            "audited. All of this needs the role admin.",
    .subcommands = subcommands,
};
