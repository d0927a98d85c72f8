/*
 * quarantine/show_azure.h: the attributes of one manifest in Azure's shape.
 * Layer: quarantine.  Threads: any; reads one snapshot.  Spec: SPEC section 5 (first item).
 */
#ifndef RS_QUARANTINE_SHOW_AZURE_H
#define RS_QUARANTINE_SHOW_AZURE_H

#include "base/buf.h"
#include "json/write.h"
#include "quarantine/audience.h"
#include "quarantine/change.h"
#include "quarantine/show_platform.h"

/**
 * rs_show_azure_manifest(): append {registry, imageName, manifest: {digest, imageSize, createdTime,
 * lastUpdateTime, mediaType, configMediaType, architecture, os, references, tags,
 * changeableAttributes: {..., quarantineState, quarantineDetails}}}, to whom rs_show_manifest()
 * gives it.  Of what is in quarantine a caller who sees it in brief gets digest, times and state
 * only.
 * @registry  the host as the client names it
 * Errors: RS_MANIFEST_UNKNOWN, RS_DIGEST_INVALID, faults.
 */
struct rs_azure_question {
    struct rs_asker asker;
    const struct rs_platform_source *platforms;
    const char *registry;
    const char *repository;
    const char *digest;
};
RS_MUST_CHECK enum rs_status rs_show_azure_manifest(struct rs_db *db,
                                                    const struct rs_azure_question *q,
                                                    struct rs_buf *out, struct rs_err *reterr);

/* `"changeableAttributes": {...}` of a tag or repository; all that can be changed here is a state.
 */
void rs_show_azure_attributes(struct rs_jw *w);

/**
 * rs_show_azure_entry(): one manifest of a list, as the `manifest` object of above: one that the
 * caller sees in lists.
 * @in_full  he has quarantine-pull: staged tags and the decision's details too
 */
RS_MUST_CHECK enum rs_status rs_show_azure_entry(const struct rs_change *c,
                                                 const struct rs_platform_source *platforms,
                                                 int64_t manifest_id, bool in_full, struct rs_jw *w,
                                                 struct rs_err *reterr);

#endif
