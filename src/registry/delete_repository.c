#include "registry/delete_repository.h"

#include "base/attr.h"
#include "catalog/view_azure.h"
#include "db/db.h"
#include "json/write.h"
#include "quarantine/remove.h"

#define PAGE_IDS ((size_t)16384)
#define BATCH_MANIFESTS ((size_t)32)
#define REASON "{\"deleted\":\"repository\"}"
/* Digests and tags with quotes and commas. */
#define TOLD_BYTES_MAX ((size_t)RS_DELETED_TOLD_MAX * 160)

/* One of the two lists of the answer. */
struct told {
    struct rs_buf json;
    struct rs_jw w;
    unsigned n;
};

struct deletion {
    const struct rs_services *services;
    const struct rs_viewer *viewer;
    enum rs_sight sight;
    struct told digests;
    struct told tags;
};

/* One transaction's worth, and what came of it. */
struct batch {
    const struct deletion *d;
    const int64_t *ids;
    size_t n;
    struct rs_arena arena;
    const struct rs_manifest_row *rows[BATCH_MANIFESTS]; /* NULL: it was gone already */
    struct rs_removed_tags tags[BATCH_MANIFESTS];
};

static enum rs_status remove_one(const struct rs_change *c, struct batch *b, size_t i,
                                 struct rs_err *reterr)
{
    struct rs_manifest_row *row = NULL;
    b->rows[i] = NULL;
    enum rs_status s = rs_catalog_manifest_get(c->conn, c->arena, b->ids[i], &row, reterr);
    if (s == RS_OK && row != NULL)
        s = rs_remove_manifest(c, row, REASON, &b->tags[i], reterr);
    b->rows[i] = row;
    return s;
}

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct batch *b = arg;
    struct rs_change c;
    const struct rs_viewer *viewer = b->d->viewer;
    enum rs_status s =
        rs_change_begin(conn, &b->arena, viewer->actor, viewer->repository, &c, reterr);
    for (size_t i = 0; s == RS_OK && i < b->n; i++)
        s = remove_one(&c, b, i, reterr);
    return s;
}

/* ---- the answer ---- */

static void tell(struct told *list, const char *text)
{
    if (list->n++ < RS_DELETED_TOLD_MAX)
        rs_jw_text(&list->w, text);
}

static void tell_removed(struct deletion *d, const struct rs_manifest_row *row,
                         const struct rs_removed_tags *tags)
{
    bool sees_all = d->sight == RS_SIGHT_ALL;
    if (d->sight == RS_SIGHT_NONE || (!sees_all && rs_manifest_is_held(row)))
        return;
    tell(&d->digests, row->digest);
    for (size_t i = 0; i < (sees_all ? tags->n_gone : tags->n_dead); i++)
        tell(&d->tags, sees_all ? tags->gone[i] : tags->dead[i]);
}

static enum rs_status answer(struct deletion *d, struct rs_buf *out, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_array_end(&d->digests.w);
    rs_jw_array_end(&d->tags.w);
    rs_jw_object(&w);
    rs_jw_member_raw(&w, "manifestsDeleted", rs_buf_text(&d->digests.json));
    rs_jw_member_raw(&w, "tagsDeleted", rs_buf_text(&d->tags.json));
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&d->digests.json);
    if (s == RS_OK)
        s = rs_buf_status(&d->tags.json);
    if (s == RS_OK)
        s = rs_buf_status(out);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

/* ---- the walk ---- */

static enum rs_status remove_batch(struct deletion *d, const int64_t *ids, size_t n,
                                   struct rs_err *reterr)
{
    struct batch b = {.d = d, .ids = ids, .n = n};
    rs_arena_init(&b.arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = rs_db_write(d->services->db, run, &b, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        if (b.rows[i] != NULL)
            tell_removed(d, b.rows[i], &b.tags[i]);
    rs_arena_release(&b.arena);
    return s;
}

static enum rs_status page_get(const struct deletion *d, int64_t before, struct rs_arena *arena,
                               const int64_t **ret, size_t *ret_n, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(d->services->db, &read.conn, reterr);
    return s == RS_OK ? rs_view_azure_newest(read.conn, arena, d->viewer->repository, before,
                                             PAGE_IDS, ret, ret_n, reterr)
                      : s;
}

/* *before is where the next page starts; it stays as it is when there is none. */
static enum rs_status remove_page(struct deletion *d, int64_t *before, struct rs_err *reterr)
{
    struct rs_arena arena;
    const int64_t *ids = NULL;
    size_t n = 0;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = page_get(d, *before, &arena, &ids, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i += BATCH_MANIFESTS)
        s = remove_batch(d, ids + i, n - i < BATCH_MANIFESTS ? n - i : BATCH_MANIFESTS, reterr);
    if (s == RS_OK && n > 0)
        *before = ids[n - 1];
    rs_arena_release(&arena);
    return s;
}

static enum rs_status remove_all(struct deletion *d, struct rs_err *reterr)
{
    int64_t before = INT64_MAX;
    enum rs_status s = remove_page(d, &before, reterr);
    if (s == RS_OK && before == INT64_MAX)
        return rs_fail(reterr, RS_NAME_UNKNOWN, NULL);
    for (int64_t last = INT64_MAX; s == RS_OK && before != last;) {
        last = before;
        s = remove_page(d, &before, reterr);
    }
    return s;
}

static enum rs_sight sight_of(const struct rs_viewer *viewer)
{
    struct rs_err denied = RS_ERR_INIT;
    enum rs_sight sight = RS_SIGHT_NONE;
    return rs_resolve_lists(viewer, &sight, &denied) == RS_OK ? sight : RS_SIGHT_NONE;
}

enum rs_status rs_registry_delete_repository(const struct rs_services *services,
                                             const struct rs_viewer *viewer, struct rs_buf *out,
                                             struct rs_err *reterr)
{
    struct deletion d = {
        .services = services,
        .viewer = viewer,
        .sight = sight_of(viewer),
        .digests.json = RS_BUF_INIT(TOLD_BYTES_MAX),
        .tags.json = RS_BUF_INIT(TOLD_BYTES_MAX),
    };
    d.digests.w = (struct rs_jw)RS_JW_INIT(&d.digests.json);
    d.tags.w = (struct rs_jw)RS_JW_INIT(&d.tags.json);
    rs_jw_array(&d.digests.w);
    rs_jw_array(&d.tags.w);
    enum rs_status s = remove_all(&d, reterr);
    if (s == RS_OK)
        s = answer(&d, out, reterr);
    rs_buf_release(&d.digests.json);
    rs_buf_release(&d.tags.json);
    return s;
}
