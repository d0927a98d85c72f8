/* The part of quarantine/admit.h about what a manifest names: what is there, what it opens. */
#include <string.h>

#include "base/attr.h"
#include "catalog/blob.h"
#include "oci/media_type.h"
#include "quarantine/admit_internal.h"
#include "quarantine/idset.h"

static enum rs_status canonical_of(const struct rs_admit *p, const char *digest, const char **ret,
                                   struct rs_err *reterr)
{
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_err unknown = RS_ERR_INIT;
    enum rs_status s = rs_catalog_alias_resolve(p->c->conn, digest, canonical, &unknown);
    if (s == RS_NOT_FOUND) {
        *ret = digest; /* nobody brought bytes of that digest yet */
        return RS_OK;
    }
    if (s != RS_OK) {
        if (reterr != NULL)
            *reterr = unknown;
        return s;
    }
    *ret = rs_arena_strdup(p->c->arena, canonical);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

/* Is the blob in the repository: uploaded or mounted there? */
static enum rs_status blob_is_there(const struct rs_admit *p, const char *digest, bool *ret,
                                    struct rs_err *reterr)
{
    struct rs_catalog_blob_link link = {0};
    struct rs_err unknown = RS_ERR_INIT;
    *ret = false;
    if (p->c->repository_id == 0)
        return RS_OK;
    enum rs_status s =
        rs_catalog_blob_link_get(p->c->conn, p->c->repository_id, digest, &link, &unknown);
    if (s == RS_NOT_FOUND)
        return RS_OK;
    if (s != RS_OK) {
        if (reterr != NULL)
            *reterr = unknown;
        return s;
    }
    *ret = link.is_present;
    return RS_OK;
}

static enum rs_status ref_add(struct rs_admit *p, enum rs_ref_kind kind,
                              const struct rs_descriptor *d, struct rs_err *reterr)
{
    struct rs_admit_ref *ref = &p->refs[p->n_refs];
    ref->row = (struct rs_ref_row){
        .position = (int64_t)p->n_refs,
        .kind = kind,
        .media_type = d->media_type,
        .size = d->size,
    };
    p->n_refs++;
    enum rs_status s = canonical_of(p, d->digest, &ref->row.digest, reterr);
    if (s != RS_OK)
        return s;
    if (kind == RS_REF_MANIFEST) {
        s = rs_change_find(p->c, ref->row.digest, &ref->child, reterr);
        ref->is_there = ref->child != NULL;
        ref->row.child_id = ref->child == NULL ? 0 : ref->child->id;
    } else {
        s = blob_is_there(p, ref->row.digest, &ref->is_there, reterr);
        ref->row.opens = ref->is_there;
    }
    ref->is_needed = kind != RS_REF_LAYER || !rs_media_type_is_nondistributable(d->media_type);
    return s;
}

static enum rs_status refs_collect(struct rs_admit *p, struct rs_err *reterr)
{
    const struct rs_manifest *m = p->in->manifest;
    size_t n = m->n_layers + m->n_manifests + 1;
    enum rs_status s = RS_OK;
    p->refs = rs_arena_alloc(p->c->arena, n * sizeof(*p->refs));
    if (p->refs == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (m->has_config)
        s = ref_add(p, RS_REF_CONFIG, &m->config, reterr);
    for (size_t i = 0; s == RS_OK && i < m->n_layers; i++)
        s = ref_add(p, RS_REF_LAYER, &m->layers[i], reterr);
    for (size_t i = 0; s == RS_OK && i < m->n_manifests; i++)
        s = ref_add(p, m->manifests[i].is_manifest ? RS_REF_MANIFEST : RS_REF_BLOB,
                    &m->manifests[i], reterr);
    return s;
}

enum rs_status rs_admit_refs(struct rs_admit *p, struct rs_err *reterr)
{
    enum rs_status s = refs_collect(p, reterr);
    if (s != RS_OK || rs_policy_is_off(&p->c->policy))
        return s;
    for (size_t i = 0; i < p->n_refs; i++) {
        const struct rs_admit_ref *ref = &p->refs[i];
        if (ref->is_needed && !ref->is_there)
            return rs_fail(reterr, RS_MANIFEST_BLOB_UNKNOWN,
                           "the manifest names %s, which is not in %s: push it there first",
                           ref->row.digest, p->c->repository);
    }
    return RS_OK;
}

static int by_digest(const void *a, const void *b)
{
    const struct rs_admit_ref *const *x = a;
    const struct rs_admit_ref *const *y = b;
    return strcmp((*x)->row.digest, (*y)->row.digest);
}

/* The references to blobs, sorted by digest, so that a blob named twice is counted once. */
static enum rs_status blobs_sorted(const struct rs_admit *p, const struct rs_admit_ref ***ret,
                                   size_t *ret_n, struct rs_err *reterr)
{
    const struct rs_admit_ref **sorted =
        rs_arena_alloc(p->c->arena, (p->n_refs + 1) * sizeof(*sorted));
    size_t n = 0;
    if (sorted == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < p->n_refs; i++)
        if (p->refs[i].row.kind != RS_REF_MANIFEST)
            sorted[n++] = &p->refs[i];
    qsort(sorted, n, sizeof(*sorted), by_digest);
    *ret = sorted;
    *ret_n = n;
    return RS_OK;
}

static enum rs_status blobs_count(const struct rs_admit *p, bool is_released, struct rs_err *reterr)
{
    const struct rs_admit_ref **sorted = NULL;
    size_t n = 0;
    enum rs_status s = blobs_sorted(p, &sorted, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++) {
        if (i > 0 && strcmp(sorted[i]->row.digest, sorted[i - 1]->row.digest) == 0)
            continue; /* all references to one blob open it, or none */
        s = rs_catalog_blob_count(p->c->conn, p->c->repository_id, sorted[i]->row.digest, 1,
                                  is_released && sorted[i]->row.opens ? 1 : 0, reterr);
    }
    return s;
}

enum rs_status rs_admit_refs_store(const struct rs_admit *p, const struct rs_manifest_row *row,
                                   struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < p->n_refs; i++)
        s = rs_catalog_manifest_add_ref(p->c->conn, row, &p->refs[i].row, reterr);
    return s == RS_OK ? blobs_count(p, !rs_manifest_is_held(row), reterr) : s;
}

enum rs_status rs_admit_refs_reopen(const struct rs_admit *p, struct rs_err *reterr)
{
    const struct rs_ref_blob *blobs = NULL;
    size_t n = 0;
    size_t n_opened = 0;
    enum rs_status s =
        rs_catalog_manifest_blobs(p->c->conn, p->c->arena, p->known->id, &blobs, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++) {
        bool is_there = false;
        if (!blobs[i].opens)
            s = blob_is_there(p, blobs[i].digest, &is_there, reterr);
        if (s != RS_OK || !is_there)
            continue;
        n_opened++;
        s = rs_catalog_manifest_open_ref(p->c->conn, p->known->id, blobs[i].digest, reterr);
        if (s == RS_OK)
            s = rs_catalog_blob_count(p->c->conn, p->c->repository_id, blobs[i].digest, 0, 1,
                                      reterr);
    }
    if (s != RS_OK || n_opened == 0)
        return s;
    const struct rs_change_record record = {
        .action = "pushed",
        .manifest = p->known,
        .details = "{\"opened\":\"blobs that came after the manifest\"}",
    };
    return rs_change_record(p->c, &record, NULL, reterr);
}

/* ---- descendants ---- */

/* Queue the manifests of a list that were not met yet; *ret_held when one of them is held. */
static enum rs_status queue_add(const struct rs_admit *p, struct rs_idset *seen,
                                struct rs_manifest_list *queue, struct rs_manifest_row *row,
                                bool *ret_held, struct rs_err *reterr)
{
    bool is_new = false;
    if (rs_manifest_is_held(row) || seen->n >= RS_CHANGE_MANIFESTS_MAX) {
        *ret_held = true; /* past the limit nobody knows: held back */
        return RS_OK;
    }
    if (row->shape != RS_SHAPE_INDEX)
        return RS_OK;
    enum rs_status s = rs_idset_add(seen, p->c->arena, row->id, &is_new);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    return is_new ? rs_manifest_list_add(queue, p->c->arena, row, reterr) : RS_OK;
}

enum rs_status rs_admit_names_held(const struct rs_admit *p, bool *ret, struct rs_err *reterr)
{
    struct rs_idset seen = {0};
    struct rs_manifest_list queue = {0};
    enum rs_status s = RS_OK;
    *ret = false;
    for (size_t i = 0; s == RS_OK && !*ret && i < p->n_refs; i++)
        if (p->refs[i].child != NULL)
            s = queue_add(p, &seen, &queue, p->refs[i].child, ret, reterr);
    for (size_t i = 0; s == RS_OK && !*ret && i < queue.n; i++) {
        struct rs_manifest_list named = {0};
        s = rs_catalog_manifest_named(p->c->conn, p->c->arena, queue.rows[i]->id, &named, reterr);
        for (size_t k = 0; s == RS_OK && !*ret && k < named.n; k++)
            s = queue_add(p, &seen, &queue, named.rows[k], ret, reterr);
    }
    return s;
}
