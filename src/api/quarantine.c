#include "api/quarantine.h"

#include <string.h>

#include "api/json_api.h"
#include "audit/append.h"
#include "db/db.h"
#include "json/write.h"
#include "oci/digest.h"
#include "oci/link.h"
#include "quarantine/check.h"
#include "quarantine/decide.h"
#include "quarantine/show.h"
#include "quarantine/worklist.h"
#include "registry/services.h"

#define ANSWER_BYTES_MAX ((size_t)32 << 20)
#define WORKLIST "/v2/_roadstead/quarantine"

static struct rs_asker asker_of(const struct rs_request *r)
{
    return (struct rs_asker){.identity = rs_request_identity(r), .access = rs_request_access(r)};
}

/* By digest only, never by tag: a tag may move between looking and deciding. */
static enum rs_status digest_check(const struct rs_request *r, struct rs_err *reterr)
{
    if (rs_digest_is_valid(rs_str_of(rs_request_param(r, "digest"))))
        return RS_OK;
    return rs_fail(reterr, RS_DIGEST_INVALID, "a decision is about a digest, never about a tag");
}

/* ---- show ---- */

enum rs_status rs_api_quarantine_show(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_asker asker = asker_of(r);
    char etag[RS_ETAG_BYTES];
    enum rs_status s = digest_check(r, reterr);
    if (s == RS_OK)
        s = rs_show_manifest(rs_request_services(r)->db, &asker, rs_request_param(r, "name"),
                             rs_request_param(r, "digest"), &json, etag, reterr);
    if (s != RS_OK)
        return s;
    if (etag[0] != '\0')
        rs_reply_header(re, "ETag", etag);
    rs_reply_header(re, "Vary", "Authorization");
    return rs_json_api_answer(re, 200, &json, reterr);
}

/* ---- decide ---- */

/* The member `details`, any JSON, as canonical text in `out`; *ret NULL when it is absent. */
static enum rs_status details_read(const struct rs_json *body, struct rs_buf *out, const char **ret,
                                   struct rs_err *reterr)
{
    const struct rs_json *details = rs_json_get(body, "details");
    *ret = NULL;
    if (details == NULL)
        return RS_OK;
    enum rs_status s = rs_json_dump_canonical(details, out);
    if (s == RS_TOO_LARGE)
        return rs_fail(reterr, s, "details are limited to %zu bytes", RS_AUDIT_DETAILS_BYTES_MAX);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    *ret = rs_buf_text(out);
    return RS_OK;
}

static enum rs_status verdict_read(const struct rs_json *body, enum rs_verdict *ret,
                                   struct rs_err *reterr)
{
    static const struct {
        const char *word;
        enum rs_verdict verdict;
    } words[] = {{"released", RS_VERDICT_RELEASE},
                 {"failed", RS_VERDICT_FAIL},
                 {"quarantined", RS_VERDICT_QUARANTINE}};
    const char *word = rs_json_text(rs_json_get(body, "state"));
    for (size_t i = 0; word != NULL && i < RS_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *ret = words[i].verdict;
            return RS_OK;
        }
    }
    return rs_fail(reterr, RS_BAD_REQUEST, "\"state\" must be \"released\" or \"failed\"");
}

static enum rs_status expect_check(const char *expect, struct rs_err *reterr)
{
    enum rs_state state;
    if (expect == NULL || rs_state_parse(expect, &state))
        return RS_OK;
    return rs_fail(reterr, RS_BAD_REQUEST,
                   "\"expect\" must be \"quarantined\", \"failed\" or \"released\"");
}

static enum rs_status decision_read(const struct rs_json *body, struct rs_buf *details,
                                    struct rs_decision *d, struct rs_err *reterr)
{
    enum rs_status s =
        rs_json_only(body, RS_JSON_KEYS("state", "details", "expect", "claim", "reason"), reterr);
    if (s == RS_OK)
        s = verdict_read(body, &d->verdict, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "expect", RS_JSON_OPTIONAL, 16, &d->expect, reterr);
    if (s == RS_OK)
        s = expect_check(d->expect, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "claim", RS_JSON_OPTIONAL, 64, &d->claim, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "reason", RS_JSON_OPTIONAL, RS_DECISION_REASON_BYTES_MAX,
                                &d->reason, reterr);
    return s == RS_OK ? details_read(body, details, &d->details, reterr) : s;
}

static void digests_print(struct rs_jw *w, const char *key, const struct rs_manifest_list *list)
{
    if (list->n == 0)
        return;
    rs_jw_key(w, key);
    rs_jw_array(w);
    for (size_t i = 0; i < list->n; i++)
        rs_jw_text(w, list->rows[i]->digest);
    rs_jw_array_end(w);
}

static void member_print(struct rs_jw *w, const struct rs_member *m, bool with_tags)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "digest", m->row->digest);
    rs_jw_member_text(w, "kind", rs_shape_name(m->row->shape));
    if (!with_tags) {
        rs_jw_object_end(w);
        return;
    }
    rs_jw_key(w, "tags");
    rs_jw_array(w);
    for (size_t i = 0; i < m->n_moved; i++)
        rs_jw_text(w, m->moved[i]->tag);
    rs_jw_array_end(w);
    rs_jw_object_end(w);
}

static void kept_print(struct rs_jw *w, const struct rs_release_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_members; i++)
        n += plan->members[i]->n_kept;
    if (n == 0)
        return;
    rs_jw_key(w, "immutableTags");
    rs_jw_array(w);
    for (size_t i = 0; i < plan->n_members; i++) {
        for (size_t k = 0; k < plan->members[i]->n_kept; k++) {
            rs_jw_object(w);
            rs_jw_member_text(w, "digest", plan->members[i]->row->digest);
            rs_jw_member_text(w, "tag", plan->members[i]->kept[k]);
            rs_jw_object_end(w);
        }
    }
    rs_jw_array_end(w);
}

/* What came of a decision or of a report. */
struct outcome {
    const struct rs_manifest_row *row;
    bool changed;
    const struct rs_release_plan *plan;
    const struct rs_report *report; /* NULL: a decision */
    const struct rs_reported *reported;
};

static void released_print(struct rs_jw *w, const struct rs_release_plan *plan, bool with_tags)
{
    bool is_released = plan->order != NULL;
    rs_jw_key(w, "released");
    rs_jw_array(w);
    for (size_t i = 0; is_released && i < plan->n_members; i++)
        member_print(w, plan->order[i], with_tags);
    rs_jw_array_end(w);
    if (!is_released)
        return;
    if (with_tags)
        kept_print(w, plan);
    else
        rs_jw_member_bool(w, "tagsLeftOut", true);
    digests_print(w, "held", &plan->held);
    digests_print(w, "failed", &plan->failed);
}

static void check_print(struct rs_jw *w, const struct rs_report *report)
{
    rs_jw_key(w, "check");
    rs_jw_object(w);
    rs_jw_member_text(w, "name", report->check);
    rs_jw_member_text(w, "state", rs_check_state_name(report->state));
    rs_jw_object_end(w);
}

static void blocks_print(struct rs_jw *w, const struct rs_reported *reported)
{
    if (reported->n_blocks == 0)
        return;
    rs_jw_key(w, "releaseBlockedBy");
    rs_jw_array(w);
    for (size_t i = 0; i < reported->n_blocks; i++)
        rs_show_block(&reported->blocks[i], w);
    rs_jw_array_end(w);
}

static enum rs_status outcome_print(const struct rs_request *r, const struct outcome *o,
                                    bool with_tags, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_buf_clear(out);
    rs_jw_object(&w);
    if (o->report != NULL)
        check_print(&w, o->report);
    rs_jw_member_text(&w, "repository", rs_request_param(r, "name"));
    rs_jw_member_text(&w, "digest", o->row->digest);
    rs_jw_member_text(&w, "state", rs_state_name(o->row->state));
    rs_jw_member_bool(&w, "changed", o->changed);
    released_print(&w, o->plan, with_tags);
    if (o->reported != NULL)
        blocks_print(&w, o->reported);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}

/* The change is made, and no error may be told of it: what is too long with every tag that moved or
 * stayed is told without them. */
static enum rs_status outcome_answer(const struct rs_request *r, struct rs_reply *re,
                                     const struct outcome *o, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    if (outcome_print(r, o, true, &json) == RS_TOO_LARGE)
        (void)outcome_print(r, o, false, &json); /* what is left fails below */
    return rs_json_api_answer(re, 200, &json, reterr);
}

static enum rs_status decide(struct rs_request *r, struct rs_reply *re, const struct rs_decision *d,
                             struct rs_arena *arena, struct rs_err *reterr)
{
    struct rs_decided decided;
    enum rs_status s = rs_decide(rs_request_services(r)->db, d, arena, &decided, reterr);
    if (s != RS_OK)
        return s;
    const struct outcome o = {
        .row = decided.row, .changed = decided.changed, .plan = &decided.plan};
    return outcome_answer(r, re, &o, reterr);
}

enum rs_status rs_api_quarantine_decide(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_arena arena;
    struct rs_decision d = {
        .asker = asker_of(r),
        .actor = rs_request_actor(r),
        .repository = rs_request_param(r, "name"),
        .digest = rs_request_param(r, "digest"),
        .if_match = rs_request_header_list(r, "If-Match"),
    };
    enum rs_status s = digest_check(r, reterr);
    if (s == RS_OK)
        s = rs_json_api_body(r, (size_t)RS_API_QUARANTINE_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = decision_read(body, &details, &d, reterr);
    if (s != RS_OK)
        return s;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    s = decide(r, re, &d, &arena, reterr);
    rs_arena_release(&arena);
    return s;
}

/* ---- report ---- */

static enum rs_status report_read(const struct rs_json *body, struct rs_buf *details,
                                  struct rs_report *report, struct rs_err *reterr)
{
    if (!rs_check_name_is_valid(report->check))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "a check's name is of a-z, 0-9, '.', '_', '-', at most 64 characters");
    enum rs_status s = rs_json_only(body, RS_JSON_KEYS("state", "details", "claim"), reterr);
    if (s == RS_OK &&
        !rs_check_state_parse(rs_json_text(rs_json_get(body, "state")), &report->state))
        s = rs_fail(reterr, RS_BAD_REQUEST,
                    "\"state\" must be \"running\", \"passed\" or \"failed\"");
    if (s == RS_OK)
        s = rs_json_member_text(body, "claim", RS_JSON_OPTIONAL, 64, &report->claim, reterr);
    return s == RS_OK ? details_read(body, details, &report->details, reterr) : s;
}

static enum rs_status report(struct rs_request *r, struct rs_reply *re,
                             const struct rs_report *what, struct rs_arena *arena,
                             struct rs_err *reterr)
{
    struct rs_reported reported;
    enum rs_status s = rs_check_report(rs_request_services(r)->db, what, arena, &reported, reterr);
    if (s != RS_OK)
        return s;
    const struct outcome o = {.row = reported.row,
                              .changed = reported.changed,
                              .plan = &reported.plan,
                              .report = what,
                              .reported = &reported};
    return outcome_answer(r, re, &o, reterr);
}

enum rs_status rs_api_quarantine_report(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_arena arena;
    struct rs_report what = {
        .asker = asker_of(r),
        .actor = rs_request_actor(r),
        .repository = rs_request_param(r, "name"),
        .digest = rs_request_param(r, "digest"),
        .check = rs_request_param(r, "check"),
    };
    enum rs_status s = digest_check(r, reterr);
    if (s == RS_OK)
        s = rs_json_api_body(r, (size_t)RS_API_QUARANTINE_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = report_read(body, &details, &what, reterr);
    if (s != RS_OK)
        return s;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    s = report(r, re, &what, &arena, reterr);
    rs_arena_release(&arena);
    return s;
}

/* ---- the work list ---- */

static enum rs_status number_read(const struct rs_request *r, const char *key, uint64_t max,
                                  int64_t *ret, struct rs_err *reterr)
{
    const char *text = rs_request_query(r, key);
    uint64_t value = 0;
    if (text == NULL)
        return RS_OK;
    if (!rs_parse_u64(rs_str_of(text), UINT64_MAX, &value))
        return rs_fail(reterr, RS_BAD_REQUEST, "%s must be a number", key);
    *ret = (int64_t)(value > max ? max : value);
    return RS_OK;
}

static enum rs_status query_read(const struct rs_request *r, struct rs_worklist_query *q,
                                 struct rs_err *reterr)
{
    const char *state = rs_request_query(r, "state");
    enum rs_status s = number_read(r, "n", (uint64_t)RS_WORKLIST_N_MAX, &q->n, reterr);
    if (s == RS_OK)
        s = number_read(r, "last", INT64_MAX, &q->last, reterr);
    if (s != RS_OK)
        return s;
    if (state != NULL && (!rs_state_parse(state, &q->state) || q->state == RS_STATE_RELEASED))
        return rs_fail(reterr, RS_BAD_REQUEST, "state must be quarantined or failed");
    if (q->repository != NULL && !rs_glob_is_valid(q->repository))
        return rs_fail(reterr, RS_BAD_REQUEST, "repository must be a name or a pattern");
    if (q->check != NULL && !rs_check_name_is_valid(q->check))
        return rs_fail(reterr, RS_BAD_REQUEST, "check must be the name of a check");
    return RS_OK;
}

static enum rs_status next_link(struct rs_request *r, struct rs_reply *re,
                                const struct rs_worklist_query *q, int64_t next,
                                struct rs_err *reterr)
{
    const char *n = rs_arena_printf(rs_request_arena(r), "%lld", (long long)q->n);
    const char *last = rs_arena_printf(rs_request_arena(r), "%lld", (long long)next);
    if (n == NULL || last == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {
        {"state", rs_state_name(q->state)},
        {"repository", q->repository},
        {"check", q->check},
        {"n", n},
        {"last", last},
    };
    return rs_json_api_next(re, WORKLIST, params, RS_ARRAY_LEN(params), reterr);
}

enum rs_status rs_api_quarantine_list(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    int64_t next = 0;
    struct rs_worklist_query q = {
        .auth = rs_request_services(r)->auth,
        .identity = rs_request_identity(r),
        .state = RS_STATE_QUARANTINED,
        .repository = rs_request_query(r, "repository"),
        .check = rs_request_query(r, "check"),
        .n = RS_WORKLIST_N_DEFAULT,
    };
    enum rs_status s = query_read(r, &q, reterr);
    if (s == RS_OK)
        s = rs_worklist(rs_request_services(r)->db, &q, &json, &next, reterr);
    if (s == RS_OK && next != 0)
        s = next_link(r, re, &q, next, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}
