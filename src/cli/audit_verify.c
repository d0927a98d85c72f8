/* `roadstead audit verify`: is the log whole?  Asked of the server, or of an export, offline. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/verify.h"
#include "cli/audit.h"
#include "cli/table.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static const struct rs_option options[] = {
    RS_OPTION("file", "FILE", "an export instead of the server's log; - is standard input"),
    RS_OPTION_MANY("checkpoint", "FILE", "a checkpoint that was kept elsewhere"),
    RS_OPTION("key", "FILE", "the verifier key of the checkpoints (with --file)"),
    RS_FLAG("partial", "the export is only part of the log: gaps are no problem"),
    RS_OPTIONS_END,
};

/* Print the result; whether the log is sound is the exit status. */
static enum rs_exit report(bool as_json, const struct rs_json *result)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    bool is_sound = false;
    if (!rs_json_bool(rs_json_get(result, "sound"), &is_sound)) {
        rs_tell("the server did not say whether the log is sound");
        return RS_EXIT_SERVER;
    }
    if (as_json)
        (void)rs_json_dump_canonical(result, &text);
    else
        (void)rs_table_write_tree(result, 0, &text);
    if (as_json)
        (void)rs_buf_addc(&text, '\n');
    enum rs_exit e = rs_print(&text);
    if (e != RS_EXIT_OK)
        return e;
    return is_sound ? RS_EXIT_OK : RS_EXIT_NO;
}

/* ---- by the server ---- */

static enum rs_exit verify_online(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT;
    const char *checkpoint = rs_args_text(args, "checkpoint");
    if (rs_args_text_at(args, "checkpoint", 1) != NULL)
        return rs_usage("the server compares with one checkpoint; with --file there may be more");
    if (rs_args_text(args, "key") != NULL || rs_args_flag(args, "partial"))
        return rs_usage("--key and --partial are for --file");
    if (checkpoint != NULL && rs_read_input(checkpoint, RS_NOTE_BYTES_MAX, &note, &err) != RS_OK)
        return rs_tell_err(&err);
    if (checkpoint != NULL)
        (void)rs_buf_addc(&note, '\n'); /* the line end that reading took away belongs to a note */
    enum rs_exit e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    struct rs_call call = {.method = "POST",
                           .path = "/v2/_roadstead/audit/verify",
                           .body = checkpoint == NULL ? NULL : rs_buf_text(&note),
                           .content_type = "text/plain",
                           .has_no_deadline = true};
    e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? report(rs_client_wants_json(c), a.json) : e;
}

/* ---- offline ---- */

static enum rs_exit read_key(const struct rs_args *args, struct rs_note_key *ret)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1024);
    struct rs_err err = RS_ERR_INIT;
    const char *path = rs_args_text(args, "key");
    if (path == NULL)
        return rs_usage("--checkpoint needs --key: the verifier key that signed it");
    if (rs_read_input(path, 1024, &text, &err) != RS_OK ||
        rs_note_key_read(rs_str_of(rs_buf_text(&text)), ret, &err) != RS_OK)
        return rs_tell_err(&err);
    return RS_EXIT_OK;
}

static enum rs_exit read_checkpoints(const struct rs_args *args, struct rs_checkpoint *list,
                                     size_t *ret_n)
{
    struct rs_note_key key;
    struct rs_err err = RS_ERR_INIT;
    const char *path = rs_args_text(args, "checkpoint");
    enum rs_exit e = path == NULL ? RS_EXIT_OK : read_key(args, &key);
    for (size_t i = 0; e == RS_EXIT_OK && path != NULL; i++) {
        RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
        if (rs_read_input(path, RS_NOTE_BYTES_MAX, &note, &err) != RS_OK)
            return rs_tell_err(&err);
        (void)rs_buf_addc(&note, '\n'); /* belongs to a note */
        if (rs_checkpoint_open(rs_str_of(rs_buf_text(&note)), &key, &list[i], &err) != RS_OK) {
            rs_tell("%s: %s", path, err.message);
            return RS_EXIT_NO; /* a wrong signature is an answer */
        }
        *ret_n = i + 1;
        path = rs_args_text_at(args, "checkpoint", i + 1);
    }
    return e;
}

static enum rs_exit verify_stream(FILE *file, const struct rs_verify_options *o, bool as_json)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *tree = NULL;
    RS_AUTO_FREE struct rs_verify_result *result = calloc(1, sizeof(*result));
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s =
        result == NULL ? rs_fail(&err, RS_NOMEM, NULL) : rs_verify_file(file, o, result, &err);
    if (s == RS_OK)
        s = rs_verify_result_write(result, &text);
    if (s == RS_OK)
        s = rs_json_parse_text(rs_buf_text(&text), RS_INTERNAL, &tree, &err);
    if (s == RS_OK)
        return report(as_json, tree);
    (void)rs_fail(&err, s, NULL);
    return rs_tell_err(&err);
}

static enum rs_exit verify_offline(const struct rs_args *args, const char *path)
{
    struct rs_checkpoint checkpoints[RS_ARGS_MAX];
    struct rs_verify_options o = {.checkpoints = checkpoints,
                                  .is_partial = rs_args_flag(args, "partial")};
    if (o.is_partial && rs_args_text(args, "checkpoint") != NULL)
        return rs_usage("a partial export cannot be compared with checkpoints");
    enum rs_exit e = read_checkpoints(args, checkpoints, &o.n_checkpoints);
    if (e != RS_EXIT_OK)
        return e;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        char why[128];
        return rs_usage("%s: %s", path, strerror_r(errno, why, sizeof(why)));
    }
    e = verify_stream(file, &o, rs_args_flag(args, "json"));
    if (file != stdin)
        (void)fclose(file); /* it was only read */
    return e;
}

static enum rs_exit run(const struct rs_args *args)
{
    const char *file = rs_args_text(args, "file");
    return file != NULL ? verify_offline(args, file) : verify_online(args);
}

const struct rs_command rs_audit_command_verify = {
    .name = "verify",
    .arguments = "",
    .summary = "check that no record was changed, removed, added or reordered",
    .help = "Checks every record's hashes and their chain, and compares with checkpoints.\n"
            "Without --file the server checks its own log; with it an export is checked\n"
            "here, and no server is needed. Whoever can rewrite a whole log can rebuild its\n"
            "hashes: that, a cut at the end and a rolled-back database show only against a\n"
            "checkpoint that was kept elsewhere. Exit status 1 when the log is not sound.",
    .examples =
        "roadstead audit verify --checkpoint kept/2026-01-31\n"
        "roadstead audit verify --file audit.ndjson --key audit-log.pub --checkpoint kept/1",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
