/*
 * quarantine/show.h: the state of one manifest, as JSON.
 * Layer: quarantine.  Threads: any; reads one snapshot.  Spec: SPEC section 5 ("GET on that path").
 */
#ifndef RS_QUARANTINE_SHOW_H
#define RS_QUARANTINE_SHOW_H

#include "base/buf.h"
#include "json/write.h"
#include "quarantine/audience.h"
#include "quarantine/standing.h"

/**
 * rs_show_manifest(): append what this caller may know.
 *
 * In brief: {repository, digest, state, since, checks: [{name, required, state}]}; a check's state
 * is "waiting" (no report), "running", "passed" or "failed". In full also: kind, mediaType,
 * artifactType, size, publisher, pushedWith, pushed, tags {live, staged}, subject, joined, root,
 * roots (of a part), failedBy, decidedBy, details, overdueSince, observed,
 * reporter/reported/details of the checks, claims, parts, attachments, releaseBlockedBy.
 *
 * @ret_etag  for ETag and If-Match; in brief empty: it covers what is not told
 * Errors: RS_MANIFEST_UNKNOWN (not there, or not for this caller), RS_DIGEST_INVALID, faults.
 */
RS_MUST_CHECK enum rs_status rs_show_manifest(struct rs_db *db, const struct rs_asker *asker,
                                              const char *repository, const char *digest,
                                              struct rs_buf *out, char ret_etag[RS_ETAG_BYTES],
                                              struct rs_err *reterr);

/* `"checks": [{name, required, state}, ...]`, as in every list of them. */
void rs_show_checks(const struct rs_standing *st, bool in_full, struct rs_jw *w);

/* One entry of releaseBlockedBy: {reason, digest, subject}. */
void rs_show_block(const struct rs_block *b, struct rs_jw *w);

#endif
