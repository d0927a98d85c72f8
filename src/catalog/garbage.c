#include "catalog/garbage.h"

#include "catalog/sql.h"

/* A repository keeps a blob that a manifest of it names, or that came there a short while ago. */
#define SQL_KEEPS "(r.refs > 0 OR r.linked_ms >= $2)"
#define SQL_KEPT \
    "EXISTS (SELECT 1 FROM repository_blob r WHERE r.digest = b.digest AND " SQL_KEEPS ")"
#define SQL_LEFT \
    "EXISTS (SELECT 1 FROM repository_blob r WHERE r.digest = b.digest AND NOT " SQL_KEEPS ")"

/* The last digest of this step: the found_max-th after `after`; none means that the step is the
 * last one. */
static enum rs_status step_end(struct rs_db_conn *conn, struct rs_garbage_step *step,
                               char end[RS_CANONICAL_DIGEST_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(
        conn, "SELECT digest FROM blob WHERE digest > $1 ORDER BY digest LIMIT 1 OFFSET $2", &st,
        &row, reterr, RS_SQL_TEXT(step->after), RS_SQL_INT(step->found_max - 1));
    if (s != RS_OK)
        return s;
    step->is_last = !row;
    const char *text = row ? rs_stmt_col_text(st, 0) : "~"; /* '~' sorts after every digest */
    if (text == NULL || !rs_text_copy(end, RS_CANONICAL_DIGEST_BYTES, text))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return RS_OK;
}

static enum rs_status found_add(struct rs_stmt *st, struct rs_garbage_step *step,
                                struct rs_err *reterr)
{
    struct rs_garbage_blob *b = &step->found[step->n_found++];
    int64_t size = rs_stmt_col_int(st, 1);
    b->size = (uint64_t)size;
    b->links = (uint64_t)rs_stmt_col_int(st, 2);
    b->is_kept = rs_stmt_col_int(st, 3) != 0;
    return size < 0 ? rs_fail(reterr, RS_CORRUPT, NULL)
                    : rs_sql_copy_digest(st, 0, b->digest, reterr);
}

enum rs_status rs_catalog_garbage_step(struct rs_db_conn *conn, int64_t before_ms,
                                       struct rs_garbage_step *step, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    char end[RS_CANONICAL_DIGEST_BYTES];
    bool row = true;
    step->n_found = 0;
    enum rs_status s = step_end(conn, step, end, reterr);
    if (s == RS_OK)
        s = rs_sql_open(conn,
                        "SELECT b.digest, b.size, (SELECT COUNT(*) FROM repository_blob r"
                        "  WHERE r.digest = b.digest AND NOT " SQL_KEEPS "), " SQL_KEPT
                        " FROM blob b WHERE b.digest > $1 AND b.digest <= $3 AND b.created_ms < $2"
                        " AND (" SQL_LEFT " OR NOT " SQL_KEPT ") ORDER BY b.digest",
                        &st, reterr, RS_SQL_TEXT(step->after), RS_SQL_INT(before_ms),
                        RS_SQL_TEXT(end));
    while (s == RS_OK && row && step->n_found < step->found_max) {
        s = rs_stmt_step(st, &row, reterr);
        if (s == RS_OK && row)
            s = found_add(st, step, reterr);
    }
    if (s == RS_OK)
        (void)rs_text_copy(step->after, sizeof(step->after), end);
    return s;
}

static enum rs_status is_garbage(struct rs_db_conn *conn, const char *digest, int64_t before_ms,
                                 bool *ret, struct rs_err *reterr)
{
    return rs_sql_exists(
        conn, "SELECT 1 FROM blob b WHERE b.digest = $1 AND b.created_ms < $2 AND NOT " SQL_KEPT,
        ret, reterr, RS_SQL_TEXT(digest), RS_SQL_INT(before_ms));
}

/* Out of the repositories that do not keep it. */
static enum rs_status leave(struct rs_db_conn *conn, const char *digest, int64_t before_ms,
                            uint64_t *ret_links, struct rs_err *reterr)
{
    int64_t links = 0;
    enum rs_status s = rs_catalog_blob_touch(conn, digest, reterr);
    if (s == RS_OK)
        s = rs_sql_run(conn,
                       "DELETE FROM blob_uploader WHERE digest = $1 AND repository_id IN"
                       " (SELECT r.repository_id FROM repository_blob r"
                       "  WHERE r.digest = $1 AND NOT " SQL_KEEPS ")",
                       NULL, reterr, RS_SQL_TEXT(digest), RS_SQL_INT(before_ms));
    if (s == RS_OK)
        s = rs_sql_run(conn,
                       "DELETE FROM repository_blob AS r WHERE r.digest = $1 AND NOT " SQL_KEEPS,
                       &links, reterr, RS_SQL_TEXT(digest), RS_SQL_INT(before_ms));
    *ret_links = (uint64_t)links;
    return s;
}

enum rs_status rs_catalog_garbage_remove(struct rs_db_conn *conn, const char *digest,
                                         int64_t before_ms, struct rs_garbage_removed *ret,
                                         struct rs_err *reterr)
{
    /* A manifest may still be known under the aliases of its own digest, so only those that no
     * manifest needs go. */
    static const char *const statements[] = {
        "DELETE FROM blob WHERE digest = $1",
        "DELETE FROM digest_alias WHERE digest = $1"
        " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = digest_alias.digest)",
    };
    *ret = (struct rs_garbage_removed){0};
    enum rs_status s = leave(conn, digest, before_ms, &ret->links, reterr);
    if (s == RS_OK)
        s = is_garbage(conn, digest, before_ms, &ret->is_gone, reterr);
    for (size_t i = 0; s == RS_OK && ret->is_gone && i < RS_ARRAY_LEN(statements); i++)
        s = rs_sql_run(conn, statements[i], NULL, reterr, RS_SQL_TEXT(digest));
    return s;
}

enum rs_status rs_catalog_blob_is_known(struct rs_db_conn *conn, const char *digest,
                                        bool *ret_is_known, struct rs_err *reterr)
{
    return rs_sql_exists(conn, "SELECT 1 FROM blob WHERE digest = $1", ret_is_known, reterr,
                         RS_SQL_TEXT(digest));
}
