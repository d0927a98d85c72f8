/*
 * registry/azure.h: Azure's lists and attributes of repositories, tags and manifests.
 * Layer: registry.  Threads: any; reads one snapshot of the catalog, which may take milliseconds.
 * Spec: SPEC section 4 ("lists and attributes under /acr/v1/"): everything for column Q, live tags
 * and released manifests only for others.
 */
#ifndef RS_REGISTRY_AZURE_H
#define RS_REGISTRY_AZURE_H

#include "catalog/view_azure.h"
#include "quarantine/resolver.h"
#include "registry/services.h"

#define RS_AZURE_N_MAX ((int64_t)1000)
#define RS_AZURE_N_DEFAULT ((int64_t)100)

struct rs_azure_ask {
    const struct rs_services *services;
    const struct rs_viewer *viewer;
    const char *registry; /* the host as the client names it */
    /* Of lists: */
    enum rs_azure_order order;
    const char *last;   /* "" for the first page */
    const char *digest; /* tags of this manifest only (any digest text), or NULL */
    int64_t n;          /* 0..RS_AZURE_N_MAX */
};

/*
 * Each appends JSON; lists say in *ret_next (in the viewer's arena) where the next page goes on,
 * NULL when this was the last one. Errors: those of rs_resolve_lists(); RS_NAME_UNKNOWN (no such
 * repository, or nothing of it that this caller sees), RS_MANIFEST_UNKNOWN (no such tag),
 * RS_DIGEST_INVALID, faults.
 */
/* {registry, imageName, createdTime, lastUpdateTime, manifestCount, tagCount, changeableAttributes}
 */
RS_MUST_CHECK enum rs_status rs_registry_azure_repository(const struct rs_azure_ask *ask,
                                                          struct rs_buf *out,
                                                          struct rs_err *reterr);
/* {registry, imageName, tag: {name, digest, createdTime, lastUpdateTime, signed, ...}} */
RS_MUST_CHECK enum rs_status rs_registry_azure_tag(const struct rs_azure_ask *ask, const char *tag,
                                                   struct rs_buf *out, struct rs_err *reterr);
/* {registry, imageName, tags: [...]} */
RS_MUST_CHECK enum rs_status rs_registry_azure_tags(const struct rs_azure_ask *ask,
                                                    struct rs_buf *out, const char **ret_next,
                                                    struct rs_err *reterr);
/* {registry, imageName, manifests: [...]} */
RS_MUST_CHECK enum rs_status rs_registry_azure_manifests(const struct rs_azure_ask *ask,
                                                         struct rs_buf *out, const char **ret_next,
                                                         struct rs_err *reterr);

#endif
