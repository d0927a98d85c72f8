/* The places that a log is verified from: the catalog, a data directory at rest, and an export. */
#include "audit/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/record.h"
#include "base/attr.h"
#include "base/clock.h"
#include "json/json.h"

/* Rows read under one snapshot: a long check must not keep the write-ahead log from being
 * truncated. */
#define ROWS_AT_ONCE 500U

/* ---- the catalog ---- */

static bool text_is(const struct rs_json *node, const char *column)
{
    const char *text = rs_json_text(node);
    if (column == NULL)
        return rs_json_kind(node) == RS_JSON_NULL;
    return text != NULL && strcmp(text, column) == 0;
}

/* What the record says of itself must be what queries find it by. */
static bool columns_fit(const struct rs_audit_row *row)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_json_limits limits = rs_audit_record_limits();
    char time[RS_TIME_TEXT_BYTES];
    int64_t seq = 0;
    if (rs_json_parse(row->record.p, row->record.n, &limits, &root, NULL) != RS_OK)
        return true; /* told already as an unreadable record */
    rs_clock_format(row->at_ms, time);
    return rs_json_int(rs_json_get(root, "sequence"), 1, RS_JSON_INT_MAX, &seq) &&
           seq == row->seq && text_is(rs_json_get(root, "timestamp"), time) &&
           text_is(rs_json_get(root, "action"), row->action) &&
           text_is(rs_json_get(root, "repository"), row->repository) &&
           text_is(rs_json_get(root, "digest"), row->digest) &&
           text_is(rs_json_get(root, "actor"), row->actor);
}

struct page {
    struct rs_verifier *v;
    unsigned n;
    int64_t last_seq;
};

static enum rs_status row_verify(void *arg, const struct rs_audit_row *row, bool *stop,
                                 struct rs_err *reterr)
{
    struct page *p = arg;
    enum rs_status s = rs_verifier_add(p->v, row->record, row->chain_hash, row->leaf_hash, reterr);
    if (s != RS_OK)
        return s;
    if (!columns_fit(row))
        rs_verifier_problem(
            p->v, row->seq,
            "the columns beside it say something else than the record: queries would not find it as it is");
    p->last_seq = row->seq;
    *stop = ++p->n >= ROWS_AT_ONCE;
    return RS_OK;
}

static enum rs_status rows_verify(struct rs_db *db, struct rs_verifier *v, struct rs_err *reterr)
{
    struct rs_audit_filter filter = {.after = INT64_MIN};
    for (;;) {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        struct page p = {.v = v};
        enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
        if (s == RS_OK)
            s = rs_catalog_audit_each(r.conn, &filter, row_verify, &p, reterr);
        if (s != RS_OK || p.n < ROWS_AT_ONCE)
            return s;
        filter.after = p.last_seq;
    }
}

/* The caller's checkpoints and the stored ones together. */
struct checkpoints {
    const struct rs_note_key *key;
    struct rs_checkpoint *item;
    size_t n;
    size_t cap;
    int64_t last_size;
    unsigned damaged;
};

static enum rs_status checkpoint_collect(void *arg, const struct rs_audit_checkpoint_row *row,
                                         struct rs_err *reterr)
{
    struct checkpoints *c = arg;
    (void)reterr;
    c->last_size = row->size;
    if (rs_checkpoint_open(row->note, c->key, &c->item[c->n], NULL) == RS_OK &&
        (int64_t)c->item[c->n].size == row->size)
        c->n++;
    else
        c->damaged++;
    return RS_OK;
}

static enum rs_status checkpoints_read(struct rs_db *db, struct checkpoints *c,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    bool found = true;
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    while (s == RS_OK && found && c->n < c->cap)
        s = rs_catalog_audit_checkpoint_next(r.conn, c->last_size, checkpoint_collect, c, &found,
                                             reterr);
    return s;
}

enum rs_status rs_verify_catalog(struct rs_db *db, const struct rs_verify_options *options,
                                 const struct rs_note_key *key, struct rs_verify_result *ret,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_verifier) struct rs_verifier *v = NULL;
    struct checkpoints c = {
        .key = key, .cap = options->n_checkpoints + RS_VERIFY_CHECKPOINTS_MAX, .last_size = -1};
    RS_AUTO_FREE struct rs_checkpoint *items = calloc(c.cap, sizeof(*items));
    if (items == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (options->n_checkpoints > 0)
        memcpy(items, options->checkpoints, options->n_checkpoints * sizeof(*items));
    c.item = items;
    c.n = options->n_checkpoints;
    enum rs_status s = key != NULL ? checkpoints_read(db, &c, reterr) : RS_OK;
    if (s != RS_OK)
        return s;
    struct rs_verify_options with_stored = {.checkpoints = items, .n_checkpoints = c.n};
    s = rs_verifier_new(&with_stored, &v, reterr);
    if (s == RS_OK && c.damaged > 0)
        rs_verifier_problem(v, 0, "a stored checkpoint is damaged or signed by another key");
    if (s == RS_OK)
        s = rows_verify(db, v, reterr);
    if (s == RS_OK)
        rs_verifier_finish(v, ret);
    return s;
}

/* ---- a data directory ---- */

static enum rs_status catalog_open(const char *data_dir, struct rs_db **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(4096);
    if (rs_buf_addf(&path, "%s/catalog.db", data_dir) != RS_OK)
        return rs_fail(reterr, RS_BAD_REQUEST, "the name of the data directory is too long");
    if (access(rs_buf_text(&path), F_OK) != 0)
        return rs_fail(reterr, RS_NOT_FOUND, "there is no catalog in this directory");
    const struct rs_db_options options = {.path = rs_buf_text(&path)};
    return rs_db_open(&options, ret, reterr);
}

/* Appends the checkpoint beside the key, if there is one that can be read. */
static enum rs_status newest_add(const char *keys_dir, const struct rs_note_key *key,
                                 struct rs_checkpoint *list, size_t *n)
{
    enum rs_status s = rs_checkpoint_find(keys_dir, key, &list[*n], NULL);
    *n += s == RS_OK;
    return s == RS_IO || s == RS_NOMEM ? s : RS_OK;
}

static enum rs_status keys_dir_of(const char *data_dir, struct rs_buf *out, struct rs_err *reterr)
{
    enum rs_status s = rs_buf_addf(out, "%s/keys", data_dir);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_verify_catalog_in(const char *data_dir, struct rs_db *db,
                                    const struct rs_verify_options *options,
                                    const struct rs_note_key *key, struct rs_verify_result *ret,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf keys_dir = RS_BUF_INIT(4096);
    RS_AUTO_FREE struct rs_checkpoint *list = calloc(options->n_checkpoints + 1, sizeof(*list));
    struct rs_verify_options more = {.checkpoints = list, .n_checkpoints = options->n_checkpoints};
    if (list == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (options->n_checkpoints > 0)
        memcpy(list, options->checkpoints, options->n_checkpoints * sizeof(*list));
    enum rs_status s = keys_dir_of(data_dir, &keys_dir, reterr);
    if (s != RS_OK)
        return s;
    s = newest_add(rs_buf_text(&keys_dir), key, list, &more.n_checkpoints);
    return s == RS_OK ? rs_verify_catalog(db, &more, key, ret, reterr) : rs_fail(reterr, s, NULL);
}

enum rs_status rs_verify_data_dir(const char *data_dir, const struct rs_verify_options *options,
                                  const struct rs_note_key *key, struct rs_verify_result *ret,
                                  struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf keys_dir = RS_BUF_INIT(4096);
    struct rs_note_key own;
    struct rs_db *db = NULL;
    enum rs_status s = keys_dir_of(data_dir, &keys_dir, reterr);
    if (s == RS_OK && key == NULL)
        s = rs_note_key_find(rs_buf_text(&keys_dir), &own, reterr);
    if (s == RS_OK)
        s = catalog_open(data_dir, &db, reterr);
    if (s == RS_OK)
        s = rs_verify_catalog_in(data_dir, db, options, key != NULL ? key : &own, ret, reterr);
    rs_db_close(db);
    return s;
}

/* ---- an export ---- */

struct lines {
    struct rs_verifier *v;
    struct rs_buf line;
    struct rs_buf record;
    bool is_cut;     /* the line is too long: what follows of it is passed over */
    uint64_t number; /* of the line, from 1 */
};

static enum rs_status line_verify(struct lines *l, struct rs_err *reterr)
{
    struct rs_str record;
    unsigned char chain[RS_AUDIT_HASH_BYTES];
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    struct rs_str line = rs_str_n(rs_buf_text(&l->line), l->line.len);
    l->number++;
    if (l->is_cut || !rs_audit_record_unshow(line, &l->record, &record, chain, leaf)) {
        char text[160];
        (void)snprintf(text, sizeof(text),
                       "line %" PRIu64
                       " is no record as it was exported (cut, edited, or formatted anew)",
                       l->number);
        rs_verifier_problem(l->v, 0, text);
        return RS_OK;
    }
    return rs_verifier_add(l->v, record, rs_str_n((const char *)chain, sizeof(chain)),
                           rs_str_n((const char *)leaf, sizeof(leaf)), reterr);
}

static enum rs_status bytes_take(struct lines *l, const char *p, size_t n, struct rs_err *reterr)
{
    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        size_t part = end != NULL ? (size_t)(end - p) : n;
        if (!l->is_cut && rs_buf_add(&l->line, p, part) == RS_NOMEM)
            return rs_fail(reterr, RS_NOMEM, NULL);
        l->is_cut = rs_buf_status(&l->line) != RS_OK;
        if (end == NULL)
            return RS_OK;
        enum rs_status s = line_verify(l, reterr);
        if (s != RS_OK)
            return s;
        rs_buf_clear(&l->line);
        l->is_cut = false;
        p = end + 1;
        n -= part + 1;
    }
    return RS_OK;
}

static enum rs_status file_verify(FILE *file, struct lines *l, struct rs_err *reterr)
{
    char block[65536];
    size_t n;
    enum rs_status s = RS_OK;
    while (s == RS_OK && (n = fread(block, 1, sizeof(block), file)) > 0)
        s = bytes_take(l, block, n, reterr);
    if (s == RS_OK && ferror(file) != 0)
        return rs_fail(reterr, RS_IO, "the export cannot be read");
    if (s == RS_OK && (l->line.len > 0 || l->is_cut)) {
        s = line_verify(l, reterr);
        rs_verifier_problem(l->v, 0, "the export does not end with a newline: it was cut");
    }
    return s;
}

enum rs_status rs_verify_file(FILE *file, const struct rs_verify_options *options,
                              struct rs_verify_result *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_verifier) struct rs_verifier *v = NULL;
    enum rs_status s = rs_verifier_new(options, &v, reterr);
    if (s != RS_OK)
        return s;
    struct lines l = {.v = v,
                      .line = RS_BUF_INIT(RS_AUDIT_RECORD_BYTES_MAX + 256),
                      .record = RS_BUF_INIT(RS_AUDIT_RECORD_BYTES_MAX + 256)};
    s = file_verify(file, &l, reterr);
    rs_buf_release(&l.line);
    rs_buf_release(&l.record);
    if (s == RS_OK)
        rs_verifier_finish(v, ret);
    return s;
}
