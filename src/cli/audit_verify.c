/* `roadstead audit verify`: is the log whole?  Asked of the server, or offline of an export or of
 * the data of a server that does not run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "cli/audit.h"
#include "cli/data_dir.h"
#include "cli/table.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static const struct rs_option options[] = {
    RS_OPTION("file", "FILE", "an export instead of the server's log; - is standard input"),
    RS_OPTION("data", "DIR", "the data directory of a server that does not run"),
    RS_OPTION_MANY("checkpoint", "FILE", "a checkpoint that was kept elsewhere"),
    RS_OPTION("key", "FILE", "the verifier key of the checkpoints (with --file or --data)"),
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
        return rs_usage("--key is for --file and --data, --partial for --file");
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

static enum rs_exit read_checkpoints(const struct rs_args *args, const struct rs_note_key *key,
                                     struct rs_checkpoint *list, size_t *ret_n)
{
    struct rs_err err = RS_ERR_INIT;
    const char *path = rs_args_text(args, "checkpoint");
    for (size_t i = 0; path != NULL; i++) {
        RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
        if (rs_read_input(path, RS_NOTE_BYTES_MAX, &note, &err) != RS_OK)
            return rs_tell_err(&err);
        (void)rs_buf_addc(&note, '\n'); /* belongs to a note */
        if (rs_checkpoint_open(rs_str_of(rs_buf_text(&note)), key, &list[i], &err) != RS_OK) {
            rs_tell("%s: %s", path, err.message);
            return RS_EXIT_NO; /* a wrong signature is an answer */
        }
        *ret_n = i + 1;
        path = rs_args_text_at(args, "checkpoint", i + 1);
    }
    return RS_EXIT_OK;
}

static enum rs_exit report_result(const struct rs_verify_result *result, bool as_json)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *tree = NULL;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_verify_result_write(result, &text);
    if (s == RS_OK)
        s = rs_json_parse_text(rs_buf_text(&text), RS_INTERNAL, &tree, &err);
    if (s == RS_OK)
        return report(as_json, tree);
    (void)rs_fail(&err, s, NULL);
    return rs_tell_err(&err);
}

static enum rs_exit verify_stream(FILE *file, const struct rs_verify_options *o, bool as_json)
{
    RS_AUTO_FREE struct rs_verify_result *result = calloc(1, sizeof(*result));
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s =
        result == NULL ? rs_fail(&err, RS_NOMEM, NULL) : rs_verify_file(file, o, result, &err);
    return s == RS_OK ? report_result(result, as_json) : rs_tell_err(&err);
}

static enum rs_exit verify_locked(const char *dir, const struct rs_verify_options *o,
                                  const struct rs_note_key *key, bool as_json)
{
    RS_AUTO_FREE struct rs_verify_result *result = calloc(1, sizeof(*result));
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = result == NULL ? rs_fail(&err, RS_NOMEM, NULL)
                                      : rs_verify_data_dir(dir, o, key, result, &err);
    return s == RS_OK ? report_result(result, as_json) : rs_tell_err(&err);
}

/* The lock keeps a server from starting meanwhile, and us away from one that runs. */
static enum rs_exit verify_data(const struct rs_args *args, const char *dir)
{
    struct rs_checkpoint checkpoints[RS_ARGS_MAX];
    struct rs_verify_options o = {.checkpoints = checkpoints};
    struct rs_note_key key;
    struct rs_err err = RS_ERR_INIT;
    RS_AUTO_FD int lock = -1;
    RS_AUTO(rs_buf) struct rs_buf keys = RS_BUF_INIT(4096);
    bool has_key = rs_args_text(args, "key") != NULL;
    if (rs_buf_addf(&keys, "%s/keys", dir) != RS_OK)
        return rs_usage("the name of the data directory is too long");
    if (access(rs_buf_text(&keys), F_OK) != 0)
        return rs_usage("%s is no data directory of a server", dir);
    enum rs_exit e = has_key ? read_key(args, &key) : RS_EXIT_OK;
    if (e == RS_EXIT_OK &&
        (rs_data_dir_lock(dir, &lock, &err) != RS_OK ||
         (!has_key && rs_note_key_find(rs_buf_text(&keys), &key, &err) != RS_OK)))
        return rs_tell_err(&err);
    if (e == RS_EXIT_OK)
        e = read_checkpoints(args, &key, checkpoints, &o.n_checkpoints);
    if (e != RS_EXIT_OK)
        return e;
    return verify_locked(dir, &o, &key, rs_args_flag(args, "json"));
}

static enum rs_exit verify_offline(const struct rs_args *args, const char *path)
{
    struct rs_checkpoint checkpoints[RS_ARGS_MAX];
    struct rs_verify_options o = {.checkpoints = checkpoints,
                                  .is_partial = rs_args_flag(args, "partial")};
    if (o.is_partial && rs_args_text(args, "checkpoint") != NULL)
        return rs_usage("a partial export cannot be compared with checkpoints");
    struct rs_note_key key;
    enum rs_exit e = RS_EXIT_OK;
    if (rs_args_text(args, "checkpoint") != NULL)
        e = read_key(args, &key);
    if (e == RS_EXIT_OK)
        e = read_checkpoints(args, &key, checkpoints, &o.n_checkpoints);
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
    const char *data = rs_args_text(args, "data");
    if (file != NULL && data != NULL)
        return rs_usage("--file and --data are two places: choose one");
    if (data != NULL)
        return verify_data(args, data);
    return file != NULL ? verify_offline(args, file) : verify_online(args);
}

const struct rs_command rs_audit_command_verify = {
    .name = "verify",
    .arguments = "",
    .summary = "check that no record was changed, removed, added or reordered",
    .help = "Checks every record's hashes and their chain, and compares with checkpoints.\n"
            "Without --file and --data the server checks its own log; with them an export,\n"
            "or the data of a server that does not run, is checked here. Whoever can rewrite\n"
            "a whole log can rebuild its hashes: that, a cut at the end and a rolled-back\n"
            "database show only against a checkpoint that was kept elsewhere. Exit status 1\n"
            "when the log is not sound.",
    .examples =
        "roadstead audit verify --checkpoint kept/2026-01-31\n"
        "roadstead audit verify --file audit.ndjson --key audit-log.pub --checkpoint kept/1\n"
        "roadstead audit verify --data /var/lib/roadstead",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
