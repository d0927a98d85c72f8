#include "cli/job.h"

#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"

#define LOOK_MS 200

static bool is_line_open;

void rs_job_show(const char *phase, int64_t done, int64_t total, int64_t seconds_left)
{
    char safe[RS_TERMINAL_TEXT_BYTES];
    if (!isatty(STDERR_FILENO))
        return;
    (void)fprintf(stderr, "\r\033[K%s", rs_terminal_text(phase, safe));
    if (total > 0)
        (void)fprintf(stderr, ": %d %%",
                      (int)(done >= total ? 100 : (double)done * 100.0 / (double)total));
    if (seconds_left >= 0)
        (void)fprintf(stderr, ", about %lld s left", (long long)seconds_left);
    (void)fflush(stderr);
    is_line_open = true;
}

void rs_job_show_end(void)
{
    if (is_line_open)
        (void)fprintf(stderr, "\r\033[K");
    is_line_open = false;
}

static bool is_over(const struct rs_json *status)
{
    const char *state = rs_json_text(rs_json_get(status, "state"));
    return state == NULL || (strcmp(state, "running") != 0);
}

static void show(const struct rs_json *status)
{
    const char *phase = rs_json_text(rs_json_get(status, "phase"));
    int64_t done = 0;
    int64_t total = 0;
    int64_t left = -1;
    bool has_numbers = rs_json_int(rs_json_get(status, "done"), 0, RS_JSON_INT_MAX, &done) &&
                       rs_json_int(rs_json_get(status, "total"), 0, RS_JSON_INT_MAX, &total);
    bool has_left = rs_json_int(rs_json_get(status, "secondsLeft"), 0, RS_JSON_INT_MAX, &left);
    rs_job_show(phase == NULL ? "" : phase, has_numbers ? done : 0, has_numbers ? total : 0,
                has_left ? left : -1);
}

/* What the work itself says went wrong. */
static enum rs_exit judge(const struct rs_json *status)
{
    const char *state = rs_json_text(rs_json_get(status, "state"));
    const char *error = rs_json_text(rs_json_get(status, "error"));
    if (state != NULL && strcmp(state, "done") == 0)
        return RS_EXIT_OK;
    rs_tell("the work did not come to its end: %s",
            error == NULL ? "the server does not say why" : error);
    return RS_EXIT_SERVER;
}

enum rs_exit rs_job_follow(struct rs_client *c, const char *path, const char *body,
                           struct rs_answer *ret)
{
    const struct rs_call begin = {.method = "POST", .path = path, .body = body};
    const struct rs_call look = {.method = "GET", .path = path};
    enum rs_exit e = rs_client_send(c, &begin, ret);
    while (e == RS_EXIT_OK && !is_over(ret->json)) {
        show(ret->json);
        rs_pause_ms(LOOK_MS);
        rs_answer_release(ret);
        *ret = (struct rs_answer)RS_ANSWER_INIT;
        e = rs_client_send(c, &look, ret);
    }
    rs_job_show_end();
    return e == RS_EXIT_OK ? judge(ret->json) : e;
}
