#include "quarantine/decide.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "catalog/claim.h"
#include "catalog/generation.h"
#include "json/write.h"
#include "quarantine/lease.h"

struct job {
    const struct rs_decision *decision;
    struct rs_arena *arena;
    struct rs_decided *ret;
};

/* ---- what is asked before the state is looked at ---- */

static enum rs_status permit(const struct rs_change *c, const struct rs_decision *d,
                             const struct rs_manifest_row *row, struct rs_err *reterr)
{
    if (!rs_access_has(d->asker.access, RS_PERM_QUARANTINE_DECIDE))
        return rs_audience_refuse(c->conn, &d->asker, &c->policy, row, "quarantine-decide", reterr);
    return row == NULL ? rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL) : RS_OK;
}

static enum rs_status own_find(const struct rs_change *c, int64_t principal_id,
                               const struct rs_manifest_row *row,
                               const struct rs_manifest_row **ret, struct rs_err *reterr)
{
    bool is_pusher = false;
    enum rs_status s =
        rs_catalog_manifest_is_pusher(c->conn, row->id, principal_id, &is_pusher, reterr);
    if (s == RS_OK && is_pusher)
        *ret = row;
    return s;
}

enum rs_status rs_decide_own(const struct rs_change *c, int64_t principal_id,
                             const struct rs_standing *st, bool with_parts,
                             const struct rs_manifest_row **ret, struct rs_err *reterr)
{
    *ret = NULL;
    if (!c->policy.separate_duties)
        return RS_OK;
    enum rs_status s = own_find(c, principal_id, st->row, ret, reterr);
    for (size_t i = 0; with_parts && s == RS_OK && *ret == NULL && i < st->plan.n_units; i++)
        s = own_find(c, principal_id, st->plan.members[i]->row, ret, reterr);
    return s;
}

enum rs_status rs_decide_duties(const struct rs_change *c, int64_t principal_id,
                                const struct rs_standing *st, bool with_parts,
                                struct rs_err *reterr)
{
    const struct rs_manifest_row *own = NULL;
    enum rs_status s = rs_decide_own(c, principal_id, st, with_parts, &own, reterr);
    if (s == RS_OK && own != NULL)
        s = rs_fail(reterr, RS_DENIED,
                    "duties are separate in %s: whoever pushed %s does not decide about it",
                    c->repository, own->digest);
    return s;
}

static enum rs_status preconditions(const struct rs_change *c, const struct rs_decision *d,
                                    const struct rs_standing *st, struct rs_err *reterr)
{
    char etag[RS_ETAG_BYTES];
    const char *state = rs_state_name(st->row->state);
    if (d->expect != NULL && strcmp(d->expect, state) != 0)
        return rs_fail(reterr, RS_PRECONDITION, "%s@%s is %s, not %s as expected", c->repository,
                       st->row->digest, state, d->expect);
    if (d->if_match == NULL)
        return RS_OK;
    enum rs_status s = rs_standing_etag(c, st, etag, reterr);
    if (s == RS_OK && !rs_standing_etag_matches(d->if_match, etag))
        s = rs_fail(reterr, RS_PRECONDITION, NULL);
    return s;
}

static enum rs_status refuse_released(const struct rs_change *c, const struct rs_manifest_row *row,
                                      struct rs_err *reterr)
{
    char since[RS_TIME_TEXT_BYTES];
    rs_clock_format(row->state_ms, since);
    return rs_fail(
        reterr, RS_CONFLICT,
        "%s@%s is released since %s: quarantine is only for the first release; nothing was"
        " changed",
        c->repository, row->digest, since);
}

/* ---- failing ---- */

static enum rs_status failure_record(const struct rs_change *c, const struct rs_manifest_row *row,
                                     const struct rs_failure *failure, struct rs_err *reterr)
{
    const struct rs_pushed_tag *pushed = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_tag_list_pushed(c->conn, c->arena, row->id, &pushed, &n, reterr);
    const char **tags = s == RS_OK ? rs_arena_alloc(c->arena, (n + 1) * sizeof(*tags)) : NULL;
    if (tags == NULL)
        return s != RS_OK ? s : rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++)
        tags[i] = pushed[i].tag;
    const struct rs_change_record record = {
        .action = "failed",
        .manifest = row,
        .tags = tags,
        .n_tags = n,
        .details = failure->details,
    };
    return rs_change_record(c, &record, NULL, reterr);
}

/* One event for the manifest: it names the tag when there is exactly one. */
static enum rs_status failure_emit(const struct rs_change *c, const struct rs_manifest_row *row,
                                   const struct rs_failure *failure, struct rs_err *reterr)
{
    const struct rs_pushed_tag *pushed = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_tag_list_pushed(c->conn, c->arena, row->id, &pushed, &n, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_change_event event = {
        .type = RS_EVENT_QUARANTINE_FAILED,
        .manifest = row,
        .tag = n == 1 ? pushed[0].tag : NULL,
        .decision = failure->details,
        .is_held = true,
    };
    return rs_change_emit(c, &event, NULL, reterr);
}

enum rs_status rs_decide_fail(const struct rs_change *c, struct rs_manifest_row *row,
                              const struct rs_failure *failure, struct rs_err *reterr)
{
    bool is_first = row->state != RS_STATE_FAILED;
    row->state = RS_STATE_FAILED;
    row->failed_by = failure->by;
    row->decided_by = c->actor->name;
    row->decision_details = failure->details;
    if (is_first)
        row->state_ms = c->now_ms;
    enum rs_status s = rs_catalog_manifest_save_state(c->conn, row, reterr);
    if (s == RS_OK)
        s = failure_record(c, row, failure, reterr);
    if (s == RS_OK && is_first)
        s = failure_emit(c, row, failure, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}

static enum rs_status fail(const struct rs_change *c, struct job *job, struct rs_standing *st,
                           struct rs_err *reterr)
{
    const struct rs_decision *d = job->decision;
    const struct rs_failure failure = {.by = RS_FAILED_BY_DECISION, .details = d->details};
    if (st->row->state == RS_STATE_RELEASED)
        return refuse_released(c, st->row, reterr);
    enum rs_status s = rs_decide_duties(c, d->asker.identity->principal_id, st, false, reterr);
    if (s == RS_OK)
        s = rs_decide_fail(c, st->row, &failure, reterr);
    if (s == RS_OK && d->claim != NULL)
        s = rs_catalog_claim_remove(c->conn, d->claim, reterr);
    job->ret->changed = s == RS_OK;
    return s;
}

/* ---- releasing ---- */

/* What an override says in the record: who gave which reason for leaving what out. */
static enum rs_status override_print(const struct rs_change *c, const struct rs_decision *d,
                                     const struct rs_standing *st, struct rs_buf *out,
                                     struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "by", c->actor->name);
    rs_jw_key(&w, "missing");
    rs_jw_array(&w);
    for (size_t i = 0; i < st->n_checks; i++) {
        const struct rs_standing_check *check = &st->checks[i];
        if (check->is_required &&
            (check->report == NULL || check->report->state != RS_CHECK_PASSED))
            rs_jw_text(&w, check->name);
    }
    rs_jw_array_end(&w);
    rs_jw_member_text(&w, "reason", d->reason);
    rs_jw_object_end(&w);
    return rs_buf_status(out) == RS_OK ? RS_OK : rs_fail(reterr, rs_buf_status(out), NULL);
}

static enum rs_status refuse_missing(const struct rs_change *c, const struct rs_standing *st,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT((size_t)4096);
    if (rs_standing_print_missing(st, &text) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&text), NULL);
    if (st->is_part && st->roots.n > 0) {
        (void)rs_buf_adds(&text, "; it is a part of");
        for (size_t i = 0; i < st->roots.n; i++)
            (void)rs_buf_addf(&text, "%s %s", i == 0 ? "" : ",", st->roots.rows[i]->digest);
    }
    return rs_fail(reterr, RS_CONFLICT,
                   "%s@%s cannot be released by a decision alone; checks that have not passed: %s",
                   c->repository, st->row->digest, rs_buf_text(&text));
}

static bool gives_a_reason(const struct rs_decision *d)
{
    return d->reason != NULL && d->reason[strspn(d->reason, " \t\r\n")] != '\0';
}

/* With required checks a decision alone releases nothing, unless it is an override with a reason.
 */
static enum rs_status checks_judge(const struct rs_change *c, const struct rs_decision *d,
                                   const struct rs_standing *st, struct rs_buf *ret_override,
                                   struct rs_err *reterr)
{
    if (st->n_missing == 0)
        return RS_OK;
    if (gives_a_reason(d) && rs_access_has(d->asker.access, RS_PERM_QUARANTINE_OVERRIDE))
        return override_print(c, d, st, ret_override, reterr);
    return refuse_missing(c, st, reterr);
}

static enum rs_status release(const struct rs_change *c, struct job *job, struct rs_standing *st,
                              struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf override = RS_BUF_INIT((size_t)16384);
    const struct rs_decision *d = job->decision;
    if (st->row->state == RS_STATE_RELEASED)
        return RS_OK; /* passed again: nothing changes */
    enum rs_status s = rs_decide_duties(c, d->asker.identity->principal_id, st, true, reterr);
    if (s == RS_OK)
        s = rs_release_refuse(c, &st->plan, reterr);
    if (s == RS_OK)
        s = checks_judge(c, d, st, &override, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_release_why why = {
        .details = d->details,
        .override = override.len == 0 ? NULL : rs_buf_text(&override),
    };
    s = rs_release_run(c, &st->plan, &why, reterr);
    job->ret->changed = s == RS_OK;
    job->ret->plan = st->plan;
    return s;
}

static enum rs_status decide(const struct rs_change *c, struct job *job, struct rs_standing *st,
                             struct rs_err *reterr)
{
    switch (job->decision->verdict) {
    case RS_VERDICT_RELEASE:
        return release(c, job, st, reterr);
    case RS_VERDICT_FAIL:
        return fail(c, job, st, reterr);
    case RS_VERDICT_QUARANTINE:
        break;
    }
    if (st->row->state == RS_STATE_RELEASED)
        return refuse_released(c, st->row, reterr);
    return rs_fail(reterr, RS_CONFLICT,
                   "%s@%s is in quarantine: a decision releases it or fails it", c->repository,
                   st->row->digest);
}

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *job = arg;
    const struct rs_decision *d = job->decision;
    struct rs_change c;
    struct rs_standing st;
    struct rs_manifest_row *row = NULL;
    enum rs_status s = rs_change_begin(conn, job->arena, d->actor, d->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_change_find(&c, d->digest, &row, reterr);
    if (s == RS_OK)
        s = permit(&c, d, row, reterr);
    if (s == RS_OK && d->claim != NULL)
        s = rs_lease_require(&c, d->claim, d->asker.identity->principal_id, row->id, "", reterr);
    if (s == RS_OK)
        s = rs_standing_load(&c, row, &st, reterr);
    if (s == RS_OK)
        s = preconditions(&c, d, &st, reterr);
    if (s == RS_OK)
        s = decide(&c, job, &st, reterr);
    job->ret->row = row;
    return s;
}

enum rs_status rs_decide(struct rs_db *db, const struct rs_decision *decision,
                         struct rs_arena *arena, struct rs_decided *ret, struct rs_err *reterr)
{
    struct job job = {.decision = decision, .arena = arena, .ret = ret};
    *ret = (struct rs_decided){0};
    if (decision->details != NULL && strlen(decision->details) > RS_AUDIT_DETAILS_BYTES_MAX)
        return rs_fail(reterr, RS_TOO_LARGE, "details are limited to %zu bytes",
                       RS_AUDIT_DETAILS_BYTES_MAX);
    return rs_db_write(db, run, &job, reterr);
}
