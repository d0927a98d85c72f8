#include "quarantine/release.h"

#include "base/attr.h"
#include "catalog/blob.h"
#include "catalog/check.h"
#include "catalog/claim.h"
#include "catalog/generation.h"
#include "json/write.h"

/* ---- states and blobs ---- */

static enum rs_status blobs_open(const struct rs_change *c, int64_t manifest_id,
                                 struct rs_err *reterr)
{
    const struct rs_ref_blob *blobs = NULL;
    size_t n = 0;
    enum rs_status s =
        rs_catalog_manifest_blobs(c->conn, c->arena, manifest_id, &blobs, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        if (blobs[i].opens)
            s = rs_catalog_blob_count(c->conn, c->repository_id, blobs[i].digest, 0, 1, reterr);
    return s;
}

static enum rs_status member_let_out(const struct rs_change *c, struct rs_member *m,
                                     const char *details, struct rs_err *reterr)
{
    struct rs_manifest_row *row = m->row;
    row->state = RS_STATE_RELEASED;
    row->failed_by = RS_FAILED_BY_NOBODY;
    row->joined = false;
    row->state_ms = c->now_ms;
    row->decided_by = c->actor->name;
    row->decision_details = details;
    enum rs_status s = rs_catalog_manifest_save_state(c->conn, row, reterr);
    if (s == RS_OK)
        s = rs_catalog_check_settle(c->conn, row->id, reterr);
    if (s == RS_OK)
        s = rs_catalog_claim_remove_all(c->conn, row->id, reterr);
    return s == RS_OK ? blobs_open(c, row->id, reterr) : s;
}

/* ---- tags ---- */

/* One push of a tag by a member. */
struct tag_push {
    struct rs_member *member;
    const struct rs_pushed_tag *tag;
};

static int latest_first(const void *a, const void *b)
{
    const struct tag_push *x = a;
    const struct tag_push *y = b;
    return (y->tag->seq > x->tag->seq) - (y->tag->seq < x->tag->seq);
}

static enum rs_status member_tags_load(const struct rs_change *c, struct rs_member *m,
                                       struct rs_err *reterr)
{
    enum rs_status s =
        rs_catalog_tag_list_pushed(c->conn, c->arena, m->row->id, &m->pushed, &m->n_pushed, reterr);
    if (s != RS_OK)
        return s;
    m->moved = rs_arena_alloc(c->arena, (m->n_pushed + 1) * sizeof(*m->moved));
    m->kept = rs_arena_alloc(c->arena, (m->n_pushed + 1) * sizeof(*m->kept));
    return m->moved == NULL || m->kept == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

/* SPEC section 1, "live tag": it moves to the manifest, unless it already points to a later push.
 */
static enum rs_status tag_move(const struct rs_change *c, const struct tag_push *push,
                               struct rs_err *reterr)
{
    struct rs_member *m = push->member;
    const struct rs_pushed_tag *pushed = push->tag;
    struct rs_tag_row tag;
    enum rs_status s = rs_catalog_tag_get(c->conn, c->repository_id, pushed->tag, &tag, reterr);
    if (s != RS_OK)
        return s;
    bool is_latest = pushed->seq > tag.live_seq;
    bool is_fixed = tag.live_id != 0 && tag.live_id != m->row->id &&
                    rs_policy_is_immutable(&c->policy, pushed->tag);
    if (tag.staged_id == m->row->id) {
        tag.staged_id = 0;
        tag.staged_seq = 0;
    }
    if (is_latest && is_fixed) {
        m->kept[m->n_kept++] = pushed->tag;
    } else if (is_latest) {
        tag.live_id = m->row->id;
        tag.live_seq = pushed->seq;
        m->moved[m->n_moved++] = pushed;
    }
    return rs_catalog_tag_put(c->conn, c->repository_id, pushed->tag, &tag, c->now_ms, reterr);
}

/* moved[] was filled latest first; events and records want push order. */
static void moved_reverse(struct rs_member *m)
{
    for (size_t i = 0; i < m->n_moved / 2; i++) {
        const struct rs_pushed_tag *swap = m->moved[i];
        m->moved[i] = m->moved[m->n_moved - 1 - i];
        m->moved[m->n_moved - 1 - i] = swap;
    }
}

/* Latest push first, over all members: a tag that two of them were pushed under moves once. */
static enum rs_status tags_move(const struct rs_change *c, struct rs_release_plan *plan,
                                struct rs_err *reterr)
{
    size_t n = 0;
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < plan->n_members; i++) {
        s = member_tags_load(c, plan->members[i], reterr);
        n += plan->members[i]->n_pushed;
    }
    struct tag_push *pushes =
        s == RS_OK ? rs_arena_alloc(c->arena, (n + 1) * sizeof(*pushes)) : NULL;
    if (pushes == NULL)
        return s != RS_OK ? s : rs_fail(reterr, RS_NOMEM, NULL);
    size_t at = 0;
    for (size_t i = 0; i < plan->n_members; i++)
        for (size_t k = 0; k < plan->members[i]->n_pushed; k++)
            pushes[at++] = (struct tag_push){plan->members[i], &plan->members[i]->pushed[k]};
    qsort(pushes, n, sizeof(*pushes), latest_first);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = tag_move(c, &pushes[i], reterr);
    for (size_t i = 0; i < plan->n_members; i++)
        moved_reverse(plan->members[i]);
    return s;
}

/* ---- the order of events: each subject behind its attachments, by a walk without recursion ----
 */

static struct rs_member *deepest_first(struct rs_member *m)
{
    while (m->first != NULL)
        m = m->first;
    return m;
}

static enum rs_status order_make(const struct rs_change *c, struct rs_release_plan *plan,
                                 struct rs_err *reterr)
{
    size_t n = 0;
    plan->order = rs_arena_alloc(c->arena, (plan->n_members + 1) * sizeof(*plan->order));
    if (plan->order == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < plan->n_units; i++) {
        struct rs_member *m = deepest_first(plan->members[i]);
        for (;;) {
            plan->order[n++] = m;
            if (m == plan->members[i])
                break;
            m = m->next != NULL ? deepest_first(m->next) : m->subject;
        }
    }
    return RS_OK;
}

/* ---- records and events ---- */

static const char **moved_names(const struct rs_change *c, const struct rs_member *m)
{
    const char **names = rs_arena_alloc(c->arena, (m->n_moved + 1) * sizeof(*names));
    for (size_t i = 0; names != NULL && i < m->n_moved; i++)
        names[i] = m->moved[i]->tag;
    return names;
}

/* The details of a record: the decision's own, or an object that tells of more than that. */
static enum rs_status details_make(const struct rs_member *m, const struct rs_release_why *why,
                                   struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    if (m->n_kept == 0 && why->override == NULL) {
        if (why->details != NULL)
            rs_jw_raw(&w, why->details);
        return rs_buf_status(out);
    }
    rs_jw_object(&w);
    if (why->details != NULL)
        rs_jw_member_raw(&w, "details", why->details);
    if (m->n_kept > 0) {
        rs_jw_key(&w, "immutableTags");
        rs_jw_array(&w);
        for (size_t i = 0; i < m->n_kept; i++)
            rs_jw_text(&w, m->kept[i]);
        rs_jw_array_end(&w);
    }
    if (why->override != NULL)
        rs_jw_member_raw(&w, "override", why->override);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}

static enum rs_status member_record(const struct rs_change *c, const struct rs_member *m,
                                    const struct rs_release_why *why, int64_t cause,
                                    int64_t *ret_seq, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_ENTRY_DETAILS_BYTES_MAX);
    const char **names = moved_names(c, m);
    enum rs_status s = names == NULL ? RS_NOMEM : details_make(m, why, &details);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    const struct rs_change_record record = {
        .action = "released",
        .manifest = m->row,
        .tags = names,
        .n_tags = m->n_moved,
        .details = details.len == 0 ? NULL : rs_buf_text(&details),
        .cause = cause,
    };
    return rs_change_record(c, &record, ret_seq, reterr);
}

static enum rs_status records_write(const struct rs_change *c, struct rs_release_plan *plan,
                                    const struct rs_release_why *why, struct rs_err *reterr)
{
    static const struct rs_release_why nothing_more = {0};
    enum rs_status s = member_record(c, plan->target, why, 0, &plan->record, reterr);
    for (size_t i = 0; s == RS_OK && i < plan->n_members; i++)
        if (plan->order[i] != plan->target)
            s = member_record(c, plan->order[i], &nothing_more, plan->record, NULL, reterr);
    return s;
}

/* Somebody decided, with details or without: also about what never had a `quarantine` event. */
static enum rs_status member_emit(const struct rs_change *c, const struct rs_member *m,
                                  const char *details, struct rs_err *reterr)
{
    struct rs_change_event event = {
        .type = RS_EVENT_PUSH,
        .manifest = m->row,
        .decision = details == NULL ? "null" : details,
        .quarantine_event_id = m->row->quarantine_event_id,
    };
    if (m->n_moved == 0)
        return rs_change_emit(c, &event, NULL, reterr);
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < m->n_moved; i++) {
        event.tag = m->moved[i]->tag;
        event.quarantine_event_id = m->moved[i]->quarantine_event_id;
        s = rs_change_emit(c, &event, NULL, reterr);
    }
    return s;
}

/* ---- attachments that stay ---- */

enum rs_status rs_release_detach(const struct rs_change *c, struct rs_manifest_row *row,
                                 struct rs_err *reterr)
{
    const struct rs_pushed_tag *tags = NULL;
    size_t n = 0;
    char id[RS_ID_TEXT_BYTES];
    enum rs_status s = RS_OK;
    row->joined = false;
    if (row->state == RS_STATE_QUARANTINED)
        s = rs_catalog_tag_list_pushed(c->conn, c->arena, row->id, &tags, &n, reterr);
    size_t n_events = row->state == RS_STATE_QUARANTINED ? (n > 0 ? n : 1) : 0;
    for (size_t i = 0; s == RS_OK && i < n_events; i++) {
        const struct rs_change_event event = {
            .type = RS_EVENT_QUARANTINE,
            .manifest = row,
            .tag = n > 0 ? tags[i].tag : NULL,
            .is_held = true,
        };
        s = rs_change_emit(c, &event, id, reterr);
        if (s == RS_OK && i == 0 && row->quarantine_event_id == NULL) {
            row->quarantine_event_id = rs_arena_strdup(c->arena, id);
            s = row->quarantine_event_id == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
        }
        if (s == RS_OK && n > 0) {
            const struct rs_pushed_tag tag = {tags[i].tag, tags[i].seq, id, tags[i].named};
            s = rs_catalog_tag_pushed(c->conn, c->repository_id, row->id, &tag, reterr);
        }
    }
    return s == RS_OK ? rs_catalog_manifest_save_marks(c->conn, row, reterr) : s;
}

static enum rs_status stay(const struct rs_change *c, const struct rs_manifest_list *list,
                           struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < list->n; i++)
        s = rs_release_detach(c, list->rows[i], reterr);
    return s;
}

enum rs_status rs_release_run(const struct rs_change *c, struct rs_release_plan *plan,
                              const struct rs_release_why *why, struct rs_err *reterr)
{
    enum rs_status s = order_make(c, plan, reterr);
    for (size_t i = 0; s == RS_OK && i < plan->n_members; i++) {
        struct rs_member *m = plan->members[i];
        s = member_let_out(c, m, m == plan->target ? why->details : NULL, reterr);
    }
    if (s == RS_OK)
        s = tags_move(c, plan, reterr);
    if (s == RS_OK)
        s = records_write(c, plan, why, reterr);
    for (size_t i = 0; s == RS_OK && i < plan->n_members; i++)
        s = member_emit(c, plan->order[i], why->details, reterr);
    if (s == RS_OK)
        s = stay(c, &plan->held, reterr);
    if (s == RS_OK)
        s = stay(c, &plan->failed, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}
