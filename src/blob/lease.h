/*
 * blob/lease.h: blobs that somebody is about to name in a manifest, and must find there.
 * Layer: blob.  Threads: any; the object is thread-safe.  Spec: SPEC section 8 ("never racing with
 * an upload").
 *
 * Whoever uploaded or mounted a blob, or was told that it exists, may push a manifest that names it
 * for the time of a lease (monotonic) without uploading it again.  Leases live in memory: after a
 * start nothing may be collected for that time, so that a restart breaks no promise; a full table
 * has the same effect.  Both err on the side of keeping.
 *
 * The order that makes upload and collection safe against each other:
 *   upload:   rs_leases_pin -> file in place -> catalog rows -> rs_leases_unpin -> answer
 *   collect:  rs_leases_collect_begin -> catalog rows deleted, if still nothing needs them
 *             -> file removed -> rs_leases_collect_end
 *
 * rs_leases_pin waits while the same digest is between collect_begin and collect_end, so an upload
 * either is seen by the collector or comes after the file is gone and puts it there anew.  A pin
 * does not run out, however long the rows take.
 */
#ifndef RS_BLOB_LEASE_H
#define RS_BLOB_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define RS_LEASE_MS ((uint64_t)3600000) /* the default: a push of a large image takes long */

struct rs_leases;

/* An upload between its file and its catalog rows.  Memory of the caller's; from pin to unpin it
 * belongs to the table. */
struct rs_lease_pin {
    unsigned char key[32];
    struct rs_lease_pin *next;
};

/**
 * rs_leases_new(): an empty table.  Errors: RS_NOMEM.
 * @lease_ms     how long a lease runs, 0 = RS_LEASE_MS
 * @entries_max  leases remembered at once, 0 = 65536 (40 bytes each, allocated as they come)
 */
RS_MUST_CHECK enum rs_status rs_leases_new(uint64_t lease_ms, unsigned entries_max,
                                           struct rs_leases **ret, struct rs_err *reterr);
void rs_leases_free(struct rs_leases *leases); /* NULL-safe */
/* End the pause at start: for who knows that nobody was promised anything before (an operator who
 * collects while no daemon runs). */
void rs_leases_unpause(struct rs_leases *leases);

/* Nobody collects this digest until unpin, which leaves a lease.  Cannot fail.  Waits while it is
 * being collected. */
void rs_leases_pin(struct rs_leases *leases, const char *digest, struct rs_lease_pin *pin);
void rs_leases_unpin(struct rs_leases *leases, struct rs_lease_pin *pin);

/* Take or renew a lease on a canonical digest.  Cannot fail: without room or memory collection
 * pauses instead.  Waits while the blob is being collected (the removal of one file), so not for a
 * loop's thread: see rs_leases_renew(). */
void rs_leases_take(struct rs_leases *leases, const char *digest);

/* The same for a loop's thread: false, and no lease, when the blob is just being collected (then it
 * is as good as gone). */
RS_MUST_CHECK bool rs_leases_renew(struct rs_leases *leases, const char *digest);

/* May this blob be collected?  true: nobody has a lease and nobody gets one until collect_end,
 * which must follow.  false: leave it. */
RS_MUST_CHECK bool rs_leases_collect_begin(struct rs_leases *leases, const char *digest);
void rs_leases_collect_end(struct rs_leases *leases, const char *digest);

#endif
