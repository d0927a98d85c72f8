#include "registry/referrers.h"

#include <string.h>

#include "catalog/blob.h"
#include "catalog/view_list.h"
#include "json/json.h"
#include "json/write.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

/* A page ends when it is about as large as a manifest may be; one descriptor may be as large. */
#define PAGE_BYTES RS_MANIFEST_BYTES_MAX
#define PAGE_BYTES_MAX (2 * RS_MANIFEST_BYTES_MAX + 65536)

struct page {
    struct rs_db_conn *conn;
    struct rs_buf json;
    struct rs_jw w;
    unsigned n; /* rows looked at */
    unsigned n_max;
    bool has_more;
    char last[RS_DIGEST_TEXT_BYTES];
    enum rs_status status;
    struct rs_err *reterr;
};

/* Does a manifest name its subject itself?  One that is attached by its fallback tag alone belongs
 * to no list of referrers. */
static enum rs_status names_subject(struct page *page, const struct rs_view_referrer *row,
                                    bool *ret)
{
    const struct rs_json_limits limits = RS_JSON_LIMITS(RS_MANIFEST_BYTES_MAX);
    const struct rs_view_manifest manifest = {.digest = row->digest, .size = row->size};
    RS_AUTO(rs_buf) struct rs_buf bytes = RS_BUF_INIT(RS_MANIFEST_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    *ret = !row->is_tagged; /* without a tag it got its subject from nowhere else */
    if (*ret)
        return RS_OK;
    enum rs_status s = rs_view_manifest_bytes(page->conn, &manifest, &bytes, page->reterr);
    if (s == RS_OK)
        s = rs_json_parse(rs_buf_text(&bytes), bytes.len, &limits, &root, page->reterr);
    if (s == RS_BAD_REQUEST)
        s = RS_CORRUPT; /* it was accepted once */
    if (s == RS_OK)
        *ret = rs_json_kind(rs_json_get(root, "subject")) == RS_JSON_OBJECT;
    return s;
}

static void descriptor_write(struct rs_jw *w, const struct rs_view_referrer *row)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "mediaType", row->media_type);
    rs_jw_member_text(w, "digest", row->digest);
    rs_jw_key(w, "size");
    rs_jw_u64(w, row->size);
    if (row->artifact_type != NULL)
        rs_jw_member_text(w, "artifactType", row->artifact_type);
    if (row->annotations != NULL)
        rs_jw_member_raw(w, "annotations", row->annotations);
    rs_jw_object_end(w);
}

static bool visit(const struct rs_view_referrer *row, void *arg)
{
    struct page *page = arg;
    bool named = false;
    if (page->n == page->n_max || page->json.len > PAGE_BYTES) {
        page->has_more = true;
        return false;
    }
    page->status = names_subject(page, row, &named);
    if (page->status != RS_OK)
        return false;
    if (named)
        descriptor_write(&page->w, row);
    (void)rs_text_copy(page->last, sizeof(page->last), row->digest);
    page->n++;
    return true;
}

/* The digest under which the subject is recorded. */
static enum rs_status subject_of(struct rs_db_conn *conn, const struct rs_digest *digest,
                                 struct rs_digest *ret, struct rs_err *reterr)
{
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_catalog_alias_resolve(conn, digest->text, canonical, &err);
    *ret = *digest;
    if (s == RS_NOT_FOUND)
        return RS_OK; /* recorded, if at all, as the manifests name it */
    if (s == RS_OK && !rs_digest_parse(rs_str_of(canonical), ret))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    if (s != RS_OK && reterr != NULL)
        *reterr = err;
    return s;
}

static enum rs_status page_fill(struct rs_db *db, const struct rs_viewer *viewer,
                                const struct rs_referrers_of *of, enum rs_sight sight,
                                struct page *page, struct rs_err *reterr)
{
    struct rs_digest named;
    struct rs_digest subject;
    if (!rs_digest_parse(rs_str_of(of->subject), &named))
        return rs_fail(reterr, RS_DIGEST_INVALID, "%s is not a valid digest", of->subject);
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = subject_of(read.conn, &named, &subject, reterr);
    if (s != RS_OK)
        return s;
    page->conn = read.conn;
    const struct rs_view_referrers_of query = {
        .repository = viewer->repository,
        .subject = subject.text,
        .artifact_type = of->artifact_type,
        .after = of->page.last,
        .rows = sight == RS_SIGHT_ALL ? RS_VIEW_ROWS_ALL : RS_VIEW_ROWS_RELEASED,
        .n_max = page->n_max + 1,
    };
    s = rs_view_list_referrers(read.conn, &query, visit, page, reterr);
    return s == RS_OK ? page->status : s;
}

/* The index around the descriptors. */
static enum rs_status index_write(struct rs_db *db, const struct rs_viewer *viewer,
                                  const struct rs_referrers_of *of, enum rs_sight sight,
                                  struct page *page, struct rs_err *reterr)
{
    rs_jw_object(&page->w);
    rs_jw_member_int(&page->w, "schemaVersion", 2);
    rs_jw_member_text(&page->w, "mediaType", RS_MT_OCI_INDEX);
    rs_jw_key(&page->w, "manifests");
    rs_jw_array(&page->w);
    enum rs_status s = RS_OK;
    if (page->n_max > 0)
        s = page_fill(db, viewer, of, sight, page, reterr);
    rs_jw_array_end(&page->w);
    rs_jw_object_end(&page->w);
    if (s == RS_OK && rs_buf_status(&page->json) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(&page->json), NULL);
    return s;
}

enum rs_status rs_registry_referrers(const struct rs_services *services,
                                     const struct rs_viewer *viewer,
                                     const struct rs_referrers_of *of, struct rs_list *ret,
                                     struct rs_err *reterr)
{
    struct page page = {.json = RS_BUF_INIT(PAGE_BYTES_MAX), .reterr = reterr};
    page.w = (struct rs_jw)RS_JW_INIT(&page.json);
    page.n_max = of->page.n < RS_REFERRERS_N_MAX ? of->page.n : RS_REFERRERS_N_MAX;
    enum rs_status s = rs_resolve_lists(viewer, &ret->sight, reterr);
    if (s == RS_OK)
        s = index_write(services->db, viewer, of, ret->sight, &page, reterr);
    if (s == RS_OK && page.has_more) {
        ret->next = rs_arena_strdup(viewer->arena, page.last);
        s = ret->next == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
    }
    if (s != RS_OK) {
        rs_buf_release(&page.json);
        return s;
    }
    ret->json = page.json;
    return RS_OK;
}
