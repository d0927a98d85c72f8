/*
 * quarantine/resolver.h: who sees what.  The one place that decides whether content may be read,
 * for every route, and the only one that makes read grants.
 * Layer: quarantine.  Threads: any; every call reads one snapshot of the catalog.
 * Spec: SPEC sections 1, 3 and 4.
 *
 * Everything here fails closed: whatever is not RS_OK gives nothing, and any error on the way to a
 * decision is no "yes".  Denials are chosen so that a caller learns what SPEC section 4 gives him
 * and no more:
 *  - without a grant that opens content, the catalog is not even asked: a repository that exists
 *    answers like one that does not;
 *  - without an Authorization header every denial is RS_UNAUTHORIZED, one and the same;
 *  - what is held and must not be disclosed answers with the very error of what is missing.
 * Errors of all calls: RS_UNAUTHORIZED, RS_DENIED (err->detail has state, since and checks where
 * the reason is told), RS_MANIFEST_UNKNOWN or RS_BLOB_UNKNOWN, RS_DIGEST_INVALID (a malformed
 * digest), and the faults RS_IO, RS_CORRUPT, RS_BUSY, RS_NOMEM.
 */
#ifndef RS_QUARANTINE_RESOLVER_H
#define RS_QUARANTINE_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "blob/grant.h"
#include "db/db.h"

struct rs_audit;
struct rs_auth;

/* Who asks, about which repository.  `access` is what rs_auth_access() gave for identity and
 * repository in this request. */
struct rs_viewer {
    const struct rs_identity *identity;
    const struct rs_access *access;
    const char *repository;
    struct rs_arena *arena;       /* of the request: results live there */
    struct rs_audit *audit;       /* where a denied read of content in quarantine is counted, */
    const struct rs_actor *actor; /* and who asked; NULL, one of them: it is not counted */
};

/* What the caller wants of the content. */
enum rs_want {
    RS_WANT_HEAD, /* that it is there and how long it is: never bytes, never a grant */
    RS_WANT_GET,
};

/* How a viewer sees the lists of a repository. */
enum rs_sight {
    RS_SIGHT_NONE,     /* no content at all */
    RS_SIGHT_RELEASED, /* live tags and released manifests (column R) */
    RS_SIGHT_OWN,      /* the same, and in the catalog repositories with own pushes (column W) */
    RS_SIGHT_ALL,      /* staged tags and manifests in quarantine as well (column Q) */
};

struct rs_manifest_view {
    int64_t id;             /* of the manifest in the catalog */
    const char *digest;     /* canonical sha256 */
    const char *named;      /* in the algorithm that the client used: Docker-Content-Digest, ETag */
    const char *media_type; /* as it was pushed */
    uint64_t size;
    struct rs_buf bytes; /* as pushed, checked against the digest; empty with RS_WANT_HEAD */
    /* "quarantined" or "failed": for Roadstead-Quarantine, and never cached; NULL when the manifest
     * is released */
    const char *held;
    /* by tag, when held: the digest the tag is live with, for Roadstead-Live; NULL when there is
     * none */
    const char *live;
    bool is_tag;   /* it was asked for by tag */
    bool is_fresh; /* read from a snapshot taken in this call */
};

void rs_manifest_view_release(struct rs_manifest_view *view); /* idempotent */
RS_DEFINE_AUTO(rs_manifest_view, struct rs_manifest_view, rs_manifest_view_release)

/**
 * rs_resolve_manifest(): the manifest that `reference` is for this viewer: by tag the staged one
 * for column Q, the live one for W and R; by digest also the echo.
 * @reference  as it came in the path; what can be neither tag nor digest is RS_MANIFEST_UNKNOWN
 * *ret is written only on success; initialise it with {0} and use RS_AUTO(rs_manifest_view).
 */
RS_MUST_CHECK enum rs_status rs_resolve_manifest(struct rs_db *db, const struct rs_viewer *viewer,
                                                 const char *reference, enum rs_want want,
                                                 struct rs_manifest_view *ret,
                                                 struct rs_err *reterr);

struct rs_blob_view {
    const char *digest; /* canonical sha256 */
    const char *named;  /* as the client named it: Docker-Content-Digest, ETag */
    uint64_t size;
    /* for rs_blob_open(); NULL with RS_WANT_HEAD, which is answered from `size` alone */
    const struct rs_grant *grant;
    /* opened by a released manifest of the repository: may be cached privately; everything else is
     * no-store */
    bool is_open;
};

/**
 * rs_resolve_blob(): may this viewer read (RS_WANT_GET) or ask for (RS_WANT_HEAD) a blob of the
 * repository?  GET stands for Range and conditional requests too: decide first, then look at the
 * conditions.
 * @digest  any digest text, an alias included; malformed gives RS_DIGEST_INVALID
 */
RS_MUST_CHECK enum rs_status rs_resolve_blob(struct rs_db *db, const struct rs_viewer *viewer,
                                             const char *digest, enum rs_want want,
                                             struct rs_blob_view *ret, struct rs_err *reterr);

enum rs_readable {
    RS_READABLE_NO = 0,
    RS_READABLE_YES,
    /* the principal may read it there, this token's scope does not say so: the 401 that names both
       scopes */
    RS_READABLE_OUT_OF_SCOPE,
};

/**
 * rs_resolve_blob_readable(): for mounts: could this viewer GET that blob in viewer->repository
 * (the source)?  A denial is an answer here, not an error: anything but RS_READABLE_YES mounts
 * nothing.  A malformed digest is RS_READABLE_NO.
 * Errors: faults only; *ret is then RS_READABLE_NO.
 */
RS_MUST_CHECK enum rs_status rs_resolve_blob_readable(struct rs_db *db,
                                                      const struct rs_viewer *viewer,
                                                      const char *digest, enum rs_readable *ret,
                                                      struct rs_err *reterr);

/* How many repositories that hold a blob are looked at for a mount without a source. */
#define RS_READABLE_REPOSITORIES_MAX 256

/**
 * rs_resolve_blob_readable_anywhere(): for a mount without a source: is there a repository where
 * this principal could GET the blob?  Looks at RS_READABLE_REPOSITORIES_MAX of them; past that the
 * answer is no, which only costs an upload.
 * *ret_source names it (in the arena) with RS_READABLE_YES and, for the challenge, with
 * RS_READABLE_OUT_OF_SCOPE; else NULL.
 */
RS_MUST_CHECK enum rs_status rs_resolve_blob_readable_anywhere(
    struct rs_db *db, struct rs_auth *auth, const struct rs_identity *identity, const char *digest,
    struct rs_arena *arena, enum rs_readable *ret, const char **ret_source, struct rs_err *reterr);

/**
 * rs_resolve_lists(): may this viewer read lists of the repository (tags, referrers), and which
 * rows of them?  Never RS_SIGHT_NONE with RS_OK; whether the repository exists plays no part.
 * Errors: RS_UNAUTHORIZED, RS_DENIED, RS_NOT_FOUND (an anonymous token).
 */
RS_MUST_CHECK enum rs_status rs_resolve_lists(const struct rs_viewer *viewer, enum rs_sight *ret,
                                              struct rs_err *reterr);

/**
 * rs_resolve_manifests(): the part of rs_resolve_manifest() that needs no catalog.  What is
 * released then looks the same to every viewer with the same sight.
 * Errors: RS_UNAUTHORIZED, RS_DENIED, RS_MANIFEST_UNKNOWN (an anonymous token).
 */
RS_MUST_CHECK enum rs_status rs_resolve_manifests(const struct rs_viewer *viewer,
                                                  enum rs_sight *ret, struct rs_err *reterr);

/* The same for a list over many repositories: what the grants give, whatever a token's scope. */
enum rs_sight rs_resolve_sight(const struct rs_access *access);

#endif
