/* `roadstead release`: the decision that lets an image in. */
#include "cli/decide.h"

static enum rs_exit run(const struct rs_args *args)
{
    return rs_decide_send(args, "released");
}

const struct rs_command rs_command_release = {
    .name = "release",
    .arguments = "IMAGE",
    .summary = "let an image out of quarantine",
    .help = "Releases NAME@DIGEST, or the image in quarantine under NAME:TAG, with its parts\n"
            "and all that joined it, in one transaction. What is released never goes back.\n"
            "A tag is resolved first and the decision made about its digest; in scripts give\n"
            "the digest that was examined.",
    .examples = "roadstead release team/app@sha256:... --details '{\"scan\":\"clean\"}'\n"
                "roadstead release team/app:1.0 --details 'looked at it'",
    .options = rs_decide_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
