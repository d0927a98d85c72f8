/* `roadstead events`: the feed of events, once or for ever. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

#define EVENTS "/v2/_roadstead/events"
#define EVENT_BYTES_MAX ((size_t)1 << 20)
#define IDLE_MS 60000U /* the server says something every 15 s */
#define PAUSE_MS 1000
#define PAUSE_MOST_MS 30000

static const struct rs_option options[] = {
    RS_OPTION("after", "SEQUENCE", "those that follow this one, or `latest`"),
    RS_OPTION("limit", "NUMBER", "at most so many"),
    RS_FLAG("follow", "go on with those that come, until interrupted"),
    RS_OPTIONS_END,
};
static const struct rs_column columns[] = {{"SEQUENCE", "sequence", RS_COLUMN_NUMBER},
                                           {"TIME", "timestamp", RS_COLUMN_TIME},
                                           {"TYPE", "type", RS_COLUMN_TEXT},
                                           {"REPOSITORY", "repository", RS_COLUMN_TEXT},
                                           {"TAG", "tag", RS_COLUMN_TEXT},
                                           {"DIGEST", "digest", RS_COLUMN_DIGEST},
                                           {"ACTOR", "actor", RS_COLUMN_TEXT},
                                           {"PUBLISHER", "publisher", RS_COLUMN_TEXT},
                                           {.title = NULL}};

/* ---- the stream ---- */

struct follower {
    bool wants_json;
    uint64_t left;        /* events that are still wanted */
    struct rs_buf line;   /* the line that is being received */
    struct rs_buf data;   /* of the event that is being received */
    char last[32];        /* the last event's sequence: where to go on after a cut */
    enum rs_exit outcome; /* why our side ended it */
    bool has_ended;
};

/* One line per event, for people. */
static enum rs_exit print_event(const struct rs_json *event)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    for (const struct rs_column *c = columns; c->title != NULL; c++) {
        (void)rs_buf_adds(&text, c == columns ? "" : "  ");
        (void)rs_table_cell(&text, rs_json_get(event, c->member), c->kind);
    }
    (void)rs_buf_addc(&text, '\n');
    return rs_print(&text);
}

static bool finish_event(struct follower *f)
{
    RS_AUTO(rs_json) struct rs_json *event = NULL;
    if (f->data.len == 0)
        return true;
    struct rs_json_limits limits = RS_JSON_LIMITS(EVENT_BYTES_MAX);
    limits.depth_max = RS_CLIENT_JSON_DEPTH_MAX;
    enum rs_status s = rs_json_parse(rs_buf_text(&f->data), f->data.len, &limits, &event, NULL);
    rs_buf_clear(&f->data);
    if (s != RS_OK) {
        rs_tell("the server sent an event that cannot be read");
        f->outcome = RS_EXIT_SERVER;
    } else {
        f->outcome = f->wants_json ? rs_print_json(event) : print_event(event);
    }
    f->has_ended = f->outcome != RS_EXIT_OK || --f->left == 0;
    return !f->has_ended;
}

static bool finish_line(struct follower *f)
{
    const char *line = rs_buf_text(&f->line);
    bool go_on = true;
    if (line[0] == '\0') {
        go_on = finish_event(f);
    } else if (strncmp(line, "data:", 5) == 0) {
        (void)rs_buf_adds(&f->data, f->data.len > 0 ? "\n" : "");
        (void)rs_buf_adds(&f->data, line + (line[5] == ' ' ? 6 : 5));
    } else if (strncmp(line, "id:", 3) == 0) {
        (void)rs_text_copy(f->last, sizeof(f->last), line + (line[3] == ' ' ? 4 : 3));
    }
    rs_buf_clear(&f->line);
    return go_on;
}

static bool on_body(const char *bytes, size_t n, void *arg)
{
    struct follower *f = arg;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            if (!finish_line(f))
                return false;
        } else if (bytes[i] != '\r') {
            (void)rs_buf_addc(&f->line, bytes[i]);
        }
        if (rs_buf_status(&f->line) != RS_OK || rs_buf_status(&f->data) != RS_OK) {
            rs_tell("the server sent an event larger than %zu bytes", EVENT_BYTES_MAX);
            f->outcome = RS_EXIT_SERVER;
            f->has_ended = true;
            return false;
        }
    }
    return true;
}

/* One connection, until it is cut or our side has enough. */
static enum rs_exit follow_once(struct rs_client *c, struct follower *f, const char *path)
{
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_http_header again = {"Last-Event-ID", f->last};
    struct rs_call call = {.method = "GET",
                           .path = path,
                           .accept = "text/event-stream",
                           .header = f->last[0] == '\0' ? NULL : &again};
    rs_buf_clear(&f->line);
    rs_buf_clear(&f->data);
    return rs_client_stream(c, &call, on_body, NULL, IDLE_MS, f, &a);
}

static enum rs_exit follow(const struct rs_args *args, const char *path, uint64_t limit)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    enum rs_exit e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    struct follower f = {.wants_json = rs_client_wants_json(c),
                         .left = limit == 0 ? UINT64_MAX : limit,
                         .line = RS_BUF_INIT(EVENT_BYTES_MAX),
                         .data = RS_BUF_INIT(EVENT_BYTES_MAX)};
    unsigned pause_ms = PAUSE_MS;
    for (;;) {
        char before[sizeof(f.last)];
        memcpy(before, f.last, sizeof(before));
        e = follow_once(c, &f, path);
        if (f.has_ended || (e != RS_EXIT_OK && e != RS_EXIT_UNREACHABLE && e != RS_EXIT_SERVER))
            break;
        /* Cut: the server was stopped, or a proxy has had enough.  Go on where it ended. */
        if (strcmp(before, f.last) != 0)
            pause_ms = PAUSE_MS;
        rs_pause_ms(pause_ms);
        pause_ms = 2 * pause_ms < PAUSE_MOST_MS ? 2 * pause_ms : PAUSE_MOST_MS;
    }
    rs_buf_release(&f.line);
    rs_buf_release(&f.data);
    return f.has_ended ? f.outcome : e;
}

/* ---- the command ---- */

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    struct rs_err err = RS_ERR_INIT;
    uint64_t limit = 0;
    if (rs_args_number(args, "limit", 1, INT64_MAX, &limit, &err) != RS_OK)
        return rs_usage("%s", err.message);
    (void)rs_buf_adds(&path, EVENTS);
    rs_query_add(&path, "after", rs_args_text(args, "after"));
    if (rs_args_flag(args, "follow"))
        return follow(args, rs_buf_text(&path), limit);
    rs_query_add_number(&path, "n", limit != 0 && limit < 1000 ? limit : 1000);
    struct rs_listing listing = {.path = rs_buf_text(&path),
                                 .member = "events",
                                 .columns = columns,
                                 .nothing = "no events",
                                 .limit = limit};
    return rs_client_list(args, &listing);
}

const struct rs_command rs_command_events = {
    .name = "events",
    .arguments = "",
    .summary = "what happened, and what happens",
    .help = "Events of the repositories that you have a grant on: quarantine, push, delete,\n"
            "quarantine_failed, quarantine_overdue. --follow reconnects by itself and goes on\n"
            "where it was cut, without a gap; with --json each event is one line.",
    .examples = "roadstead events --after 1200\n"
                "roadstead events --follow --after latest --json",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
