#include "quarantine/check.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/claim.h"
#include "catalog/generation.h"
#include "json/write.h"
#include "quarantine/decide.h"
#include "quarantine/lease.h"

struct job {
    const struct rs_report *report;
    struct rs_arena *arena;
    struct rs_reported *ret;
    const char *wrapped; /* {check, details, state}: what records and events tell */
};

/* ---- who may report ---- */

static enum rs_status permit(const struct rs_change *c, const struct rs_report *r,
                             const struct rs_manifest_row *row, struct rs_err *reterr)
{
    char needs[sizeof("check:") + RS_CHECK_NAME_BYTES];
    if (rs_access_has_check(r->asker.access, r->check))
        return row == NULL ? rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL) : RS_OK;
    (void)snprintf(needs, sizeof(needs), "check:%s", r->check);
    return rs_audience_refuse(c->conn, &r->asker, &c->policy, row, needs, reterr);
}

/* A report names its claim, or nobody else has a live one. */
static enum rs_status claim_judge(const struct rs_change *c, const struct rs_report *r,
                                  const struct rs_manifest_row *row, struct rs_err *reterr)
{
    struct rs_claim_row *claim = NULL;
    int64_t me = r->asker.identity->principal_id;
    if (r->claim != NULL)
        return rs_lease_require(c, r->claim, me, row->id, r->check, reterr);
    enum rs_status s = rs_catalog_claim_of(c->conn, c->arena, row->id, r->check, &claim, reterr);
    if (s == RS_OK && claim != NULL && claim->principal_id != me && rs_lease_is_live(claim))
        s = rs_fail(reterr, RS_CONFLICT,
                    "%s has claimed the check %s of this image: wait until that lease ends",
                    claim->principal, r->check);
    return s;
}

/* ---- what the report says ---- */

static const struct rs_check_row *report_before(const struct rs_standing *st, const char *check)
{
    for (size_t i = 0; i < st->n_checks; i++)
        if (strcmp(st->checks[i].name, check) == 0)
            return st->checks[i].report;
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool says_the_same(const struct rs_check_row *before, const struct rs_report *r)
{
    return before != NULL && before->state == r->state &&
           before->reporter_id == r->asker.identity->principal_id &&
           same_text(before->details, r->details);
}

static bool is_failing_now(const struct rs_change *c, const struct rs_report *r,
                           const struct rs_check_row *before)
{
    bool was = before != NULL && before->failing;
    switch (r->state) {
    case RS_CHECK_RUNNING:
        return was; /* only a pass lifts a failure */
    case RS_CHECK_PASSED:
        return false;
    case RS_CHECK_FAILED:
        break;
    }
    return was || rs_policy_requires_check(&c->policy, r->check);
}

static enum rs_status store(const struct rs_change *c, const struct rs_report *r,
                            const struct rs_standing *st, struct rs_err *reterr)
{
    const struct rs_check_row row = {
        .name = r->check,
        .state = r->state,
        .reporter_id = r->asker.identity->principal_id,
        .reporter = c->actor->name,
        .reported_ms = c->now_ms,
        .details = r->details,
        .failing =
            rs_manifest_is_held(st->row) && is_failing_now(c, r, report_before(st, r->check)),
    };
    enum rs_status s = rs_catalog_check_put(c->conn, st->row->id, &row, reterr);
    /* A result ends the work that was claimed; while it runs the lease stays. */
    if (s == RS_OK && r->state != RS_CHECK_RUNNING && r->claim != NULL)
        s = rs_catalog_claim_remove(c->conn, r->claim, reterr);
    return s;
}

static enum rs_status wrap(const struct rs_change *c, struct job *job, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_AUDIT_ENTRY_DETAILS_BYTES_MAX);
    const struct rs_report *r = job->report;
    struct rs_jw w = RS_JW_INIT(&text);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "check", r->check);
    if (r->details != NULL)
        rs_jw_member_raw(&w, "details", r->details);
    rs_jw_member_text(&w, "state", rs_check_state_name(r->state));
    rs_jw_object_end(&w);
    if (rs_buf_status(&text) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&text), NULL);
    job->wrapped = rs_arena_strdup(c->arena, rs_buf_text(&text));
    return job->wrapped == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static enum rs_status record(const struct rs_change *c, const struct job *job, const char *action,
                             const struct rs_manifest_row *row, struct rs_err *reterr)
{
    const struct rs_change_record entry = {
        .action = action,
        .manifest = row,
        .details = job->wrapped,
    };
    enum rs_status s = rs_change_record(c, &entry, NULL, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}

/* ---- what follows ---- */

/* Is anything failed after this report: a failure that stands, or a required check's last word? */
static bool something_fails(const struct rs_standing *now)
{
    for (size_t i = 0; i < now->n_checks; i++) {
        const struct rs_standing_check *check = &now->checks[i];
        if (check->report == NULL)
            continue;
        if (check->report->failing ||
            (check->is_required && check->report->state == RS_CHECK_FAILED))
            return true;
    }
    return false;
}

static enum rs_status let_out(const struct rs_change *c, struct job *job, struct rs_standing *now,
                              struct rs_err *reterr)
{
    const struct rs_release_why why = {.details = job->wrapped};
    enum rs_status s = rs_release_run(c, &now->plan, &why, reterr);
    job->ret->transition = s == RS_OK;
    job->ret->plan = now->plan;
    return s;
}

/* The last failing check passed: back into quarantine. */
static enum rs_status reverse(const struct rs_change *c, struct job *job,
                              struct rs_manifest_row *row, struct rs_err *reterr)
{
    row->state = RS_STATE_QUARANTINED;
    row->failed_by = RS_FAILED_BY_NOBODY;
    row->state_ms = c->now_ms;
    row->decided_by = NULL;
    row->decision_details = NULL;
    job->ret->transition = true;
    enum rs_status s = rs_catalog_manifest_save_state(c->conn, row, reterr);
    return s == RS_OK ? record(c, job, "reversed", row, reterr) : s;
}

/* One failure is lifted, and others keep it failed.  Checks that failed before they were required
 * are among them from now on: their own passes lift that. */
static enum rs_status take_over(const struct rs_change *c, const struct rs_standing *now,
                                struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < now->n_required; i++) {
        const struct rs_check_row *report = now->checks[i].report;
        if (report == NULL || report->state != RS_CHECK_FAILED || report->failing)
            continue;
        struct rs_check_row row = *report;
        row.failing = true;
        s = rs_catalog_check_put(c->conn, now->row->id, &row, reterr);
    }
    return s;
}

static enum rs_status after_pass(const struct rs_change *c, struct job *job, bool lifts,
                                 struct rs_standing *now, struct rs_err *reterr)
{
    struct rs_manifest_row *row = now->row;
    bool stays_failed = row->state == RS_STATE_FAILED &&
                        (row->failed_by == RS_FAILED_BY_DECISION || !lifts || something_fails(now));
    if (stays_failed) {
        enum rs_status s = lifts ? take_over(c, now, reterr) : RS_OK;
        return s == RS_OK ? record(c, job, "check", row, reterr) : s;
    }
    bool is_last = rs_standing_is_root(now) && rs_standing_checks_passed(now) &&
                   rs_policy_requires_check(&c->policy, job->report->check);
    if (is_last && now->plan.n_blocks == 0)
        return let_out(c, job, now, reterr);
    if (is_last) {
        job->ret->blocks = now->plan.blocks;
        job->ret->n_blocks = now->plan.n_blocks;
    }
    return row->state == RS_STATE_FAILED ? reverse(c, job, row, reterr)
                                         : record(c, job, "check", row, reterr);
}

static enum rs_status after_fail(const struct rs_change *c, struct job *job,
                                 struct rs_manifest_row *row, struct rs_err *reterr)
{
    const struct rs_failure failure = {.by = RS_FAILED_BY_CHECK, .details = job->wrapped};
    if (row->state != RS_STATE_QUARANTINED ||
        !rs_policy_requires_check(&c->policy, job->report->check))
        return record(c, job, "check", row, reterr);
    job->ret->transition = true;
    return rs_decide_fail(c, row, &failure, reterr);
}

static enum rs_status follow(const struct rs_change *c, struct job *job, bool lifts,
                             struct rs_manifest_row *row, struct rs_err *reterr)
{
    struct rs_standing now;
    if (!rs_manifest_is_held(row))
        return record(c, job, "check", row, reterr);
    switch (job->report->state) {
    case RS_CHECK_RUNNING:
        return record(c, job, "check", row, reterr);
    case RS_CHECK_FAILED:
        return after_fail(c, job, row, reterr);
    case RS_CHECK_PASSED:
        break;
    }
    enum rs_status s = rs_standing_load(c, row, &now, reterr);
    return s == RS_OK ? after_pass(c, job, lifts, &now, reterr) : s;
}

/* A result that is sent again is no second one, unless it says more by the policy of this moment:
 * it failed before the check was required. */
static bool is_repeat(const struct rs_change *c, const struct rs_report *r,
                      const struct rs_standing *st, const struct rs_check_row *before)
{
    bool fails_now = r->state == RS_CHECK_FAILED && rs_manifest_is_held(st->row) &&
                     rs_policy_requires_check(&c->policy, r->check);
    return says_the_same(before, r) && (!fails_now || before->failing);
}

static enum rs_status accept(const struct rs_change *c, struct job *job, struct rs_standing *st,
                             struct rs_err *reterr)
{
    const struct rs_report *r = job->report;
    const struct rs_check_row *before = report_before(st, r->check);
    bool lifts = before != NULL && before->failing;
    bool repeats = is_repeat(c, r, st, before);
    /* The claim of a repeated result ended with the first.  But whoever says that it goes on has to
     * hear when its lease was lost. */
    if (repeats && r->state != RS_CHECK_RUNNING)
        return RS_OK;
    if (!rs_manifest_is_held(st->row) && r->state == RS_CHECK_FAILED)
        return rs_fail(reterr, RS_CONFLICT,
                       "%s@%s is released: quarantine is only for the first release; nothing was"
                       " changed",
                       c->repository, st->row->digest);
    enum rs_status s = rs_decide_duties(c, r->asker.identity->principal_id, st, true, reterr);
    if (s == RS_OK)
        s = claim_judge(c, r, st->row, reterr);
    if (s != RS_OK || repeats)
        return s;
    s = wrap(c, job, reterr);
    if (s == RS_OK)
        s = store(c, r, st, reterr);
    if (s == RS_OK)
        s = follow(c, job, lifts, st->row, reterr);
    job->ret->changed = s == RS_OK;
    return s;
}

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *job = arg;
    const struct rs_report *r = job->report;
    struct rs_change c;
    struct rs_standing st;
    struct rs_manifest_row *row = NULL;
    enum rs_status s = rs_change_begin(conn, job->arena, r->actor, r->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_change_find(&c, r->digest, &row, reterr);
    if (s == RS_OK)
        s = permit(&c, r, row, reterr);
    if (s == RS_OK)
        s = rs_standing_load(&c, row, &st, reterr);
    if (s == RS_OK)
        s = accept(&c, job, &st, reterr);
    job->ret->row = row;
    return s;
}

enum rs_status rs_check_report(struct rs_db *db, const struct rs_report *report,
                               struct rs_arena *arena, struct rs_reported *ret,
                               struct rs_err *reterr)
{
    struct job job = {.report = report, .arena = arena, .ret = ret};
    *ret = (struct rs_reported){0};
    return rs_db_write(db, run, &job, reterr);
}
