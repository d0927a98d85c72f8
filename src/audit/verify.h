/*
 * audit/verify.h: is the audit log whole?  From the catalog, or offline from an export.
 * Layer: audit.  Threads: a verifier belongs to one thread; it reads and never writes.  Spec: SPEC
 * section 7; TESTPLAN A2.
 *
 * The records alone show an edit, a deletion, an insertion, another order and a gap (leaf hash,
 * chain, sequence).  Whoever can rewrite the whole log can rebuild those hashes; that, a cut at the
 * tail and a rolled-back database show against an earlier checkpoint.
 */
#ifndef RS_AUDIT_VERIFY_H
#define RS_AUDIT_VERIFY_H

#include <stdio.h>

#include "audit/checkpoint.h"
#include "audit/tree.h"
#include "base/buf.h"
#include "db/db.h"

#define RS_VERIFY_PROBLEMS_MAX 32
#define RS_VERIFY_CHECKPOINTS_MAX 1024

struct rs_verify_options {
    /* opened (so: signed by the log's key), in any order; borrowed */
    const struct rs_checkpoint *checkpoints;
    size_t n_checkpoints;
    /* Only part of the log is at hand (a filtered export): gaps are no problem; each record is
     * checked by itself, and the chain where records follow each other.  Checkpoints cannot be
     * compared then. */
    bool is_partial;
};

struct rs_verify_problem {
    int64_t seq; /* 0 when it is about no single record */
    char text[192];
};

struct rs_verify_result {
    bool is_sound;    /* no problem at all */
    uint64_t records; /* looked at */
    int64_t last_seq;
    uint64_t problems; /* all of them; the first ones are listed */
    struct rs_verify_problem problem[RS_VERIFY_PROBLEMS_MAX];
    unsigned checkpoints_compared;
    /* of the tree over the records as they are; not when is_partial */
    unsigned char root[RS_AUDIT_HASH_BYTES];
    unsigned char chain[RS_AUDIT_HASH_BYTES]; /* of the last record */
};

struct rs_verifier;
RS_MUST_CHECK enum rs_status rs_verifier_new(const struct rs_verify_options *options,
                                             struct rs_verifier **ret, struct rs_err *reterr);
void rs_verifier_free(struct rs_verifier *v);
RS_DEFINE_AUTO_PTR(rs_verifier, rs_verifier_free)
/* The next record.  Hashes of the wrong length are a problem, not an error. */
RS_MUST_CHECK enum rs_status rs_verifier_add(struct rs_verifier *v, struct rs_str record,
                                             struct rs_str chain_hash, struct rs_str leaf_hash,
                                             struct rs_err *reterr);
/* Something else that is wrong (an unreadable line, a column that differs). */
void rs_verifier_problem(struct rs_verifier *v, int64_t seq, const char *text);
/* Compare what is left and fill *ret. */
void rs_verifier_finish(struct rs_verifier *v, struct rs_verify_result *ret);

/**
 * rs_verify_catalog(): the log in the catalog, its filter columns and its stored checkpoints (those
 * that `key` signed; NULL: none). Reads page by page, each page in a snapshot of its own; records
 * are only ever appended, so the pages fit together. Errors: RS_IO, RS_NOMEM: nothing is said about
 * the log then.  What is wrong with the log is in *ret.  Blocks for long on a long log.
 */
RS_MUST_CHECK enum rs_status rs_verify_catalog(struct rs_db *db,
                                               const struct rs_verify_options *options,
                                               const struct rs_note_key *key,
                                               struct rs_verify_result *ret, struct rs_err *reterr);
/**
 * rs_verify_catalog_in(): the same for the catalog of a data directory, also against the newest
 * checkpoint beside the key there, which shows a catalog that was put back.
 */
RS_MUST_CHECK enum rs_status rs_verify_catalog_in(const char *data_dir, struct rs_db *db,
                                                  const struct rs_verify_options *options,
                                                  const struct rs_note_key *key,
                                                  struct rs_verify_result *ret,
                                                  struct rs_err *reterr);
/**
 * rs_verify_data_dir(): the same for the catalog of a daemon that does not run.  The caller holds
 * the data directory's lock.
 * @key  the log's key, kept elsewhere; NULL: the one in the directory itself
 * Errors: RS_NOT_FOUND (no catalog, no key there), RS_CORRUPT (no database, no key), RS_IO,
 * RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_verify_data_dir(const char *data_dir,
                                                const struct rs_verify_options *options,
                                                const struct rs_note_key *key,
                                                struct rs_verify_result *ret,
                                                struct rs_err *reterr);
/* An export, one record a line (application/x-ndjson as the API and `roadstead audit` write it).
 * Errors: RS_IO, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_verify_file(FILE *file, const struct rs_verify_options *options,
                                            struct rs_verify_result *ret, struct rs_err *reterr);

/* The result as a JSON object: {"sound", "records", "lastSequence", "checkpoints", "rootHash",
 * "chainHash", "problems":[{"sequence","problem"}]}. */
enum rs_status rs_verify_result_write(const struct rs_verify_result *result, struct rs_buf *out);

#endif
