/*
 * registry/push.h: pushing manifests.
 * Layer: registry.  Threads: any; blocks until the push is durable.
 * Spec: distribution-spec "Pushing Manifests", "Pushing Manifests with Subject", and the
 * development version's tags as parameters; SPEC sections 2 and 8.
 */
#ifndef RS_REGISTRY_PUSH_H
#define RS_REGISTRY_PUSH_H

#include "auth/access.h"
#include "base/arena.h"
#include "base/text.h"
#include "oci/digest.h"
#include "registry/services.h"

struct rs_push {
    const struct rs_services *services;
    const struct rs_identity *identity;
    const struct rs_access *access; /* push or quarantine-push on the repository, scope push */
    const struct rs_actor *actor;
    const char *repository;
    const char *reference;   /* as it came in the path */
    const char *const *tags; /* n_tags values of `tag` parameters, as they came */
    size_t n_tags;
    const char *content_type; /* or NULL */
    struct rs_str body;
    const char *if_match;      /* or NULL */
    const char *if_none_match; /* or NULL */
    struct rs_arena *arena;    /* of the request: results live there */
};

struct rs_pushed {
    char digest[RS_DIGEST_TEXT_BYTES]; /* in the algorithm that the client used */
    const char *subject;               /* as the manifest names it; NULL when it names none */
    const char *const *tags;           /* n_tags that now stand for it (or are staged for it) */
    size_t n_tags;
    bool is_failed; /* it has a failed verdict: nobody else can read it */
};

/**
 * rs_registry_push(): take a manifest.
 * With tag parameters the reference has to be a digest.
 * Errors: RS_MANIFEST_INVALID, RS_DIGEST_INVALID (malformed, or not of these bytes), RS_TOO_LARGE,
 * RS_BAD_REQUEST (tag parameters), and those of rs_admit() and rs_db_write().
 */
RS_MUST_CHECK enum rs_status rs_registry_push(const struct rs_push *push, struct rs_pushed *ret,
                                              struct rs_err *reterr);

#endif
