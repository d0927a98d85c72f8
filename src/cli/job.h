/*
 * cli/job.h: long work inside the daemon, followed from here: progress for people, the answer for
 * programs. Layer: cli.  Threads: one.
 */
#ifndef RS_CLI_JOB_H
#define RS_CLI_JOB_H

#include "cli/client.h"

/**
 * rs_job_follow(): ask the daemon to begin (POST) and look (GET) until the work has ended. Progress
 * goes to standard error when that is a terminal, one line that is written over; *ret is the last
 * status.
 * @path  of both requests
 * @body  of the POST; NULL = none
 */
RS_MUST_CHECK enum rs_exit rs_job_follow(struct rs_client *c, const char *path, const char *body,
                                         struct rs_answer *ret);

/* One line of progress on standard error, written over the one before; nothing when that is no
 * terminal. */
void rs_job_show(const char *phase, int64_t done, int64_t total, int64_t seconds_left);
/* End the line of progress, if there is one. */
void rs_job_show_end(void);

#endif
