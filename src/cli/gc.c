/* `roadstead gc`: give space back now. */
#include "cli/client.h"

static const struct rs_option options[] = {
    RS_FLAG("dry-run", "only tell what would be removed"),
    RS_OPTIONS_END,
};

static int64_t number(const struct rs_json *answer, const char *key)
{
    int64_t v = 0;
    return rs_json_int(rs_json_get(answer, key), 0, RS_JSON_INT_MAX, &v) ? v : 0;
}

static enum rs_exit tell(const struct rs_client *c, const struct rs_json *answer, bool dry_run)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1024);
    if (rs_client_wants_json(c))
        return rs_print_json(answer);
    (void)rs_buf_addf(&text, "%s %lld blobs (%lld bytes), %lld stray files (%lld bytes)%s",
                      dry_run ? "would remove" : "removed", (long long)number(answer, "blobs"),
                      (long long)number(answer, "blobBytes"), (long long)number(answer, "strays"),
                      (long long)number(answer, "strayBytes"), dry_run ? "" : ",");
    if (!dry_run)
        (void)rs_buf_addf(&text, " %lld unfinished uploads", (long long)number(answer, "uploads"));
    if (number(answer, "kept") > 0)
        (void)rs_buf_addf(&text, "; %lld are about to be used and stay",
                          (long long)number(answer, "kept"));
    (void)rs_buf_addc(&text, '\n');
    return rs_print(&text);
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    bool dry_run = rs_args_flag(args, "dry-run");
    const struct rs_call call = {.method = "POST",
                                 .path = "/v2/_roadstead/admin/gc",
                                 .body = dry_run ? "{\"dryRun\":true}" : "{\"dryRun\":false}",
                                 .has_no_deadline = true};
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? tell(c, a.json, dry_run) : e;
}

const struct rs_command rs_command_gc = {
    .name = "gc",
    .arguments = "",
    .summary = "give the space of unused blobs back",
    .help = "Removes blobs that no manifest names any more, files that a crash left, and\n"
            "unfinished uploads that expired, while pushes and pulls go on. The daemon does\n"
            "this by itself every gc.interval; a blob is kept for gc.grace after it came,\n"
            "and for gc.lease after a client was told that it is there. Needs admin.",
    .examples = "roadstead gc --dry-run --user admin --password-file secret",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
