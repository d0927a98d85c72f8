/* `roadstead explain`: why somebody may or may not read an image. */
#include "cli/reference.h"
#include "cli/terminal.h"

static const struct rs_option options[] = {
    RS_OPTION("principal", "NAME", "about somebody else (takes admin or audit-read)"),
    RS_OPTIONS_END,
};

static enum rs_exit print_words(const struct rs_json *answer, bool is_readable)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    const struct rs_json *because = rs_json_get(answer, "because");
    const char *principal = rs_json_text(rs_json_get(answer, "principal"));
    (void)rs_terminal_add(&text, rs_str_of(principal));
    (void)rs_buf_adds(&text, is_readable ? " may read it\n" : " may not read it\n");
    for (size_t i = 0; i < rs_json_len(because); i++) {
        (void)rs_buf_adds(&text, "  ");
        (void)rs_terminal_add(&text, rs_json_str(rs_json_at(because, i)));
        (void)rs_buf_addc(&text, '\n');
    }
    return rs_print(&text);
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_image image;
    struct rs_err err = RS_ERR_INIT;
    bool is_readable = false;
    if (rs_image_parse(args->positional[0], true, &image, &err) != RS_OK)
        return rs_usage("%s", err.message);
    enum rs_exit e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    (void)rs_buf_addf(&path, "/v2/%s/_roadstead/explain", image.name);
    rs_query_add(&path, "reference", image.digest[0] != '\0' ? image.digest : image.tag);
    rs_query_add(&path, "principal", rs_args_text(args, "principal"));
    const struct rs_call call = {.method = "GET", .path = rs_buf_text(&path)};
    e = rs_client_send(c, &call, &a);
    if (e != RS_EXIT_OK)
        return e;
    if (!rs_json_bool(rs_json_get(a.json, "readable"), &is_readable)) {
        rs_tell("the server's answer cannot be understood");
        return RS_EXIT_SERVER;
    }
    e = rs_client_wants_json(c) ? rs_print_json(a.json) : print_words(a.json, is_readable);
    return e == RS_EXIT_OK && !is_readable ? RS_EXIT_NO : e;
}

const struct rs_command rs_command_explain = {
    .name = "explain",
    .arguments = "IMAGE",
    .summary = "why somebody may or may not read an image",
    .help = "Which permissions count for NAME:TAG or NAME@DIGEST, what state it is in, and\n"
            "what it waits for: as far as whoever is asked about may know, or whoever asks\n"
            "may know states. Exit status 1 when it may not be read.",
    .examples = "roadstead explain team/app:1.0\n"
                "roadstead explain team/app:1.0 --principal alice",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
