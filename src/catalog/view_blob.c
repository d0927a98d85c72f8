#include "catalog/view_blob.h"

#include "catalog/sql.h"
#include "oci/media_type.h"

/* How many manifests that name a blob are looked at for one that tells why it is closed. */
#define HOLDERS_MAX 1000

enum rs_status rs_view_blob(struct rs_db_conn *conn, const char *repository, const char *digest,
                            bool *ret_found, struct rs_view_blob *ret, struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT b.size, rb.present, rb.refs, rb.opens FROM repository r"
        " JOIN repository_blob rb ON rb.repository_id = r.id AND rb.digest = $2"
        " JOIN blob b ON b.digest = rb.digest WHERE r.name = $1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    *ret_found = false;
    enum rs_status s =
        rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest));
    if (s != RS_OK || !row)
        return s;
    const int64_t size = rs_stmt_col_int(st, 0);
    const int64_t refs = rs_stmt_col_int(st, 2);
    const int64_t opens = rs_stmt_col_int(st, 3);
    if (size < 0 || opens < 0 || opens > refs)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    *ret = (struct rs_view_blob){
        .size = (uint64_t)size,
        .is_present = rs_stmt_col_int(st, 1) != 0,
        .is_named = refs > 0,
        .is_open = opens > 0,
    };
    *ret_found = true;
    return RS_OK;
}

enum rs_status rs_view_blob_is_uploader(struct rs_db_conn *conn, const char *repository,
                                        const char *digest, int64_t principal_id, bool *ret,
                                        struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT 1 FROM repository r JOIN blob_uploader u ON u.repository_id = r.id"
        " AND u.digest = $2 AND u.principal_id = $3 WHERE r.name = $1";
    return rs_sql_exists(conn, sql, ret, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest),
                         RS_SQL_INT(principal_id));
}

enum rs_status rs_view_blob_is_pusher(struct rs_db_conn *conn, const char *repository,
                                      const char *digest, int64_t principal_id, bool *ret,
                                      struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT 1 FROM repository r"
        " JOIN manifest_ref x ON x.repository_id = r.id AND x.digest = $2"
        " JOIN manifest_pusher p ON p.manifest_id = x.manifest_id AND p.principal_id = $3"
        " WHERE r.name = $1 LIMIT 1";
    return rs_sql_exists(conn, sql, ret, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest),
                         RS_SQL_INT(principal_id));
}

enum rs_status rs_view_blob_is_own_config(struct rs_db_conn *conn, const char *repository,
                                          const char *digest, int64_t principal_id, bool *ret,
                                          struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT 1 FROM repository r"
        " JOIN manifest_ref x ON x.repository_id = r.id AND x.digest = $2 AND x.kind = 'config'"
        " AND x.media_type IN ('" RS_MT_OCI_CONFIG "', '" RS_MT_DOCKER_CONFIG "')"
        " JOIN manifest_pusher p ON p.manifest_id = x.manifest_id AND p.principal_id = $3"
        " JOIN manifest m ON m.id = x.manifest_id AND m.has_data = 0"
        " WHERE r.name = $1 LIMIT 1";
    return rs_sql_exists(conn, sql, ret, reterr, RS_SQL_TEXT(repository), RS_SQL_TEXT(digest),
                         RS_SQL_INT(principal_id));
}

enum rs_status rs_view_blob_holder(struct rs_db_conn *conn, struct rs_arena *arena,
                                   const char *repository, const char *digest, bool *ret_found,
                                   struct rs_view_manifest *ret, struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT m.digest FROM (SELECT x.manifest_id FROM repository r"
        " JOIN manifest_ref x ON x.repository_id = r.id AND x.digest = $2 AND x.kind <> 'manifest'"
        " WHERE r.name = $1 ORDER BY x.manifest_id DESC LIMIT $3) y"
        " JOIN manifest m ON m.id = y.manifest_id AND m.state <> 'released'"
        " ORDER BY CASE m.state WHEN 'quarantined' THEN 0 ELSE 1 END, m.id DESC LIMIT 1";
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    *ret_found = false;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(repository),
                                    RS_SQL_TEXT(digest), RS_SQL_INT(HOLDERS_MAX));
    if (s != RS_OK || !row)
        return s;
    const char *holder = rs_stmt_col_text(st, 0);
    if (holder == NULL)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return rs_view_manifest(conn, arena, repository, holder, ret_found, ret, reterr);
}

enum rs_status rs_view_blob_repositories(struct rs_db_conn *conn, struct rs_arena *arena,
                                         const char *digest, size_t n_max, const char ***ret,
                                         size_t *ret_n, struct rs_err *reterr)
{
    static const char sql[] =
        "SELECT r.name FROM repository_blob rb JOIN repository r ON r.id = rb.repository_id"
        " WHERE rb.digest = $1 AND rb.present <> 0"
        " ORDER BY CASE WHEN rb.opens > 0 THEN 0 ELSE 1 END, r.id LIMIT $2";
    struct rs_sql_list list = {
        .arena = arena, .read = rs_sql_read_text, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn, sql, &list, reterr, RS_SQL_TEXT(digest), RS_SQL_INT(n_max));
    if (s == RS_OK) {
        *ret = list.rows;
        *ret_n = list.n;
    }
    return s;
}
