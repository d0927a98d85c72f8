#include "quarantine/resolver.h"

#include <string.h>

#include "audit/keeper.h"
#include "catalog/blob.h"
#include "crypto/hash.h"
#include "oci/reference.h"
#include "quarantine/reason.h"
#include "quarantine/resolver_internal.h"

/* ---- who asks ---- */

enum rs_column rs_resolver_column(const struct rs_access *access)
{
    if (rs_access_has(access, RS_PERM_QUARANTINE_PULL))
        return RS_COLUMN_Q;
    if (rs_access_has(access, RS_PERM_PUSH))
        return RS_COLUMN_W;
    return rs_access_has(access, RS_PERM_PULL) ? RS_COLUMN_R : RS_COLUMN_NONE;
}

static bool is_anonymous(const struct rs_viewer *viewer)
{
    return viewer->identity->principal_id == RS_ANONYMOUS_ID;
}

/* Without an Authorization header every denial is one and the same: clients log in only after a
 * 401, and nobody learns what is there without logging in. */
static enum rs_status deny(const struct rs_viewer *viewer, enum rs_status as, struct rs_err *reterr)
{
    if (!viewer->identity->has_credentials)
        return rs_fail(reterr, RS_UNAUTHORIZED, NULL);
    return rs_fail(reterr, as, NULL);
}

enum rs_status rs_resolver_gate(const struct rs_viewer *viewer, enum rs_status missing,
                                enum rs_column *ret_column, struct rs_err *reterr)
{
    *ret_column = RS_COLUMN_NONE;
    const enum rs_column column = rs_resolver_column(viewer->access);
    if (column == RS_COLUMN_NONE && is_anonymous(viewer))
        return deny(viewer, missing, reterr);
    if (column == RS_COLUMN_NONE)
        return rs_fail(reterr, RS_DENIED, "%s has no permission to read in repository %s",
                       viewer->identity->name, viewer->repository);
    if ((viewer->access->scope & RS_PERM_PULL) == 0)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the token does not carry pull for repository %s: ask for one that does",
                       viewer->repository);
    *ret_column = column;
    return RS_OK;
}

enum rs_sight rs_resolve_sight(const struct rs_access *access)
{
    static const enum rs_sight sights[] = {
        [RS_COLUMN_NONE] = RS_SIGHT_NONE,
        [RS_COLUMN_R] = RS_SIGHT_RELEASED,
        [RS_COLUMN_W] = RS_SIGHT_OWN,
        [RS_COLUMN_Q] = RS_SIGHT_ALL,
    };
    return sights[rs_resolver_column(access)];
}

enum rs_status rs_resolve_lists(const struct rs_viewer *viewer, enum rs_sight *ret,
                                struct rs_err *reterr)
{
    enum rs_column column;
    *ret = RS_SIGHT_NONE;
    enum rs_status s = rs_resolver_gate(viewer, RS_NOT_FOUND, &column, reterr);
    if (s == RS_OK)
        *ret = rs_resolve_sight(viewer->access);
    return s;
}

enum rs_status rs_resolve_manifests(const struct rs_viewer *viewer, enum rs_sight *ret,
                                    struct rs_err *reterr)
{
    enum rs_column column;
    *ret = RS_SIGHT_NONE;
    enum rs_status s = rs_resolver_gate(viewer, RS_MANIFEST_UNKNOWN, &column, reterr);
    if (s == RS_OK)
        *ret = column == RS_COLUMN_Q ? RS_SIGHT_ALL : RS_SIGHT_RELEASED;
    return s;
}

bool rs_resolver_discloses(const struct rs_viewer *viewer, const struct rs_policy *policy)
{
    /* Who may pull only because everybody may is told what everybody is told: nothing. */
    const struct rs_access *access = viewer->access;
    const bool is_everybody = access->is_public && !rs_access_has(access, RS_PERM_PUSH);
    return policy->disclose && !is_anonymous(viewer) && !is_everybody;
}

/* ---- the answers that are no ---- */

enum rs_status rs_resolver_unknown(const struct rs_resolution *r, struct rs_err *reterr)
{
    return deny(r->viewer, r->missing, reterr);
}

/* The 401 that makes a client log in is no denied read yet. */
static void count_denied(const struct rs_resolution *r)
{
    const struct rs_viewer *v = r->viewer;
    if (!r->is_quiet && v->audit != NULL && v->actor != NULL && v->identity->has_credentials)
        rs_audit_denied(v->audit, v->actor, v->repository, r->reference);
}

enum rs_status rs_resolver_conceal(const struct rs_resolution *r, struct rs_err *reterr)
{
    count_denied(r);
    return rs_resolver_unknown(r, reterr);
}

enum rs_status rs_resolver_refuse(const struct rs_resolution *r,
                                  const struct rs_view_manifest *holder,
                                  const struct rs_policy *policy, struct rs_err *reterr)
{
    count_denied(r);
    if (r->is_quiet)
        return RS_DENIED;
    if (!r->viewer->identity->has_credentials)
        return deny(r->viewer, RS_UNAUTHORIZED, reterr);
    const struct rs_reason reason = {
        .status = RS_DENIED, .what = r->what, .holder = holder, .policy = policy};
    return rs_reason_fail(r->conn, r->viewer->arena, &reason, reterr);
}

bool rs_resolver_is_denial(enum rs_status s)
{
    return s == RS_UNAUTHORIZED || s == RS_DENIED || s == RS_MANIFEST_UNKNOWN ||
           s == RS_BLOB_UNKNOWN || s == RS_NOT_FOUND || s == RS_DIGEST_INVALID;
}

enum rs_status rs_resolver_canonical(struct rs_db_conn *conn, struct rs_arena *arena,
                                     const struct rs_digest *digest, const char **ret,
                                     struct rs_err *reterr)
{
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_err err = RS_ERR_INIT;
    *ret = NULL;
    enum rs_status s = rs_catalog_alias_resolve(conn, digest->text, canonical, &err);
    if (s == RS_NOT_FOUND)
        return RS_OK;
    if (s != RS_OK) {
        if (reterr != NULL && reterr->status == RS_OK)
            *reterr = err;
        return s;
    }
    *ret = rs_arena_strdup(arena, canonical);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

/* ---- manifests ---- */

/* What was found and may be shown. */
struct shown {
    struct rs_view_manifest manifest;
    const char *named; /* the digest in the client's algorithm */
    const char *live;  /* of a staged one by tag */
};

static enum rs_status has_pushed(const struct rs_resolution *r, const struct rs_view_manifest *m,
                                 bool *ret, struct rs_err *reterr)
{
    const int64_t who = r->viewer->identity->principal_id;
    return rs_catalog_manifest_is_pusher(r->conn, m->id, who, ret, reterr);
}

/* Push clients read back what they pushed: a principal that completed a PUT of these very bytes
 * here may read them by digest, as long as it may still push. */
static enum rs_status is_echo(const struct rs_resolution *r, const struct rs_view_manifest *m,
                              const struct rs_policy *policy, bool *ret, struct rs_err *reterr)
{
    *ret = false;
    if (r->column != RS_COLUMN_W || is_anonymous(r->viewer) || !policy->echo || m->has_data)
        return RS_OK;
    return has_pushed(r, m, ret, reterr);
}

static enum rs_status judge_digest(const struct rs_resolution *r, const struct rs_view_manifest *m,
                                   struct rs_err *reterr)
{
    if (m->state == RS_STATE_RELEASED || r->column == RS_COLUMN_Q)
        return RS_OK;
    struct rs_policy policy;
    bool echo = false;
    enum rs_status s = rs_policy_for(r->conn, r->viewer->repository, &policy, reterr);
    if (s == RS_OK)
        s = is_echo(r, m, &policy, &echo, reterr);
    if (s != RS_OK || echo)
        return s;
    if (r->column == RS_COLUMN_R && rs_resolver_discloses(r->viewer, &policy))
        return rs_resolver_refuse(r, m, &policy, reterr);
    return rs_resolver_conceal(r, reterr);
}

static enum rs_status find_digest(const struct rs_resolution *r, const struct rs_digest *digest,
                                  struct shown *ret, struct rs_err *reterr)
{
    bool found = false;
    const char *canonical = NULL;
    enum rs_status s = rs_resolver_canonical(r->conn, r->viewer->arena, digest, &canonical, reterr);
    if (s == RS_OK && canonical != NULL)
        s = rs_view_manifest(r->conn, r->viewer->arena, r->viewer->repository, canonical, &found,
                             &ret->manifest, reterr);
    if (s != RS_OK)
        return s;
    return found ? judge_digest(r, &ret->manifest, reterr) : rs_resolver_unknown(r, reterr);
}

/* A tag that is staged only, for somebody who does not see the stage. */
static enum rs_status judge_staged(const struct rs_resolution *r,
                                   const struct rs_view_manifest *staged, struct rs_err *reterr)
{
    struct rs_policy policy;
    bool own = false;
    enum rs_status s = rs_policy_for(r->conn, r->viewer->repository, &policy, reterr);
    if (s == RS_OK && r->column == RS_COLUMN_R && rs_resolver_discloses(r->viewer, &policy))
        return rs_resolver_refuse(r, staged, &policy, reterr);
    /* A publisher's own push: 404 as if nothing were there, so that its tools go on, but the text
     * says where the image is. */
    if (s == RS_OK && r->column == RS_COLUMN_W && !is_anonymous(r->viewer))
        s = has_pushed(r, staged, &own, reterr);
    if (s != RS_OK)
        return s;
    if (!own)
        return rs_resolver_conceal(r, reterr);
    const struct rs_reason reason = {
        .status = r->missing, .what = r->what, .holder = staged, .policy = &policy, .is_own = true};
    count_denied(r);
    return rs_reason_fail(r->conn, r->viewer->arena, &reason, reterr);
}

static enum rs_status find_tag(const struct rs_resolution *r, const char *tag, struct shown *ret,
                               struct rs_err *reterr)
{
    struct rs_view_tag t = {0};
    bool found = false;
    enum rs_status s =
        rs_view_tag(r->conn, r->viewer->arena, r->viewer->repository, tag, &found, &t, reterr);
    if (s != RS_OK)
        return s;
    if (found && t.has_staged && r->column == RS_COLUMN_Q) {
        *ret = (struct shown){.manifest = t.staged,
                              .named = t.staged_named,
                              .live = t.has_live ? t.live.digest : NULL};
        return RS_OK;
    }
    if (found && t.has_live) {
        *ret = (struct shown){.manifest = t.live, .named = t.live_named};
        return RS_OK;
    }
    return found && t.has_staged ? judge_staged(r, &t.staged, reterr)
                                 : rs_resolver_unknown(r, reterr);
}

/* The stored bytes, checked: what is served under a digest has that digest. */
static enum rs_status bytes_get(struct rs_db_conn *conn, const struct rs_view_manifest *m,
                                struct rs_buf *out, struct rs_err *reterr)
{
    char digest[RS_HASH_TEXT_BYTES];
    enum rs_status s = rs_view_manifest_bytes(conn, m, out, reterr);
    if (s != RS_OK)
        return s;
    rs_hash_text(RS_HASH_SHA256, rs_buf_text(out), out->len, digest);
    if (strcmp(digest, m->digest) == 0)
        return RS_OK;
    s = rs_fail(reterr, RS_CORRUPT, NULL);
    (void)rs_err_log(reterr, "bytes of manifest %s do not have that digest", m->digest);
    return s;
}

void rs_manifest_view_release(struct rs_manifest_view *view)
{
    rs_buf_release(&view->bytes);
}

static enum rs_status show(const struct rs_resolution *r, const struct rs_reference *reference,
                           enum rs_want want, const struct shown *shown,
                           struct rs_manifest_view *ret, struct rs_err *reterr)
{
    const struct rs_view_manifest *m = &shown->manifest;
    struct rs_buf bytes = RS_BUF_INIT(m->size);
    const char *named = shown->named == NULL ? m->digest : shown->named;
    if (reference->is_digest)
        named = rs_arena_strdup(r->viewer->arena, reference->digest.text);
    if (named == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = want == RS_WANT_GET ? bytes_get(r->conn, m, &bytes, reterr) : RS_OK;
    if (s != RS_OK) {
        rs_buf_release(&bytes);
        return s;
    }
    *ret = (struct rs_manifest_view){
        .id = m->id,
        .digest = m->digest,
        .named = named,
        .media_type = m->media_type,
        .size = m->size,
        .bytes = bytes,
        .held = m->state == RS_STATE_RELEASED ? NULL : rs_state_name(m->state),
        .live = shown->live,
        .is_tag = !reference->is_digest,
        .is_fresh = rs_db_read_is_fresh(r->conn),
    };
    return RS_OK;
}

/* "team/app:v1" or "team/app@sha256:...": how messages name it. */
static const char *what_of(const struct rs_viewer *viewer, const struct rs_reference *reference)
{
    return rs_arena_printf(viewer->arena, reference->is_digest ? "%s@%s" : "%s:%s",
                           viewer->repository,
                           reference->is_digest ? reference->digest.text : reference->tag);
}

enum rs_status rs_resolve_manifest(struct rs_db *db, const struct rs_viewer *viewer,
                                   const char *reference, enum rs_want want,
                                   struct rs_manifest_view *ret, struct rs_err *reterr)
{
    struct rs_resolution r = {
        .viewer = viewer, .missing = RS_MANIFEST_UNKNOWN, .reference = reference};
    struct rs_reference parsed;
    struct shown shown = {0};
    enum rs_status s = rs_resolver_gate(viewer, r.missing, &r.column, reterr);
    if (s != RS_OK)
        return s;
    s = rs_reference_parse(reference, &parsed, NULL);
    if (s == RS_MANIFEST_INVALID)
        return rs_resolver_unknown(&r, reterr); /* such a tag does not exist */
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    r.what = what_of(viewer, &parsed);
    if (r.what == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    r.conn = read.conn;
    s = parsed.is_digest ? find_digest(&r, &parsed.digest, &shown, reterr)
                         : find_tag(&r, parsed.tag, &shown, reterr);
    return s == RS_OK ? show(&r, &parsed, want, &shown, ret, reterr) : s;
}
