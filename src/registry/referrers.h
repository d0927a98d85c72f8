/*
 * registry/referrers.h: which manifests name a subject.
 * Layer: registry.  Threads: any; reads one snapshot of the catalog.
 * Spec: distribution-spec "Listing Referrers"; SPEC section 4.
 *
 * Each descriptor is computed from the stored manifest.  Whatever index somebody pushed under the
 * fallback tag plays no part: a manifest that it lists, that is here and names the subject, is here
 * by itself; everything else that it says is not believed.
 */
#ifndef RS_REGISTRY_REFERRERS_H
#define RS_REGISTRY_REFERRERS_H

#include "registry/lists.h"

struct rs_referrers_of {
    const char *subject;       /* a digest as it came in the path */
    const char *artifact_type; /* only these; NULL or "" for all */
    struct rs_page page;       /* `last` is a digest */
};

#define RS_REFERRERS_N_MAX 1000U

/**
 * rs_registry_referrers(): an image index of the manifests that name the subject: all for column Q,
 * released ones for W and R; empty when there are none, whether or not the subject exists.
 * Errors: those of rs_resolve_lists(), RS_DIGEST_INVALID (subject, or `last`), faults.
 */
RS_MUST_CHECK enum rs_status rs_registry_referrers(const struct rs_services *services,
                                                   const struct rs_viewer *viewer,
                                                   const struct rs_referrers_of *of,
                                                   struct rs_list *ret, struct rs_err *reterr);

#endif
