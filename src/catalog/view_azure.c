#include "catalog/view_azure.h"

#include "base/attr.h"
#include "catalog/sql.h"

enum rs_status rs_view_azure_repository(struct rs_db_conn *conn, const char *repository,
                                        enum rs_view_rows rows, bool *ret_found,
                                        struct rs_azure_repository *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_found = false;
    enum rs_status s = rs_sql_first(
        conn,
        "SELECT r.created_ms, COALESCE(MAX(m.state_ms), r.created_ms), COUNT(m.id),"
        " (SELECT COUNT(*) FROM tag t WHERE t.repository_id = r.id"
        "   AND ($2 = 1 OR t.live_manifest_id IS NOT NULL))"
        " FROM repository r LEFT JOIN manifest m ON m.repository_id = r.id"
        "  AND ($2 = 1 OR m.state = 'released')"
        " WHERE r.name = $1 GROUP BY r.id, r.created_ms"
        " HAVING COUNT(m.id) > 0 OR ($2 = 1 AND EXISTS"
        "  (SELECT 1 FROM repository_blob b WHERE b.repository_id = r.id))",
        &st, &row, reterr, RS_SQL_TEXT(repository), RS_SQL_INT(rows == RS_VIEW_ROWS_ALL));
    if (s != RS_OK || !row)
        return s;
    ret->created_ms = rs_stmt_col_int(st, 0);
    ret->updated_ms = rs_stmt_col_int(st, 1);
    ret->n_manifests = rs_stmt_col_int(st, 2);
    ret->n_tags = rs_stmt_col_int(st, 3);
    *ret_found = true;
    return RS_OK;
}

/* ---- tags ---- */

/* Tags with the manifest that each shows: $2 is 1 for all rows, else live ones only.  What is
 * staged leaves no trace in the latter, neither in a time nor as the place where a page starts. */
#define TAG_TIME(t) "CASE WHEN $2 = 1 THEN " t ".changed_ms ELSE " t ".live_ms END"
#define TAGS                                                                                \
    "SELECT t.name, m.digest, m.pushed_ms, " TAG_TIME(                                      \
        "t") " FROM repository r"                                                           \
             " JOIN tag t ON t.repository_id = r.id"                                        \
             " JOIN manifest m ON m.repository_id = r.id AND m.id = CASE"                   \
             "  WHEN $2 = 1 AND t.staged_manifest_id IS NOT NULL THEN t.staged_manifest_id" \
             "  ELSE t.live_manifest_id END"                                                \
             " WHERE r.name = $1 AND ($2 = 1 OR m.state = 'released')"
/* Where the page before ended. */
#define LAST_TAG_TIME                                                                   \
    "(SELECT " TAG_TIME("l") " FROM tag l WHERE l.repository_id = r.id AND l.name = $3" \
                             " AND ($2 = 1 OR l.live_manifest_id IS NOT NULL))"
#define LATEST "9223372036854775807"

static enum rs_status tag_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                               struct rs_err *reterr)
{
    struct rs_azure_tag *ret = row;
    ret->pushed_ms = rs_stmt_col_int(st, 2);
    ret->changed_ms = rs_stmt_col_int(st, 3);
    enum rs_status s = rs_sql_copy_not_null(st, 0, arena, &ret->name, reterr);
    return s == RS_OK ? rs_sql_copy_not_null(st, 1, arena, &ret->digest, reterr) : s;
}

enum rs_status rs_view_azure_tag(struct rs_db_conn *conn, struct rs_arena *arena,
                                 const char *repository, const char *tag, enum rs_view_rows rows,
                                 bool *ret_found, struct rs_azure_tag *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_found = false;
    enum rs_status s =
        rs_sql_first(conn, TAGS " AND t.name = $3", &st, &row, reterr, RS_SQL_TEXT(repository),
                     RS_SQL_INT(rows == RS_VIEW_ROWS_ALL), RS_SQL_TEXT(tag));
    if (s == RS_OK && row)
        s = tag_read(st, arena, ret, reterr);
    *ret_found = s == RS_OK && row;
    return s;
}

/* After the last one of the page before: by its name, or by its time and name. */
static const char *tags_sql(enum rs_azure_order order)
{
    switch (order) {
    case RS_AZURE_BY_NAME:
        break;
    case RS_AZURE_OLDEST_FIRST:
        return TAGS " AND ($4 IS NULL OR m.digest = $4)"
                    " AND (" TAG_TIME("t") ", t.name) > (COALESCE(" LAST_TAG_TIME ", -1), $3)"
                                           " ORDER BY 4, t.name LIMIT $5";
    case RS_AZURE_NEWEST_FIRST:
        return TAGS " AND ($4 IS NULL OR m.digest = $4)"
                    " AND (" TAG_TIME("t") ", t.name) < (COALESCE(" LAST_TAG_TIME ", " LATEST
                                           "), $3)"
                                           " ORDER BY 4 DESC, t.name DESC LIMIT $5";
    }
    return TAGS " AND ($4 IS NULL OR m.digest = $4) AND t.name > $3 ORDER BY t.name LIMIT $5";
}

enum rs_status rs_view_azure_tags(struct rs_db_conn *conn, struct rs_arena *arena,
                                  const struct rs_azure_page *page, const struct rs_azure_tag **ret,
                                  size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = tag_read, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn, tags_sql(page->order), &list, reterr, RS_SQL_TEXT(page->repository),
                    RS_SQL_INT(page->rows == RS_VIEW_ROWS_ALL), RS_SQL_TEXT(page->last),
                    RS_SQL_TEXT(page->digest), RS_SQL_INT(page->n_max));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

/* ---- manifests ---- */

#define MANIFESTS                                                             \
    "SELECT m.id FROM repository r JOIN manifest m ON m.repository_id = r.id" \
    " WHERE r.name = $1 AND ($2 = 1 OR m.state = 'released')"
#define LAST_MANIFEST(column, otherwise)                                         \
    "COALESCE((SELECT l." column " FROM manifest l WHERE l.repository_id = r.id" \
    "  AND l.digest = $3 AND ($2 = 1 OR l.state = 'released')), " otherwise ")"

static const char *manifests_sql(enum rs_azure_order order)
{
    switch (order) {
    case RS_AZURE_BY_NAME:
        break;
    case RS_AZURE_OLDEST_FIRST:
        return MANIFESTS " AND (m.state_ms, m.id) >"
                         " (" LAST_MANIFEST("state_ms", "-1") ", " LAST_MANIFEST(
                             "id", "0") ")"
                                        " ORDER BY m.state_ms, m.id LIMIT $4";
    case RS_AZURE_NEWEST_FIRST:
        return MANIFESTS " AND (m.state_ms, m.id) <"
                         " (" LAST_MANIFEST("state_ms", LATEST) ", " LAST_MANIFEST(
                             "id", LATEST) ")"
                                           " ORDER BY m.state_ms DESC, m.id DESC LIMIT $4";
    }
    return MANIFESTS " AND m.digest > $3 ORDER BY m.digest LIMIT $4";
}

enum rs_status rs_view_azure_manifests(struct rs_db_conn *conn, struct rs_arena *arena,
                                       const struct rs_azure_page *page, const int64_t **ret,
                                       size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = rs_sql_read_int, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn, manifests_sql(page->order), &list, reterr, RS_SQL_TEXT(page->repository),
                    RS_SQL_INT(page->rows == RS_VIEW_ROWS_ALL), RS_SQL_TEXT(page->last),
                    RS_SQL_INT(page->n_max));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_view_azure_newest(struct rs_db_conn *conn, struct rs_arena *arena,
                                    const char *repository, int64_t before, size_t n_max,
                                    const int64_t **ret, size_t *ret_n, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t *ids = rs_arena_alloc(arena, (n_max + 1) * sizeof(*ids));
    size_t n = 0;
    if (ids == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s =
        rs_sql_open(conn,
                    "SELECT m.id FROM repository r JOIN manifest m ON m.repository_id = r.id"
                    " WHERE r.name = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3",
                    &st, reterr, RS_SQL_TEXT(repository), RS_SQL_INT(before), RS_SQL_INT(n_max));
    for (bool row = true; s == RS_OK && n < n_max; n++) {
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            break;
        ids[n] = rs_stmt_col_int(st, 0);
    }
    *ret = ids;
    *ret_n = n;
    return s;
}
