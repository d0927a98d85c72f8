/*
 * audit/record.h: the canonical bytes of a record, and its hashes.
 * Layer: audit.  Threads: any (pure functions).  Spec: SPEC section 7; RFC 9162 section 2.1.1 for
 * the leaf hash.
 *
 * A record is one JSON object without spaces, all of its members present, in this order:
 *   version, sequence, timestamp, action, actor, actorId, repository, tags, digest, publisher,
 * details, cause, requestId, source What does not apply is null (tags: an empty array).  `details`
 * is in canonical form (json/json.h).  The bytes are never written anew: a later version adds
 * members under a new `version`.
 */
#ifndef RS_AUDIT_RECORD_H
#define RS_AUDIT_RECORD_H

#include "audit/append.h"
#include "base/buf.h"
#include "catalog/audit.h"
#include "json/json.h"

/* The largest record: the details and some hundred thousand tags fit; more is refused, never cut.
 */
#define RS_AUDIT_RECORD_BYTES_MAX ((size_t)16777216)

/* To parse a record, or its details: the deepest JSON that is taken from a client stands in objects
 * of ours, up to four of them. */
struct rs_json_limits rs_audit_record_limits(void);

/* Append the canonical bytes to `out`.  Errors: RS_TOO_LARGE, RS_BAD_REQUEST (details are no JSON),
 * RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_audit_record_encode(const struct rs_audit_entry *entry, int64_t seq,
                                                    int64_t at_ms, struct rs_buf *out,
                                                    struct rs_err *reterr);

/* SHA-256(0x00 || record). */
RS_MUST_CHECK enum rs_status rs_audit_leaf_hash(struct rs_str record,
                                                unsigned char out[RS_AUDIT_HASH_BYTES],
                                                struct rs_err *reterr);
/* SHA-256(previous chain hash || leaf hash); the first record's previous is 32 zero bytes. */
void rs_audit_chain_hash(const unsigned char previous[RS_AUDIT_HASH_BYTES],
                         const unsigned char leaf[RS_AUDIT_HASH_BYTES],
                         unsigned char out[RS_AUDIT_HASH_BYTES]);

/*
 * A record as it is shown and exported: its own members, then its hashes:
 *   {"version":1,...,"source":"127.0.0.1","chainHash":"<hex>","leafHash":"<hex>"}
 * The canonical bytes come back exactly by cutting the two last members off.
 */
enum rs_status rs_audit_record_show(const struct rs_audit_row *row, struct rs_buf *out);
/* The way back.  *ret_record is the canonical bytes in `scratch`; false when the line is not what
 * rs_audit_record_show() writes. */
RS_MUST_CHECK bool rs_audit_record_unshow(struct rs_str line, struct rs_buf *scratch,
                                          struct rs_str *ret_record,
                                          unsigned char ret_chain_hash[RS_AUDIT_HASH_BYTES],
                                          unsigned char ret_leaf_hash[RS_AUDIT_HASH_BYTES]);

#endif
