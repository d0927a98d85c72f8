#include "audit/append.h"

#include <string.h>

#include "audit/counters.h"
#include "audit/record.h"
#include "base/assert.h"
#include "base/clock.h"
#include "catalog/audit.h"
#include "json/json.h"
#include "json/write.h"

enum rs_status rs_audit_details_of_text(struct rs_str text, struct rs_buf *out,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *value = NULL;
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_AUDIT_DETAILS_BYTES_MAX);
    size_t before = out->len;
    enum rs_status s = rs_json_parse(text.p, text.n, &limits, &value, NULL);
    if (s == RS_OK)
        s = rs_json_dump_canonical(value, out);
    else if (s != RS_NOMEM)
        s = rs_jw_quote(out, text);
    if (s == RS_TOO_LARGE || (s == RS_OK && out->len - before > RS_AUDIT_DETAILS_BYTES_MAX))
        return rs_fail(
            reterr, RS_TOO_LARGE,
            "details may be at most %zu bytes: keep the full report elsewhere and give its address",
            RS_AUDIT_DETAILS_BYTES_MAX);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

static enum rs_status entry_check(const struct rs_audit_entry *entry, struct rs_err *reterr)
{
    rs_assert(entry->action != NULL && entry->actor != NULL && entry->actor->name != NULL);
    rs_assert(entry->n_tags == 0 || entry->tags != NULL);
    if (entry->details != NULL && strlen(entry->details) > RS_AUDIT_ENTRY_DETAILS_BYTES_MAX)
        return rs_fail(reterr, RS_TOO_LARGE,
                       "the audit record of this change would have more than %zu bytes of details",
                       RS_AUDIT_ENTRY_DETAILS_BYTES_MAX);
    return RS_OK;
}

static void counted(void *arg)
{
    (void)arg;
    rs_audit_count_record();
}

enum rs_status rs_audit_append(struct rs_db_conn *conn, const struct rs_audit_entry *entry,
                               int64_t *ret_seq, struct rs_err *reterr)
{
    unsigned char previous[RS_AUDIT_HASH_BYTES];
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    unsigned char chain[RS_AUDIT_HASH_BYTES];
    RS_AUTO(rs_buf) struct rs_buf record = RS_BUF_INIT(RS_AUDIT_RECORD_BYTES_MAX);
    int64_t newest = 0;
    int64_t at_ms = rs_clock_unix_ms();

    enum rs_status s = entry_check(entry, reterr);
    if (s == RS_OK)
        s = rs_catalog_audit_head(conn, &newest, previous, reterr);
    if (s == RS_OK)
        s = rs_audit_record_encode(entry, newest + 1, at_ms, &record, reterr);
    struct rs_str bytes = rs_str_n(rs_buf_text(&record), record.len);
    if (s == RS_OK)
        s = rs_audit_leaf_hash(bytes, leaf, reterr);
    if (s != RS_OK)
        return s;
    rs_audit_chain_hash(previous, leaf, chain);

    struct rs_audit_row row = {
        .seq = newest + 1,
        .at_ms = at_ms,
        .action = entry->action,
        .repository = entry->repository,
        .digest = entry->digest,
        .actor = entry->actor->name,
        .record = bytes,
        .chain_hash = rs_str_n((const char *)chain, sizeof(chain)),
        .leaf_hash = rs_str_n((const char *)leaf, sizeof(leaf)),
    };
    s = rs_catalog_audit_insert(conn, &row, reterr);
    if (s != RS_OK)
        return s;
    rs_db_after_commit(conn, counted, NULL);
    if (ret_seq != NULL)
        *ret_seq = row.seq;
    return RS_OK;
}
