/*
 * catalog/manifest.h: the rows of manifests: what they are, their state, what they name, who pushed
 * them.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC sections 1 and 2; invariants of
 * schema.c.
 *
 * Functions that change something run within a write job.  Nothing here decides anything: which
 * change is right is quarantine/'s business, and so are the counters of blobs (catalog/blob.h).
 * Rows that are found live in the caller's arena.  Errors of all: RS_IO, RS_NOMEM, RS_CORRUPT (a
 * row that breaks the rules of the schema).
 */
#ifndef RS_CATALOG_MANIFEST_H
#define RS_CATALOG_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "db/db.h"

enum rs_shape {
    RS_SHAPE_IMAGE,
    RS_SHAPE_INDEX,
    RS_SHAPE_ATTACHMENT,
};

enum rs_state {
    RS_STATE_QUARANTINED = 0, /* what was never set is held */
    RS_STATE_FAILED,
    RS_STATE_RELEASED,
};

enum rs_failed_by {
    RS_FAILED_BY_NOBODY = 0,
    RS_FAILED_BY_DECISION,
    RS_FAILED_BY_CHECK,
};

/* "image", "quarantined", "decision" and so on; NULL for RS_FAILED_BY_NOBODY. */
const char *rs_shape_name(enum rs_shape shape);
const char *rs_state_name(enum rs_state state);
const char *rs_failed_by_name(enum rs_failed_by by);
RS_MUST_CHECK bool rs_state_parse(const char *name, enum rs_state *ret);
/* NULL is nobody */
RS_MUST_CHECK bool rs_failed_by_parse(const char *name, enum rs_failed_by *ret);

struct rs_manifest_row {
    int64_t id; /* its push order; never used twice */
    int64_t repository_id;
    const char *digest; /* canonical */
    const char *media_type;
    const char *artifact_type;     /* NULL when it has none */
    const char *config_media_type; /* NULL for an index */
    const char *annotations;       /* canonical JSON object or NULL; only for inserting, not read */
    uint64_t size;
    enum rs_shape shape;
    enum rs_state state;
    enum rs_failed_by failed_by;
    bool joined;
    bool tagged;
    bool has_data;
    bool observed;
    const char *subject_digest; /* NULL when it has none */
    int64_t publisher_id;       /* who pushed it first */
    const char *publisher;
    const char *pushed_with;
    int64_t pushed_ms;
    int64_t state_ms;
    const char *decided_by;          /* NULL: nobody decided */
    const char *decision_details;    /* JSON or NULL */
    const char *quarantine_event_id; /* NULL: there was none */
    int64_t overdue_ms;              /* 0: not overdue */
};

static inline bool rs_manifest_is_held(const struct rs_manifest_row *m)
{
    return m->state != RS_STATE_RELEASED;
}

/* A growing list of rows in an arena; start with {0}. */
struct rs_manifest_list {
    struct rs_manifest_row **rows;
    size_t n;
    size_t cap;
};
RS_MUST_CHECK enum rs_status rs_manifest_list_add(struct rs_manifest_list *list,
                                                  struct rs_arena *arena,
                                                  struct rs_manifest_row *row,
                                                  struct rs_err *reterr);

/* *ret is NULL when there is no such manifest. */
RS_MUST_CHECK enum rs_status
rs_catalog_manifest_find(struct rs_db_conn *conn, struct rs_arena *arena, int64_t repository_id,
                         const char *digest, struct rs_manifest_row **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_manifest_get(struct rs_db_conn *conn,
                                                     struct rs_arena *arena, int64_t id,
                                                     struct rs_manifest_row **ret,
                                                     struct rs_err *reterr);

/* The name of the repository that a manifest is in. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_repository(struct rs_db_conn *conn,
                                                            struct rs_arena *arena,
                                                            const struct rs_manifest_row *row,
                                                            const char **ret,
                                                            struct rs_err *reterr);

/* Insert a row and its bytes.  row->id is set. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_insert(struct rs_db_conn *conn,
                                                        struct rs_manifest_row *row,
                                                        struct rs_str bytes, struct rs_err *reterr);
/* The right bytes of a manifest that is known: heals stored ones that are damaged. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_heal(struct rs_db_conn *conn, const char *digest,
                                                      struct rs_str bytes, struct rs_err *reterr);
/**
 * rs_catalog_manifest_delete(): the row and everything of it: references, tags it was pushed under,
 * pushers, reports, claims, and the bytes when no other repository has the manifest.  Pointers of
 * tags are the caller's (catalog/tag.h), and so are blob counters.
 */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_delete(struct rs_db_conn *conn,
                                                        const struct rs_manifest_row *row,
                                                        struct rs_err *reterr);

/* Store state, failed_by, state_ms, decided_by, decision_details and joined out of the row. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_save_state(struct rs_db_conn *conn,
                                                            const struct rs_manifest_row *row,
                                                            struct rs_err *reterr);
/* Store shape, joined, tagged, quarantine_event_id and overdue_ms out of the row. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_save_marks(struct rs_db_conn *conn,
                                                            const struct rs_manifest_row *row,
                                                            struct rs_err *reterr);

/* ---- what a manifest names ---- */

enum rs_ref_kind {
    RS_REF_CONFIG,
    RS_REF_LAYER,
    RS_REF_BLOB,     /* an index entry that is no manifest */
    RS_REF_MANIFEST, /* an index entry that is one */
};

struct rs_ref_row {
    int64_t position; /* from 0 */
    enum rs_ref_kind kind;
    const char *digest; /* canonical if known, else as the manifest names it */
    const char *media_type;
    uint64_t size;
    bool opens;       /* the blob was in the repository when the manifest was pushed */
    int64_t child_id; /* the manifest linked at push, 0 = none */
};

RS_MUST_CHECK enum rs_status rs_catalog_manifest_add_ref(struct rs_db_conn *conn,
                                                         const struct rs_manifest_row *row,
                                                         const struct rs_ref_row *ref,
                                                         struct rs_err *reterr);
/* All references by position. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_refs(struct rs_db_conn *conn,
                                                      struct rs_arena *arena, int64_t manifest_id,
                                                      const struct rs_ref_row **ret, size_t *ret_n,
                                                      struct rs_err *reterr);
/* One blob that a manifest names, whatever the number of references. */
struct rs_ref_blob {
    const char *digest;
    bool opens;
};
RS_MUST_CHECK enum rs_status rs_catalog_manifest_blobs(struct rs_db_conn *conn,
                                                       struct rs_arena *arena, int64_t manifest_id,
                                                       const struct rs_ref_blob **ret,
                                                       size_t *ret_n, struct rs_err *reterr);
/* Every reference of the manifest to this blob opens it from now on. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_open_ref(struct rs_db_conn *conn,
                                                          int64_t manifest_id, const char *digest,
                                                          struct rs_err *reterr);

/* The ids of the manifests that `manifest_id` was linked to when it was pushed and that still
 * exist, by position: one for each link, for an index may name one often. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_children(struct rs_db_conn *conn,
                                                          struct rs_arena *arena,
                                                          int64_t manifest_id, const int64_t **ret,
                                                          size_t *ret_n, struct rs_err *reterr);
/* Add the manifests that `manifest_id` names and that are in the repository now, linked or not. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_named(struct rs_db_conn *conn,
                                                       struct rs_arena *arena, int64_t manifest_id,
                                                       struct rs_manifest_list *list,
                                                       struct rs_err *reterr);
/* Add the indexes in state `quarantined` that name this digest, at most n_max, oldest first. */
RS_MUST_CHECK enum rs_status
rs_catalog_manifest_parents(struct rs_db_conn *conn, struct rs_arena *arena, int64_t repository_id,
                            const char *digest, size_t n_max, struct rs_manifest_list *list,
                            struct rs_err *reterr);
/* Add the attachments (by shape) whose subject is this digest, at most n_max, oldest first. */
RS_MUST_CHECK enum rs_status
rs_catalog_manifest_attachments(struct rs_db_conn *conn, struct rs_arena *arena,
                                int64_t repository_id, const char *subject, size_t n_max,
                                struct rs_manifest_list *list, struct rs_err *reterr);
/* Those of them that are held with it. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_joined(struct rs_db_conn *conn,
                                                        struct rs_arena *arena,
                                                        int64_t repository_id, const char *subject,
                                                        size_t n_max, struct rs_manifest_list *list,
                                                        struct rs_err *reterr);

/* An attachment that is still joined to this subject although that is released, in any repository;
 * *ret NULL when there is none. */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_left_behind(struct rs_db_conn *conn,
                                                             struct rs_arena *arena,
                                                             const char *subject,
                                                             struct rs_manifest_row **ret,
                                                             struct rs_err *reterr);

/* Visit the images and indexes in quarantine that name a blob, oldest first, until fn says false.
 * `opens`: one of its references opens the blob when it is released. */
typedef bool (*rs_manifest_visit)(int64_t id, bool opens, void *arg);
RS_MUST_CHECK enum rs_status
rs_catalog_manifest_each_holder(struct rs_db_conn *conn, int64_t repository_id, const char *digest,
                                rs_manifest_visit fn, void *arg, struct rs_err *reterr);

/**
 * rs_catalog_manifest_learn_alias(): `alias` turned out to be `digest`: whatever names it by the
 * alias names the digest from now on, in every repository, and the blob counters follow. Called by
 * rs_catalog_alias_add() for an alias that is new; what that means for attachments that waited for
 * the alias is quarantine/alias.h's.
 */
RS_MUST_CHECK enum rs_status rs_catalog_manifest_learn_alias(struct rs_db_conn *conn,
                                                             const char *alias, const char *digest,
                                                             struct rs_err *reterr);

/* ---- pushers ---- */

/* This principal completed a PUT of these bytes.  Its first permission stays recorded. */
RS_MUST_CHECK enum rs_status
rs_catalog_manifest_add_pusher(struct rs_db_conn *conn, int64_t manifest_id, int64_t principal_id,
                               const char *permission, int64_t now_ms, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_catalog_manifest_is_pusher(struct rs_db_conn *conn,
                                                           int64_t manifest_id,
                                                           int64_t principal_id, bool *ret,
                                                           struct rs_err *reterr);

#endif
