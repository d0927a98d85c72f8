#include "auth/auth.h"
#include "blob/grant_mint.h"
#include "catalog/view_blob.h"
#include "oci/digest.h"
#include "quarantine/resolver_internal.h"

/* A config that is echoed is read whole by clients; larger ones are no image's config. */
#define ECHO_CONFIG_BYTES_MAX ((uint64_t)1048576)

/* The blob that is asked for. */
struct subject {
    const char *digest; /* canonical */
    struct rs_view_blob blob;
    enum rs_want want;
};

/* What the viewer has to do with a blob that no released manifest opens. */
struct ties {
    bool has_uploaded; /* it uploaded the blob there itself */
    bool has_pushed;   /* it pushed a manifest there that names it */
};

static enum rs_status ties_get(const struct rs_resolution *r, const char *digest, struct ties *ret,
                               struct rs_err *reterr)
{
    const char *repository = r->viewer->repository;
    const int64_t who = r->viewer->identity->principal_id;
    *ret = (struct ties){0};
    enum rs_status s =
        rs_view_blob_is_uploader(r->conn, repository, digest, who, &ret->has_uploaded, reterr);
    if (s == RS_OK)
        s = rs_view_blob_is_pusher(r->conn, repository, digest, who, &ret->has_pushed, reterr);
    return s;
}

/* The two ways in which a publisher reads a blob that nothing opens; both give it bytes that it
 * uploaded itself. */
static enum rs_status is_given_back(const struct rs_resolution *r, const struct subject *b,
                                    const struct ties *ties, const struct rs_policy *policy,
                                    bool *ret, struct rs_err *reterr)
{
    *ret = false;
    if (!ties->has_uploaded)
        return RS_OK;
    if (!b->blob.is_named) {
        *ret = rs_policy_is_off(policy);
        return RS_OK;
    }
    const int64_t who = r->viewer->identity->principal_id;
    if (who == RS_ANONYMOUS_ID || !policy->echo || b->blob.size > ECHO_CONFIG_BYTES_MAX)
        return RS_OK;
    return rs_view_blob_is_own_config(r->conn, r->viewer->repository, b->digest, who, ret, reterr);
}

static enum rs_status refuse(const struct rs_resolution *r, const struct subject *b,
                             const struct rs_policy *policy, struct rs_err *reterr)
{
    struct rs_view_manifest holder;
    bool found = false;
    enum rs_status s = RS_OK;
    if (!r->is_quiet) /* only for the words */
        s = rs_view_blob_holder(r->conn, r->viewer->arena, r->viewer->repository, b->digest, &found,
                                &holder, reterr);
    return s == RS_OK ? rs_resolver_refuse(r, found ? &holder : NULL, policy, reterr) : s;
}

/* Column W, and nothing opens it. */
static enum rs_status judge_publisher(const struct rs_resolution *r, const struct subject *b,
                                      const struct rs_policy *policy, struct rs_err *reterr)
{
    struct ties ties;
    bool given_back = false;
    enum rs_status s = ties_get(r, b->digest, &ties, reterr);
    if (s == RS_OK && b->want == RS_WANT_GET)
        s = is_given_back(r, b, &ties, policy, &given_back, reterr);
    if (s != RS_OK || given_back)
        return s;
    const bool may_know =
        rs_resolver_discloses(r->viewer, policy) || ties.has_uploaded || ties.has_pushed;
    if (!may_know)
        return rs_resolver_conceal(r, reterr);
    /* Push clients ask before they upload, and give up on anything but 200 and 404. */
    return b->want == RS_WANT_HEAD ? RS_OK : refuse(r, b, policy, reterr);
}

static enum rs_status judge(const struct rs_resolution *r, const struct subject *b,
                            struct rs_err *reterr)
{
    if (!b->blob.is_present)
        return rs_resolver_unknown(r, reterr);
    if (b->blob.is_open || r->column == RS_COLUMN_Q)
        return RS_OK;
    struct rs_policy policy;
    enum rs_status s = rs_policy_for(r->conn, r->viewer->repository, &policy, reterr);
    if (s != RS_OK)
        return s;
    if (r->column == RS_COLUMN_W)
        return judge_publisher(r, b, &policy, reterr);
    return rs_resolver_discloses(r->viewer, &policy) ? refuse(r, b, &policy, reterr)
                                                     : rs_resolver_conceal(r, reterr);
}

/* Find and judge, with the connection and column of `r`. */
static enum rs_status decide(const struct rs_resolution *r, const struct rs_digest *digest,
                             struct subject *b, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = rs_resolver_canonical(r->conn, r->viewer->arena, digest, &b->digest, reterr);
    if (s == RS_OK && b->digest != NULL)
        s = rs_view_blob(r->conn, r->viewer->repository, b->digest, &found, &b->blob, reterr);
    if (s != RS_OK)
        return s;
    return found ? judge(r, b, reterr) : rs_resolver_unknown(r, reterr);
}

enum rs_status rs_resolve_blob(struct rs_db *db, const struct rs_viewer *viewer, const char *digest,
                               enum rs_want want, struct rs_blob_view *ret, struct rs_err *reterr)
{
    struct rs_resolution r = {.viewer = viewer, .missing = RS_BLOB_UNKNOWN, .reference = digest};
    struct subject b = {.want = want};
    struct rs_digest parsed;
    enum rs_status s = rs_resolver_gate(viewer, r.missing, &r.column, reterr);
    if (s != RS_OK)
        return s;
    if (!rs_digest_parse(rs_str_of(digest), &parsed))
        return rs_fail(reterr, RS_DIGEST_INVALID, "%s is not a valid digest", digest);
    r.what = rs_arena_printf(viewer->arena, "blob %s of %s", parsed.text, viewer->repository);
    const char *named = rs_arena_strdup(viewer->arena, parsed.text);
    if (r.what == NULL || named == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    r.conn = read.conn;
    s = decide(&r, &parsed, &b, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_grant *grant = NULL;
    if (want == RS_WANT_GET) {
        grant = rs_grant_mint(viewer->arena, viewer->identity->principal_id, viewer->repository,
                              b.digest, b.blob.size);
        if (grant == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
    }
    *ret = (struct rs_blob_view){
        .digest = b.digest,
        .named = named,
        .size = b.blob.size,
        .grant = grant,
        .is_open = b.blob.is_open,
    };
    return RS_OK;
}

/* ---- mounts ---- */

/* Could the viewer GET the blob, whatever its token's scope? */
static enum rs_status is_readable(struct rs_db_conn *conn, const struct rs_viewer *viewer,
                                  const struct rs_digest *digest, bool *ret, struct rs_err *reterr)
{
    struct rs_err err = RS_ERR_INIT;
    const struct rs_resolution r = {
        .viewer = viewer,
        .conn = conn,
        .column = rs_resolver_column(viewer->access),
        .missing = RS_BLOB_UNKNOWN,
        .what = "",
        .reference = digest->text,
        .is_quiet = true, /* push clients try mounts all the time */
    };
    struct subject b = {.want = RS_WANT_GET};
    *ret = false;
    if (r.column == RS_COLUMN_NONE)
        return RS_OK;
    enum rs_status s = decide(&r, digest, &b, &err);
    if (rs_resolver_is_denial(s))
        return RS_OK;
    if (s != RS_OK && reterr != NULL && reterr->status == RS_OK)
        *reterr = err;
    *ret = s == RS_OK;
    return s;
}

static enum rs_readable readable_of(bool is_readable_by_grants, const struct rs_access *access)
{
    if (!is_readable_by_grants)
        return RS_READABLE_NO;
    return (access->scope & RS_PERM_PULL) != 0 ? RS_READABLE_YES : RS_READABLE_OUT_OF_SCOPE;
}

enum rs_status rs_resolve_blob_readable(struct rs_db *db, const struct rs_viewer *viewer,
                                        const char *digest, enum rs_readable *ret,
                                        struct rs_err *reterr)
{
    struct rs_digest parsed;
    bool readable = false;
    *ret = RS_READABLE_NO;
    if (!rs_digest_parse(rs_str_of(digest), &parsed))
        return RS_OK;
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = is_readable(read.conn, viewer, &parsed, &readable, reterr);
    if (s == RS_OK)
        *ret = readable_of(readable, viewer->access);
    return s;
}

/* A mount without a source, as it goes from repository to repository. */
struct search {
    struct rs_db_conn *conn;
    struct rs_auth *auth;
    const struct rs_identity *identity;
    struct rs_arena *arena;
    struct rs_digest digest;
};

static enum rs_status readable_in(const struct search *search, const char *repository,
                                  enum rs_readable *ret, struct rs_err *reterr)
{
    struct rs_access access;
    bool readable = false;
    *ret = RS_READABLE_NO;
    enum rs_status s =
        rs_auth_access(search->auth, search->identity, repository, search->arena, &access, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_viewer viewer = {
        .identity = search->identity,
        .access = &access,
        .repository = repository,
        .arena = search->arena,
    };
    s = is_readable(search->conn, &viewer, &search->digest, &readable, reterr);
    if (s == RS_OK)
        *ret = readable_of(readable, &access);
    return s;
}

static enum rs_status search_all(const struct search *search, const char *canonical,
                                 enum rs_readable *ret, const char **ret_source,
                                 struct rs_err *reterr)
{
    const char **names = NULL;
    size_t n = 0;
    enum rs_status s = rs_view_blob_repositories(search->conn, search->arena, canonical,
                                                 RS_READABLE_REPOSITORIES_MAX, &names, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n && *ret != RS_READABLE_YES; i++) {
        enum rs_readable here;
        s = readable_in(search, names[i], &here, reterr);
        if (s != RS_OK || here == RS_READABLE_NO || *ret == here)
            continue;
        *ret = here;
        *ret_source = names[i];
    }
    if (s != RS_OK) {
        *ret = RS_READABLE_NO;
        *ret_source = NULL;
    }
    return s;
}

enum rs_status rs_resolve_blob_readable_anywhere(struct rs_db *db, struct rs_auth *auth,
                                                 const struct rs_identity *identity,
                                                 const char *digest, struct rs_arena *arena,
                                                 enum rs_readable *ret, const char **ret_source,
                                                 struct rs_err *reterr)
{
    struct search search = {.auth = auth, .identity = identity, .arena = arena};
    const char *canonical = NULL;
    *ret = RS_READABLE_NO;
    *ret_source = NULL;
    if (!rs_digest_parse(rs_str_of(digest), &search.digest))
        return RS_OK;
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    search.conn = read.conn;
    s = rs_resolver_canonical(read.conn, arena, &search.digest, &canonical, reterr);
    if (s != RS_OK || canonical == NULL)
        return s;
    return search_all(&search, canonical, ret, ret_source, reterr);
}
