#include "audit/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/assert.h"
#include "base/clock.h"
#include "json/json.h"
#include "json/write.h"

struct rs_verifier {
    bool is_partial;
    struct rs_checkpoint *checkpoint; /* sorted by size */
    size_t n_checkpoints;
    size_t next_checkpoint; /* the first one that was not reached yet */
    struct rs_tree tree;
    int64_t previous_seq;
    unsigned char previous_chain[RS_AUDIT_HASH_BYTES];
    bool has_previous;
    struct rs_verify_result result;
};

RS_PRINTF(3, 4) static void problem(struct rs_verifier *v, int64_t seq, const char *fmt, ...)
{
    struct rs_verify_result *r = &v->result;
    if (r->problems < RS_VERIFY_PROBLEMS_MAX) {
        struct rs_verify_problem *p = &r->problem[r->problems];
        va_list ap;
        p->seq = seq;
        va_start(ap, fmt);
        (void)vsnprintf(p->text, sizeof(p->text), fmt, ap);
        va_end(ap);
    }
    r->problems++;
}

void rs_verifier_problem(struct rs_verifier *v, int64_t seq, const char *text)
{
    problem(v, seq, "%s", text);
}

static int by_size(const void *a, const void *b)
{
    const struct rs_checkpoint *x = a;
    const struct rs_checkpoint *y = b;
    return (x->size > y->size) - (x->size < y->size);
}

static void checkpoints_compare(struct rs_verifier *v)
{
    unsigned char root[RS_AUDIT_HASH_BYTES];
    bool has_root = false;
    for (; v->next_checkpoint < v->n_checkpoints; v->next_checkpoint++) {
        const struct rs_checkpoint *c = &v->checkpoint[v->next_checkpoint];
        if (c->size > v->tree.size)
            return;
        if (!has_root)
            rs_tree_root(&v->tree, root);
        has_root = true;
        v->result.checkpoints_compared++;
        if (memcmp(root, c->root, sizeof(root)) != 0)
            problem(v, 0,
                    "the first %" PRIu64
                    " records are not those of the checkpoint of that size: the log was rewritten",
                    c->size);
    }
}

enum rs_status rs_verifier_new(const struct rs_verify_options *options, struct rs_verifier **ret,
                               struct rs_err *reterr)
{
    struct rs_verifier *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    v->is_partial = options->is_partial;
    rs_tree_init(&v->tree);
    if (options->n_checkpoints > 0 && !options->is_partial) {
        v->checkpoint = calloc(options->n_checkpoints, sizeof(*v->checkpoint));
        if (v->checkpoint == NULL) {
            rs_verifier_free(v);
            return rs_fail(reterr, RS_NOMEM, NULL);
        }
        memcpy(v->checkpoint, options->checkpoints,
               options->n_checkpoints * sizeof(*v->checkpoint));
        v->n_checkpoints = options->n_checkpoints;
        qsort(v->checkpoint, v->n_checkpoints, sizeof(*v->checkpoint), by_size);
    }
    checkpoints_compare(v); /* those of the empty log */
    *ret = v;
    return RS_OK;
}

void rs_verifier_free(struct rs_verifier *v)
{
    if (v == NULL)
        return;
    free(v->checkpoint);
    free(v);
}

/* The sequence that the record itself tells; 0 when it tells none. */
static int64_t record_seq(struct rs_str record)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_json_limits limits = rs_audit_record_limits();
    int64_t version = 0;
    int64_t seq = 0;
    if (rs_json_parse(record.p, record.n, &limits, &root, NULL) != RS_OK ||
        !rs_json_int(rs_json_get(root, "version"), 1, 1, &version) ||
        !rs_json_int(rs_json_get(root, "sequence"), 1, RS_JSON_INT_MAX, &seq))
        return 0;
    return seq;
}

static void sequence_check(struct rs_verifier *v, int64_t seq)
{
    int64_t expected = v->previous_seq + 1;
    if (seq <= 0)
        problem(v, expected, "this is no record that this program can read");
    else if (seq == expected || (v->is_partial && seq > v->previous_seq))
        return;
    else if (seq <= v->previous_seq)
        problem(v, seq, "it comes after record %" PRId64 ": inserted, repeated, or out of order",
                v->previous_seq);
    else if (v->previous_seq == 0)
        problem(v, seq, "the log does not begin with record 1 but with %" PRId64, seq);
    else
        problem(v, seq, "records %" PRId64 " to %" PRId64 " are missing before it", expected,
                seq - 1);
}

/* Judges by the hashes that stand beside the record, and goes on from the stored ones, so that one
 * fault is told once. */
static void hashes_check(struct rs_verifier *v, int64_t seq, struct rs_str chain_hash,
                         const unsigned char *leaf, struct rs_str leaf_hash)
{
    unsigned char chain[RS_AUDIT_HASH_BYTES];
    bool is_linked = v->has_previous ? seq == v->previous_seq + 1 : seq == 1;
    if (leaf_hash.n != RS_AUDIT_HASH_BYTES || memcmp(leaf_hash.p, leaf, RS_AUDIT_HASH_BYTES) != 0)
        problem(v, seq, "its leaf hash is not that of its bytes: the record was edited");
    rs_audit_chain_hash(v->previous_chain, leaf, chain);
    bool is_whole = chain_hash.n == RS_AUDIT_HASH_BYTES;
    if (!is_whole || (is_linked && memcmp(chain_hash.p, chain, sizeof(chain)) != 0))
        problem(v, seq, "its chain hash does not follow from the record before it");
    if (is_whole)
        memcpy(v->previous_chain, chain_hash.p, RS_AUDIT_HASH_BYTES);
    else
        memcpy(v->previous_chain, chain, sizeof(chain));
}

enum rs_status rs_verifier_add(struct rs_verifier *v, struct rs_str record,
                               struct rs_str chain_hash, struct rs_str leaf_hash,
                               struct rs_err *reterr)
{
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    enum rs_status s = rs_audit_leaf_hash(record, leaf, reterr);
    if (s != RS_OK)
        return s;
    int64_t seq = record_seq(record);
    sequence_check(v, seq);
    hashes_check(v, seq > 0 ? seq : v->previous_seq + 1, chain_hash, leaf, leaf_hash);
    v->previous_seq = seq > 0 ? seq : v->previous_seq + 1;
    v->has_previous = true;
    v->result.records++;
    if (!rs_tree_add(&v->tree, leaf))
        return rs_fail(reterr, RS_TOO_LARGE, NULL);
    checkpoints_compare(v);
    return RS_OK;
}

void rs_verifier_finish(struct rs_verifier *v, struct rs_verify_result *ret)
{
    for (; v->next_checkpoint < v->n_checkpoints; v->next_checkpoint++) {
        const struct rs_checkpoint *c = &v->checkpoint[v->next_checkpoint];
        v->result.checkpoints_compared++;
        problem(v, 0,
                "the log ends after %" PRIu64 " records, the checkpoint knows %" PRIu64
                ": it was cut, or rolled back",
                v->tree.size, c->size);
    }
    v->result.last_seq = v->previous_seq;
    v->result.is_sound = v->result.problems == 0;
    if (!v->is_partial)
        rs_tree_root(&v->tree, v->result.root);
    memcpy(v->result.chain, v->previous_chain, sizeof(v->result.chain));
    *ret = v->result;
}

static void hex_member(struct rs_jw *w, const char *key,
                       const unsigned char hash[RS_AUDIT_HASH_BYTES])
{
    char hex[2 * RS_AUDIT_HASH_BYTES + 1];
    rs_hex_encode(hash, RS_AUDIT_HASH_BYTES, hex);
    rs_jw_member_text(w, key, hex);
}

enum rs_status rs_verify_result_write(const struct rs_verify_result *result, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_bool(&w, "sound", result->is_sound);
    rs_jw_member_int(&w, "records", (int64_t)result->records);
    rs_jw_member_int(&w, "lastSequence", result->last_seq);
    rs_jw_member_int(&w, "checkpoints", result->checkpoints_compared);
    hex_member(&w, "rootHash", result->root);
    hex_member(&w, "chainHash", result->chain);
    rs_jw_member_int(&w, "problemCount", (int64_t)result->problems);
    rs_jw_key(&w, "problems");
    rs_jw_array(&w);
    for (size_t i = 0; i < result->problems && i < RS_VERIFY_PROBLEMS_MAX; i++) {
        rs_jw_object(&w);
        rs_jw_member_int(&w, "sequence", result->problem[i].seq);
        rs_jw_member_text(&w, "problem", result->problem[i].text);
        rs_jw_object_end(&w);
    }
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}
