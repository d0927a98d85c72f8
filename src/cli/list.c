/* `roadstead list`: what waits for a decision. */
#include "cli/client.h"
#include "cli/table.h"

static const struct rs_option options[] = {
    RS_OPTION("state", "STATE", "quarantined (preset) or failed"),
    RS_OPTION("repository", "PATTERN", "only these; * is within one part of a name, ** all"),
    RS_OPTION("check", "NAME", "only what still needs this check"),
    RS_OPTION("limit", "NUMBER", "at most so many"),
    RS_FLAG("repositories", "list the repositories instead"),
    RS_OPTIONS_END,
};

static const struct rs_column work_columns[] = {
    {"REPOSITORY", "repository", RS_COLUMN_TEXT}, {"TAGS", "tags", RS_COLUMN_TEXT},
    {"STATE", "state", RS_COLUMN_TEXT},           {"SINCE", "since", RS_COLUMN_TIME},
    {"PUBLISHER", "publisher", RS_COLUMN_TEXT},   {"WAITS FOR", "checks", RS_COLUMN_WAITS},
    {"DIGEST", "digest", RS_COLUMN_TEXT},         {.title = NULL},
};
static const struct rs_column repository_columns[] = {{"REPOSITORY", "", RS_COLUMN_TEXT},
                                                      {.title = NULL}};

static enum rs_exit list_repositories(const struct rs_args *args, uint64_t limit)
{
    struct rs_listing listing = {.path = "/v2/_catalog?n=1000",
                                 .member = "repositories",
                                 .columns = repository_columns,
                                 .nothing = "no repositories that you may see",
                                 .limit = limit};
    return rs_client_list(args, &listing);
}

static enum rs_exit list_work(const struct rs_args *args, uint64_t limit)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    const char *state = rs_args_text(args, "state");
    (void)rs_buf_adds(&path, "/v2/_roadstead/quarantine");
    rs_query_add(&path, "state", state);
    rs_query_add(&path, "repository", rs_args_text(args, "repository"));
    rs_query_add(&path, "check", rs_args_text(args, "check"));
    struct rs_listing listing = {.path = rs_buf_text(&path),
                                 .member = "images",
                                 .columns = work_columns,
                                 .nothing = "nothing waits",
                                 .limit = limit};
    return rs_client_list(args, &listing);
}

static enum rs_exit run(const struct rs_args *args)
{
    struct rs_err err = RS_ERR_INIT;
    uint64_t limit = 0;
    if (rs_args_number(args, "limit", 1, 1000000, &limit, &err) != RS_OK)
        return rs_usage("%s", err.message);
    return rs_args_flag(args, "repositories") ? list_repositories(args, limit)
                                              : list_work(args, limit);
}

const struct rs_command rs_command_list = {
    .name = "list",
    .arguments = "",
    .summary = "what is in quarantine and waits for a decision",
    .help = "The work list: images in quarantine, oldest first, in the repositories where\n"
            "you may see them. Parts of an index and attachments that are decided with\n"
            "their image are not listed.",
    .examples = "roadstead list --user processor --password-file secret\n"
                "roadstead list --state failed --repository 'team/**'\n"
                "roadstead list --repositories",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
