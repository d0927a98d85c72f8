/* The part of catalog/manifest.h about what a manifest names. */
#include <string.h>

#include "base/attr.h"
#include "catalog/generation.h"
#include "catalog/manifest.h"
#include "catalog/sql.h"

static const char *const kind_names[] = {
    [RS_REF_CONFIG] = "config",
    [RS_REF_LAYER] = "layer",
    [RS_REF_BLOB] = "blob",
    [RS_REF_MANIFEST] = "manifest",
};

static bool kind_parse(const char *name, enum rs_ref_kind *ret)
{
    for (size_t i = 0; name != NULL && i < RS_ARRAY_LEN(kind_names); i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *ret = (enum rs_ref_kind)i;
            return true;
        }
    }
    return false;
}

enum rs_status rs_catalog_manifest_add_ref(struct rs_db_conn *conn,
                                           const struct rs_manifest_row *row,
                                           const struct rs_ref_row *ref, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO manifest_ref(manifest_id, position, repository_id, kind, digest,"
                      " media_type, size, opens, child_id)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULLIF($9, 0))",
                      NULL, reterr, RS_SQL_INT(row->id), RS_SQL_INT(ref->position),
                      RS_SQL_INT(row->repository_id), RS_SQL_TEXT(kind_names[ref->kind]),
                      RS_SQL_TEXT(ref->digest), RS_SQL_TEXT(ref->media_type), RS_SQL_INT(ref->size),
                      RS_SQL_INT(ref->opens), RS_SQL_INT(ref->child_id));
}

static enum rs_status ref_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                               struct rs_err *reterr)
{
    struct rs_ref_row *ret = row;
    int64_t size = rs_stmt_col_int(st, 4);
    ret->position = rs_stmt_col_int(st, 0);
    if (!kind_parse(rs_stmt_col_text(st, 1), &ret->kind) || size < 0)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    ret->size = (uint64_t)size;
    ret->opens = rs_stmt_col_int(st, 5) != 0;
    ret->child_id = rs_stmt_col_int(st, 6);
    enum rs_status s = rs_sql_copy_not_null(st, 2, arena, &ret->digest, reterr);
    return s == RS_OK ? rs_sql_copy(st, 3, arena, &ret->media_type, reterr) : s;
}

enum rs_status rs_catalog_manifest_refs(struct rs_db_conn *conn, struct rs_arena *arena,
                                        int64_t manifest_id, const struct rs_ref_row **ret,
                                        size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = ref_read, .row_bytes = sizeof(**ret)};
    enum rs_status s =
        rs_sql_list(conn,
                    "SELECT position, kind, digest, media_type, size, opens, child_id"
                    " FROM manifest_ref WHERE manifest_id = $1 ORDER BY position",
                    &list, reterr, RS_SQL_INT(manifest_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

static enum rs_status blob_read(struct rs_stmt *st, struct rs_arena *arena, void *row,
                                struct rs_err *reterr)
{
    struct rs_ref_blob *ret = row;
    ret->opens = rs_stmt_col_int(st, 1) != 0;
    return rs_sql_copy_not_null(st, 0, arena, &ret->digest, reterr);
}

enum rs_status rs_catalog_manifest_blobs(struct rs_db_conn *conn, struct rs_arena *arena,
                                         int64_t manifest_id, const struct rs_ref_blob **ret,
                                         size_t *ret_n, struct rs_err *reterr)
{
    struct rs_sql_list list = {.arena = arena, .read = blob_read, .row_bytes = sizeof(**ret)};
    enum rs_status s = rs_sql_list(conn,
                                   "SELECT digest, MAX(opens) FROM manifest_ref"
                                   " WHERE manifest_id = $1 AND kind <> 'manifest' GROUP BY digest",
                                   &list, reterr, RS_SQL_INT(manifest_id));
    *ret = list.rows;
    *ret_n = list.n;
    return s;
}

enum rs_status rs_catalog_manifest_open_ref(struct rs_db_conn *conn, int64_t manifest_id,
                                            const char *digest, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE manifest_ref SET opens = 1"
                      " WHERE manifest_id = $1 AND digest = $2 AND kind <> 'manifest'",
                      NULL, reterr, RS_SQL_INT(manifest_id), RS_SQL_TEXT(digest));
}

/* ---- aliases ---- */

static enum rs_status touch(struct rs_db_conn *conn, int64_t repository_id, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, "SELECT name FROM repository WHERE id = $1", &st, &row,
                                    reterr, RS_SQL_INT(repository_id));
    if (s == RS_OK && row)
        rs_generation_touch_repository(conn, rs_stmt_col_text(st, 0));
    return s;
}

/* A repository where something still names the alias, 0 when there is none left. */
static enum rs_status repository_naming(struct rs_db_conn *conn, const char *sql, const char *alias,
                                        int64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, sql, &st, &row, reterr, RS_SQL_TEXT(alias));
    *ret = s == RS_OK && row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}

/* The counters of one blob, counted again: a manifest may have named it by both digests. */
static enum rs_status recount(struct rs_db_conn *conn, int64_t repository_id, const char *digest,
                              struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(
        conn,
        "INSERT INTO repository_blob(repository_id, digest, present, refs, opens, linked_ms)"
        " SELECT $1, $2, 0, COUNT(DISTINCT f.manifest_id),"
        "  COUNT(DISTINCT CASE WHEN f.opens = 1 AND m.state = 'released' THEN m.id END), 0"
        " FROM manifest_ref f JOIN manifest m ON m.id = f.manifest_id"
        " WHERE f.repository_id = $1 AND f.digest = $2 AND f.kind <> 'manifest'"
        " HAVING COUNT(*) > 0"
        " ON CONFLICT(repository_id, digest) DO UPDATE"
        "  SET refs = excluded.refs, opens = excluded.opens",
        NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
    return s;
}

static enum rs_status rename_refs(struct rs_db_conn *conn, int64_t repository_id, const char *alias,
                                  const char *digest, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(conn,
                                  "UPDATE manifest_ref SET digest = $3"
                                  " WHERE repository_id = $1 AND digest = $2",
                                  NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(alias),
                                  RS_SQL_TEXT(digest));
    if (s == RS_OK)
        s = rs_sql_run(conn, "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2",
                       NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(alias));
    if (s == RS_OK)
        s = recount(conn, repository_id, digest, reterr);
    return s == RS_OK ? touch(conn, repository_id, reterr) : s;
}

static enum rs_status rename_subjects(struct rs_db_conn *conn, int64_t repository_id,
                                      const char *alias, const char *digest, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(
        conn,
        "UPDATE manifest SET subject_digest = $3"
        " WHERE repository_id = $1 AND subject_digest = $2 AND subject_digest IS NOT NULL",
        NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(alias), RS_SQL_TEXT(digest));
    return s == RS_OK ? touch(conn, repository_id, reterr) : s;
}

enum rs_status rs_catalog_manifest_learn_alias(struct rs_db_conn *conn, const char *alias,
                                               const char *digest, struct rs_err *reterr)
{
    for (;;) {
        int64_t repository_id = 0;
        enum rs_status s = repository_naming(conn,
                                             "SELECT repository_id FROM manifest_ref"
                                             " WHERE digest = $1 AND digest >= 'sha512:' LIMIT 1",
                                             alias, &repository_id, reterr);
        if (s == RS_OK && repository_id != 0)
            s = rename_refs(conn, repository_id, alias, digest, reterr);
        if (s != RS_OK)
            return s;
        if (repository_id == 0)
            break;
    }
    for (;;) {
        int64_t repository_id = 0;
        enum rs_status s =
            repository_naming(conn,
                              "SELECT repository_id FROM manifest"
                              " WHERE subject_digest = $1 AND subject_digest >= 'sha512:' LIMIT 1",
                              alias, &repository_id, reterr);
        if (s == RS_OK && repository_id != 0)
            s = rename_subjects(conn, repository_id, alias, digest, reterr);
        if (s != RS_OK || repository_id == 0)
            return s;
    }
}
