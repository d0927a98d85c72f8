/* `roadstead status`: how an image, or the registry itself, is doing. */
#include <string.h>

#include "cli/reference.h"
#include "cli/table.h"
#include "json/write.h"

/* Is it up, is it ready, and who am I to it? */
static enum rs_exit server_status(struct rs_client *c)
{
    RS_AUTO(rs_answer) struct rs_answer ready = RS_ANSWER_INIT;
    RS_AUTO(rs_answer) struct rs_answer who = RS_ANSWER_INIT;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1U << 20);
    RS_AUTO(rs_json) struct rs_json *tree = NULL;
    struct rs_jw w = RS_JW_INIT(&text);
    struct rs_call call = {.method = "GET", .path = "/readyz", .accept = "*/*", .quiet = true};
    enum rs_exit e = rs_client_send(c, &call, &ready);
    if (e == RS_EXIT_UNREACHABLE || e == RS_EXIT_USAGE)
        return e;
    bool is_ready = e == RS_EXIT_OK;
    call = (struct rs_call){.method = "GET", .path = "/v2/_roadstead/whoami"};
    e = rs_client_send(c, &call, &who);
    rs_jw_object(&w);
    rs_jw_member_bool(&w, "ready", is_ready);
    rs_jw_key(&w, "identity");
    rs_jw_node(&w, who.json != NULL && e == RS_EXIT_OK ? who.json : NULL);
    rs_jw_object_end(&w);
    if (rs_json_parse_text(rs_buf_text(&text), RS_INTERNAL, &tree, NULL) != RS_OK)
        return RS_EXIT_SERVER;
    enum rs_exit printed = rs_print_value(c, tree);
    if (printed != RS_EXIT_OK)
        return printed;
    return is_ready ? e : RS_EXIT_SERVER;
}

static enum rs_exit image_status(struct rs_client *c, const char *reference)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_image image;
    enum rs_exit e = rs_image_resolve(c, reference, &image);
    if (e != RS_EXIT_OK)
        return e;
    rs_image_path(&image, &path);
    struct rs_call call = {.method = "GET", .path = rs_buf_text(&path)};
    e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? rs_print_value(c, a.json) : e;
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    enum rs_exit e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    return args->n_positional == 0 ? server_status(c) : image_status(c, args->positional[0]);
}

const struct rs_command rs_command_status = {
    .name = "status",
    .arguments = "[IMAGE]",
    .summary = "the state of an image, or of the registry",
    .help = "With an IMAGE (NAME:TAG or NAME@DIGEST): its state, tags, publisher, checks,\n"
            "attachments and what blocks its release, as far as you may know it. A tag\n"
            "means the image in quarantine under it for those who may see that one, else\n"
            "the live image.\n"
            "\n"
            "Without one: whether the registry is ready, and who you are to it.",
    .examples = "roadstead status\n"
                "roadstead status team/app:1.0 --user processor --password-file secret\n"
                "roadstead status team/app@sha256:... --json",
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
