/* The part of quarantine/admit.h about bytes that are new in the repository: their state. */
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "catalog/check.h"
#include "json/json.h"
#include "json/write.h"
#include "quarantine/admit_internal.h"
#include "quarantine/release.h"

/* The first state of an attachment where quarantine is on (or off). */
static enum rs_state attachment_state(const struct rs_admit *p, bool is_off, bool *ret_joined)
{
    const struct rs_access *access = p->in->access;
    *ret_joined = false;
    if (p->subject_row != NULL && rs_manifest_is_held(p->subject_row)) {
        *ret_joined = true;
        return RS_STATE_QUARANTINED;
    }
    if (is_off)
        return RS_STATE_RELEASED;
    if (p->subject_row != NULL)
        return rs_access_has(access, RS_PERM_QUARANTINE_DECIDE) ? RS_STATE_RELEASED
                                                                : RS_STATE_QUARANTINED;
    *ret_joined = rs_access_has(access, RS_PERM_QUARANTINE_PUSH);
    return RS_STATE_QUARANTINED;
}

static enum rs_status first_state(const struct rs_admit *p, bool is_off, enum rs_state *ret,
                                  bool *ret_joined, struct rs_err *reterr)
{
    bool names_held = false;
    *ret_joined = false;
    *ret = RS_STATE_QUARANTINED;
    if (p->is_attachment) {
        *ret = attachment_state(p, is_off, ret_joined);
        return RS_OK;
    }
    if (!is_off || p->touches_held)
        return RS_OK;
    enum rs_status s = rs_admit_names_held(p, &names_held, reterr);
    if (s == RS_OK && !names_held)
        *ret = RS_STATE_RELEASED;
    return s;
}

static enum rs_status row_make(const struct rs_admit *p, struct rs_manifest_row *row,
                               struct rs_err *reterr)
{
    const struct rs_manifest *m = p->in->manifest;
    bool is_off = rs_policy_is_off(&p->c->policy);
    *row = (struct rs_manifest_row){
        .repository_id = p->c->repository_id,
        .digest = p->in->digest,
        .media_type = m->media_type,
        .artifact_type = rs_manifest_artifact_type(m),
        .config_media_type = m->has_config ? m->config.media_type : NULL,
        .annotations = m->annotations,
        .size = p->in->bytes.n,
        .shape = p->is_attachment ? RS_SHAPE_ATTACHMENT
                 : m->is_index    ? RS_SHAPE_INDEX
                                  : RS_SHAPE_IMAGE,
        .tagged = p->in->n_tags > 0,
        .has_data = m->has_data,
        .subject_digest = p->subject,
        .publisher_id = p->in->identity->principal_id,
        .publisher = p->c->actor->name,
        .pushed_with = rs_admit_permission(p),
        .pushed_ms = p->c->now_ms,
        .state_ms = p->c->now_ms,
    };
    enum rs_status s = first_state(p, is_off, &row->state, &row->joined, reterr);
    if (s != RS_OK || p->c->policy.quarantine != RS_QUARANTINE_OBSERVE)
        return s;
    /* What would be held if the policy were on? */
    enum rs_state would = RS_STATE_RELEASED;
    bool joined = false;
    s = first_state(p, false, &would, &joined, reterr);
    row->observed = row->state == RS_STATE_RELEASED && would != RS_STATE_RELEASED;
    return s;
}

/* ---- remembered verdicts ---- */

static enum rs_status report_restore(const struct rs_change *c, int64_t manifest_id,
                                     const struct rs_json *node, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    const struct rs_json *stored = rs_json_get(node, "details");
    struct rs_check_row row = {
        .name = rs_json_text(rs_json_get(node, "name")),
        .state = RS_CHECK_FAILED,
        .reporter = rs_json_text(rs_json_get(node, "reporter")),
        .failing = true,
    };
    bool good =
        row.name != NULL && row.reporter != NULL &&
        rs_json_int(rs_json_get(node, "reporterId"), 0, RS_JSON_INT_MAX, &row.reporter_id) &&
        rs_json_int(rs_json_get(node, "reportedMs"), 0, RS_JSON_INT_MAX, &row.reported_ms);
    if (!good)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    if (rs_json_kind(stored) != RS_JSON_ABSENT && rs_json_kind(stored) != RS_JSON_NULL) {
        enum rs_status s = rs_json_dump_canonical(stored, &details);
        if (s != RS_OK)
            return rs_fail(reterr, s, NULL);
        row.details = rs_buf_text(&details);
    }
    return rs_catalog_check_put(c->conn, manifest_id, &row, reterr);
}

static enum rs_status reports_restore(const struct rs_change *c, int64_t manifest_id,
                                      const struct rs_verdict_row *verdict, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *checks = NULL;
    if (verdict->checks == NULL)
        return RS_OK;
    struct rs_json_limits limits = RS_JSON_LIMITS((size_t)16 << 20);
    limits.invalid_as = RS_CORRUPT;
    limits.depth_max += 2; /* each report's details stand in an object, in the array */
    limits.nodes_max *= 16;
    enum rs_status s =
        rs_json_parse(verdict->checks, strlen(verdict->checks), &limits, &checks, reterr);
    for (size_t i = 0; s == RS_OK && i < rs_json_len(checks); i++)
        s = report_restore(c, manifest_id, rs_json_at(checks, i), reterr);
    return s;
}

/* From now on the verdict is in the manifest's row again. */
static enum rs_status verdict_restore(const struct rs_change *c, const struct rs_manifest_row *row,
                                      const struct rs_verdict_row *verdict, struct rs_err *reterr)
{
    enum rs_status s = reports_restore(c, row->id, verdict, reterr);
    return s == RS_OK ? rs_catalog_verdict_remove(c->conn, c->repository, row->digest, reterr) : s;
}

static void verdict_apply(struct rs_manifest_row *row, const struct rs_verdict_row *verdict)
{
    row->state = RS_STATE_FAILED;
    row->observed = false;
    row->failed_by = verdict->failed_by;
    row->decided_by = verdict->decided_by;
    row->decision_details = verdict->details;
}

/* ---- attachments that were waiting for this manifest ---- */

/* A subject that arrives released takes nobody in: what waits for it needs a decision of its own.
 */
static enum rs_status waiting_detach(const struct rs_admit *p, const struct rs_manifest_row *row,
                                     struct rs_err *reterr)
{
    struct rs_manifest_list waiting = {0};
    if (row->state != RS_STATE_RELEASED)
        return RS_OK;
    enum rs_status s =
        rs_catalog_manifest_joined(p->c->conn, p->c->arena, row->repository_id, row->digest,
                                   RS_CHANGE_MANIFESTS_MAX, &waiting, reterr);
    for (size_t i = 0; s == RS_OK && i < waiting.n; i++)
        s = rs_release_detach(p->c, waiting.rows[i], reterr);
    return s;
}

/* ---- the record ---- */

static enum rs_status details_make(const struct rs_admit *p, const struct rs_manifest_row *row,
                                   const struct rs_verdict_row *verdict, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    if (row->observed)
        rs_jw_member_text(&w, "observed", "quarantined");
    rs_jw_member_text(&w, "pushedWith", row->pushed_with);
    if (verdict != NULL) {
        rs_jw_key(&w, "remembered");
        rs_jw_object(&w);
        rs_jw_member_text(&w, "by", verdict->decided_by);
        rs_jw_member_raw(&w, "details", verdict->details);
        rs_jw_member_time(&w, "since", verdict->at_ms);
        rs_jw_object_end(&w);
    }
    if (p->is_attachment || row->subject_digest != NULL)
        rs_jw_member_text(&w, "subject", row->subject_digest);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}

static const char *action_of(enum rs_state state)
{
    switch (state) {
    case RS_STATE_QUARANTINED:
        return "quarantined";
    case RS_STATE_FAILED:
        return "failed";
    case RS_STATE_RELEASED:
        break;
    }
    return "pushed";
}

static enum rs_status record(const struct rs_admit *p, const struct rs_manifest_row *row,
                             const struct rs_verdict_row *verdict, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_ENTRY_DETAILS_BYTES_MAX);
    enum rs_status s = details_make(p, row, verdict, &details);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    const struct rs_change_record entry = {
        .action = action_of(row->state),
        .manifest = row,
        .tags = p->in->tags,
        .n_tags = p->in->n_tags,
        .details = rs_buf_text(&details),
    };
    return rs_change_record(p->c, &entry, NULL, reterr);
}

enum rs_status rs_admit_new(struct rs_admit *p, struct rs_admitted *ret, struct rs_err *reterr)
{
    struct rs_manifest_row row;
    struct rs_verdict_row *verdict = NULL;
    const char **moved = NULL;
    size_t n_moved = 0;
    enum rs_status s = row_make(p, &row, reterr);
    if (s == RS_OK)
        s = rs_catalog_verdict_find(p->c->conn, p->c->arena, p->c->repository, row.digest, &verdict,
                                    reterr);
    if (s != RS_OK)
        return s;
    if (verdict != NULL)
        verdict_apply(&row, verdict);
    s = rs_catalog_manifest_insert(p->c->conn, &row, p->in->bytes, reterr);
    if (s == RS_OK && verdict != NULL)
        s = verdict_restore(p->c, &row, verdict, reterr);
    if (s == RS_OK)
        s = rs_admit_refs_store(p, &row, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_add_pusher(p->c->conn, row.id, row.publisher_id, row.pushed_with,
                                           p->c->now_ms, reterr);
    if (s == RS_OK)
        s = record(p, &row, verdict, reterr);
    /* What is failed already or waits with its subject starts no workflow. */
    bool is_silent = row.state == RS_STATE_FAILED || row.joined;
    if (s == RS_OK)
        s = rs_admit_tags(p, &row, is_silent, &moved, &n_moved, reterr);
    if (s == RS_OK && p->in->n_tags == 0 && !is_silent)
        s = rs_admit_announce(p, &row, NULL, NULL, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_save_marks(p->c->conn, &row, reterr);
    if (s == RS_OK)
        s = waiting_detach(p, &row, reterr);
    ret->state = row.state;
    ret->is_remembered = verdict != NULL;
    return s;
}
