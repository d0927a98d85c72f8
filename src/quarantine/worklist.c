#include "quarantine/worklist.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/claim.h"
#include "quarantine/show.h"

#define PAGE_ROWS 128
#define LOOKED_AT_MAX 20000
/* A page ends when it is as large as this: an image may have any number of tags. */
#define PAGE_BYTES ((size_t)4 << 20)

struct walk {
    struct rs_db_conn *conn;
    const struct rs_worklist_query *query;
    struct rs_jw *w;
    const struct rs_buf *out; /* where w writes */
    int64_t printed;
    int64_t looked_at;
    int64_t last;
    /* Rows of one repository often follow each other: its access is asked for once. */
    char repository[256];
    bool may_see;
};

static bool is_pattern(const char *text)
{
    return strchr(text, '*') != NULL;
}

static enum rs_status may_see(struct walk *walk, const char *repository, struct rs_arena *arena,
                              bool *ret, struct rs_err *reterr)
{
    struct rs_access access = {0};
    enum rs_status s = RS_OK;
    if (strcmp(walk->repository, repository) != 0) {
        s = rs_auth_access(walk->query->auth, walk->query->identity, repository, arena, &access,
                           reterr);
        walk->may_see = s == RS_OK && rs_access_has_any(&access, RS_AUDIENCE_FULL_PERMS);
        if (!rs_text_copy(walk->repository, sizeof(walk->repository), repository))
            walk->repository[0] = '\0';
    }
    *ret = walk->may_see;
    return s;
}

static enum rs_status pushed_tags(const struct rs_change *c, const struct rs_manifest_row *m,
                                  struct rs_jw *w, struct rs_err *reterr)
{
    const struct rs_pushed_tag *tags = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_tag_list_pushed(c->conn, c->arena, m->id, &tags, &n, reterr);
    rs_jw_key(w, "tags");
    rs_jw_array(w);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        rs_jw_text(w, tags[i].tag);
    rs_jw_array_end(w);
    return s;
}

static enum rs_status row_print(const struct rs_change *c, const struct rs_standing *st,
                                struct rs_jw *w, struct rs_err *reterr)
{
    const struct rs_manifest_row *m = st->row;
    rs_jw_object(w);
    rs_jw_member_text(w, "repository", c->repository);
    rs_jw_member_text(w, "digest", m->digest);
    rs_jw_member_text(w, "state", rs_state_name(m->state));
    rs_jw_member_time(w, "since", m->state_ms);
    rs_jw_member_text(w, "kind", rs_shape_name(m->shape));
    rs_jw_member_text(w, "mediaType", m->media_type);
    if (m->artifact_type != NULL)
        rs_jw_member_text(w, "artifactType", m->artifact_type);
    rs_jw_member_int(w, "size", (int64_t)m->size);
    rs_jw_member_text(w, "publisher", m->publisher);
    rs_jw_member_time(w, "pushed", m->pushed_ms);
    enum rs_status s = pushed_tags(c, m, w, reterr);
    rs_show_checks(st, false, w);
    rs_jw_member_bool(w, "ready", st->n_missing == 0);
    rs_jw_member_bool(w, "overdue", m->overdue_ms > 0);
    rs_jw_object_end(w);
    return s;
}

/* Does it still need the check that the query asks for? */
static bool is_wanted(const struct walk *walk, const struct rs_standing *st)
{
    if (walk->query->check == NULL)
        return true;
    for (size_t i = 0; i < st->n_required; i++)
        if (strcmp(st->checks[i].name, walk->query->check) == 0)
            return st->checks[i].report == NULL || st->checks[i].report->state != RS_CHECK_PASSED;
    return false;
}

static enum rs_status row_judge(const struct walk *walk, const struct rs_work_row *row,
                                struct rs_arena *arena, struct rs_change *c, struct rs_standing *st,
                                struct rs_err *reterr)
{
    if (row->manifest == NULL)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    enum rs_status s = rs_change_begin(walk->conn, arena, NULL, row->repository, c, reterr);
    return s == RS_OK ? rs_standing_checks(c, row->manifest, st, reterr) : s;
}

static enum rs_status row_visit(struct walk *walk, const struct rs_work_row *row,
                                struct rs_arena *arena, struct rs_err *reterr)
{
    struct rs_change c;
    struct rs_standing st;
    bool may = false;
    const char *pattern = walk->query->repository;
    if (pattern != NULL && !rs_glob_match(pattern, row->repository))
        return RS_OK;
    enum rs_status s = may_see(walk, row->repository, arena, &may, reterr);
    if (s != RS_OK || !may)
        return s;
    s = row_judge(walk, row, arena, &c, &st, reterr);
    if (s != RS_OK || !is_wanted(walk, &st))
        return s;
    walk->printed++;
    return row_print(&c, &st, walk->w, reterr);
}

static bool has_room(const struct walk *walk)
{
    return walk->printed < walk->query->n && walk->out->len < PAGE_BYTES;
}

static enum rs_status page_visit(struct walk *walk, bool *ret_more, struct rs_err *reterr)
{
    struct rs_arena arena;
    const struct rs_work_row *rows = NULL;
    size_t n = 0;
    const struct rs_worklist_query *q = walk->query;
    const struct rs_work_query query = {
        .state = q->state,
        .repository = q->repository == NULL || is_pattern(q->repository) ? NULL : q->repository,
        .after_id = walk->last,
        .n_max = PAGE_ROWS,
    };
    rs_arena_init(&arena, (size_t)64 << 20);
    enum rs_status s = rs_catalog_work_list(walk->conn, &arena, &query, &rows, &n, reterr);
    size_t i = 0;
    for (; s == RS_OK && i < n && has_room(walk); i++) {
        walk->last = rows[i].id;
        walk->looked_at++;
        s = row_visit(walk, &rows[i], &arena, reterr);
    }
    *ret_more = i < n || n == PAGE_ROWS;
    rs_arena_release(&arena);
    return s;
}

static enum rs_status pages_visit(struct walk *walk, int64_t *ret_next, struct rs_err *reterr)
{
    bool more = walk->query->n > 0;
    enum rs_status s = RS_OK;
    while (s == RS_OK && more && has_room(walk) && walk->looked_at < LOOKED_AT_MAX)
        s = page_visit(walk, &more, reterr);
    *ret_next = s == RS_OK && more ? walk->last : 0;
    return s;
}

enum rs_status rs_worklist(struct rs_db *db, const struct rs_worklist_query *query,
                           struct rs_buf *out, int64_t *ret_next, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_jw w = RS_JW_INIT(out);
    struct walk walk = {.query = query, .w = &w, .out = out, .last = query->last};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    walk.conn = read.conn;
    rs_jw_object(&w);
    rs_jw_key(&w, "images");
    rs_jw_array(&w);
    s = pages_visit(&walk, ret_next, reterr);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}

enum rs_status rs_worklist_count(struct rs_db *db, struct rs_worklist_counts *ret,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_work_counts counts = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_work_counts(read.conn, &counts, reterr);
    *ret = (struct rs_worklist_counts){counts.quarantined, counts.failed, counts.overdue};
    return s;
}
