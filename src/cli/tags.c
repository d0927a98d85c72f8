/* `roadstead tags`: the tags of a repository. */
#include "cli/reference.h"
#include "cli/table.h"

static const struct rs_option options[] = {
    RS_OPTION("limit", "NUMBER", "at most so many"),
    RS_OPTIONS_END,
};
static const struct rs_column columns[] = {{"TAG", "", RS_COLUMN_TEXT}, {.title = NULL}};

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT;
    const char *name = args->positional[0];
    struct rs_listing listing = {.member = "tags", .columns = columns, .nothing = "no tags"};
    if (!rs_name_is_valid(rs_str_of(name)))
        return rs_usage("\"%s\" is not the name of a repository", name);
    if (rs_args_number(args, "limit", 1, 1000000, &listing.limit, &err) != RS_OK)
        return rs_usage("%s", err.message);
    (void)rs_buf_addf(&path, "/v2/%s/tags/list?n=1000", name);
    listing.path = rs_buf_text(&path);
    return rs_client_list(args, &listing);
}

const struct rs_command rs_command_tags = {
    .name = "tags",
    .arguments = "REPOSITORY",
    .summary = "the tags of a repository",
    .help = "Live tags; for those who may read content in quarantine, staged ones too.",
    .examples = "roadstead tags team/app",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
