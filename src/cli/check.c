/* `roadstead check`: report a check. */
#include <string.h>

#include "cli/reference.h"
#include "cli/table.h"
#include "json/write.h"

#define BODY_BYTES_MAX ((size_t)262144)

static const struct rs_option options[] = {
    RS_DETAILS_OPTIONS,
    RS_OPTION("claim", "ID", "the claim that this report belongs to"),
    RS_OPTIONS_END,
};

static enum rs_exit write_body(const struct rs_args *args, struct rs_buf *body)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(BODY_BYTES_MAX);
    const char *state = args->positional[2];
    struct rs_jw w = RS_JW_INIT(body);
    bool given = false;
    if (strcmp(state, "running") != 0 && strcmp(state, "passed") != 0 &&
        strcmp(state, "failed") != 0)
        return rs_usage("a check is running, passed or failed, not \"%s\"", state);
    enum rs_exit e = rs_read_details(args, &details, &given);
    if (e != RS_EXIT_OK)
        return e;
    rs_jw_object(&w);
    rs_jw_member_text(&w, "state", state);
    if (given)
        rs_jw_member_raw(&w, "details", rs_buf_text(&details));
    if (rs_args_text(args, "claim") != NULL)
        rs_jw_member_text(&w, "claim", rs_args_text(args, "claim"));
    rs_jw_object_end(&w);
    return rs_buf_status(body) == RS_OK ? RS_EXIT_OK : rs_usage("the details are too large");
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_image image;
    enum rs_exit e = write_body(args, &body);
    if (e == RS_EXIT_OK)
        e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_image_resolve(c, args->positional[0], &image);
    if (e != RS_EXIT_OK)
        return e;
    rs_image_path(&image, &path);
    (void)rs_buf_adds(&path, "/checks");
    rs_path_add(&path, args->positional[1]);
    struct rs_call call = {.method = "PUT", .path = rs_buf_text(&path), .body = rs_buf_text(&body)};
    e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? rs_print_value(c, a.json) : e;
}

const struct rs_command rs_command_check = {
    .name = "check",
    .arguments = "IMAGE CHECK running|passed|failed",
    .summary = "report the outcome of a check",
    .help = "Reports the check CHECK about an image in quarantine. Where the policy requires\n"
            "it, a failed check fails the image, and the last one to pass releases it.",
    .examples = "roadstead check team/app@sha256:... scan passed --details-file report.json",
    .options = options,
    .arguments_min = 3,
    .arguments_max = 3,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
