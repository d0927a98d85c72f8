/* `roadstead fail`: the decision that keeps an image out. */
#include "cli/decide.h"

static enum rs_exit run(const struct rs_args *args)
{
    return rs_decide_send(args, "failed");
}

const struct rs_command rs_command_fail = {
    .name = "fail",
    .arguments = "IMAGE",
    .summary = "record that an image may not be used",
    .help = "Marks NAME@DIGEST, or the image in quarantine under NAME:TAG, as failed. Nobody\n"
            "but those who read content in quarantine can pull it; the verdict outlives\n"
            "deletion, and only another decision lifts it. A released image cannot be failed.",
    .examples = "roadstead fail team/app@sha256:... --details-file scan-report.json",
    .options = rs_decide_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
