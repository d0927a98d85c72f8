/* `roadstead webhook`: who is told about events. */
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "json/write.h"

#define WEBHOOKS "/v2/_roadstead/webhooks"
#define BODY_BYTES_MAX ((size_t)65536)

#define SETTINGS                                                                                  \
    RS_OPTION_MANY("event", "TYPE",                                                               \
                   "quarantine, push, delete, quarantine_failed or\n"                             \
                   "quarantine_overdue; without it all that the format has"),                     \
        RS_OPTION_MANY("repository", "PATTERN", "only of these; without it of all"),              \
        RS_OPTION("format", "FORMAT", "cloudevents (preset), acr or docker"),                     \
        RS_FLAG("details", "send the details of decisions too"), RS_FLAG("no-details", "do not"), \
        RS_FLAG("disabled", "send nothing until it is enabled"), RS_FLAG("enabled", "send")

static const struct rs_option add_options[] = {SETTINGS, RS_OPTIONS_END};
static const struct rs_option change_options[] = {RS_OPTION("url", "URL", "where to send"),
                                                  SETTINGS, RS_OPTIONS_END};
static const struct rs_option rotate_options[] = {
    RS_FLAG("drop-previous", "do not sign with the old secret beside the new one"), RS_OPTIONS_END};
static const struct rs_option delivery_options[] = {
    RS_OPTION("state", "STATE", "only those: waiting or dead"), RS_OPTIONS_END};
static const struct rs_option redeliver_options[] = {
    RS_OPTION("sequence", "NUMBER", "that event's alone; without it all dead letters"),
    RS_OPTIONS_END};

static const struct rs_column columns[] = {
    {"NAME", "name", RS_COLUMN_TEXT},         {"ENABLED", "enabled", RS_COLUMN_TEXT},
    {"FORMAT", "format", RS_COLUMN_TEXT},     {"EVENTS", "events", RS_COLUMN_TEXT},
    {"WAITING", "waiting", RS_COLUMN_NUMBER}, {"DEAD", "dead", RS_COLUMN_NUMBER},
    {"URL", "url", RS_COLUMN_TEXT},           {.title = NULL}};
static const struct rs_column delivery_columns[] = {{"SEQUENCE", "sequence", RS_COLUMN_NUMBER},
                                                    {"TYPE", "type", RS_COLUMN_TEXT},
                                                    {"STATE", "state", RS_COLUMN_TEXT},
                                                    {"ATTEMPTS", "attempts", RS_COLUMN_NUMBER},
                                                    {"NEXT", "nextAttempt", RS_COLUMN_TIME},
                                                    {"REPOSITORY", "repository", RS_COLUMN_TEXT},
                                                    {"DIGEST", "digest", RS_COLUMN_DIGEST},
                                                    {"LAST ERROR", "lastError", RS_COLUMN_TEXT},
                                                    {.title = NULL}};

/* ---- requests ---- */

/* About the webhook that the first argument names, or (more NULL) about all of them. */
static enum rs_exit send(const struct rs_args *args, const char *method, const char *more,
                         const char *body)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    (void)rs_buf_adds(&path, WEBHOOKS);
    if (more != NULL) {
        rs_path_add(&path, args->positional[0]);
        (void)rs_buf_adds(&path, more);
    }
    struct rs_call call = {.method = method, .path = rs_buf_text(&path), .body = body};
    return rs_client_run(args, &call);
}

static enum rs_exit write_flag(struct rs_jw *w, const char *key, const struct rs_args *args,
                               const char *yes, const char *no)
{
    bool is_yes = rs_args_flag(args, yes);
    bool is_no = rs_args_flag(args, no);
    if (is_yes && is_no)
        return rs_usage("--%s and --%s exclude each other", yes, no);
    if (is_yes || is_no)
        rs_jw_member_bool(w, key, is_yes);
    return RS_EXIT_OK;
}

static enum rs_exit write_settings(const struct rs_args *args, struct rs_jw *w)
{
    rs_jw_member_option(w, "events", args, "event");
    rs_jw_member_option(w, "repositories", args, "repository");
    if (rs_args_text(args, "format") != NULL)
        rs_jw_member_text(w, "format", rs_args_text(args, "format"));
    enum rs_exit e = write_flag(w, "details", args, "details", "no-details");
    return e == RS_EXIT_OK ? write_flag(w, "enabled", args, "enabled", "disabled") : e;
}

static enum rs_exit add(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&body);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", args->positional[0]);
    rs_jw_member_text(&w, "url", args->positional[1]);
    enum rs_exit e = write_settings(args, &w);
    rs_jw_object_end(&w);
    if (e == RS_EXIT_OK && rs_buf_status(&body) != RS_OK)
        return rs_usage("the arguments are too long");
    return e == RS_EXIT_OK ? send(args, "POST", NULL, rs_buf_text(&body)) : e;
}

static enum rs_exit change(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&body);
    rs_jw_object(&w);
    if (rs_args_text(args, "url") != NULL)
        rs_jw_member_text(&w, "url", rs_args_text(args, "url"));
    enum rs_exit e = write_settings(args, &w);
    rs_jw_object_end(&w);
    if (e == RS_EXIT_OK && rs_buf_status(&body) != RS_OK)
        return rs_usage("the arguments are too long");
    if (e == RS_EXIT_OK && strcmp(rs_buf_text(&body), "{}") == 0)
        return rs_usage("nothing to change was said");
    return e == RS_EXIT_OK ? send(args, "PATCH", "", rs_buf_text(&body)) : e;
}

static enum rs_exit list(const struct rs_args *args)
{
    struct rs_listing listing = {
        .path = WEBHOOKS, .member = "webhooks", .columns = columns, .nothing = "no webhooks"};
    return rs_client_list(args, &listing);
}

static enum rs_exit show(const struct rs_args *args)
{
    return send(args, "GET", "", NULL);
}

static enum rs_exit delete_webhook(const struct rs_args *args)
{
    return send(args, "DELETE", "", NULL);
}

static enum rs_exit rotate(const struct rs_args *args)
{
    return send(args, "POST", "/secret",
                rs_args_flag(args, "drop-previous") ? "{\"keepPrevious\":false}"
                                                    : "{\"keepPrevious\":true}");
}

/* Delivered or not is the answer, and the exit status. */
static enum rs_exit ping(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    bool is_delivered = false;
    enum rs_exit e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    (void)rs_buf_adds(&path, WEBHOOKS);
    rs_path_add(&path, args->positional[0]);
    (void)rs_buf_adds(&path, "/ping");
    struct rs_call call = {.method = "POST", .path = rs_buf_text(&path)};
    e = rs_client_send(c, &call, &a);
    if (e == RS_EXIT_OK)
        e = rs_print_value(c, a.json);
    if (e == RS_EXIT_OK &&
        (!rs_json_bool(rs_json_get(a.json, "delivered"), &is_delivered) || !is_delivered))
        return RS_EXIT_NO;
    return e;
}

static enum rs_exit deliveries(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    (void)rs_buf_adds(&path, WEBHOOKS);
    rs_path_add(&path, args->positional[0]);
    (void)rs_buf_adds(&path, "/deliveries");
    rs_query_add(&path, "state", rs_args_text(args, "state"));
    struct rs_listing listing = {.path = rs_buf_text(&path),
                                 .member = "deliveries",
                                 .columns = delivery_columns,
                                 .nothing = "everything was delivered"};
    return rs_client_list(args, &listing);
}

static enum rs_exit redeliver(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(256);
    struct rs_jw w = RS_JW_INIT(&body);
    struct rs_err err = RS_ERR_INIT;
    uint64_t sequence = 0;
    if (rs_args_number(args, "sequence", 1, (uint64_t)RS_JSON_INT_MAX, &sequence, &err) != RS_OK)
        return rs_usage("%s", err.message);
    rs_jw_object(&w);
    if (sequence != 0)
        rs_jw_member_int(&w, "sequence", (int64_t)sequence);
    rs_jw_object_end(&w);
    return send(args, "POST", "/redeliver", sequence == 0 ? NULL : rs_buf_text(&body));
}

/* ---- commands ---- */

#define ONE_NAME \
    .arguments = "NAME", .arguments_min = 1, .arguments_max = 1, .needs = RS_COMMAND_SERVER

static const struct rs_command command_add = {
    .name = "add",
    .arguments = "NAME URL",
    .summary = "add a webhook and print its secret",
    .help = "Events that follow are sent to URL, signed as Standard Webhooks. The secret is\n"
            "printed once.",
    .examples = "roadstead webhook add pipeline https://ci.example.org/hook --event quarantine",
    .options = add_options,
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = RS_COMMAND_SERVER,
    .run = add,
};
static const struct rs_command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "all webhooks",
    .help = "Lists the webhooks, with how many deliveries wait and how many were given up.",
    .needs = RS_COMMAND_SERVER,
    .run = list,
};
static const struct rs_command command_show = {
    .name = "show",
    ONE_NAME,
    .summary = "one webhook",
    .help = "Shows a webhook. Its secret is not shown.",
    .run = show,
};
static const struct rs_command command_change = {
    .name = "change",
    ONE_NAME,
    .summary = "change a webhook",
    .help = "Changes what is given and leaves the rest.",
    .examples = "roadstead webhook change pipeline --disabled",
    .options = change_options,
    .run = change,
};
static const struct rs_command command_rotate = {
    .name = "rotate",
    ONE_NAME,
    .summary = "give a webhook a new secret and print it",
    .help = "Makes a new secret. Until the next rotation deliveries are signed with both, so\n"
            "that the receiver can be changed at leisure.",
    .options = rotate_options,
    .run = rotate,
};
static const struct rs_command command_ping = {
    .name = "ping",
    ONE_NAME,
    .summary = "send a ping now",
    .help = "Sends one event of type ping and tells what came of it. Exit status 1 when it\n"
            "was not delivered.",
    .run = ping,
};
static const struct rs_command command_deliveries = {
    .name = "deliveries",
    ONE_NAME,
    .summary = "what could not be delivered yet",
    .help = "Lists deliveries that wait for another attempt, and dead letters.",
    .options = delivery_options,
    .run = deliveries,
};
static const struct rs_command command_redeliver = {
    .name = "redeliver",
    ONE_NAME,
    .summary = "try dead letters again",
    .help = "Puts dead letters back to those that wait.",
    .options = redeliver_options,
    .run = redeliver,
};
static const struct rs_command command_delete = {
    .name = "delete",
    ONE_NAME,
    .summary = "delete a webhook",
    .help = "Deletes a webhook with its waiting and dead deliveries.",
    .run = delete_webhook,
};
static const struct rs_command *const subcommands[] = {
    &command_add,  &command_list,       &command_show,      &command_change, &command_rotate,
    &command_ping, &command_deliveries, &command_redeliver, &command_delete, NULL,
};

const struct rs_command rs_command_webhook = {
    .name = "webhook",
    .arguments = "COMMAND",
    .summary = "who is told about events",
    .help = "Webhooks get events as they happen. Changes are audited. All of this needs the\n"
            "role admin.",
    .subcommands = subcommands,
};
