/*
 * cli/client.h: requests to the registry, with the options that every such command has.
 * Layer: cli.  Threads: one.
 *
 * Functions that return an exit status have told the user on standard error what went wrong.
 */
#ifndef RS_CLI_CLIENT_H
#define RS_CLI_CLIENT_H

#include <stdio.h>

#include "cli/command.h"
#include "json/json.h"
#include "net/http_client.h"

/* --server, --user, --password-file, --ca-file, --allow-http, --timeout, --json. */
extern const struct rs_option rs_client_options[];

struct rs_client;

/* Out of options and environment.  The password is read here. */
RS_MUST_CHECK enum rs_exit rs_client_open(const struct rs_args *args, struct rs_client **ret);
void rs_client_close(struct rs_client *c); /* NULL is fine; wipes the password */
RS_DEFINE_AUTO_PTR(rs_client, rs_client_close)

/* The registry's URL, without a '/' at its end.  Borrowed. */
const char *rs_client_server(const struct rs_client *c);
/* --json: standard output is for programs. */
bool rs_client_wants_json(const struct rs_client *c);

/* Details are as deep as input may be, and stand in what the registry tells of them. */
#define RS_CLIENT_JSON_DEPTH_MAX (RS_JSON_DEPTH_MAX + 16U)

struct rs_answer {
    struct rs_http_response http;
    struct rs_json *json; /* the body when it is JSON, else NULL */
};
#define RS_ANSWER_INIT                \
    {                                 \
        .http = RS_HTTP_RESPONSE_INIT \
    }
void rs_answer_release(struct rs_answer *a);
RS_DEFINE_AUTO(rs_answer, struct rs_answer, rs_answer_release)

struct rs_call {
    const char *method;
    const char *path;                    /* with its query; see rs_query_add() */
    const char *body;                    /* JSON text; NULL = none */
    const char *content_type;            /* of the body; NULL = application/json */
    const char *accept;                  /* NULL = application/json */
    bool has_no_deadline;                /* may take as long as it takes */
    const struct rs_http_header *header; /* one more; NULL = none */
    /* say nothing about an answer that is an error (the caller looks at it); failures to get one
     * are told */
    bool quiet;
};

/**
 * rs_client_send(): one request.
 * Returns RS_EXIT_OK for 2xx; for everything else what rs_client_exit_of() says, after telling the
 * server's own message.
 */
RS_MUST_CHECK enum rs_exit rs_client_send(struct rs_client *c, const struct rs_call *call,
                                          struct rs_answer *ret);
/* A whole command of one request: open, send, print the answer if it is JSON. */
RS_MUST_CHECK enum rs_exit rs_client_run(const struct rs_args *args, const struct rs_call *call);
/* The exit status that an HTTP status means. */
enum rs_exit rs_client_exit_of(long http_status);
/* Tell what an answer says went wrong. */
void rs_client_tell_error(const struct rs_answer *a);

/* A stream: `on_body` gets what comes until the server or a callback ends it.  last_event_id may
 * be NULL. */
RS_MUST_CHECK enum rs_exit rs_client_stream(struct rs_client *c, const struct rs_call *call,
                                            rs_http_on_body on_body, rs_http_on_tick on_tick,
                                            uint32_t idle_timeout_ms, void *arg,
                                            struct rs_answer *ret);

/* Append "?key=value" or "&key=value", encoded; a NULL value adds nothing. */
void rs_query_add(struct rs_buf *path, const char *key, const char *value);
void rs_query_add_number(struct rs_buf *path, const char *key, uint64_t value);
/* Append "/" and one encoded path segment. */
void rs_path_add(struct rs_buf *path, const char *segment);
#define RS_PATH_BYTES_MAX ((size_t)8192)

/* Sleep; a signal that does not end the program does not end it either. */
void rs_pause_ms(uint64_t ms);

/* ---- output ---- */

/* "roadstead: ..." on standard error, safe for a terminal. */
RS_PRINTF(1, 2) void rs_tell(const char *fmt, ...);
/* The same, and RS_EXIT_USAGE. */
RS_PRINTF(1, 2) enum rs_exit rs_usage(const char *fmt, ...);
/* Tell an error of ours and give the exit status it means. */
enum rs_exit rs_tell_err(const struct rs_err *err);
/* Standard output; a failing write (a full disk, a closed pipe) gives RS_EXIT_SERVER. */
RS_MUST_CHECK enum rs_exit rs_print(const struct rs_buf *text);
/* The JSON value in one line. */
RS_MUST_CHECK enum rs_exit rs_print_json(const struct rs_json *value);
/* As JSON with --json, else as a tree. */
RS_MUST_CHECK enum rs_exit rs_print_value(const struct rs_client *c, const struct rs_json *value);

/* A small file, or standard input for "-", without its last line end; wipe it when it is a
 * secret.  RS_BAD_REQUEST past bytes_max. */
RS_MUST_CHECK enum rs_status rs_read_input(const char *path, size_t bytes_max, struct rs_buf *out,
                                           struct rs_err *reterr);

/* Decision details out of --details TEXT or --details-file FILE as JSON text: JSON stays what it
 * is, anything else becomes a string. NULL in *ret when neither was given. */
#define RS_DETAILS_OPTIONS                                                                    \
    RS_OPTION("details", "TEXT", "what led to this; JSON is kept as such, all else is text"), \
        RS_OPTION("details-file", "FILE", "the same out of a file, - for standard input")
RS_MUST_CHECK enum rs_exit rs_read_details(const struct rs_args *args, struct rs_buf *out,
                                           bool *ret_given);

/* A member with all values of an option that repeats; none when it was not given. */
struct rs_jw;
void rs_jw_member_option(struct rs_jw *w, const char *key, const struct rs_args *args,
                         const char *option);

/* ---- lists in pages ---- */

struct rs_column;
struct rs_listing {
    const char *path;   /* of the first page, with its query */
    const char *member; /* of each page that holds the elements: "tags" */
    const struct rs_column *columns;
    const char *nothing; /* said on standard error when there are none: "no tags" */
    uint64_t limit;      /* most elements; 0 = all */
};
/* A whole command: fetch every page (by Link, or by `next` and `more` in the page) and print a
 * table, or one JSON array with --json. */
RS_MUST_CHECK enum rs_exit rs_client_list(const struct rs_args *args,
                                          const struct rs_listing *listing);

#endif
