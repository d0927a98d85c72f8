/*
 * registry/pull.h: reading manifests.
 * Layer: registry.  Threads: any; microseconds (one snapshot of the catalog).
 * Spec: distribution-spec "Pulling manifests"; SPEC section 4; DESIGN "read path".
 */
#ifndef RS_REGISTRY_PULL_H
#define RS_REGISTRY_PULL_H

#include "quarantine/resolver.h"
#include "registry/services.h"

/*
 * Answers with released content may be kept, held content never is.  What is released looks the
 * same to every viewer with the same sight, so an answer is kept under (sight, repository,
 * reference), and is good while the repository's generation stands still.  Grants and scope are no
 * part of that: they are judged anew for each request, by rs_registry_pull_open(), before anything
 * kept may be used.
 */
struct rs_pull_key {
    enum rs_sight sight;
    uint64_t generation; /* taken before anything is read */
};

/**
 * rs_registry_pull_open(): may this viewer read manifests of the repository at all?
 * Errors: RS_UNAUTHORIZED, RS_DENIED, RS_MANIFEST_UNKNOWN (an anonymous token).
 */
RS_MUST_CHECK enum rs_status rs_registry_pull_open(const struct rs_viewer *viewer,
                                                   struct rs_pull_key *ret, struct rs_err *reterr);

/* rs_resolve_manifest() with the services' catalog. */
RS_MUST_CHECK enum rs_status rs_registry_pull(const struct rs_services *services,
                                              const struct rs_viewer *viewer, const char *reference,
                                              enum rs_want want, struct rs_manifest_view *ret,
                                              struct rs_err *reterr);

/* May the answer with this view be kept under the key that was taken before it? */
static inline bool rs_registry_pull_may_keep(const struct rs_manifest_view *view)
{
    return view->held == NULL && view->is_fresh;
}

#endif
