/* `roadstead backup`: a copy of the whole registry while it works. */
#include "cli/job.h"

static enum rs_exit tell(const struct rs_client *c, const struct rs_json *answer)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1024);
    const struct rs_json *counts = rs_json_get(answer, "counts");
    int64_t blobs = 0;
    int64_t copied = 0;
    if (rs_client_wants_json(c))
        return rs_print_json(answer);
    if (!rs_json_int(rs_json_get(counts, "blobs"), 0, RS_JSON_INT_MAX, &blobs) ||
        !rs_json_int(rs_json_get(counts, "copied"), 0, RS_JSON_INT_MAX, &copied))
        return RS_EXIT_SERVER;
    (void)rs_buf_addf(&text,
                      "backed up: the catalog, the keys, and %lld blobs, of which %lld were new\n",
                      (long long)blobs, (long long)copied);
    return rs_print(&text);
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_job_follow(c, "/v2/_roadstead/admin/backup", NULL, &a);
    return e == RS_EXIT_OK ? tell(c, a.json) : e;
}

const struct rs_command rs_command_backup = {
    .name = "backup",
    .arguments = "",
    .summary = "let the daemon write a copy of everything",
    .help = "The daemon writes one consistent snapshot to its backup.directory while pushes\n"
            "and pulls go on: the catalog, every blob (verified on the way), the keys. Blobs\n"
            "that are there already are not copied again. Nothing is sent here: a backup\n"
            "holds content in quarantine. `roadstead restore` brings it back. Needs admin.",
    .examples = "roadstead backup --user admin --password-file secret",
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
