/*
 * quarantine/release.h: letting something out of quarantine, with everything that goes with it.
 * Layer: quarantine.  Threads: a plan may be made on any connection; it is carried out in the write
 * job that made it.  Spec: SPEC section 2 (Index, Attachments, the `released` row of the table).
 *
 * Release flows from an index to the descendants that it was linked to when it was pushed, and from
 * a subject to the attachments that joined it, recursively; never out of an attachment, never
 * further. Every walk keeps a set of what it has seen and stops at RS_CHANGE_MANIFESTS_MAX.
 */
#ifndef RS_QUARANTINE_RELEASE_H
#define RS_QUARANTINE_RELEASE_H

#include "catalog/tag.h"
#include "quarantine/change.h"
#include "quarantine/idset.h"

/* Why a release is refused. */
enum rs_block_kind {
    RS_BLOCK_FAILED_PART,     /* a descendant failed */
    RS_BLOCK_SUBJECT,         /* the target is held with its subject */
    RS_BLOCK_SUBJECT_OF_PART, /* a descendant is held with a subject outside of the release */
    RS_BLOCK_TOO_MANY,        /* more than RS_CHANGE_MANIFESTS_MAX or RS_CHANGE_LINKS_MAX */
};
struct rs_block {
    enum rs_block_kind kind;
    const char *digest;  /* the descendant; NULL for the target itself */
    const char *subject; /* of the SUBJECT kinds */
};

/* One manifest that is let out. */
struct rs_member {
    struct rs_manifest_row *row;
    struct rs_member *subject; /* it goes with this one; NULL for the target and its descendants */
    struct rs_member *first;   /* attachments that go with it, in push order */
    struct rs_member *last;
    struct rs_member *next; /* the next one with the same subject */
    /* Filled when the plan is carried out: the tags it was pushed under, in push order. */
    const struct rs_pushed_tag *pushed;
    size_t n_pushed;
    const struct rs_pushed_tag **moved; /* n_moved of them became live */
    size_t n_moved;
    const char **kept; /* n_kept of them are immutable and stay where they are */
    size_t n_kept;
};

struct rs_release_plan {
    struct rs_member *target;
    struct rs_member **members; /* the target and its descendants in push order, then attachments */
    size_t n_members;
    size_t cap_members;
    size_t n_units;                 /* how many of them are the target and descendants */
    struct rs_idset units;          /* ids of the target and of every descendant */
    struct rs_idset seen;           /* what the walk has met */
    size_t n_links;                 /* how many links it has followed */
    struct rs_manifest_list parts;  /* descendants that are held with a subject in quarantine */
    struct rs_idset placed;         /* those of them that go behind their subject */
    struct rs_manifest_list held;   /* attachments that stay held in their own right */
    struct rs_manifest_list failed; /* attachments that stay failed */
    struct rs_block *blocks;        /* n_blocks of them: not empty refuses the release */
    size_t n_blocks;
    size_t cap_blocks;
    struct rs_member **order; /* after carrying out: the members in the order of their events */
    int64_t record;           /* after carrying out: the audit record of the target */
};

/**
 * rs_release_plan(): what a release of `target`, which is in quarantine, would do.  Changes
 * nothing. Errors: faults; a refusal is in ret->blocks and no error.
 */
RS_MUST_CHECK enum rs_status rs_release_plan(const struct rs_change *c,
                                             struct rs_manifest_row *target,
                                             struct rs_release_plan *ret, struct rs_err *reterr);

/* Fails with RS_CONFLICT and the first reason when the plan is refused. */
RS_MUST_CHECK enum rs_status rs_release_refuse(const struct rs_change *c,
                                               const struct rs_release_plan *plan,
                                               struct rs_err *reterr);

/* Why it is released: goes into the target's record, and into the events as their decision. */
struct rs_release_why {
    const char *details; /* JSON or NULL: what the decision said */
    /* JSON object: an override with its reason and what it overrides; or NULL */
    const char *override;
};

/**
 * rs_release_run(): carry the plan out, in the job that made it: states, blob counters, tags,
 * leases, events (attachments before their subject, push order, one for each tag that moved),
 * records (the target's first, the others naming it). Errors: faults; the job must then fail.
 */
RS_MUST_CHECK enum rs_status rs_release_run(const struct rs_change *c, struct rs_release_plan *plan,
                                            const struct rs_release_why *why,
                                            struct rs_err *reterr);

/**
 * rs_release_detach(): an attachment in quarantine is from now on held in its own right.  One in
 * state quarantined gets its `quarantine` events: one for each tag it was pushed under, else one
 * without a tag.
 */
RS_MUST_CHECK enum rs_status rs_release_detach(const struct rs_change *c,
                                               struct rs_manifest_row *row, struct rs_err *reterr);

#endif
