/*
 * quarantine/change.h: what every change of a manifest needs while its write job runs: where, who,
 * when, under which policy; and its record and event.
 * Layer: quarantine.  Threads: the writer's (or, for reading only, the reader's own).
 */
#ifndef RS_QUARANTINE_CHANGE_H
#define RS_QUARANTINE_CHANGE_H

#include "audit/append.h"
#include "base/arena.h"
#include "catalog/manifest.h"
#include "db/db.h"
#include "events/append.h"
#include "quarantine/policy.h"

/* Memory of one job: an index of 8,192 entries with its attachments fits many times over. */
#define RS_CHANGE_ARENA_BYTES ((size_t)128 << 20)
/* Manifests that one decision may take with it, and that one walk looks at. */
#define RS_CHANGE_MANIFESTS_MAX ((size_t)65536)
/* Links from indexes to what they name that one walk follows: an index may name thousands, and
 * thousands of indexes the same ones. */
#define RS_CHANGE_LINKS_MAX ((size_t)262144)
/* The ids that one index links to, in memory of their own. */
#define RS_CHANGE_IDS_BYTES ((size_t)1 << 20)

struct rs_change {
    struct rs_db_conn *conn;
    struct rs_arena *arena;
    const struct rs_actor *actor;
    const char *repository;
    int64_t repository_id; /* 0: there is no such repository yet */
    int64_t now_ms;
    struct rs_policy policy; /* of the repository, at this moment */
};

/**
 * rs_change_begin(): fill *ret for one repository.  A repository that does not exist is no error.
 * Errors: those of rs_policy_for(); then nothing may be changed.
 */
RS_MUST_CHECK enum rs_status rs_change_begin(struct rs_db_conn *conn, struct rs_arena *arena,
                                             const struct rs_actor *actor, const char *repository,
                                             struct rs_change *ret, struct rs_err *reterr);

/* The manifest behind any digest text (an alias included); *ret NULL when it is not there.
 * Errors: RS_DIGEST_INVALID and faults. */
RS_MUST_CHECK enum rs_status rs_change_find(const struct rs_change *c, const char *digest,
                                            struct rs_manifest_row **ret, struct rs_err *reterr);

struct rs_change_event {
    enum rs_event_type type;
    const struct rs_manifest_row *manifest;
    const char *tag;                 /* NULL for none */
    const char *decision;            /* JSON or NULL */
    const char *quarantine_event_id; /* NULL for none */
    bool is_held;
};
/* Write the event; ret_id may be NULL. */
RS_MUST_CHECK enum rs_status rs_change_emit(const struct rs_change *c,
                                            const struct rs_change_event *event,
                                            char ret_id[RS_ID_TEXT_BYTES], struct rs_err *reterr);

struct rs_change_record {
    const char *action;
    const struct rs_manifest_row *manifest;
    const char *const *tags;
    size_t n_tags;
    const char *details; /* JSON or NULL */
    int64_t cause;       /* 0 = none */
};
/* Write the audit record; ret_seq may be NULL. */
RS_MUST_CHECK enum rs_status rs_change_record(const struct rs_change *c,
                                              const struct rs_change_record *record,
                                              int64_t *ret_seq, struct rs_err *reterr);

#endif
