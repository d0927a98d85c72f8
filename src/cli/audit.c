/* `roadstead audit`: the audit log. */
#include "cli/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/table.h"

#define AUDIT "/v2/_roadstead/audit"
#define EXPORT_IDLE_MS 120000U

#define FILTERS                                                                               \
    RS_OPTION("after", "SEQUENCE", "those that follow this one"),                             \
        RS_OPTION("repository", "NAME", "about this repository; * and ** make it a pattern"), \
        RS_OPTION("digest", "DIGEST", "about this manifest"),                                 \
        RS_OPTION("actor", "NAME", "by this principal"),                                      \
        RS_OPTION("action", "ACTION", "of this kind: quarantined, released, failed, ..."),    \
        RS_OPTION("from", "TIME", "from this on: 2026-01-31T12:00:00Z"),                      \
        RS_OPTION("to", "TIME", "before this"), RS_OPTION("limit", "NUMBER", "at most so many")

static const struct rs_option list_options[] = {FILTERS, RS_OPTIONS_END};
static const struct rs_option export_options[] = {
    FILTERS, RS_OPTION("output", "FILE", "write here instead of standard output"), RS_OPTIONS_END};

static const struct rs_column columns[] = {{"SEQUENCE", "sequence", RS_COLUMN_NUMBER},
                                           {"TIME", "timestamp", RS_COLUMN_TIME},
                                           {"ACTION", "action", RS_COLUMN_TEXT},
                                           {"ACTOR", "actor", RS_COLUMN_TEXT},
                                           {"REPOSITORY", "repository", RS_COLUMN_TEXT},
                                           {"TAGS", "tags", RS_COLUMN_TEXT},
                                           {"DIGEST", "digest", RS_COLUMN_DIGEST},
                                           {"PUBLISHER", "publisher", RS_COLUMN_TEXT},
                                           {.title = NULL}};

static void add_filters(const struct rs_args *args, struct rs_buf *path)
{
    static const char *const names[] = {"after",  "repository", "digest", "actor",
                                        "action", "from",       "to"};
    (void)rs_buf_adds(path, AUDIT);
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++)
        rs_query_add(path, names[i], rs_args_text(args, names[i]));
}

static enum rs_exit list(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT;
    struct rs_listing listing = {
        .member = "records", .columns = columns, .nothing = "no records that you may see"};
    if (rs_args_number(args, "limit", 1, INT64_MAX, &listing.limit, &err) != RS_OK)
        return rs_usage("%s", err.message);
    add_filters(args, &path);
    rs_query_add_number(&path, "n",
                        listing.limit != 0 && listing.limit < 1000 ? listing.limit : 1000);
    listing.path = rs_buf_text(&path);
    return rs_client_list(args, &listing);
}

/* ---- export ---- */

struct output {
    FILE *file;
    bool has_failed;
    char last; /* the last byte that was written */
};

static bool on_body(const char *bytes, size_t n, void *arg)
{
    struct output *out = arg;
    if (n == 0)
        return true;
    out->has_failed = fwrite(bytes, 1, n, out->file) != n;
    out->last = bytes[n - 1];
    return !out->has_failed;
}

static enum rs_exit receive(struct rs_client *c, const char *path, struct output *out)
{
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_call call = {.method = "GET", .path = path, .accept = "application/x-ndjson"};
    enum rs_exit e = rs_client_stream(c, &call, on_body, NULL, EXPORT_IDLE_MS, out, &a);
    if (fflush(out->file) != 0)
        out->has_failed = true;
    if (out->has_failed) {
        char why[128];
        rs_tell("the export cannot be written: %s", strerror_r(errno, why, sizeof(why)));
        return RS_EXIT_SERVER;
    }
    if (e == RS_EXIT_OK && out->last != '\0' && out->last != '\n') {
        rs_tell("the export was cut in the middle of a record");
        return RS_EXIT_SERVER;
    }
    return e;
}

static enum rs_exit export(const struct rs_args *args) {
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT; struct output out = {.file = stdout};
    const char *file = rs_args_text(args, "output"); uint64_t limit = 0;
    if (rs_args_number(args, "limit", 1, INT64_MAX, &limit, &err) !=
        RS_OK) return rs_usage("%s", err.message);
    enum rs_exit e = rs_client_open(args, &c); if (e != RS_EXIT_OK) return e;
    add_filters(args, &path); if (limit != 0) rs_query_add_number(&path, "n", limit);
    if (file != NULL && (out.file = fopen(file, "we")) == NULL){
        char why[128]; rs_tell("%s: %s", file, strerror_r(errno, why, sizeof(why)));
        return RS_EXIT_SERVER;}
e = receive(c, rs_buf_text(&path), &out);
if (file != NULL && fclose(out.file) != 0 && e == RS_EXIT_OK) {
    rs_tell("%s: it could not be written whole", file);
    e = RS_EXIT_SERVER;
}
return e;
}

/* ---- checkpoint and key: small texts, as they are ---- */

static enum rs_exit print_text(const struct rs_args *args, const char *path)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_call call = {.method = "GET", .path = path, .accept = "text/plain"};
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? rs_print(&a.http.body) : e;
}

static enum rs_exit checkpoint(const struct rs_args *args)
{
    return print_text(args, AUDIT "/checkpoint");
}

static enum rs_exit key(const struct rs_args *args)
{
    return print_text(args, AUDIT "/key");
}

/* ---- commands ---- */

static const struct rs_command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "records, as a table",
    .help = "Lists records that match every filter, oldest first.",
    .options = list_options,
    .needs = RS_COMMAND_SERVER,
    .run = list,
};
static const struct rs_command command_export = {
    .name = "export",
    .arguments = "",
    .summary = "records, one JSON object a line, with their hashes",
    .help = "Writes records as they are kept, with chain and leaf hashes, so that they can be\n"
            "verified elsewhere (roadstead audit verify --file).",
    .examples = "roadstead audit export --output audit.ndjson\n"
                "roadstead audit checkpoint >checkpoint",
    .options = export_options,
    .needs = RS_COMMAND_SERVER,
    .run = export,
};
static const struct rs_command command_checkpoint = {
    .name = "checkpoint",
    .arguments = "",
    .summary = "a signed checkpoint over all records",
    .help = "Prints a signed note that commits to every record so far. Keep it elsewhere: it\n"
            "is what shows later that the log was cut, rewritten or rolled back.",
    .needs = RS_COMMAND_SERVER,
    .run = checkpoint,
};
static const struct rs_command command_key = {
    .name = "key",
    .arguments = "",
    .summary = "the key that checkpoints are verified with",
    .help = "Prints the log's verifier key.",
    .needs = RS_COMMAND_SERVER,
    .run = key,
};
static const struct rs_command *const subcommands[] = {
    &command_list,       &command_export, &rs_audit_command_verify,
    &command_checkpoint, &command_key,    NULL};

const struct rs_command rs_command_audit = {
    .name = "audit",
    .arguments = "[COMMAND]",
    .summary = "who did what, and proof that nobody changed the record of it",
    .help = "Without a command: the records that match, as `audit list`. Needs audit-read.",
    .examples = "roadstead audit --repository team/app --action released\n"
                "roadstead audit verify",
    .options = list_options,
    .needs = RS_COMMAND_SERVER,
    .run = list,
    .subcommands = subcommands,
};
