/* `roadstead delete`: a tag, or a manifest with all its tags. */
#include "cli/reference.h"
#include "cli/table.h"

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    struct rs_err err = RS_ERR_INIT;
    enum rs_exit worst = RS_EXIT_OK;
    struct rs_image image;
    for (size_t i = 0; i < args->n_positional; i++)
        if (rs_image_parse(args->positional[i], false, &image, &err) != RS_OK)
            return rs_usage("%s", err.message);
    enum rs_exit e = rs_client_open(args, &c);
    for (size_t i = 0; e == RS_EXIT_OK && i < args->n_positional; i++) {
        RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
        RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
        if (rs_image_parse(args->positional[i], false, &image, &err) != RS_OK)
            return rs_usage("%s", err.message);
        (void)rs_buf_addf(&path, "/v2/%s/manifests/%s", image.name,
                          image.digest[0] != '\0' ? image.digest : image.tag);
        struct rs_call call = {.method = "DELETE", .path = rs_buf_text(&path)};
        enum rs_exit one = rs_client_send(c, &call, &a);
        if (one == RS_EXIT_UNREACHABLE)
            return one;
        worst = one > worst ? one : worst;
    }
    return e == RS_EXIT_OK ? worst : e;
}

const struct rs_command rs_command_delete = {
    .name = "delete",
    .arguments = "IMAGE...",
    .summary = "delete tags, or images with all their tags",
    .help = "NAME:TAG deletes the tag, live and staged; the images stay, and a later release\n"
            "does not bring it back. NAME@DIGEST deletes the image and all its tags; a failed\n"
            "verdict is remembered all the same.",
    .examples = "roadstead delete team/app:1.0-rc1\n"
                "roadstead delete team/app@sha256:...",
    .arguments_min = 1,
    .arguments_max = RS_ARGS_MAX,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
