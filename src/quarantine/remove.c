#include "quarantine/remove.h"

#include "base/attr.h"
#include "catalog/blob.h"
#include "catalog/check.h"
#include "catalog/generation.h"
#include "catalog/tag.h"
#include "json/write.h"

/* ---- by tag ---- */

static enum rs_status manifest_of(const struct rs_change *c, int64_t id,
                                  struct rs_manifest_row **ret, struct rs_err *reterr)
{
    *ret = NULL;
    return id == 0 ? RS_OK : rs_catalog_manifest_get(c->conn, c->arena, id, ret, reterr);
}

static enum rs_status tag_tell(const struct rs_change *c, const char *tag,
                               const struct rs_manifest_row *live,
                               const struct rs_manifest_row *staged, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT((size_t)1024);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "live", live == NULL ? NULL : live->digest);
    rs_jw_member_text(&w, "staged", staged == NULL ? NULL : staged->digest);
    rs_jw_object_end(&w);
    if (rs_buf_status(&details) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&details), NULL);
    const struct rs_manifest_row *m = live != NULL ? live : staged;
    const char *const tags[] = {tag};
    const struct rs_change_record record = {
        .action = "tag-deleted",
        .manifest = m,
        .tags = tags,
        .n_tags = 1,
        .details = rs_buf_text(&details),
    };
    const struct rs_change_event event = {
        .type = RS_EVENT_DELETE,
        .manifest = m,
        .tag = tag,
        .is_held = rs_manifest_is_held(m),
    };
    enum rs_status s = rs_change_record(c, &record, NULL, reterr);
    return s == RS_OK ? rs_change_emit(c, &event, NULL, reterr) : s;
}

enum rs_status rs_remove_tag(const struct rs_change *c, const char *tag, struct rs_err *reterr)
{
    struct rs_tag_row row = {0};
    struct rs_manifest_row *live = NULL;
    struct rs_manifest_row *staged = NULL;
    enum rs_status s = RS_OK;
    if (c->repository_id != 0)
        s = rs_catalog_tag_get(c->conn, c->repository_id, tag, &row, reterr);
    if (s == RS_OK)
        s = manifest_of(c, row.live_id, &live, reterr);
    if (s == RS_OK)
        s = manifest_of(c, row.staged_id, &staged, reterr);
    if (s == RS_OK && live == NULL && staged == NULL)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    if (s == RS_OK)
        s = rs_catalog_tag_forget(c->conn, c->repository_id, tag, reterr);
    if (s == RS_OK)
        s = tag_tell(c, tag, live, staged, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}

/* ---- by digest ---- */

/* Take one pointer of a tag away. */
static enum rs_status pointer_drop(const struct rs_change *c, const char *tag,
                                   enum rs_tag_pointer which, struct rs_removed_tags *removed,
                                   struct rs_err *reterr)
{
    struct rs_tag_row row;
    enum rs_status s = rs_catalog_tag_get(c->conn, c->repository_id, tag, &row, reterr);
    if (s != RS_OK)
        return s;
    switch (which) {
    case RS_TAG_LIVE:
        row.live_id = 0; /* live_seq stays: nothing older becomes live instead */
        removed->dead[removed->n_dead++] = tag;
        break;
    case RS_TAG_STAGED:
        row.staged_id = 0;
        row.staged_seq = 0;
        break;
    }
    if (row.live_id == 0 && row.staged_id == 0)
        removed->gone[removed->n_gone++] = tag;
    return rs_catalog_tag_put(c->conn, c->repository_id, tag, &row, c->now_ms, reterr);
}

/* A tag may point to one manifest only once, so that the two lists never share a name. */
static enum rs_status pointers_drop(const struct rs_change *c, const struct rs_manifest_row *m,
                                    const char ***ret_tags, size_t *ret_n,
                                    struct rs_removed_tags *ret_removed, struct rs_err *reterr)
{
    const char *const *live = NULL;
    const char *const *staged = NULL;
    size_t n_live = 0;
    size_t n_staged = 0;
    enum rs_status s = rs_catalog_tag_list_pointing(c->conn, c->arena, c->repository_id, m->id,
                                                    RS_TAG_LIVE, &live, &n_live, reterr);
    if (s == RS_OK)
        s = rs_catalog_tag_list_pointing(c->conn, c->arena, c->repository_id, m->id, RS_TAG_STAGED,
                                         &staged, &n_staged, reterr);
    const size_t n = n_live + n_staged;
    const char **tags = rs_arena_alloc(c->arena, 3 * (n + 1) * sizeof(*tags));
    if (s == RS_OK && tags == NULL)
        s = rs_fail(reterr, RS_NOMEM, NULL);
    if (s != RS_OK)
        return s;
    *ret_removed = (struct rs_removed_tags){.dead = tags + n, .gone = tags + 2 * n};
    for (size_t i = 0; s == RS_OK && i < n_live; i++) {
        tags[i] = live[i];
        s = pointer_drop(c, live[i], RS_TAG_LIVE, ret_removed, reterr);
    }
    for (size_t i = 0; s == RS_OK && i < n_staged; i++) {
        tags[n_live + i] = staged[i];
        s = pointer_drop(c, staged[i], RS_TAG_STAGED, ret_removed, reterr);
    }
    *ret_tags = tags;
    *ret_n = n;
    return s;
}

static enum rs_status counters_drop(const struct rs_change *c, const struct rs_manifest_row *m,
                                    struct rs_err *reterr)
{
    const struct rs_ref_blob *blobs = NULL;
    size_t n = 0;
    bool is_released = !rs_manifest_is_held(m);
    enum rs_status s = rs_catalog_manifest_blobs(c->conn, c->arena, m->id, &blobs, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = rs_catalog_blob_count(c->conn, c->repository_id, blobs[i].digest, -1,
                                  is_released && blobs[i].opens ? -1 : 0, reterr);
    return s;
}

/* The failing reports as they are kept with a verdict; NULL when there are none. */
static enum rs_status failing_print(const struct rs_change *c, const struct rs_manifest_row *m,
                                    struct rs_buf *out, struct rs_err *reterr)
{
    const struct rs_check_row *reports = NULL;
    size_t n = 0;
    struct rs_jw w = RS_JW_INIT(out);
    enum rs_status s = rs_catalog_check_list(c->conn, c->arena, m->id, &reports, &n, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (!reports[i].failing)
            continue;
        rs_jw_object(&w);
        rs_jw_member_raw(&w, "details", reports[i].details);
        rs_jw_member_text(&w, "name", reports[i].name);
        rs_jw_member_int(&w, "reportedMs", reports[i].reported_ms);
        rs_jw_member_text(&w, "reporter", reports[i].reporter);
        rs_jw_member_int(&w, "reporterId", reports[i].reporter_id);
        rs_jw_object_end(&w);
    }
    rs_jw_array_end(&w);
    s = rs_buf_status(out);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

static enum rs_status verdict_keep(const struct rs_change *c, const struct rs_manifest_row *m,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf checks = RS_BUF_INIT((size_t)8 << 20);
    if (m->state != RS_STATE_FAILED)
        return RS_OK;
    enum rs_status s = failing_print(c, m, &checks, reterr);
    const struct rs_verdict_row verdict = {
        .failed_by = m->failed_by,
        .decided_by = m->decided_by == NULL ? "" : m->decided_by,
        .details = m->decision_details,
        .at_ms = m->state_ms,
        .checks = rs_buf_text(&checks),
    };
    return s == RS_OK ? rs_catalog_verdict_put(c->conn, c->repository, m->digest, &verdict, reterr)
                      : s;
}

static enum rs_status manifest_tell(const struct rs_change *c, const struct rs_manifest_row *m,
                                    const char *const *tags, size_t n_tags, const char *reason,
                                    struct rs_err *reterr)
{
    const struct rs_change_record record = {
        .action = "deleted",
        .manifest = m,
        .tags = tags,
        .n_tags = n_tags,
        .details = reason,
    };
    const struct rs_change_event event = {
        .type = RS_EVENT_DELETE,
        .manifest = m,
        .is_held = rs_manifest_is_held(m),
    };
    enum rs_status s = rs_change_record(c, &record, NULL, reterr);
    return s == RS_OK ? rs_change_emit(c, &event, NULL, reterr) : s;
}

enum rs_status rs_remove_manifest(const struct rs_change *c, struct rs_manifest_row *row,
                                  const char *reason, struct rs_removed_tags *ret_tags,
                                  struct rs_err *reterr)
{
    const char **tags = NULL;
    size_t n_tags = 0;
    struct rs_removed_tags removed = {0};
    enum rs_status s = verdict_keep(c, row, reterr);
    if (s == RS_OK)
        s = pointers_drop(c, row, &tags, &n_tags, &removed, reterr);
    if (s == RS_OK)
        s = counters_drop(c, row, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_delete(c->conn, row, reterr);
    if (s == RS_OK)
        s = manifest_tell(c, row, tags, n_tags, reason, reterr);
    if (s == RS_OK && ret_tags != NULL)
        *ret_tags = removed;
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}
