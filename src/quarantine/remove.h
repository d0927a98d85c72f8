/*
 * quarantine/remove.h: deleting tags and manifests.
 * Layer: quarantine.  Threads: within a write job.  Spec: SPEC section 2 (the rows `delete`).
 * Deleting is never releasing: a failed verdict is remembered, a live tag never falls back.
 */
#ifndef RS_QUARANTINE_REMOVE_H
#define RS_QUARANTINE_REMOVE_H

#include "quarantine/change.h"

/* Live and staged pointer both go; the manifests stay, and no later release brings the tag back.
 * Errors: RS_MANIFEST_UNKNOWN (there is no such tag), faults. */
RS_MUST_CHECK enum rs_status rs_remove_tag(const struct rs_change *c, const char *tag,
                                           struct rs_err *reterr);
/* What became of the tags that pointed to a removed manifest; in the change's arena. */
struct rs_removed_tags {
    const char **dead; /* those that were live with it: nobody resolves them any more */
    size_t n_dead;
    const char **gone; /* those that point to nothing else, live or staged */
    size_t n_gone;
};
/**
 * rs_remove_manifest(): the manifest and all tags that point to it.
 * @reason    JSON for the record's details (an expiry says so), or NULL
 * @ret_tags  may be NULL
 * Errors: faults.
 */
RS_MUST_CHECK enum rs_status rs_remove_manifest(const struct rs_change *c,
                                                struct rs_manifest_row *row, const char *reason,
                                                struct rs_removed_tags *ret_tags,
                                                struct rs_err *reterr);

#endif
