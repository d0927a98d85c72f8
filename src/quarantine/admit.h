/*
 * quarantine/admit.h: what becomes of a manifest that somebody pushes.
 * Layer: quarantine.  Threads: runs within a write job.  Spec: SPEC section 2 (the rows `push`, the
 * paragraphs Index and Attachments), section 4 (which references open a blob), section 6 and 7.
 *
 * The only way that a manifest or a tag comes into the catalog.  Everything happens in the job's
 * transaction: the manifest with its state, references, counters, pusher and tags, its events, its
 * audit record.
 */
#ifndef RS_QUARANTINE_ADMIT_H
#define RS_QUARANTINE_ADMIT_H

#include "auth/access.h"
#include "oci/manifest.h"
#include "quarantine/change.h"

#define RS_ADMIT_TAGS_MAX ((size_t)64)
/* Tags that one manifest may be pushed under over time: one audit record lists them all. */
#define RS_ADMIT_TAGS_OF_ONE_MAX ((int64_t)65536)

struct rs_admission {
    const struct rs_identity *identity;
    const struct rs_access *access; /* on the repository; push or quarantine-push, scope push */
    struct rs_str bytes;            /* as they were sent; parsed as `manifest` */
    const struct rs_manifest *manifest;
    const char *digest; /* canonical, of these bytes */
    const char *alias;  /* another digest that the client named and that was verified; or NULL */
    const char *const *tags; /* n_tags valid, different ones; none for a push by digest alone */
    size_t n_tags;
    /* Headers or NULL; judged by what this caller resolves the (single) tag to. */
    const char *if_match;
    const char *if_none_match;
};

struct rs_admitted {
    enum rs_state state; /* the manifest's, after the push */
    bool is_new;         /* these bytes were not in the repository */
    bool is_remembered;  /* it is failed at once, because of an earlier verdict: answer a Warning */
};

/**
 * rs_admit(): push.  Known bytes keep their state; what a tag points to already changes nothing.
 * @c  of rs_change_begin() for the repository, which may not exist yet
 * Errors: RS_DENIED (attaching needs a permission; a reference that quarantine-push alone does not
 * reach), RS_MANIFEST_BLOB_UNKNOWN (something it names is not in the repository and quarantine is
 * on), RS_CONFLICT (an immutable tag), RS_PRECONDITION, and faults.  The job must then fail.
 */
RS_MUST_CHECK enum rs_status rs_admit(struct rs_change *c, const struct rs_admission *a,
                                      struct rs_admitted *ret, struct rs_err *reterr);

#endif
