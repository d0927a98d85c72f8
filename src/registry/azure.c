#include "registry/azure.h"

#include "base/attr.h"
#include "catalog/blob.h"
#include "json/write.h"
#include "quarantine/show_azure.h"

/* One question on its way: what the caller sees, and a connection. */
struct reading {
    const struct rs_azure_ask *ask;
    struct rs_db_conn *conn;
    struct rs_arena arena;
    enum rs_view_rows rows;
    struct rs_azure_repository repository;
    struct rs_jw w;
};

static struct rs_azure_page page_of(const struct reading *r)
{
    return (struct rs_azure_page){
        .repository = r->ask->viewer->repository,
        .rows = r->rows,
        .order = r->ask->order,
        .last = r->ask->last,
        .n_max = r->ask->n,
    };
}

/* The grants decide which rows, then the repository has to have one of them. */
static enum rs_status open_rows(struct reading *r, struct rs_err *reterr)
{
    enum rs_sight sight = RS_SIGHT_NONE;
    bool found = false;
    enum rs_status s = rs_resolve_lists(r->ask->viewer, &sight, reterr);
    if (s != RS_OK)
        return s;
    r->rows = sight == RS_SIGHT_ALL ? RS_VIEW_ROWS_ALL : RS_VIEW_ROWS_RELEASED;
    s = rs_view_azure_repository(r->conn, r->ask->viewer->repository, r->rows, &found,
                                 &r->repository, reterr);
    return s == RS_OK && !found ? rs_fail(reterr, RS_NAME_UNKNOWN, NULL) : s;
}

typedef enum rs_status (*body_print)(struct reading *r, void *arg, struct rs_err *reterr);

/* {"registry", "imageName", and what `print` adds} out of one snapshot. */
static enum rs_status answer(const struct rs_azure_ask *ask, body_print print, void *arg,
                             struct rs_buf *out, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct reading r = {.ask = ask, .w = RS_JW_INIT(out)};
    enum rs_status s = rs_db_read_begin(ask->services->db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    r.conn = read.conn;
    rs_arena_init(&r.arena, RS_CHANGE_ARENA_BYTES);
    s = open_rows(&r, reterr);
    rs_jw_object(&r.w);
    rs_jw_member_text(&r.w, "registry", ask->registry);
    rs_jw_member_text(&r.w, "imageName", ask->viewer->repository);
    if (s == RS_OK)
        s = print(&r, arg, reterr);
    rs_jw_object_end(&r.w);
    rs_arena_release(&r.arena);
    return s == RS_OK && rs_buf_status(out) != RS_OK ? rs_fail(reterr, rs_buf_status(out), NULL)
                                                     : s;
}

/* ---- repository ---- */

static enum rs_status repository_print(struct reading *r, void *arg, struct rs_err *reterr)
{
    (void)arg;
    (void)reterr;
    rs_jw_member_time(&r->w, "createdTime", r->repository.created_ms);
    rs_jw_member_time(&r->w, "lastUpdateTime", r->repository.updated_ms);
    rs_jw_member_int(&r->w, "manifestCount", r->repository.n_manifests);
    rs_jw_member_int(&r->w, "tagCount", r->repository.n_tags);
    rs_show_azure_attributes(&r->w);
    return RS_OK;
}

enum rs_status rs_registry_azure_repository(const struct rs_azure_ask *ask, struct rs_buf *out,
                                            struct rs_err *reterr)
{
    return answer(ask, repository_print, NULL, out, reterr);
}

/* ---- tags ---- */

static void tag_object(struct rs_jw *w, const struct rs_azure_tag *tag)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "name", tag->name);
    rs_jw_member_text(w, "digest", tag->digest);
    rs_jw_member_time(w, "createdTime", tag->pushed_ms);
    rs_jw_member_time(w, "lastUpdateTime", tag->changed_ms);
    rs_jw_member_bool(w, "signed", false); /* of Docker's content trust, which is not kept here */
    rs_show_azure_attributes(w);
    rs_jw_object_end(w);
}

static enum rs_status tag_print(struct reading *r, void *arg, struct rs_err *reterr)
{
    struct rs_azure_tag tag = {0};
    bool found = false;
    enum rs_status s = rs_view_azure_tag(r->conn, &r->arena, r->ask->viewer->repository, arg,
                                         r->rows, &found, &tag, reterr);
    if (s == RS_OK && !found)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    if (s != RS_OK)
        return s;
    rs_jw_key(&r->w, "tag");
    tag_object(&r->w, &tag);
    return RS_OK;
}

enum rs_status rs_registry_azure_tag(const struct rs_azure_ask *ask, const char *tag,
                                     struct rs_buf *out, struct rs_err *reterr)
{
    char *copy = rs_arena_strdup(ask->viewer->arena, tag);
    if (copy == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return answer(ask, tag_print, copy, out, reterr);
}

static enum rs_status next_is(const struct reading *r, const char *last, size_t n, const char **ret,
                              struct rs_err *reterr)
{
    *ret = NULL;
    if (n == 0 || (int64_t)n < r->ask->n)
        return RS_OK;
    *ret = rs_arena_strdup(r->ask->viewer->arena, last);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

/* The `digest` filter, canonical; *ret_none when nobody brought bytes of that digest. */
static enum rs_status filter_of(struct reading *r, char canonical[RS_CANONICAL_DIGEST_BYTES],
                                bool *ret_none, struct rs_err *reterr)
{
    struct rs_err unknown = RS_ERR_INIT;
    enum rs_status s = rs_catalog_alias_resolve(r->conn, r->ask->digest, canonical, &unknown);
    *ret_none = s == RS_NOT_FOUND;
    if (s == RS_OK || s == RS_NOT_FOUND)
        return RS_OK;
    return rs_fail(reterr, s, "%s", unknown.message);
}

static enum rs_status tags_print(struct reading *r, void *arg, struct rs_err *reterr)
{
    const char **next = arg;
    const struct rs_azure_tag *tags = NULL;
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_azure_page page = page_of(r);
    size_t n = 0;
    bool none = page.n_max == 0;
    enum rs_status s = RS_OK;
    if (r->ask->digest != NULL) {
        s = filter_of(r, canonical, &none, reterr);
        page.digest = canonical;
    }
    if (s == RS_OK && !none)
        s = rs_view_azure_tags(r->conn, &r->arena, &page, &tags, &n, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(&r->w, "tags");
    rs_jw_array(&r->w);
    for (size_t i = 0; i < n; i++)
        tag_object(&r->w, &tags[i]);
    rs_jw_array_end(&r->w);
    return next_is(r, n == 0 ? "" : tags[n - 1].name, n, next, reterr);
}

enum rs_status rs_registry_azure_tags(const struct rs_azure_ask *ask, struct rs_buf *out,
                                      const char **ret_next, struct rs_err *reterr)
{
    *ret_next = NULL;
    return answer(ask, tags_print, (void *)ret_next, out, reterr);
}

/* ---- manifests ---- */

static enum rs_status manifests_print(struct reading *r, void *arg, struct rs_err *reterr)
{
    const char **next = arg;
    const int64_t *ids = NULL;
    const struct rs_azure_page page = page_of(r);
    struct rs_manifest_row *last = NULL;
    const struct rs_platform_source platforms = {
        .db = r->ask->services->db,
        .blobs = r->ask->services->blobs,
        .viewer = r->ask->viewer,
    };
    struct rs_change c;
    size_t n = 0;
    enum rs_status s = rs_change_begin(r->conn, &r->arena, NULL, page.repository, &c, reterr);
    if (s == RS_OK && page.n_max > 0)
        s = rs_view_azure_manifests(r->conn, &r->arena, &page, &ids, &n, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(&r->w, "manifests");
    rs_jw_array(&r->w);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = rs_show_azure_entry(&c, &platforms, ids[i], r->rows == RS_VIEW_ROWS_ALL, &r->w, reterr);
    rs_jw_array_end(&r->w);
    if (s == RS_OK && n > 0)
        s = rs_catalog_manifest_get(r->conn, &r->arena, ids[n - 1], &last, reterr);
    return s == RS_OK ? next_is(r, last == NULL ? "" : last->digest, n, next, reterr) : s;
}

enum rs_status rs_registry_azure_manifests(const struct rs_azure_ask *ask, struct rs_buf *out,
                                           const char **ret_next, struct rs_err *reterr)
{
    *ret_next = NULL;
    return answer(ask, manifests_print, (void *)ret_next, out, reterr);
}
