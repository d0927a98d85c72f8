#include "catalog/tag.h"

#include "base/attr.h"
#include "catalog/sql.h"

enum rs_status rs_catalog_tag_get(struct rs_db_conn *conn, int64_t repository_id, const char *tag,
                                  struct rs_tag_row *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret = (struct rs_tag_row){0};
    enum rs_status s =
        rs_sql_first(conn,
                     "SELECT live_manifest_id, live_seq, staged_manifest_id, staged_seq"
                     " FROM tag WHERE repository_id = $1 AND name = $2",
                     &st, &row, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag));
    if (s == RS_OK && row) {
        ret->live_id = rs_stmt_col_int(st, 0);
        ret->live_seq = rs_stmt_col_int(st, 1);
        ret->staged_id = rs_stmt_col_int(st, 2);
        ret->staged_seq = rs_stmt_col_int(st, 3);
    }
    return s;
}

static enum rs_status tag_remove(struct rs_db_conn *conn, int64_t repository_id, const char *tag,
                                 int64_t live_seq, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(conn, "DELETE FROM tag WHERE repository_id = $1 AND name = $2",
                                  NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag));
    if (s != RS_OK)
        return s;
    /* A live tag never falls back: what was pushed before it can never become live. */
    return rs_sql_run(
        conn, "DELETE FROM manifest_tag WHERE repository_id = $1 AND tag = $2 AND seq <= $3", NULL,
        reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag), RS_SQL_INT(live_seq));
}

enum rs_status rs_catalog_tag_put(struct rs_db_conn *conn, int64_t repository_id, const char *tag,
                                  const struct rs_tag_row *row, int64_t now_ms,
                                  struct rs_err *reterr)
{
    if (row->live_id == 0 && row->staged_id == 0)
        return tag_remove(conn, repository_id, tag, row->live_seq, reterr);
    return rs_sql_run(conn,
                      "INSERT INTO tag(repository_id, name, live_manifest_id, live_seq,"
                      " staged_manifest_id, staged_seq, changed_ms, live_ms)"
                      " VALUES ($1, $2, NULLIF($3, 0), $4, NULLIF($5, 0), $6, $7, $7)"
                      " ON CONFLICT(repository_id, name) DO UPDATE SET"
                      " live_manifest_id = excluded.live_manifest_id, live_seq = excluded.live_seq,"
                      " staged_manifest_id = excluded.staged_manifest_id,"
                      " staged_seq = excluded.staged_seq, changed_ms = excluded.changed_ms,"
                      " live_ms = CASE WHEN tag.live_seq = excluded.live_seq THEN tag.live_ms"
                      "  ELSE excluded.live_ms END",
                      NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag),
                      RS_SQL_INT(row->live_id), RS_SQL_INT(row->live_seq),
                      RS_SQL_INT(row->staged_id), RS_SQL_INT(row->staged_seq), RS_SQL_INT(now_ms));
}

enum rs_status rs_catalog_tag_next_seq(struct rs_db_conn *conn, int64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(
        conn, "UPDATE push_counter SET value = value + 1 WHERE id = 1 RETURNING value", &st,
        reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK && !row)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    if (s == RS_OK)
        *ret = rs_stmt_col_int(st, 0);
    return s;
}

enum rs_status rs_catalog_tag_forget(struct rs_db_conn *conn, int64_t repository_id,
                                     const char *tag, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(conn, "DELETE FROM tag WHERE repository_id = $1 AND name = $2",
                                  NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag));
    if (s != RS_OK)
        return s;
    return rs_sql_run(conn, "DELETE FROM manifest_tag WHERE repository_id = $1 AND tag = $2", NULL,
                      reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(tag));
}

enum rs_status rs_catalog_tag_pushed(struct rs_db_conn *conn, int64_t repository_id,
                                     int64_t manifest_id, const struct rs_pushed_tag *tag,
                                     struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO manifest_tag(manifest_id, tag, repository_id, seq,"
                      " quarantine_event_id, named) VALUES ($1, $2, $3, $4, $5, $6)"
                      " ON CONFLICT(manifest_id, tag) DO UPDATE SET seq = excluded.seq,"
                      " quarantine_event_id = excluded.quarantine_event_id,"
                      " named = excluded.named",
                      NULL, reterr, RS_SQL_INT(manifest_id), RS_SQL_TEXT(tag->tag),
                      RS_SQL_INT(repository_id), RS_SQL_INT(tag->seq),
                      RS_SQL_TEXT(tag->quarantine_event_id), RS_SQL_TEXT(tag->named));
}

static enum rs_status pushed_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                  struct rs_err *reterr)
{
    struct rs_pushed_tag *ret = row;
    ret->seq = rs_stmt_col_int(st, 1);
    enum rs_status s = rs_sql_copy_not_null(st, 0, arena, &ret->tag, reterr);
    if (s == RS_OK)
        s = rs_sql_copy(st, 2, arena, &ret->quarantine_event_id, reterr);
    return s == RS_OK ? rs_sql_copy(st, 3, arena, &ret->named, reterr) : s;
}

enum rs_status rs_catalog_tag_list_pushed(struct rs_db_conn *conn, struct rs_arena *arena,
                                          int64_t manifest_id, const struct rs_pushed_tag **ret,
                                          size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = pushed_read, .row_bytes = sizeof(**ret)};
    enum rs_status s = rs_sql_list(conn,
                                   "SELECT tag, seq, quarantine_event_id, named FROM manifest_tag"
                                   " WHERE manifest_id = $1 ORDER BY seq",
                                   &list, reterr, RS_SQL_INT(manifest_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_tag_count_pushed(struct rs_db_conn *conn, int64_t manifest_id,
                                           int64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_sql_first(conn, "SELECT COUNT(*) FROM manifest_tag WHERE manifest_id = $1", &st, &row,
                     reterr, RS_SQL_INT(manifest_id));
    *ret = s == RS_OK && row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}

enum rs_status rs_catalog_tag_list_pointing(struct rs_db_conn *conn, struct rs_arena *arena,
                                            int64_t repository_id, int64_t manifest_id,
                                            enum rs_tag_pointer which, const char *const **ret,
                                            size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {
        .arena = arena, .read = rs_sql_read_text, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn,
                    which == RS_TAG_LIVE ? "SELECT name FROM tag WHERE live_manifest_id = $1"
                                           " AND repository_id = $2 ORDER BY name"
                                         : "SELECT name FROM tag WHERE staged_manifest_id = $1"
                                           " AND repository_id = $2 ORDER BY name",
                    &list, reterr, RS_SQL_INT(manifest_id), RS_SQL_INT(repository_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}
