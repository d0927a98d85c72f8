#include "quarantine/show.h"

#include "base/attr.h"
#include "catalog/claim.h"

/* One thing to print, with what it is printed from. */
struct page {
    const struct rs_change *c;
    const struct rs_standing *st;
    struct rs_jw *w;
    struct rs_err *reterr;
};

static void texts(struct rs_jw *w, const char *key, const char *const *names, size_t n)
{
    rs_jw_key(w, key);
    rs_jw_array(w);
    for (size_t i = 0; i < n; i++)
        rs_jw_text(w, names[i]);
    rs_jw_array_end(w);
}

static void optional_text(struct rs_jw *w, const char *key, const char *text)
{
    if (text != NULL)
        rs_jw_member_text(w, key, text);
}

void rs_show_checks(const struct rs_standing *st, bool in_full, struct rs_jw *w)
{
    rs_jw_key(w, "checks");
    rs_jw_array(w);
    for (size_t i = 0; i < st->n_checks; i++) {
        const struct rs_standing_check *check = &st->checks[i];
        const struct rs_check_row *report = check->report;
        rs_jw_object(w);
        rs_jw_member_text(w, "name", check->name);
        rs_jw_member_bool(w, "required", check->is_required);
        rs_jw_member_text(w, "state",
                          report == NULL ? "waiting" : rs_check_state_name(report->state));
        if (in_full && report != NULL) {
            rs_jw_member_text(w, "reporter", report->reporter);
            rs_jw_member_time(w, "reported", report->reported_ms);
            rs_jw_member_bool(w, "failing", report->failing);
            rs_jw_member_raw(w, "details", report->details);
        }
        rs_jw_object_end(w);
    }
    rs_jw_array_end(w);
}

static void brief(const struct page *p)
{
    rs_jw_member_text(p->w, "repository", p->c->repository);
    rs_jw_member_text(p->w, "digest", p->st->row->digest);
    rs_jw_member_text(p->w, "state", rs_state_name(p->st->row->state));
    rs_jw_member_time(p->w, "since", p->st->row->state_ms);
}

static void facts(const struct page *p)
{
    const struct rs_manifest_row *m = p->st->row;
    rs_jw_member_text(p->w, "kind", rs_shape_name(m->shape));
    rs_jw_member_text(p->w, "mediaType", m->media_type);
    optional_text(p->w, "artifactType", m->artifact_type);
    rs_jw_member_int(p->w, "size", (int64_t)m->size);
    rs_jw_member_text(p->w, "publisher", m->publisher);
    rs_jw_member_text(p->w, "pushedWith", m->pushed_with);
    rs_jw_member_time(p->w, "pushed", m->pushed_ms);
    optional_text(p->w, "subject", m->subject_digest);
    rs_jw_member_bool(p->w, "joined", m->joined);
    rs_jw_member_bool(p->w, "root", rs_standing_is_root(p->st));
    optional_text(p->w, "failedBy", rs_failed_by_name(m->failed_by));
    optional_text(p->w, "decidedBy", m->decided_by);
    if (m->decision_details != NULL)
        rs_jw_member_raw(p->w, "details", m->decision_details);
    if (m->overdue_ms > 0)
        rs_jw_member_time(p->w, "overdueSince", m->overdue_ms);
    if (m->observed)
        rs_jw_member_bool(p->w, "observed", true);
}

static enum rs_status tags(const struct page *p)
{
    const char *const *live = NULL;
    const char *const *staged = NULL;
    size_t n_live = 0;
    size_t n_staged = 0;
    const struct rs_change *c = p->c;
    enum rs_status s =
        rs_catalog_tag_list_pointing(c->conn, c->arena, c->repository_id, p->st->row->id,
                                     RS_TAG_LIVE, &live, &n_live, p->reterr);
    if (s == RS_OK)
        s = rs_catalog_tag_list_pointing(c->conn, c->arena, c->repository_id, p->st->row->id,
                                         RS_TAG_STAGED, &staged, &n_staged, p->reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(p->w, "tags");
    rs_jw_object(p->w);
    texts(p->w, "live", live, n_live);
    texts(p->w, "staged", staged, n_staged);
    rs_jw_object_end(p->w);
    return RS_OK;
}

static enum rs_status claims(const struct page *p)
{
    const struct rs_claim_row *rows = NULL;
    size_t n = 0;
    enum rs_status s =
        rs_catalog_claim_list(p->c->conn, p->c->arena, p->st->row->id, &rows, &n, p->reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(p->w, "claims");
    rs_jw_array(p->w);
    for (size_t i = 0; i < n; i++) {
        rs_jw_object(p->w);
        /* The id stays between the daemon and its holder: who knows it can report under it. */
        rs_jw_member_text(p->w, "check", rows[i].check_name[0] == '\0' ? NULL : rows[i].check_name);
        rs_jw_member_text(p->w, "principal", rows[i].principal);
        rs_jw_member_time(p->w, "expires", rows[i].expires_ms);
        rs_jw_object_end(p->w);
    }
    rs_jw_array_end(p->w);
    return RS_OK;
}

static enum rs_status part(const struct page *p, const struct rs_ref_row *ref)
{
    struct rs_manifest_row *row = NULL;
    enum rs_status s = rs_change_find(p->c, ref->digest, &row, p->reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(p->w);
    rs_jw_member_text(p->w, "digest", ref->digest);
    rs_jw_member_text(p->w, "mediaType", ref->media_type);
    rs_jw_member_text(p->w, "state", row == NULL ? "missing" : rs_state_name(row->state));
    rs_jw_member_bool(p->w, "linked", row != NULL && row->id == ref->child_id);
    rs_jw_object_end(p->w);
    return RS_OK;
}

static enum rs_status parts(const struct page *p)
{
    const struct rs_ref_row *refs = NULL;
    size_t n = 0;
    if (p->st->row->shape != RS_SHAPE_INDEX)
        return RS_OK;
    enum rs_status s =
        rs_catalog_manifest_refs(p->c->conn, p->c->arena, p->st->row->id, &refs, &n, p->reterr);
    rs_jw_key(p->w, "parts");
    rs_jw_array(p->w);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        if (refs[i].kind == RS_REF_MANIFEST)
            s = part(p, &refs[i]);
    rs_jw_array_end(p->w);
    return s;
}

static enum rs_status attachments(const struct page *p)
{
    struct rs_manifest_list found = {0};
    enum rs_status s = rs_catalog_manifest_attachments(p->c->conn, p->c->arena, p->c->repository_id,
                                                       p->st->row->digest, RS_CHANGE_MANIFESTS_MAX,
                                                       &found, p->reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(p->w, "attachments");
    rs_jw_array(p->w);
    for (size_t i = 0; i < found.n; i++) {
        const struct rs_manifest_row *m = found.rows[i];
        rs_jw_object(p->w);
        rs_jw_member_text(p->w, "digest", m->digest);
        rs_jw_member_text(p->w, "state", rs_state_name(m->state));
        optional_text(p->w, "artifactType", m->artifact_type);
        rs_jw_member_text(p->w, "publisher", m->publisher);
        rs_jw_member_text(p->w, "pushedWith", m->pushed_with);
        rs_jw_member_bool(p->w, "joined", m->joined);
        rs_jw_object_end(p->w);
    }
    rs_jw_array_end(p->w);
    return RS_OK;
}

static void roots(const struct page *p)
{
    if (!p->st->is_part)
        return;
    rs_jw_key(p->w, "roots");
    rs_jw_array(p->w);
    for (size_t i = 0; i < p->st->roots.n; i++)
        rs_jw_text(p->w, p->st->roots.rows[i]->digest);
    rs_jw_array_end(p->w);
}

void rs_show_block(const struct rs_block *b, struct rs_jw *w)
{
    static const char *const reasons[] = {
        [RS_BLOCK_FAILED_PART] = "failed-part",
        [RS_BLOCK_SUBJECT] = "subject",
        [RS_BLOCK_SUBJECT_OF_PART] = "subject-of-part",
        [RS_BLOCK_TOO_MANY] = "too-many-manifests",
    };
    rs_jw_object(w);
    rs_jw_member_text(w, "reason", reasons[b->kind]);
    optional_text(w, "digest", b->digest);
    optional_text(w, "subject", b->subject);
    rs_jw_object_end(w);
}

static void blocked_by(const struct page *p)
{
    rs_jw_key(p->w, "releaseBlockedBy");
    rs_jw_array(p->w);
    for (size_t i = 0; rs_manifest_is_held(p->st->row) && i < p->st->n_required; i++) {
        const struct rs_check_row *report = p->st->checks[i].report;
        if (report != NULL && report->state == RS_CHECK_PASSED)
            continue;
        rs_jw_object(p->w);
        rs_jw_member_text(p->w, "reason", "check");
        rs_jw_member_text(p->w, "check", p->st->checks[i].name);
        rs_jw_member_text(p->w, "state",
                          report == NULL ? "waiting" : rs_check_state_name(report->state));
        rs_jw_object_end(p->w);
    }
    for (size_t i = 0; i < p->st->plan.n_blocks; i++)
        rs_show_block(&p->st->plan.blocks[i], p->w);
    rs_jw_array_end(p->w);
}

static enum rs_status print(const struct page *p, enum rs_audience audience)
{
    enum rs_status s = RS_OK;
    bool in_full = audience == RS_AUDIENCE_FULL;
    rs_jw_object(p->w);
    brief(p);
    rs_show_checks(p->st, in_full, p->w);
    if (in_full) {
        facts(p);
        s = tags(p);
        if (s == RS_OK)
            s = claims(p);
        if (s == RS_OK)
            s = parts(p);
        if (s == RS_OK)
            s = attachments(p);
        roots(p);
        blocked_by(p);
    }
    rs_jw_object_end(p->w);
    return s;
}

struct question {
    const struct rs_asker *asker;
    const char *repository;
    const char *digest;
    struct rs_arena arena;
};

static enum rs_status answer(struct rs_db *db, struct question *q, struct rs_buf *out, char *etag,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_change c;
    struct rs_standing st;
    struct rs_manifest_row *row = NULL;
    enum rs_audience audience = RS_AUDIENCE_NONE;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_change_begin(read.conn, &q->arena, NULL, q->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_change_find(&c, q->digest, &row, reterr);
    if (s == RS_OK)
        s = rs_audience_of(c.conn, q->asker, &c.policy, row, &audience, reterr);
    if (s == RS_OK && audience == RS_AUDIENCE_NONE)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    if (s == RS_OK)
        s = rs_standing_load(&c, row, &st, reterr);
    etag[0] = '\0';
    if (s == RS_OK && audience == RS_AUDIENCE_FULL)
        s = rs_standing_etag(&c, &st, etag, reterr);
    if (s != RS_OK)
        return s;
    struct rs_jw w = RS_JW_INIT(out);
    const struct page p = {.c = &c, .st = &st, .w = &w, .reterr = reterr};
    s = print(&p, audience);
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}

enum rs_status rs_show_manifest(struct rs_db *db, const struct rs_asker *asker,
                                const char *repository, const char *digest, struct rs_buf *out,
                                char ret_etag[RS_ETAG_BYTES], struct rs_err *reterr)
{
    struct question q = {.asker = asker, .repository = repository, .digest = digest};
    rs_arena_init(&q.arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = answer(db, &q, out, ret_etag, reterr);
    rs_arena_release(&q.arena);
    return s;
}
