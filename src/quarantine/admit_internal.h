/*
 * quarantine/admit_internal.h: what the files of rs_admit() share.  Nobody else includes it.
 * Layer: quarantine.
 */
#ifndef RS_QUARANTINE_ADMIT_INTERNAL_H
#define RS_QUARANTINE_ADMIT_INTERNAL_H

#include "catalog/tag.h"
#include "quarantine/admit.h"

/* A tag of the push. */
struct rs_admit_tag {
    const char *name;
    struct rs_tag_row row; /* as it stands before the push */
    bool is_latest;        /* it points to this manifest already, as its latest push */
    const char *subject;   /* a fallback tag: of this digest; else NULL */
    struct rs_manifest_row *subject_row; /* NULL when that is not in the repository */
};

/* Something that the manifest names. */
struct rs_admit_ref {
    struct rs_ref_row row;
    struct rs_manifest_row *child; /* of a manifest that is there, else NULL */
    bool is_needed;                /* where quarantine is on it has to be there */
    bool is_there;
};

/* A push on its way. */
struct rs_admit {
    struct rs_change *c;
    const struct rs_admission *in;
    struct rs_manifest_row *known; /* the manifest as it is there already, or NULL */
    struct rs_admit_tag *tags;     /* in->n_tags of them */
    struct rs_admit_ref *refs;     /* n_refs of them */
    size_t n_refs;
    /* SPEC section 1: is this push one of an attachment, and of which subject? */
    const char *own_subject; /* what the manifest names itself, canonical if known; or NULL */
    struct rs_manifest_row *own_subject_row;
    const char *subject;                 /* of the attachment; own_subject for an image */
    struct rs_manifest_row *subject_row; /* NULL when it is not in the repository */
    bool is_attachment;
    bool touches_held; /* it attaches to, or names as subject, something in quarantine */
    /* a builder's own attestation of what its publisher pushed: an image here */
    bool is_build_record;
};

/* Tags and subjects: fill tags, own_subject, subject, is_attachment, touches_held. */
RS_MUST_CHECK enum rs_status rs_admit_place(struct rs_admit *p, struct rs_err *reterr);
/* Is the manifest known as an attachment of the very subject of this push? */
bool rs_admit_is_same_attachment(const struct rs_admit *p);
/* May this principal push that under these references?  Errors: RS_DENIED. */
RS_MUST_CHECK enum rs_status rs_admit_permit(const struct rs_admit *p, struct rs_err *reterr);
/* The rule that quarantine-push alone reaches attachments only.  Errors: RS_DENIED. */
RS_MUST_CHECK enum rs_status rs_admit_reach(const struct rs_admit *p, struct rs_err *reterr);
/* If-Match and If-None-Match.  Errors: RS_PRECONDITION. */
RS_MUST_CHECK enum rs_status rs_admit_preconditions(const struct rs_admit *p,
                                                    struct rs_err *reterr);

/* References: find what is there; with quarantine on refuse what is missing. */
RS_MUST_CHECK enum rs_status rs_admit_refs(struct rs_admit *p, struct rs_err *reterr);
/* Store the references of the manifest just inserted, and move the counters. */
RS_MUST_CHECK enum rs_status rs_admit_refs_store(const struct rs_admit *p,
                                                 const struct rs_manifest_row *row,
                                                 struct rs_err *reterr);
/* Quarantine is off and the manifest released: blobs that are there now are opened from now on. */
RS_MUST_CHECK enum rs_status rs_admit_refs_reopen(const struct rs_admit *p, struct rs_err *reterr);
/* Is a descendant (through everything that is named and there) in quarantine? */
RS_MUST_CHECK enum rs_status rs_admit_names_held(const struct rs_admit *p, bool *ret,
                                                 struct rs_err *reterr);

/* Bytes that are new here. */
RS_MUST_CHECK enum rs_status rs_admit_new(struct rs_admit *p, struct rs_admitted *ret,
                                          struct rs_err *reterr);
/* Bytes that are known here, under new tags or by somebody else. */
RS_MUST_CHECK enum rs_status rs_admit_known(struct rs_admit *p, struct rs_err *reterr);

/* Point the tags that do not do so yet to the manifest; events as its state asks for them (none
 * with `is_silent`).  *ret_n of *ret_names were moved; quarantine_event_id of the row is set. */
RS_MUST_CHECK enum rs_status rs_admit_tags(const struct rs_admit *p, struct rs_manifest_row *row,
                                           bool is_silent, const char ***ret_names, size_t *ret_n,
                                           struct rs_err *reterr);
/* Is there room for the tags of the push?  Errors: RS_CONFLICT. */
RS_MUST_CHECK enum rs_status rs_admit_tags_fit(const struct rs_admit *p, struct rs_err *reterr);
/* One event about the push itself, for a push by digest alone. */
RS_MUST_CHECK enum rs_status rs_admit_announce(const struct rs_admit *p,
                                               struct rs_manifest_row *row, const char *tag,
                                               char ret_id[RS_ID_TEXT_BYTES],
                                               struct rs_err *reterr);
/* The permission that this push is made with. */
const char *rs_admit_permission(const struct rs_admit *p);

#endif
