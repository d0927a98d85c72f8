/* The part of quarantine/admit.h that tells an attachment from an image, and who may push which. */
#include <string.h>

#include "base/attr.h"
#include "catalog/blob.h"
#include "oci/fallback_tag.h"
#include "quarantine/admit_internal.h"

static bool is_held(const struct rs_manifest_row *row)
{
    return row != NULL && rs_manifest_is_held(row);
}

static const char *arena_copy(const struct rs_admit *p, const char *text, enum rs_status *s,
                              struct rs_err *reterr)
{
    const char *copy = rs_arena_strdup(p->c->arena, text);
    if (copy == NULL)
        *s = rs_fail(reterr, RS_NOMEM, NULL);
    return copy;
}

/* The digest that the manifest names as its subject, canonical when its bytes are known. */
static enum rs_status own_subject_find(struct rs_admit *p, struct rs_err *reterr)
{
    const struct rs_manifest *m = p->in->manifest;
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_err unknown = RS_ERR_INIT;
    if (!m->has_subject)
        return RS_OK;
    enum rs_status s = rs_catalog_alias_resolve(p->c->conn, m->subject.digest, canonical, &unknown);
    if (s != RS_OK && s != RS_NOT_FOUND) {
        if (reterr != NULL)
            *reterr = unknown;
        return s;
    }
    const char *digest = s == RS_OK ? canonical : m->subject.digest;
    s = RS_OK;
    p->own_subject = arena_copy(p, digest, &s, reterr);
    return s == RS_OK ? rs_change_find(p->c, p->own_subject, &p->own_subject_row, reterr) : s;
}

static enum rs_status tag_place(struct rs_admit *p, struct rs_admit_tag *tag, struct rs_err *reterr)
{
    struct rs_digest subject;
    enum rs_status s = RS_OK;
    if (p->c->repository_id != 0)
        s = rs_catalog_tag_get(p->c->conn, p->c->repository_id, tag->name, &tag->row, reterr);
    if (s != RS_OK)
        return s;
    if (p->known != NULL)
        tag->is_latest = tag->row.staged_id != 0 ? tag->row.staged_id == p->known->id
                                                 : tag->row.live_id == p->known->id;
    /* A tag that would attach a manifest to itself attaches nothing. */
    if (!rs_fallback_tag_parse(rs_str_of(tag->name), &subject) ||
        strcmp(subject.text, p->in->digest) == 0)
        return RS_OK;
    tag->subject = arena_copy(p, subject.text, &s, reterr);
    return s == RS_OK ? rs_change_find(p->c, tag->subject, &tag->subject_row, reterr) : s;
}

/*
 * SPEC section 1: an attachment names its subject by `subject` or by its fallback tag, and is
 * pushed by digest or under fallback tags of that same subject only.
 */
static void subject_decide(struct rs_admit *p)
{
    p->subject = p->own_subject;
    p->subject_row = p->own_subject_row;
    bool is_attachment = !p->in->manifest->is_index && p->in->manifest->is_attachment_shape;
    for (size_t i = 0; i < p->in->n_tags; i++) {
        const struct rs_admit_tag *tag = &p->tags[i];
        if (p->subject == NULL && tag->subject != NULL) {
            p->subject = tag->subject;
            p->subject_row = tag->subject_row;
        }
        if (tag->subject == NULL || strcmp(tag->subject, p->subject) != 0)
            is_attachment = false; /* an ordinary tag, or another subject's */
    }
    p->is_attachment = is_attachment && p->subject != NULL;
    p->touches_held = is_held(p->own_subject_row);
    for (size_t i = 0; i < p->in->n_tags; i++)
        if (!p->tags[i].is_latest && is_held(p->tags[i].subject_row))
            p->touches_held = true;
}

/* A by-digest push of a known attachment attaches to the subject that it has there. */
static enum rs_status known_subject(struct rs_admit *p, struct rs_err *reterr)
{
    const struct rs_manifest_row *known = p->known;
    if (known == NULL || known->shape != RS_SHAPE_ATTACHMENT || p->subject != NULL ||
        p->in->n_tags > 0)
        return RS_OK;
    p->subject = known->subject_digest;
    p->is_attachment = p->subject != NULL;
    enum rs_status s = RS_OK;
    if (p->subject != NULL)
        s = rs_change_find(p->c, p->subject, &p->subject_row, reterr);
    if (s == RS_OK && is_held(p->subject_row))
        p->touches_held = true;
    return s;
}

/*
 * BuildKit pushes, with every image and by the same identity, an attestation of how it built it: by
 * digest, with the image as subject, and as a part of the index that follows.  Refusing it would
 * break every such push.  So it is taken from whoever pushed that very subject here, as an image:
 * held in its own right, never joined, released by a decision or with its index.  Any other type,
 * principal or reference is an attachment like all others.
 */
#define BUILD_RECORD_TYPE "application/vnd.docker.attestation.manifest.v1+json"

static enum rs_status build_record_place(struct rs_admit *p, struct rs_err *reterr)
{
    const char *type = p->in->manifest->artifact_type;
    bool may_be = type != NULL && strcmp(type, BUILD_RECORD_TYPE) == 0 && p->in->n_tags == 0 &&
                  is_held(p->own_subject_row) && !rs_policy_is_off(&p->c->policy) &&
                  !rs_access_has(p->in->access, RS_PERM_QUARANTINE_PUSH);
    if (!may_be)
        return RS_OK;
    enum rs_status s =
        rs_catalog_manifest_is_pusher(p->c->conn, p->own_subject_row->id,
                                      p->in->identity->principal_id, &p->is_build_record, reterr);
    if (s == RS_OK && p->is_build_record) {
        p->is_attachment = false;
        p->touches_held = false;
    }
    return s;
}

enum rs_status rs_admit_place(struct rs_admit *p, struct rs_err *reterr)
{
    p->tags = rs_arena_alloc(p->c->arena, (p->in->n_tags + 1) * sizeof(*p->tags));
    if (p->tags == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = own_subject_find(p, reterr);
    for (size_t i = 0; s == RS_OK && i < p->in->n_tags; i++) {
        p->tags[i].name = p->in->tags[i];
        s = tag_place(p, &p->tags[i], reterr);
    }
    if (s != RS_OK)
        return s;
    subject_decide(p);
    s = build_record_place(p, reterr);
    return s == RS_OK && !p->is_build_record ? known_subject(p, reterr) : s;
}

bool rs_admit_is_same_attachment(const struct rs_admit *p)
{
    return p->is_attachment && p->known != NULL && p->known->shape == RS_SHAPE_ATTACHMENT &&
           p->known->subject_digest != NULL && strcmp(p->known->subject_digest, p->subject) == 0;
}

enum rs_status rs_admit_reach(const struct rs_admit *p, struct rs_err *reterr)
{
    if (rs_access_has(p->in->access, RS_PERM_PUSH))
        return RS_OK;
    if (rs_access_has(p->in->access, RS_PERM_QUARANTINE_PUSH) && p->is_attachment &&
        (p->known == NULL || rs_admit_is_same_attachment(p)))
        return RS_OK;
    return rs_fail(reterr, RS_DENIED,
                   "quarantine-push without push reaches attachments only, by digest or under a"
                   " fallback tag of their subject");
}

static enum rs_status need_quarantine_push(const struct rs_admit *p,
                                           const struct rs_manifest_row *subject,
                                           struct rs_err *reterr)
{
    if (!is_held(subject) || rs_access_has(p->in->access, RS_PERM_QUARANTINE_PUSH))
        return RS_OK;
    return rs_fail(reterr, RS_DENIED,
                   "the subject %s is in quarantine: attaching to it needs quarantine-push on %s",
                   subject->digest, p->c->repository);
}

static enum rs_status tag_permit(const struct rs_admit *p, const struct rs_admit_tag *tag,
                                 struct rs_err *reterr)
{
    if (tag->is_latest || tag->subject == NULL)
        return RS_OK;
    enum rs_status s = need_quarantine_push(p, tag->subject_row, reterr);
    if (s != RS_OK)
        return s;
    bool is_released = p->known != NULL && !rs_manifest_is_held(p->known);
    bool is_free = rs_policy_is_off(&p->c->policy) && !is_held(tag->subject_row);
    if (!is_released || is_free || rs_access_has(p->in->access, RS_PERM_QUARANTINE_DECIDE))
        return RS_OK;
    return rs_fail(
        reterr, RS_DENIED,
        "%s is released already: attaching it to %s by a tag needs quarantine-decide on %s",
        p->in->digest, tag->subject, p->c->repository);
}

enum rs_status rs_admit_permit(const struct rs_admit *p, struct rs_err *reterr)
{
    if (p->is_build_record)
        return RS_OK;
    enum rs_status s = need_quarantine_push(p, p->own_subject_row, reterr);
    if (s == RS_OK && p->in->n_tags == 0)
        s = need_quarantine_push(p, p->subject_row, reterr);
    for (size_t i = 0; s == RS_OK && i < p->in->n_tags; i++)
        s = tag_permit(p, &p->tags[i], reterr);
    return s;
}

const char *rs_admit_permission(const struct rs_admit *p)
{
    const struct rs_access *access = p->in->access;
    bool may_attach = rs_access_has(access, RS_PERM_QUARANTINE_PUSH);
    bool subject_is_there = p->subject_row != NULL && !p->touches_held;
    if (!rs_access_has(access, RS_PERM_PUSH) || (may_attach && p->touches_held))
        return "quarantine-push";
    if (!p->is_attachment)
        return "push";
    if (subject_is_there)
        return rs_access_has(access, RS_PERM_QUARANTINE_DECIDE) ? "quarantine-decide" : "push";
    return may_attach ? "quarantine-push" : "push";
}

/* ---- preconditions ---- */

/* Next member of a comma-separated list of entity tags, without its quotes; false at the end. */
static bool etag_next(const char **at, char *out, size_t cap)
{
    const char *p = *at + strspn(*at, " \t,");
    size_t n = strcspn(p, " \t,");
    *at = p + n;
    if (n == 0)
        return false;
    out[0] = '\0';
    if (n == 1 && p[0] == '*')
        (void)rs_text_copy(out, cap, "*");
    else if (n >= 2 && n - 2 < cap && p[0] == '"' && p[n - 1] == '"') {
        memcpy(out, p + 1, n - 2);
        out[n - 2] = '\0';
    }
    return true;
}

/* Does the list name this manifest by any of its digests?  "*" names whatever there is. */
static bool etag_names(const struct rs_admit *p, const char *header, const char *digest)
{
    char entry[RS_DIGEST_TEXT_BYTES];
    while (etag_next(&header, entry, sizeof(entry))) {
        char canonical[RS_CANONICAL_DIGEST_BYTES];
        if (digest == NULL)
            continue;
        if (strcmp(entry, "*") == 0)
            return true;
        if (rs_catalog_alias_resolve(p->c->conn, entry, canonical, NULL) == RS_OK &&
            strcmp(canonical, digest) == 0)
            return true;
    }
    return false;
}

/* What the reference is for this caller before the push: the staged manifest for those who see it,
 * else the live one; by digest the manifest itself, if he may know of it. */
static enum rs_status resolved_before(const struct rs_admit *p, const char **ret,
                                      struct rs_err *reterr)
{
    bool sees_held = rs_access_has(p->in->access, RS_PERM_QUARANTINE_PULL);
    struct rs_manifest_row *row = p->known;
    *ret = NULL;
    if (p->in->n_tags > 0) {
        const struct rs_tag_row *tag = &p->tags[0].row;
        int64_t id = sees_held && tag->staged_id != 0 ? tag->staged_id : tag->live_id;
        row = NULL;
        enum rs_status s =
            id == 0 ? RS_OK : rs_catalog_manifest_get(p->c->conn, p->c->arena, id, &row, reterr);
        if (s != RS_OK)
            return s;
    }
    if (row != NULL && (sees_held || !rs_manifest_is_held(row)))
        *ret = row->digest;
    return RS_OK;
}

enum rs_status rs_admit_preconditions(const struct rs_admit *p, struct rs_err *reterr)
{
    const char *digest = NULL;
    if (p->in->if_match == NULL && p->in->if_none_match == NULL)
        return RS_OK;
    enum rs_status s = resolved_before(p, &digest, reterr);
    if (s != RS_OK)
        return s;
    if (p->in->if_match != NULL && !etag_names(p, p->in->if_match, digest))
        return rs_fail(reterr, RS_PRECONDITION,
                       "If-Match: the reference does not point there (any more): read it again");
    if (p->in->if_none_match != NULL && etag_names(p, p->in->if_none_match, digest))
        return rs_fail(reterr, RS_PRECONDITION,
                       "If-None-Match: the reference points there already");
    return RS_OK;
}
