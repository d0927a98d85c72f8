#include "catalog/view.h"

#include "catalog/check.h"
#include "catalog/sql.h"

/* manifest_read() takes id, digest, media_type, size, state, state_ms, has_data. */
#define N_COLUMNS 7

/* One manifest out of the columns from `col` on. */
static enum rs_status manifest_read(struct rs_stmt *st, int col, struct rs_arena *arena,
                                    struct rs_view_manifest *ret, struct rs_err *reterr)
{
    const int64_t size = rs_stmt_col_int(st, col + 3);
    struct rs_view_manifest m = {
        .id = rs_stmt_col_int(st, col),
        .size = (uint64_t)size,
        .state_ms = rs_stmt_col_int(st, col + 5),
        .has_data = rs_stmt_col_int(st, col + 6) != 0,
    };
    if (size < 0 || !rs_state_parse(rs_stmt_col_text(st, col + 4), &m.state))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    enum rs_status s = rs_sql_copy_not_null(st, col + 1, arena, &m.digest, reterr);
    if (s == RS_OK)
        s = rs_sql_copy_not_null(st, col + 2, arena, &m.media_type, reterr);
    if (s == RS_OK)
        *ret = m;
    return s;
}

enum rs_status rs_view_manifest(struct rs_db_conn *conn, struct rs_arena *arena,
                                const char *repository, const char *digest, bool *ret_found,
                                struct rs_view_manifest *ret, struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT m.id, m.digest, m.media_type, m.size, m.state, m.state_ms, m.has_data"
        " FROM repository r"
        " JOIN manifest m ON m.repository_id = r.id AND m.digest = $2"
        " WHERE r.name = $1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_found = false;
    enum rs_status s =
        rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest));
    if (s == RS_OK && row)
        s = manifest_read(st, 0, arena, ret, reterr);
    *ret_found = s == RS_OK && row;
    return s;
}

/* A pointer of a tag at the columns from `col` on: absent, or a manifest that is released or not,
 * as the pointer says.  A live one that is not released would be an open door: damage. */
static enum rs_status pointer_read(struct rs_stmt *st, int col, struct rs_arena *arena,
                                   bool want_released, bool *ret_has, struct rs_view_manifest *ret,
                                   struct rs_err *reterr)
{
    *ret_has = false;
    if (rs_stmt_col_is_null(st, col))
        return RS_OK;
    enum rs_status s = manifest_read(st, col, arena, ret, reterr);
    if (s == RS_OK && (ret->state == RS_STATE_RELEASED) != want_released)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    *ret_has = s == RS_OK;
    return s;
}

enum rs_status rs_view_tag(struct rs_db_conn *conn, struct rs_arena *arena, const char *repository,
                           const char *tag, bool *ret_found, struct rs_view_tag *ret,
                           struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT l.id, l.digest, l.media_type, l.size, l.state, l.state_ms, l.has_data,"
        " s.id, s.digest, s.media_type, s.size, s.state, s.state_ms, s.has_data,"
        " la.alias, sa.alias"
        " FROM repository r"
        " JOIN tag t ON t.repository_id = r.id AND t.name = $2"
        " LEFT JOIN manifest l ON l.id = t.live_manifest_id AND l.repository_id = r.id"
        " LEFT JOIN manifest s ON s.id = t.staged_manifest_id AND s.repository_id = r.id"
        " LEFT JOIN manifest_tag lg ON lg.manifest_id = l.id AND lg.tag = t.name"
        " LEFT JOIN digest_alias la ON la.alias = lg.named AND la.digest = l.digest"
        " LEFT JOIN manifest_tag sg ON sg.manifest_id = s.id AND sg.tag = t.name"
        " LEFT JOIN digest_alias sa ON sa.alias = sg.named AND sa.digest = s.digest"
        " WHERE r.name = $1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_found = false;
    /* The repository is compared again: a pointer across repositories gives nothing. */
    enum rs_status s =
        rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(tag));
    if (s != RS_OK || !row)
        return s;
    s = pointer_read(st, 0, arena, true, &ret->has_live, &ret->live, reterr);
    if (s == RS_OK)
        s = pointer_read(st, N_COLUMNS, arena, false, &ret->has_staged, &ret->staged, reterr);
    if (s == RS_OK)
        s = rs_sql_copy(st, 2 * N_COLUMNS, arena, &ret->live_named, reterr);
    if (s == RS_OK)
        s = rs_sql_copy(st, 2 * N_COLUMNS + 1, arena, &ret->staged_named, reterr);
    *ret_found = s == RS_OK;
    return s;
}

enum rs_status rs_view_manifest_bytes(struct rs_db_conn *conn,
                                      const struct rs_view_manifest *manifest, struct rs_buf *out,
                                      struct rs_err *reterr)
{
    static const char sql[] = "SELECT bytes FROM manifest_bytes WHERE digest = $1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(manifest->digest));
    if (s != RS_OK)
        return s;
    struct rs_str bytes = row ? rs_stmt_col_str(st, 0) : rs_str_n("", 0);
    if (!row || bytes.n != manifest->size) {
        s = rs_fail(reterr, RS_CORRUPT, NULL);
        (void)rs_err_log(reterr, "bytes of manifest %s are missing or cut", manifest->digest);
        return s;
    }
    s = rs_buf_add(out, bytes.p, bytes.n);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

/* More reports than policies can sensibly ask for are not told. */
#define CHECKS_MAX 64U

static enum rs_status check_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                 struct rs_err *reterr)
{
    struct rs_view_check *ret = row;
    enum rs_check_state state;
    if (!rs_check_state_parse(rs_stmt_col_text(st, 1), &state))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    ret->state = rs_check_state_name(state);
    return rs_sql_copy_not_null(st, 0, arena, &ret->name, reterr);
}

enum rs_status rs_view_checks(struct rs_db_conn *conn, struct rs_arena *arena, int64_t manifest_id,
                              const struct rs_view_check **ret, size_t *ret_n,
                              struct rs_err *reterr)
{
    static const char sql[] = "SELECT name, state FROM check_report WHERE manifest_id = $1"
                              " ORDER BY name LIMIT $2";
    struct rs_sql_list list = {.arena = arena, .read = check_read, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn, sql, &list, reterr, RS_SQL_INT(manifest_id), RS_SQL_INT(CHECKS_MAX));
    if (s == RS_OK) {
        *ret = list.rows;
        *ret_n = list.n;
    }
    return s;
}

enum rs_status rs_view_above(struct rs_db_conn *conn, int64_t manifest_id, int64_t *ret_id,
                             struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT p.id FROM manifest m JOIN manifest_ref x ON x.child_id = m.id"
        " JOIN manifest p ON p.id = x.manifest_id AND p.state = 'quarantined'"
        " WHERE m.id = $1 AND m.tagged = 0"
        " UNION ALL SELECT p.id FROM manifest m JOIN manifest p"
        " ON p.repository_id = m.repository_id AND p.digest = m.subject_digest"
        " AND p.state <> 'released' WHERE m.id = $1 AND m.joined = 1 LIMIT 1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_id = 0;
    enum rs_status s = rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_INT(manifest_id));
    if (s == RS_OK && row)
        *ret_id = rs_stmt_col_int(st, 0);
    return s;
}
