/* `roadstead wait`: until an image is released or failed. */
#include <string.h>

#include "base/clock.h"
#include "cli/reference.h"
#include "cli/table.h"

#define WAIT_DEFAULT_MS ((uint64_t)3600000)
#define WAIT_MOST_MS ((uint64_t)2592000000)
#define PAUSE_FIRST_MS 250U
#define PAUSE_MOST_MS 5000U

static const struct rs_option options[] = {
    RS_OPTION("for", "TIME", "give up after this: 90s, 30m, 2h [1h]"),
    RS_OPTIONS_END,
};

/* The answers that may be others the next time. */
static bool is_passing(enum rs_exit e)
{
    return e == RS_EXIT_UNREACHABLE || e == RS_EXIT_SERVER;
}

/*
 * A tag may show the live image to somebody who is not allowed to see the newer one in quarantine
 * under it, and "released" would then be the answer about another image.  Only who sees everything
 * about this image (its tags among it) is known to have seen what the tag is about.
 */
static bool may_trust(const struct rs_image *image, const struct rs_json *answer)
{
    return image->tag[0] == '\0' || image->is_staged || rs_json_get(answer, "tags") != NULL;
}

static enum rs_exit report(struct rs_client *c, const struct rs_image *image,
                           const struct rs_answer *a, const char *state)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1024);
    enum rs_exit e;
    if (rs_client_wants_json(c)) {
        e = rs_print_json(a->json);
    } else {
        (void)rs_buf_addf(&text, "%s@%s: %s\n", image->name, image->digest, state);
        e = rs_print(&text);
    }
    if (e != RS_EXIT_OK)
        return e;
    return strcmp(state, "released") == 0 ? RS_EXIT_OK : RS_EXIT_NO;
}

static enum rs_exit wait_for(struct rs_client *c, const struct rs_image *image, uint64_t for_ms)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    uint64_t start_ms = rs_clock_mono_ms();
    uint64_t pause = PAUSE_FIRST_MS;
    rs_image_path(image, &path);
    for (;;) {
        RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
        struct rs_call call = {.method = "GET", .path = rs_buf_text(&path)};
        enum rs_exit e = rs_client_send(c, &call, &a);
        const char *state = rs_json_text(rs_json_get(a.json, "state"));
        if (e != RS_EXIT_OK && !is_passing(e))
            return e;
        if (e == RS_EXIT_OK && state == NULL) {
            rs_tell("the server did not say the image's state");
            return RS_EXIT_SERVER;
        }
        if (e == RS_EXIT_OK && !may_trust(image, a.json))
            return rs_usage("%s:%s is live as %s, but a newer image may be in quarantine under this"
                            " tag that you may not see: give the digest that you pushed",
                            image->name, image->tag, image->digest);
        if (e == RS_EXIT_OK && strcmp(state, "quarantined") != 0)
            return report(c, image, &a, state);
        uint64_t passed_ms = rs_clock_mono_ms() - start_ms;
        if (passed_ms >= for_ms) {
            rs_tell("%s@%s is still %s", image->name, image->digest,
                    state == NULL ? "unknown" : state);
            return RS_EXIT_TIMEOUT;
        }
        rs_pause_ms(pause < for_ms - passed_ms ? pause : for_ms - passed_ms);
        pause = pause * 3 / 2 < PAUSE_MOST_MS ? pause * 3 / 2 : PAUSE_MOST_MS;
    }
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    struct rs_err err = RS_ERR_INIT;
    struct rs_image image;
    uint64_t for_ms = WAIT_DEFAULT_MS;
    if (rs_args_duration_ms(args, "for", WAIT_MOST_MS, &for_ms, &err) != RS_OK)
        return rs_usage("%s", err.message);
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_image_resolve(c, args->positional[0], &image);
    return e == RS_EXIT_OK ? wait_for(c, &image, for_ms) : e;
}

const struct rs_command rs_command_wait = {
    .name = "wait",
    .arguments = "IMAGE",
    .summary = "wait until an image is released or failed",
    .help = "Returns when NAME@DIGEST is decided: exit status 0 when it is released, 1 when\n"
            "it failed, 7 when neither happened in time. A server that cannot be reached for\n"
            "a while is asked again. Publishers give the digest that their push printed: a\n"
            "tag shows them the live image, not the one in quarantine.",
    .examples = "roadstead wait team/app@sha256:... --for 30m && deploy",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
