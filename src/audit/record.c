#include "audit/record.h"

#include <string.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "json/write.h"

#define HEX_BYTES ((size_t)2 * RS_AUDIT_HASH_BYTES)

/* What rs_audit_record_show() puts in place of the record's closing brace. */
static const char chain_member[] = ",\"chainHash\":\"";
static const char leaf_member[] = "\",\"leafHash\":\"";
static const char shown_end[] = "\"}";
#define SHOWN_MORE_BYTES                                                          \
    (sizeof(chain_member) - 1 + HEX_BYTES + sizeof(leaf_member) - 1 + HEX_BYTES + \
     sizeof(shown_end) - 1)

/* ---- canonical bytes ---- */

struct rs_json_limits rs_audit_record_limits(void)
{
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_AUDIT_RECORD_BYTES_MAX);
    limits.depth_max += 4;
    limits.nodes_max *= 4;
    return limits;
}

static enum rs_status details_write(struct rs_jw *w, const char *details, struct rs_err *reterr)
{
    rs_jw_key(w, "details");
    if (details == NULL) {
        rs_jw_null(w);
        return RS_OK;
    }
    RS_AUTO(rs_json) struct rs_json *value = NULL;
    struct rs_json_limits limits = rs_audit_record_limits();
    enum rs_status s = rs_json_parse(details, strlen(details), &limits, &value, reterr);
    if (s == RS_OK)
        rs_jw_node(w, value);
    return s;
}

enum rs_status rs_audit_record_encode(const struct rs_audit_entry *entry, int64_t seq,
                                      int64_t at_ms, struct rs_buf *out, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "version", 1);
    rs_jw_member_int(&w, "sequence", seq);
    rs_jw_member_time(&w, "timestamp", at_ms);
    rs_jw_member_text(&w, "action", entry->action);
    rs_jw_member_text(&w, "actor", entry->actor->name);
    rs_jw_member_int(&w, "actorId", entry->actor->principal_id);
    rs_jw_member_text(&w, "repository", entry->repository);
    rs_jw_key(&w, "tags");
    rs_jw_array(&w);
    for (size_t i = 0; i < entry->n_tags; i++)
        rs_jw_text(&w, entry->tags[i]);
    rs_jw_array_end(&w);
    rs_jw_member_text(&w, "digest", entry->digest);
    rs_jw_member_text(&w, "publisher", entry->publisher);
    enum rs_status s = details_write(&w, entry->details, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_key(&w, "cause");
    if (entry->cause != 0)
        rs_jw_int(&w, entry->cause);
    else
        rs_jw_null(&w);
    rs_jw_member_text(&w, "requestId", entry->actor->request_id);
    rs_jw_member_text(&w, "source", entry->actor->source);
    rs_jw_object_end(&w);
    s = rs_buf_status(out);
    if (s == RS_TOO_LARGE)
        return rs_fail(
            reterr, s,
            "the audit record of this change would be larger than %zu bytes: change less at once",
            RS_AUDIT_RECORD_BYTES_MAX);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

/* ---- hashes ---- */

enum rs_status rs_audit_leaf_hash(struct rs_str record, unsigned char out[RS_AUDIT_HASH_BYTES],
                                  struct rs_err *reterr)
{
    static const unsigned char leaf_prefix = 0x00;
    unsigned char hash[RS_HASH_BYTES_MAX];
    RS_AUTO(rs_hasher) struct rs_hasher *h = NULL;
    enum rs_status s = rs_hasher_new(RS_HASH_SHA256, &h, reterr);
    if (s == RS_OK)
        s = rs_hasher_update(h, &leaf_prefix, 1, reterr);
    if (s == RS_OK)
        s = rs_hasher_update(h, record.p, record.n, reterr);
    if (s == RS_OK)
        s = rs_hasher_final(h, hash, reterr);
    if (s == RS_OK)
        memcpy(out, hash, RS_AUDIT_HASH_BYTES);
    return s;
}

void rs_audit_chain_hash(const unsigned char previous[RS_AUDIT_HASH_BYTES],
                         const unsigned char leaf[RS_AUDIT_HASH_BYTES],
                         unsigned char out[RS_AUDIT_HASH_BYTES])
{
    unsigned char both[2 * RS_AUDIT_HASH_BYTES];
    memcpy(both, previous, RS_AUDIT_HASH_BYTES);
    memcpy(both + RS_AUDIT_HASH_BYTES, leaf, RS_AUDIT_HASH_BYTES);
    rs_hash_sha256(both, sizeof(both), out);
}

/* ---- as it is shown ---- */

/* Stored hashes are input: whatever their length, what is shown is hex. */
static void hash_add(struct rs_buf *out, struct rs_str hash)
{
    char hex[HEX_BYTES + 1] = "";
    rs_hex_encode((const unsigned char *)hash.p,
                  hash.n < RS_AUDIT_HASH_BYTES ? hash.n : RS_AUDIT_HASH_BYTES, hex);
    (void)rs_buf_adds(out, hex);
}

enum rs_status rs_audit_record_show(const struct rs_audit_row *row, struct rs_buf *out)
{
    /* A record that lost its last byte is shown as it is: the reader's check must fail on it, not
     * this function. */
    size_t body = row->record.n > 0 ? row->record.n - 1 : 0;
    (void)rs_buf_add(out, row->record.p, body);
    (void)rs_buf_adds(out, chain_member);
    hash_add(out, row->chain_hash);
    (void)rs_buf_adds(out, leaf_member);
    hash_add(out, row->leaf_hash);
    (void)rs_buf_adds(out, shown_end);
    return rs_buf_status(out);
}

/* Takes `text` off the front of *rest. */
static bool skip(struct rs_str *rest, const char *text)
{
    size_t n = strlen(text);
    if (rest->n < n || memcmp(rest->p, text, n) != 0)
        return false;
    *rest = rs_str_n(rest->p + n, rest->n - n);
    return true;
}

static bool hash_take(struct rs_str *rest, unsigned char out[RS_AUDIT_HASH_BYTES])
{
    if (rest->n < HEX_BYTES ||
        !rs_hex_decode(rs_str_n(rest->p, HEX_BYTES), out, RS_AUDIT_HASH_BYTES))
        return false;
    *rest = rs_str_n(rest->p + HEX_BYTES, rest->n - HEX_BYTES);
    return true;
}

bool rs_audit_record_unshow(struct rs_str line, struct rs_buf *scratch, struct rs_str *ret_record,
                            unsigned char ret_chain_hash[RS_AUDIT_HASH_BYTES],
                            unsigned char ret_leaf_hash[RS_AUDIT_HASH_BYTES])
{
    if (line.n < SHOWN_MORE_BYTES)
        return false;
    size_t body = line.n - SHOWN_MORE_BYTES;
    struct rs_str rest = rs_str_n(line.p + body, SHOWN_MORE_BYTES);
    if (!skip(&rest, chain_member) || !hash_take(&rest, ret_chain_hash) ||
        !skip(&rest, leaf_member) || !hash_take(&rest, ret_leaf_hash) || !skip(&rest, shown_end))
        return false;
    rs_buf_clear(scratch);
    (void)rs_buf_add(scratch, line.p, body);
    (void)rs_buf_addc(scratch, '}');
    if (rs_buf_status(scratch) != RS_OK)
        return false;
    *ret_record = rs_str_n(scratch->data, scratch->len);
    return true;
}
