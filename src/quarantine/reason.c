#include "quarantine/reason.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "json/write.h"

/* Nested indexes, attachments of attachments: past this depth the reports of whatever is there. */
#define CLIMB_MAX 16U

/* The id of the manifest that decides for this one. */
static enum rs_status root_of(struct rs_db_conn *conn, int64_t manifest_id, int64_t *ret,
                              struct rs_err *reterr)
{
    *ret = manifest_id;
    for (unsigned i = 0; i < CLIMB_MAX; i++) {
        int64_t above = 0;
        enum rs_status s = rs_view_above(conn, *ret, &above, reterr);
        if (s != RS_OK || above == 0)
            return s;
        *ret = above;
    }
    return RS_OK;
}

static const char *report_of(const struct rs_view_check *reports, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(reports[i].name, name) == 0)
            return reports[i].state;
    }
    return "waiting";
}

enum rs_status rs_reason_checks(struct rs_db_conn *conn, struct rs_arena *arena,
                                const struct rs_view_manifest *manifest,
                                const struct rs_policy *policy, struct rs_reason_check *out,
                                size_t *ret_n, struct rs_err *reterr)
{
    const struct rs_view_check *reports = NULL;
    size_t n_reports = 0;
    size_t n = 0;
    int64_t root = 0;
    *ret_n = 0;
    enum rs_status s = root_of(conn, manifest->id, &root, reterr);
    if (s == RS_OK)
        s = rs_view_checks(conn, arena, root, &reports, &n_reports, reterr);
    if (s != RS_OK)
        return s;
    for (size_t i = 0; i < policy->n_checks; i++)
        out[n++] = (struct rs_reason_check){
            .name = policy->checks[i],
            .state = report_of(reports, n_reports, policy->checks[i]),
            .is_required = true,
        };
    for (size_t i = 0; i < n_reports && n < RS_REASON_CHECKS_MAX; i++) {
        if (!rs_policy_requires_check(policy, reports[i].name))
            out[n++] = (struct rs_reason_check){.name = reports[i].name, .state = reports[i].state};
    }
    *ret_n = n;
    return RS_OK;
}

/* "waiting for checks: a, b", "waiting for a decision", "failed checks: a", "it was judged to have
 * failed". */
static void outlook_write(struct rs_buf *out, enum rs_state state,
                          const struct rs_reason_check *checks, size_t n)
{
    const bool has_failed = state == RS_STATE_FAILED;
    size_t told = 0;
    for (size_t i = 0; i < n; i++) {
        const bool failed = strcmp(checks[i].state, "failed") == 0;
        const bool open = checks[i].is_required && strcmp(checks[i].state, "passed") != 0;
        const bool tell = has_failed ? failed : open;
        if (!tell)
            continue;
        if (told++ == 0)
            (void)rs_buf_adds(out, has_failed ? "failed checks: " : "waiting for checks: ");
        else
            (void)rs_buf_adds(out, ", ");
        (void)rs_buf_adds(out, checks[i].name);
    }
    if (told == 0)
        (void)rs_buf_adds(out,
                          has_failed ? "it was judged to have failed" : "waiting for a decision");
}

static void detail_write(struct rs_buf *out, const char *state, const char *since,
                         const struct rs_reason_check *checks, size_t n)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "state", state);
    rs_jw_member_text(&w, "since", since);
    rs_jw_key(&w, "checks");
    rs_jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        rs_jw_object(&w);
        rs_jw_member_text(&w, "name", checks[i].name);
        rs_jw_member_text(&w, "state", checks[i].state);
        rs_jw_object_end(&w);
    }
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
}

/* As many checks as the error has room for; the required ones come first. */
static void detail_put(struct rs_err *reterr, const char *state, const char *since,
                       const struct rs_reason_check *checks, size_t n)
{
    for (size_t told = n;; told /= 2) {
        RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(sizeof(reterr->detail) - 1);
        detail_write(&json, state, since, checks, told);
        if (rs_buf_status(&json) == RS_OK) {
            (void)snprintf(reterr->detail, sizeof(reterr->detail), "%s", rs_buf_text(&json));
            return;
        }
        if (told == 0)
            return;
    }
}

/* Nothing in quarantine names it, and nothing released opens it. */
static enum rs_status fail_unopened(const struct rs_reason *reason, struct rs_err *reterr)
{
    return rs_fail(reterr, reason->status,
                   "%s is opened by no released manifest: it becomes readable when a manifest that "
                   "was pushed after it is released",
                   reason->what);
}

enum rs_status rs_reason_fail(struct rs_db_conn *conn, struct rs_arena *arena,
                              const struct rs_reason *reason, struct rs_err *reterr)
{
    struct rs_reason_check checks[RS_REASON_CHECKS_MAX];
    size_t n = 0;
    if (reterr == NULL)
        return reason->status;
    if (reason->holder == NULL)
        return fail_unopened(reason, reterr);
    enum rs_status s =
        rs_reason_checks(conn, arena, reason->holder, reason->policy, checks, &n, reterr);
    if (s != RS_OK)
        return s;
    char since[RS_TIME_TEXT_BYTES];
    rs_clock_format(reason->holder->state_ms, since);
    RS_AUTO(rs_buf) struct rs_buf outlook = RS_BUF_INIT(2048);
    outlook_write(&outlook, reason->holder->state, checks, n);
    if (reason->is_own)
        s = rs_fail(reterr, reason->status,
                    "your push of %s is in quarantine since %s, %s; it is read once it is released",
                    reason->what, since, rs_buf_text(&outlook));
    else
        s = rs_fail(reterr, reason->status, "%s is in quarantine since %s, %s", reason->what, since,
                    rs_buf_text(&outlook));
    if (!reason->is_own)
        detail_put(reterr, rs_state_name(reason->holder->state), since, checks, n);
    return s;
}
