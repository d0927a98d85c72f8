#include "catalog/blob.h"

#include <string.h>

#include "base/clock.h"
#include "catalog/generation.h"
#include "catalog/manifest.h"
#include "catalog/repository.h"
#include "catalog/sql.h"
#include "oci/digest.h"

/* ---- digests ---- */

static enum rs_status alias_find(struct rs_db_conn *conn, const char *alias,
                                 char out[RS_CANONICAL_DIGEST_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, "SELECT digest FROM digest_alias WHERE alias = $1", &st,
                                    &row, reterr, RS_SQL_TEXT(alias));
    if (s != RS_OK)
        return s;
    return row ? rs_sql_copy_digest(st, 0, out, reterr) : rs_fail(reterr, RS_NOT_FOUND, NULL);
}

enum rs_status rs_catalog_alias_resolve(struct rs_db_conn *conn, const char *digest,
                                        char ret_canonical[RS_CANONICAL_DIGEST_BYTES],
                                        struct rs_err *reterr)
{
    struct rs_digest d;
    if (!rs_digest_parse(rs_str_of(digest), &d))
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "this is no digest that the registry knows: sha256:<hex> or sha512:<hex>");
    if (d.algorithm != RS_DIGEST_SHA256)
        return alias_find(conn, d.text, ret_canonical, reterr);
    (void)rs_text_copy(ret_canonical, RS_CANONICAL_DIGEST_BYTES, d.text);
    return RS_OK;
}

enum rs_status rs_catalog_alias_add(struct rs_db_conn *conn, const char *alias, const char *digest,
                                    struct rs_err *reterr)
{
    int64_t changes = 0;
    enum rs_status s = rs_sql_run(
        conn,
        "INSERT INTO digest_alias(alias, digest) VALUES ($1, $2) ON CONFLICT(alias) DO NOTHING",
        &changes, reterr, RS_SQL_TEXT(alias), RS_SQL_TEXT(digest));
    if (s == RS_OK && changes > 0) /* new: whatever named the bytes by it names the digest now */
        return rs_catalog_manifest_learn_alias(conn, alias, digest, reterr);
    char known[RS_CANONICAL_DIGEST_BYTES];
    if (s == RS_OK)
        s = alias_find(conn, alias, known, reterr);
    if (s == RS_OK && strcmp(known, digest) != 0)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    return s;
}

/* ---- blobs in the store ---- */

enum rs_status rs_catalog_blob_add(struct rs_db_conn *conn, const char *digest, uint64_t size,
                                   struct rs_err *reterr)
{
    /* The size was counted just now; a row that says otherwise is damaged and is put right. */
    return rs_sql_run(
        conn,
        "INSERT INTO blob(digest, size, created_ms) VALUES ($1, $2, $3)"
        " ON CONFLICT(digest) DO UPDATE SET size = excluded.size WHERE blob.size <> excluded.size",
        NULL, reterr, RS_SQL_TEXT(digest), RS_SQL_INT(size), RS_SQL_INT(rs_clock_unix_ms()));
}

enum rs_status rs_catalog_blob_size(struct rs_db_conn *conn, const char *digest, uint64_t *ret_size,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(conn, "SELECT size FROM blob WHERE digest = $1", &st, &row,
                                    reterr, RS_SQL_TEXT(digest));
    if (s != RS_OK)
        return s;
    if (!row)
        return rs_fail(reterr, RS_NOT_FOUND, NULL);
    int64_t size = rs_stmt_col_int(st, 0);
    if (size < 0)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    *ret_size = (uint64_t)size;
    return RS_OK;
}

/* ---- blobs in a repository ---- */

enum rs_status rs_catalog_blob_touch(struct rs_db_conn *conn, const char *digest,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = true;
    enum rs_status s = rs_sql_open(
        conn,
        "SELECT r.name FROM repository r JOIN repository_blob b ON b.repository_id = r.id"
        " WHERE b.digest = $1",
        &st, reterr, RS_SQL_TEXT(digest));
    while (s == RS_OK && row) {
        s = rs_stmt_step(st, &row, reterr);
        if (s == RS_OK && row && rs_stmt_col_text(st, 0) != NULL)
            rs_generation_touch_repository(conn, rs_stmt_col_text(st, 0));
    }
    return s;
}

/* *ret is written when there is a row. */
static enum rs_status link_look_up(struct rs_db_conn *conn, int64_t repository_id,
                                   const char *digest, bool *ret_found,
                                   struct rs_catalog_blob_link *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s =
        rs_sql_first(conn,
                     "SELECT present, withdrawn, refs, opens FROM repository_blob"
                     " WHERE repository_id = $1 AND digest = $2",
                     &st, ret_found, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
    if (s != RS_OK || !*ret_found)
        return s;
    int64_t refs = rs_stmt_col_int(st, 2);
    int64_t opens = rs_stmt_col_int(st, 3);
    if (refs < 0 || opens < 0)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    ret->is_present = rs_stmt_col_int(st, 0) == 1;
    ret->is_withdrawn = rs_stmt_col_int(st, 1) != 0;
    ret->refs = (uint64_t)refs;
    ret->opens = (uint64_t)opens;
    return RS_OK;
}

enum rs_status rs_catalog_blob_link_get(struct rs_db_conn *conn, int64_t repository_id,
                                        const char *digest, struct rs_catalog_blob_link *ret,
                                        struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = link_look_up(conn, repository_id, digest, &found, ret, reterr);
    return s == RS_OK && !found ? rs_fail(reterr, RS_NOT_FOUND, NULL) : s;
}

enum rs_status rs_catalog_blob_link(struct rs_db_conn *conn, int64_t repository_id,
                                    const char *digest, int64_t uploader_id, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(
        conn,
        "INSERT INTO repository_blob(repository_id, digest, present, linked_ms) VALUES ($1, $2, 1, $3)"
        " ON CONFLICT(repository_id, digest) DO UPDATE SET"
        " present = 1, withdrawn = 0, linked_ms = excluded.linked_ms",
        NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest),
        RS_SQL_INT(rs_clock_unix_ms()));
    if (s != RS_OK || uploader_id == RS_CATALOG_NO_UPLOADER)
        return s;
    return rs_sql_run(
        conn,
        "INSERT INTO blob_uploader(repository_id, digest, principal_id) VALUES ($1, $2, $3)"
        " ON CONFLICT(repository_id, digest, principal_id) DO NOTHING",
        NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest), RS_SQL_INT(uploader_id));
}

enum rs_status rs_catalog_blob_link_into(struct rs_db_conn *conn, const char *repository,
                                         const char *digest, int64_t uploader_id,
                                         struct rs_err *reterr)
{
    int64_t repository_id = 0;
    enum rs_status s = rs_catalog_repository_ensure(conn, repository, &repository_id, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_link(conn, repository_id, digest, uploader_id, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(conn, repository);
    return s;
}

/* Who uploaded it is forgotten with it: later bytes of the same digest are somebody else's upload.
 */
static enum rs_status link_remove(struct rs_db_conn *conn, int64_t repository_id,
                                  const char *digest, struct rs_err *reterr)
{
    enum rs_status s =
        rs_sql_run(conn, "DELETE FROM blob_uploader WHERE repository_id = $1 AND digest = $2", NULL,
                   reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
    if (s != RS_OK)
        return s;
    return rs_sql_run(conn, "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2",
                      NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
}

enum rs_status rs_catalog_blob_unlink(struct rs_db_conn *conn, int64_t repository_id,
                                      const char *digest, bool *ret_was_there,
                                      struct rs_err *reterr)
{
    struct rs_catalog_blob_link link = {0};
    bool found = false;
    enum rs_status s = link_look_up(conn, repository_id, digest, &found, &link, reterr);
    *ret_was_there = s == RS_OK && found && link.is_present;
    if (s != RS_OK || !*ret_was_there)
        return s;
    if (link.refs == 0)
        return link_remove(conn, repository_id, digest, reterr);
    return rs_sql_run(
        conn, "UPDATE repository_blob SET withdrawn = 1 WHERE repository_id = $1 AND digest = $2",
        NULL, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest));
}

enum rs_status rs_catalog_blob_count(struct rs_db_conn *conn, int64_t repository_id,
                                     const char *digest, int refs_delta, int opens_delta,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(
        conn,
        "INSERT INTO repository_blob(repository_id, digest, present, refs, opens, linked_ms)"
        " VALUES ($1, $2, 0, $3, $4, 0) ON CONFLICT(repository_id, digest) DO UPDATE SET"
        " refs = repository_blob.refs + excluded.refs,"
        " opens = repository_blob.opens + excluded.opens"
        " RETURNING present, withdrawn, refs, opens",
        &st, &row, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest), RS_SQL_INT(refs_delta),
        RS_SQL_INT(opens_delta));
    if (s != RS_OK)
        return s;
    bool is_kept = rs_stmt_col_int(st, 0) == 1 && rs_stmt_col_int(st, 1) == 0;
    int64_t refs = rs_stmt_col_int(st, 2);
    int64_t opens = rs_stmt_col_int(st, 3);
    s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK && (refs < 0 || opens < 0 || opens > refs))
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    return s == RS_OK && refs == 0 && !is_kept ? link_remove(conn, repository_id, digest, reterr)
                                               : s;
}

enum rs_status rs_catalog_blob_is_uploader(struct rs_db_conn *conn, int64_t repository_id,
                                           const char *digest, int64_t principal_id, bool *ret,
                                           struct rs_err *reterr)
{
    return rs_sql_exists(
        conn,
        "SELECT 1 FROM blob_uploader WHERE repository_id = $1 AND digest = $2 AND principal_id = $3",
        ret, reterr, RS_SQL_INT(repository_id), RS_SQL_TEXT(digest), RS_SQL_INT(principal_id));
}
