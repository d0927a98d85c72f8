/*
 * registry/collect.h: give space back while everything else goes on.
 * Layer: registry.  Threads: any; one pass at a time.  Spec: SPEC section 8 (online garbage
 * collection).
 *
 * Small steps, no stop-the-world: a walk over the catalog finds candidates on a read snapshot; each
 * candidate is taken from uploads by its lease (blob/lease.h), judged again in the transaction that
 * deletes its rows, and its file is removed after that transaction is durable.  A crash in between
 * leaves a stray file, which a later pass finds.  Unfinished uploads expire here too.
 */
#ifndef RS_REGISTRY_COLLECT_H
#define RS_REGISTRY_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/err.h"
#include "registry/services.h"

/* What a pass removed, or with dry_run would have removed (uploads are not counted then). */
struct rs_collected {
    uint64_t blobs; /* with a row in the catalog */
    uint64_t blob_bytes;
    uint64_t strays; /* files that no row tells of */
    uint64_t stray_bytes;
    uint64_t uploads; /* unfinished uploads that expired */
    uint64_t links;   /* blobs that a repository lost and another one keeps */
    uint64_t kept;    /* candidates that somebody had a lease on, or needed again */
};

struct rs_collector;

/**
 * rs_collector_start(): the background collector: a pass every config gc.interval (0: only when
 * asked to).
 * @services  borrowed; outlives the object.  Errors: RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_collector_start(const struct rs_services *services,
                                                struct rs_collector **ret, struct rs_err *reterr);
/* Ends the running pass at its next step, then the thread.  Before the database and the store
 * close.  NULL-safe. */
void rs_collector_stop(struct rs_collector *collector);

/**
 * rs_collect(): one pass now, on the caller's thread (a worker).  A pass that removed something
 * writes one audit record `collected`.
 * @actor    who asked, for the audit record
 * @dry_run  only count
 * Errors: RS_CANCELLED (stopping), RS_IO, RS_NO_SPACE, RS_CORRUPT; what was removed before stays
 * removed and is in *ret.
 */
RS_MUST_CHECK enum rs_status rs_collect(struct rs_collector *collector,
                                        const struct rs_actor *actor, bool dry_run,
                                        struct rs_collected *ret, struct rs_err *reterr);

/* No pass removes anything between these two (a backup needs every blob of its snapshot); waits for
 * the pass that goes on. */
void rs_collector_hold(struct rs_collector *collector);
void rs_collector_go_on(struct rs_collector *collector);

struct rs_collector_stats {
    uint64_t passes;
    uint64_t failed_passes;
    struct rs_collected total; /* since the start of the process */
};
void rs_collector_stats(struct rs_collector *collector, struct rs_collector_stats *ret);

#endif
