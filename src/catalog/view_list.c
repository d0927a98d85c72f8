#include "catalog/view_list.h"

#include "catalog/sql.h"

/* Give each row's first column to the visitor. */
static enum rs_status names_visit(struct rs_stmt *st, rs_view_name_visit visit, void *arg,
                                  struct rs_err *reterr)
{
    for (bool row = true;;) {
        enum rs_status s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            return s;
        const char *name = rs_stmt_col_text(st, 0);
        if (name == NULL)
            return rs_fail(reterr, RS_CORRUPT, NULL);
        if (!visit(name, arg))
            return RS_OK;
    }
}

enum rs_status rs_view_list_tags(struct rs_db_conn *conn, const char *repository,
                                 enum rs_view_rows rows, const char *after, unsigned n_max,
                                 rs_view_name_visit visit, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s;
    /* Two statements, so that live tags come from an index of their own however many are staged. */
    if (rows == RS_VIEW_ROWS_ALL) {
        static const char sql[] =
            "SELECT t.name FROM repository r JOIN tag t ON t.repository_id = r.id"
            " WHERE r.name = $1 AND t.name > $2 ORDER BY t.name LIMIT $3";
        s = rs_db_prepare(conn, sql, &st, reterr);
    } else {
        static const char sql[] =
            "SELECT t.name FROM repository r JOIN tag t ON t.repository_id = r.id"
            " WHERE r.name = $1 AND t.name > $2 AND t.live_manifest_id IS NOT NULL"
            " ORDER BY t.name LIMIT $3";
        s = rs_db_prepare(conn, sql, &st, reterr);
    }
    if (s != RS_OK)
        return s;
    rs_stmt_text(st, 1, repository);
    rs_stmt_text(st, 2, after);
    rs_stmt_int(st, 3, n_max);
    return names_visit(st, visit, arg, reterr);
}

enum rs_status rs_view_list_repositories(struct rs_db_conn *conn, const char *after,
                                         const char *from, rs_view_name_visit visit, void *arg,
                                         struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT r.name FROM repository r WHERE r.name > $1 AND r.name >= $2"
        " AND (EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id)"
        "  OR EXISTS (SELECT 1 FROM repository_blob b WHERE b.repository_id = r.id))"
        " ORDER BY r.name";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, sql, &st, reterr, RS_SQL_TEXT(after), RS_SQL_TEXT(from));
    return s == RS_OK ? names_visit(st, visit, arg, reterr) : s;
}

enum rs_status rs_view_list_has_released(struct rs_db_conn *conn, const char *repository, bool *ret,
                                         struct rs_err *reterr)
{
    static const char sql[] = "SELECT 1 FROM repository r"
                              " JOIN manifest m ON m.repository_id = r.id"
                              " WHERE r.name = $1 AND m.state = 'released' LIMIT 1";
    return rs_sql_exists(conn, sql, ret, reterr, RS_SQL_TEXT(repository));
}

enum rs_status rs_view_list_has_pushed(struct rs_db_conn *conn, const char *repository,
                                       int64_t principal_id, bool *ret, struct rs_err *reterr)
{
    static const char sql[] = "SELECT 1 FROM repository r"
                              " JOIN manifest m ON m.repository_id = r.id"
                              " JOIN manifest_pusher p ON p.manifest_id = m.id"
                              " AND p.principal_id = $2 WHERE r.name = $1 LIMIT 1";
    return rs_sql_exists(conn, sql, ret, reterr, RS_SQL_TEXT(repository), RS_SQL_INT(principal_id));
}

/* The artifact type of a descriptor: the manifest's own, else its config's media type (only image
 * manifests have one). */
#define ARTIFACT_TYPE "COALESCE(NULLIF(m.artifact_type, ''), m.config_media_type)"

static enum rs_status referrer_read(struct rs_stmt *st, struct rs_view_referrer *ret,
                                    struct rs_err *reterr)
{
    const int64_t size = rs_stmt_col_int(st, 2);
    *ret = (struct rs_view_referrer){
        .digest = rs_stmt_col_text(st, 0),
        .media_type = rs_stmt_col_text(st, 1),
        .size = (uint64_t)size,
        .artifact_type = rs_stmt_col_text(st, 3),
        .annotations = rs_stmt_col_text(st, 4),
        .is_tagged = rs_stmt_col_int(st, 5) != 0,
    };
    if (ret->digest == NULL || ret->media_type == NULL || size < 0)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return RS_OK;
}

enum rs_status rs_view_list_referrers(struct rs_db_conn *conn,
                                      const struct rs_view_referrers_of *of,
                                      rs_view_referrer_visit visit, void *arg,
                                      struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT m.digest, m.media_type, m.size, " ARTIFACT_TYPE ", m.annotations,"
        " m.tagged"
        " FROM repository r JOIN manifest m ON m.repository_id = r.id"
        " WHERE r.name = $1 AND m.subject_digest = $2"
        " AND m.digest > $3 AND (m.state = 'released' OR $4 <> 0)"
        " AND ($5 = '' OR " ARTIFACT_TYPE " = $5) ORDER BY m.digest LIMIT $6";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(
        conn, sql, &st, reterr, RS_SQL_TEXT(of->repository), RS_SQL_TEXT(of->subject),
        RS_SQL_TEXT(of->after), RS_SQL_INT(of->rows == RS_VIEW_ROWS_ALL),
        RS_SQL_TEXT(of->artifact_type == NULL ? "" : of->artifact_type), RS_SQL_INT(of->n_max));
    if (s != RS_OK)
        return s;
    for (bool row = true;;) {
        struct rs_view_referrer referrer;
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            return s;
        s = referrer_read(st, &referrer, reterr);
        if (s != RS_OK)
            return s;
        if (!visit(&referrer, arg))
            return RS_OK;
    }
}
