#include "catalog/claim.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/sql.h"

#define COLUMNS                                                                            \
    "id, manifest_id, check_name, principal_id, principal, lease_ms, expires_ms, boot_id," \
    " expires_mono_ms"

static enum rs_status claim_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                 struct rs_err *reterr)
{
    struct rs_claim_row *ret = row;
    const char *id = rs_stmt_col_text(st, 0);
    if (id == NULL || !rs_text_copy(ret->id, sizeof(ret->id), id))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    ret->manifest_id = rs_stmt_col_int(st, 1);
    ret->principal_id = rs_stmt_col_int(st, 3);
    ret->lease_ms = rs_stmt_col_int(st, 5);
    ret->expires_ms = rs_stmt_col_int(st, 6);
    ret->expires_mono_ms = rs_stmt_col_int(st, 8);
    enum rs_status s = rs_sql_copy_not_null(st, 2, arena, &ret->check_name, reterr);
    if (s == RS_OK)
        s = rs_sql_copy_not_null(st, 4, arena, &ret->principal, reterr);
    return s == RS_OK ? rs_sql_copy_not_null(st, 7, arena, &ret->boot_id, reterr) : s;
}

static enum rs_status one_read(struct rs_stmt *st, struct rs_arena *arena,
                               struct rs_claim_row **ret, struct rs_err *reterr)
{
    bool row = false;
    *ret = NULL;
    enum rs_status s = rs_stmt_step(st, &row, reterr);
    if (s != RS_OK || !row)
        return s;
    struct rs_claim_row *claim = rs_arena_alloc(arena, sizeof(*claim));
    if (claim == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    s = claim_read(st, arena, claim, reterr);
    if (s == RS_OK)
        *ret = claim;
    return s;
}

enum rs_status rs_catalog_claim_find(struct rs_db_conn *conn, struct rs_arena *arena,
                                     const char *id, struct rs_claim_row **ret,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, "SELECT " COLUMNS " FROM claim WHERE id = $1", &st, reterr,
                                   RS_SQL_TEXT(id));
    return s == RS_OK ? one_read(st, arena, ret, reterr) : s;
}

enum rs_status rs_catalog_claim_of(struct rs_db_conn *conn, struct rs_arena *arena,
                                   int64_t manifest_id, const char *check_name,
                                   struct rs_claim_row **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn,
                                   "SELECT " COLUMNS " FROM claim"
                                   " WHERE manifest_id = $1 AND check_name = $2",
                                   &st, reterr, RS_SQL_INT(manifest_id), RS_SQL_TEXT(check_name));
    return s == RS_OK ? one_read(st, arena, ret, reterr) : s;
}

/* More checks than a policy may name cannot be claimed; the decision is one more. */
#define CLAIMS_MAX 64

enum rs_status rs_catalog_claim_list(struct rs_db_conn *conn, struct rs_arena *arena,
                                     int64_t manifest_id, const struct rs_claim_row **ret,
                                     size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = claim_read, .row_bytes = sizeof(**ret)};
    enum rs_status s = rs_sql_list(conn,
                                   "SELECT " COLUMNS " FROM claim WHERE manifest_id = $1"
                                   " ORDER BY check_name LIMIT $2",
                                   &list, reterr, RS_SQL_INT(manifest_id), RS_SQL_INT(CLAIMS_MAX));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_claim_put(struct rs_db_conn *conn, const struct rs_claim_row *row,
                                    struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO claim(" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                      " ON CONFLICT(manifest_id, check_name) DO UPDATE SET id = excluded.id,"
                      " principal_id = excluded.principal_id, principal = excluded.principal,"
                      " lease_ms = excluded.lease_ms, expires_ms = excluded.expires_ms,"
                      " boot_id = excluded.boot_id, expires_mono_ms = excluded.expires_mono_ms",
                      NULL, reterr, RS_SQL_TEXT(row->id), RS_SQL_INT(row->manifest_id),
                      RS_SQL_TEXT(row->check_name), RS_SQL_INT(row->principal_id),
                      RS_SQL_TEXT(row->principal), RS_SQL_INT(row->lease_ms),
                      RS_SQL_INT(row->expires_ms), RS_SQL_TEXT(row->boot_id),
                      RS_SQL_INT(row->expires_mono_ms));
}

enum rs_status rs_catalog_claim_remove(struct rs_db_conn *conn, const char *id,
                                       struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM claim WHERE id = $1", NULL, reterr, RS_SQL_TEXT(id));
}

enum rs_status rs_catalog_claim_remove_all(struct rs_db_conn *conn, int64_t manifest_id,
                                           struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM claim WHERE manifest_id = $1", NULL, reterr,
                      RS_SQL_INT(manifest_id));
}

enum rs_status rs_catalog_claim_adopt(struct rs_db_conn *conn, const char *boot_id,
                                      int64_t now_mono_ms, int64_t now_ms, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE claim SET boot_id = $1, expires_mono_ms = $2 + lease_ms,"
                      " expires_ms = $3 + lease_ms WHERE boot_id <> $1",
                      NULL, reterr, RS_SQL_TEXT(boot_id), RS_SQL_INT(now_mono_ms),
                      RS_SQL_INT(now_ms));
}

enum rs_status rs_catalog_claim_has_other_boot(struct rs_db_conn *conn, const char *boot_id,
                                               bool *ret, struct rs_err *reterr)
{
    return rs_sql_exists(conn, "SELECT 1 FROM claim WHERE boot_id <> $1 LIMIT 1", ret, reterr,
                         RS_SQL_TEXT(boot_id));
}
