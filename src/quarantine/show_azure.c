#include "quarantine/show_azure.h"

#include "base/attr.h"
#include "catalog/tag.h"
#include "json/json.h"

/* What is printed, and how much of it the caller may know. */
struct page {
    const struct rs_azure_question *q;
    const struct rs_platform_source *platforms;
    const struct rs_change *c;
    const struct rs_manifest_row *row;
    bool in_full; /* details of the decision, staged tags */
    bool is_open; /* more than the bare state */
    struct rs_jw *w;
    struct rs_err *reterr;
};

static const char *state_word(enum rs_state state)
{
    switch (state) {
    case RS_STATE_QUARANTINED:
        return "Quarantined";
    case RS_STATE_FAILED:
        return "Failed";
    case RS_STATE_RELEASED:
        break;
    }
    return "Passed";
}

/* Azure's details are a text, which often is JSON: a string is given as it is. */
static void details(const struct page *p)
{
    RS_AUTO(rs_json) struct rs_json *value = NULL;
    const char *stored = p->row->decision_details;
    const char *text = NULL;
    if (stored != NULL && rs_json_parse_text(stored, RS_CORRUPT, &value, NULL) == RS_OK)
        text = rs_json_text(value);
    rs_jw_member_text(p->w, "quarantineDetails", text != NULL ? text : stored);
}

static void attributes(const struct page *p)
{
    bool is_released = !rs_manifest_is_held(p->row);
    rs_jw_key(p->w, "changeableAttributes");
    rs_jw_object(p->w);
    rs_jw_member_bool(p->w, "deleteEnabled", true);
    rs_jw_member_bool(p->w, "listEnabled", is_released);
    if (p->in_full && p->row->decision_details != NULL)
        details(p);
    rs_jw_member_text(p->w, "quarantineState", state_word(p->row->state));
    rs_jw_member_bool(p->w, "readEnabled", is_released);
    rs_jw_member_bool(p->w, "writeEnabled", true);
    rs_jw_object_end(p->w);
}

static enum rs_status tag_names(const struct page *p, enum rs_tag_pointer which)
{
    const char *const *names = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_tag_list_pointing(p->c->conn, p->c->arena, p->c->repository_id,
                                                    p->row->id, which, &names, &n, p->reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        rs_jw_text(p->w, names[i]);
    return s;
}

static enum rs_status tags(const struct page *p)
{
    rs_jw_key(p->w, "tags");
    rs_jw_array(p->w);
    enum rs_status s = tag_names(p, RS_TAG_LIVE);
    if (s == RS_OK && p->in_full)
        s = tag_names(p, RS_TAG_STAGED);
    rs_jw_array_end(p->w);
    return s;
}

/* What it names: its size is that of the manifest and all of this, as Azure counts it. */
static enum rs_status contents(const struct page *p)
{
    const struct rs_ref_row *refs = NULL;
    size_t n = 0;
    uint64_t sum = p->row->size;
    enum rs_status s =
        rs_catalog_manifest_refs(p->c->conn, p->c->arena, p->row->id, &refs, &n, p->reterr);
    if (s != RS_OK)
        return s;
    for (size_t i = 0; i < n; i++)
        sum += refs[i].size; /* at most 8,192 times 2^53 */
    rs_jw_key(p->w, "imageSize");
    rs_jw_u64(p->w, sum);
    rs_show_platform(p->platforms, p->row, refs, n, p->w);
    return s;
}

static enum rs_status manifest(const struct page *p)
{
    enum rs_status s = RS_OK;
    rs_jw_object(p->w);
    rs_jw_member_text(p->w, "digest", p->row->digest);
    rs_jw_member_time(p->w, "createdTime", p->row->pushed_ms);
    rs_jw_member_time(p->w, "lastUpdateTime", p->row->state_ms);
    if (p->is_open) {
        rs_jw_member_text(p->w, "mediaType", p->row->media_type);
        if (p->row->config_media_type != NULL)
            rs_jw_member_text(p->w, "configMediaType", p->row->config_media_type);
        s = contents(p);
        if (s == RS_OK)
            s = tags(p);
    }
    attributes(p);
    rs_jw_object_end(p->w);
    return s;
}

void rs_show_azure_attributes(struct rs_jw *w)
{
    rs_jw_key(w, "changeableAttributes");
    rs_jw_object(w);
    rs_jw_member_bool(w, "deleteEnabled", true);
    rs_jw_member_bool(w, "listEnabled", true);
    rs_jw_member_bool(w, "readEnabled", true);
    rs_jw_member_bool(w, "writeEnabled", true);
    rs_jw_object_end(w);
}

enum rs_status rs_show_azure_entry(const struct rs_change *c,
                                   const struct rs_platform_source *platforms, int64_t manifest_id,
                                   bool in_full, struct rs_jw *w, struct rs_err *reterr)
{
    struct rs_manifest_row *row = NULL;
    enum rs_status s = rs_catalog_manifest_get(c->conn, c->arena, manifest_id, &row, reterr);
    if (s != RS_OK || row == NULL)
        return s;
    const struct page p = {
        .platforms = platforms,
        .c = c,
        .row = row,
        .in_full = in_full,
        .is_open = in_full || !rs_manifest_is_held(row),
        .w = w,
        .reterr = reterr,
    };
    return manifest(&p);
}

static enum rs_status print(const struct page *p)
{
    rs_jw_object(p->w);
    rs_jw_member_text(p->w, "registry", p->q->registry);
    rs_jw_member_text(p->w, "imageName", p->q->repository);
    rs_jw_key(p->w, "manifest");
    enum rs_status s = manifest(p);
    rs_jw_object_end(p->w);
    return s;
}

static enum rs_status answer(struct rs_db *db, const struct rs_azure_question *q,
                             struct rs_arena *arena, struct rs_buf *out, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_change c;
    struct rs_manifest_row *row = NULL;
    enum rs_audience audience = RS_AUDIENCE_NONE;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_change_begin(read.conn, arena, NULL, q->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_change_find(&c, q->digest, &row, reterr);
    if (s == RS_OK)
        s = rs_audience_of(c.conn, &q->asker, &c.policy, row, &audience, reterr);
    if (s == RS_OK && audience == RS_AUDIENCE_NONE)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    if (s != RS_OK)
        return s;
    struct rs_jw w = RS_JW_INIT(out);
    bool in_full = audience == RS_AUDIENCE_FULL;
    const struct page p = {
        .q = q,
        .platforms = q->platforms,
        .c = &c,
        .row = row,
        .in_full = in_full,
        .is_open = in_full || !rs_manifest_is_held(row),
        .w = &w,
        .reterr = reterr,
    };
    s = print(&p);
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}

enum rs_status rs_show_azure_manifest(struct rs_db *db, const struct rs_azure_question *q,
                                      struct rs_buf *out, struct rs_err *reterr)
{
    struct rs_arena arena;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = answer(db, q, &arena, out, reterr);
    rs_arena_release(&arena);
    return s;
}
