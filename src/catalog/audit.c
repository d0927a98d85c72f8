#include "catalog/audit.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/sql.h"

enum rs_status rs_catalog_audit_head(struct rs_db_conn *conn, int64_t *ret_seq,
                                     unsigned char ret_chain_hash[RS_AUDIT_HASH_BYTES],
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(
        conn, "SELECT seq, chain_hash FROM audit ORDER BY seq DESC LIMIT 1", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s != RS_OK)
        return s;
    if (!row) {
        *ret_seq = 0;
        memset(ret_chain_hash, 0, RS_AUDIT_HASH_BYTES);
        return RS_OK;
    }
    struct rs_str chain = rs_stmt_col_str(st, 1);
    if (chain.n != RS_AUDIT_HASH_BYTES || rs_stmt_col_int(st, 0) < 1)
        return rs_fail(reterr, RS_CORRUPT,
                       "the newest audit record is damaged: run `roadstead audit verify`");
    *ret_seq = rs_stmt_col_int(st, 0);
    memcpy(ret_chain_hash, chain.p, RS_AUDIT_HASH_BYTES);
    return RS_OK;
}

enum rs_status rs_catalog_audit_insert(struct rs_db_conn *conn, const struct rs_audit_row *row,
                                       struct rs_err *reterr)
{
    return rs_sql_run(
        conn,
        "INSERT INTO audit(seq, at_ms, action, repository, digest, actor, record, chain_hash, leaf_hash)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        NULL, reterr, RS_SQL_INT(row->seq), RS_SQL_INT(row->at_ms), RS_SQL_TEXT(row->action),
        RS_SQL_TEXT(row->repository), RS_SQL_TEXT(row->digest), RS_SQL_TEXT(row->actor),
        RS_SQL_BYTES(row->record), RS_SQL_BYTES(row->chain_hash), RS_SQL_BYTES(row->leaf_hash));
}

/* ---- reading with filters ---- */

#define AUDIT_COLUMNS                                                                                \
    "SELECT seq, at_ms, action, repository, digest, actor, record, chain_hash, leaf_hash FROM audit" \
    " WHERE seq > $1 AND at_ms >= $2 AND at_ms < $3 AND ($4 = '' OR action = $4)"
#define AUDIT_REPOSITORY " AND repository = $5"
#define AUDIT_DIGEST " AND digest = $6"
#define AUDIT_ACTOR " AND actor = $7"
#define ANY_REPOSITORY " AND $5 IS NULL"
#define ANY_DIGEST " AND $6 IS NULL"
#define ANY_ACTOR " AND $7 IS NULL"
#define AUDIT_ORDER " ORDER BY seq"

/* One text for each set of filters that an index serves, so that the engine can choose that index;
 * every parameter appears in each. */
static const char *const audit_queries[8] = {
    AUDIT_COLUMNS ANY_REPOSITORY ANY_DIGEST ANY_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS AUDIT_REPOSITORY ANY_DIGEST ANY_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS ANY_REPOSITORY AUDIT_DIGEST ANY_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS AUDIT_REPOSITORY AUDIT_DIGEST ANY_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS ANY_REPOSITORY ANY_DIGEST AUDIT_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS AUDIT_REPOSITORY ANY_DIGEST AUDIT_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS ANY_REPOSITORY AUDIT_DIGEST AUDIT_ACTOR AUDIT_ORDER,
    AUDIT_COLUMNS AUDIT_REPOSITORY AUDIT_DIGEST AUDIT_ACTOR AUDIT_ORDER,
};

static enum rs_status audit_prepare(struct rs_db_conn *conn, const struct rs_audit_filter *f,
                                    struct rs_stmt **ret, struct rs_err *reterr)
{
    unsigned which = (f->repository != NULL ? 1U : 0U) | (f->digest != NULL ? 2U : 0U) |
                     (f->actor != NULL ? 4U : 0U);
    return rs_sql_open(conn, audit_queries[which], ret, reterr, RS_SQL_INT(f->after),
                       RS_SQL_INT(f->from_ms != 0 ? f->from_ms : INT64_MIN),
                       RS_SQL_INT(f->to_ms != 0 ? f->to_ms : INT64_MAX),
                       RS_SQL_TEXT(f->action != NULL ? f->action : ""), RS_SQL_TEXT(f->repository),
                       RS_SQL_TEXT(f->digest), RS_SQL_TEXT(f->actor));
}

enum rs_status rs_catalog_audit_each(struct rs_db_conn *conn, const struct rs_audit_filter *filter,
                                     rs_audit_row_fn fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = audit_prepare(conn, filter, &st, reterr);
    bool stop = false;
    while (s == RS_OK && !stop) {
        bool row = false;
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            break;
        struct rs_audit_row view = {
            .seq = rs_stmt_col_int(st, 0),
            .at_ms = rs_stmt_col_int(st, 1),
            .action = rs_stmt_col_text(st, 2),
            .repository = rs_stmt_col_text(st, 3),
            .digest = rs_stmt_col_text(st, 4),
            .actor = rs_stmt_col_text(st, 5),
            .record = rs_stmt_col_str(st, 6),
            .chain_hash = rs_stmt_col_str(st, 7),
            .leaf_hash = rs_stmt_col_str(st, 8),
        };
        s = fn(arg, &view, &stop, reterr);
    }
    return s;
}

/* ---- checkpoints ---- */

static enum rs_status checkpoint_give(struct rs_stmt *st, rs_audit_checkpoint_fn fn, void *arg,
                                      bool *ret_found, struct rs_err *reterr)
{
    enum rs_status s = rs_stmt_step(st, ret_found, reterr);
    if (s != RS_OK || !*ret_found)
        return s;
    struct rs_audit_checkpoint_row row = {
        .size = rs_stmt_col_int(st, 0),
        .note = rs_stmt_col_str(st, 1),
        .frontier = rs_stmt_col_str(st, 2),
        .created_ms = rs_stmt_col_int(st, 3),
    };
    return fn(arg, &row, reterr);
}

enum rs_status rs_catalog_audit_checkpoint_newest(struct rs_db_conn *conn,
                                                  rs_audit_checkpoint_fn fn, void *arg,
                                                  bool *ret_found, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    *ret_found = false;
    enum rs_status s = rs_db_prepare(conn,
                                     "SELECT size, note, frontier, created_ms FROM audit_checkpoint"
                                     " ORDER BY size DESC LIMIT 1",
                                     &st, reterr);
    return s == RS_OK ? checkpoint_give(st, fn, arg, ret_found, reterr) : s;
}

enum rs_status rs_catalog_audit_checkpoint_next(struct rs_db_conn *conn, int64_t after,
                                                rs_audit_checkpoint_fn fn, void *arg,
                                                bool *ret_found, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    *ret_found = false;
    enum rs_status s = rs_sql_open(conn,
                                   "SELECT size, note, frontier, created_ms FROM audit_checkpoint"
                                   " WHERE size > $1 ORDER BY size LIMIT 1",
                                   &st, reterr, RS_SQL_INT(after));
    return s == RS_OK ? checkpoint_give(st, fn, arg, ret_found, reterr) : s;
}

enum rs_status rs_catalog_audit_checkpoint_insert(struct rs_db_conn *conn,
                                                  const struct rs_audit_checkpoint_row *row,
                                                  struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO audit_checkpoint(size, note, frontier, created_ms)"
                      " VALUES ($1, $2, $3, $4) ON CONFLICT(size) DO NOTHING",
                      NULL, reterr, RS_SQL_INT(row->size), RS_SQL_STR(row->note),
                      RS_SQL_BYTES(row->frontier), RS_SQL_INT(row->created_ms));
}

enum rs_status rs_catalog_audit_checkpoint_prune(struct rs_db_conn *conn, int64_t keep,
                                                 struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "DELETE FROM audit_checkpoint WHERE size <="
                      " (SELECT size FROM audit_checkpoint ORDER BY size DESC LIMIT 1 OFFSET $1)",
                      NULL, reterr, RS_SQL_INT(keep));
}
