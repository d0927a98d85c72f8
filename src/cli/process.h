/*
 * cli/process.h: what the files of `roadstead process` share: a ready-made Quarantine Processor
 * over the claims of the registry. Layer: cli.  Threads: one; requests to the registry block the
 * loop for as long as they take.  Spec: SPEC sections 5 and 10.
 */
#ifndef RS_CLI_PROCESS_H
#define RS_CLI_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/client.h"
#include "oci/digest.h"
#include "oci/name.h"

#define RS_PROCESS_CLAIM_BYTES 80

/* ---- the registry's side: process_claim.c ---- */

struct rs_process_wish {
    const char *check;               /* NULL: the decision */
    const char *const *repositories; /* n_repositories patterns; none: all */
    size_t n_repositories;
    uint64_t lease_ms;
};

struct rs_process_claim {
    char id[RS_PROCESS_CLAIM_BYTES];
    char repository[RS_NAME_BYTES_MAX + 1U];
    char digest[RS_DIGEST_TEXT_BYTES];
};

enum rs_process_answer {
    RS_PROCESS_DONE,
    RS_PROCESS_NOTHING, /* taking: there is no work */
    /* the claim, or what it was about, is gone; or the server refuses for good (told) */
    RS_PROCESS_LOST,
    /* the server cannot be reached, or cannot at the moment (told): try again */
    RS_PROCESS_LATER,
    /* this processor may not, or asks wrongly (told): there is no use in going on */
    RS_PROCESS_IMPOSSIBLE,
};

enum rs_process_answer rs_process_claim_take(struct rs_client *c,
                                             const struct rs_process_wish *wish,
                                             struct rs_process_claim *ret);
enum rs_process_answer rs_process_claim_renew(struct rs_client *c,
                                              const struct rs_process_claim *claim,
                                              uint64_t lease_ms);
/* Give it back; nothing is said when that fails: its lease ends by itself. */
void rs_process_claim_return(struct rs_client *c, const struct rs_process_claim *claim);
/* Report the check, or decide.  `details` is JSON text. */
enum rs_process_answer rs_process_claim_report(struct rs_client *c,
                                               const struct rs_process_claim *claim,
                                               const char *check, bool has_passed,
                                               const char *details);

/* ---- the command's side: process_child.c ---- */

#define RS_PROCESS_OUTPUT_BYTES_MAX ((size_t)262144)

struct rs_process_child {
    pid_t pid; /* also its process group; 0: none */
    int fd;    /* its standard output; -1: none */
    struct rs_buf output;
    bool is_cut; /* more came than is kept */
};

enum rs_process_verdict {
    RS_PROCESS_PASSED,
    RS_PROCESS_FAILED,
    /* it could not tell: killed, not runnable, or it said "temporary failure" */
    RS_PROCESS_TROUBLE,
};

#define RS_PROCESS_CHILD_INIT                                        \
    {                                                                \
        .fd = -1, .output = RS_BUF_INIT(RS_PROCESS_OUTPUT_BYTES_MAX) \
    }
/* Start the command (argv ends with NULL) with the claim in its environment, its standard input
 * empty.  It does not outlive the calling thread.  False: told why. */
bool rs_process_child_start(struct rs_process_child *child, const char *const *argv,
                            const char *server, const char *check,
                            const struct rs_process_claim *claim, unsigned attempt);
/* Take what it has written so far; never blocks. */
void rs_process_child_read(struct rs_process_child *child);
/* Has it ended?  Then what that means, and it is gone; the rest of its output has been read. */
bool rs_process_child_ended(struct rs_process_child *child, enum rs_process_verdict *ret,
                            int *ret_wait_status);
/* To it and all that it started. */
void rs_process_child_signal(const struct rs_process_child *child, int signal);
/* Its output as details: JSON stays JSON, anything else becomes a string that fits. */
enum rs_status rs_process_child_details(const struct rs_process_child *child, struct rs_buf *out);
/* Kill it if it runs, and forget all. */
void rs_process_child_release(struct rs_process_child *child);

#endif
