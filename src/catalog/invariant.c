#include "catalog/invariant.h"

#include "base/assert.h"
#include "catalog/blob.h"
#include "catalog/sql.h"

/* Manifests of the repository that name the blob of a repository_blob row `b`; and released ones
 * that open it. */
#define SQL_REFS                                                                                        \
    "(SELECT COUNT(DISTINCT f.manifest_id) FROM manifest_ref f WHERE f.repository_id = b.repository_id" \
    " AND f.digest = b.digest AND f.kind <> 'manifest')"
#define SQL_OPENS                                                                                       \
    "(SELECT COUNT(DISTINCT f.manifest_id) FROM manifest_ref f JOIN manifest m ON m.id = f.manifest_id" \
    " WHERE f.repository_id = b.repository_id AND f.digest = b.digest AND f.kind <> 'manifest'"         \
    " AND f.opens = 1 AND m.state = 'released')"
#define SQL_REPOSITORY(id) "(SELECT r.name FROM repository r WHERE r.id = " id ")"

/* `find` gives rows of (repository, subject).  `repair` is NULL where nothing can be derived. */
static const struct {
    const char *name;
    const char *what;
    const char *find;
    const char *repair;
} rules[] = {
    {"I1", "the number of manifests that name a blob is wrong",
     "SELECT " SQL_REPOSITORY(
         "b.repository_id") ", b.digest FROM repository_blob b WHERE b.refs <> " SQL_REFS,
     "UPDATE repository_blob AS b SET refs = " SQL_REFS " WHERE b.refs <> " SQL_REFS},
    {"I1", "a manifest names a blob that the repository has no row for",
     "SELECT DISTINCT " SQL_REPOSITORY(
         "f.repository_id") ", f.digest FROM manifest_ref f WHERE f.kind <> 'manifest'"
                            " AND NOT EXISTS (SELECT 1 FROM repository_blob b WHERE b.repository_id = f.repository_id AND b.digest = f.digest)",
     "INSERT INTO repository_blob(repository_id, digest, present, refs, opens, linked_ms)"
     " SELECT f.repository_id, f.digest, 0, COUNT(DISTINCT f.manifest_id), 0, 0 FROM manifest_ref f"
     " WHERE f.kind <> 'manifest' AND NOT EXISTS (SELECT 1 FROM repository_blob b"
     " WHERE b.repository_id = f.repository_id AND b.digest = f.digest) GROUP BY f.repository_id, f.digest"},
    {"I2", "the number of released manifests that open a blob is wrong",
     "SELECT " SQL_REPOSITORY(
         "b.repository_id") ", b.digest FROM repository_blob b WHERE b.opens <> " SQL_OPENS,
     "UPDATE repository_blob AS b SET opens = " SQL_OPENS " WHERE b.opens <> " SQL_OPENS},
    {"I3", "a blob is said to be in the repository, but the store does not have it",
     "SELECT " SQL_REPOSITORY(
         "b.repository_id") ", b.digest FROM repository_blob b WHERE b.present = 1"
                            " AND NOT EXISTS (SELECT 1 FROM blob s WHERE s.digest = b.digest)",
     "UPDATE repository_blob AS b SET present = 0, withdrawn = 0 WHERE b.present = 1"
     " AND NOT EXISTS (SELECT 1 FROM blob s WHERE s.digest = b.digest)"},
    {"I3", "a blob that is not in the repository is named by nothing there",
     "SELECT " SQL_REPOSITORY(
         "b.repository_id") ", b.digest FROM repository_blob b WHERE b.present = 0 AND b.refs = 0",
     "DELETE FROM repository_blob WHERE present = 0 AND refs = 0"},
    {"I4", "a live tag points to a manifest that is gone, elsewhere, or not released",
     "SELECT " SQL_REPOSITORY(
         "t.repository_id") ", t.name FROM tag t WHERE t.live_manifest_id IS NOT NULL"
                            " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.id = t.live_manifest_id AND m.repository_id = t.repository_id"
                            " AND m.state = 'released')",
     "UPDATE tag AS t SET live_manifest_id = NULL WHERE t.live_manifest_id IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.id = t.live_manifest_id AND m.repository_id = t.repository_id"
     " AND m.state = 'released')"},
    {"I4", "a staged tag points to a manifest that is gone, elsewhere, or not in quarantine",
     "SELECT " SQL_REPOSITORY(
         "t.repository_id") ", t.name FROM tag t WHERE t.staged_manifest_id IS NOT NULL"
                            " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.id = t.staged_manifest_id AND m.repository_id = t.repository_id"
                            " AND m.state <> 'released')",
     "UPDATE tag AS t SET staged_manifest_id = NULL, staged_seq = 0 WHERE t.staged_manifest_id IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.id = t.staged_manifest_id AND m.repository_id = t.repository_id"
     " AND m.state <> 'released')"},
    {"I4", "a staged tag is older than the live one",
     "SELECT " SQL_REPOSITORY(
         "t.repository_id") ", t.name FROM tag t WHERE t.staged_manifest_id IS NOT NULL"
                            " AND t.staged_seq <= t.live_seq",
     "UPDATE tag SET staged_manifest_id = NULL, staged_seq = 0 WHERE staged_manifest_id IS NOT NULL"
     " AND staged_seq <= live_seq"},
    {"I4", "a tag points to nothing",
     "SELECT " SQL_REPOSITORY(
         "t.repository_id") ", t.name FROM tag t WHERE t.live_manifest_id IS NULL"
                            " AND t.staged_manifest_id IS NULL",
     "DELETE FROM tag WHERE live_manifest_id IS NULL AND staged_manifest_id IS NULL"},
    {"I5", "a manifest's state and its verdict disagree",
     "SELECT " SQL_REPOSITORY(
         "m.repository_id") ", m.digest FROM manifest m"
                            " WHERE (m.state = 'failed') <> (m.failed_by IS NOT NULL)",
     NULL},
    {"I5", "a manifest failed by a check has no failing check, or a released one has",
     "SELECT " SQL_REPOSITORY(
         "m.repository_id") ", m.digest FROM manifest m WHERE"
                            " (m.failed_by = 'check' AND NOT EXISTS (SELECT 1 FROM check_report c WHERE c.manifest_id = m.id AND c.failing = 1))"
                            " OR (m.state = 'released' AND EXISTS (SELECT 1 FROM check_report c WHERE c.manifest_id = m.id AND c.failing = 1))",
     NULL},
    {"I6", "a manifest's bytes are not stored",
     "SELECT " SQL_REPOSITORY(
         "m.repository_id") ", m.digest FROM manifest m"
                            " WHERE NOT EXISTS (SELECT 1 FROM manifest_bytes x WHERE x.digest = m.digest)",
     NULL},
    {"I6", "stored bytes belong to no manifest",
     "SELECT NULL, x.digest FROM manifest_bytes x WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = x.digest)",
     "DELETE FROM manifest_bytes WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = manifest_bytes.digest)"},
    {"I7", "something that is no attachment in quarantine is joined to a subject",
     "SELECT " SQL_REPOSITORY(
         "m.repository_id") ", m.digest FROM manifest m WHERE m.joined = 1"
                            " AND (m.shape <> 'attachment' OR m.state = 'released' OR m.subject_digest IS NULL)",
     NULL},
    {"I8", "an index is linked to a manifest of another repository or with another digest",
     "SELECT " SQL_REPOSITORY(
         "f.repository_id") ", f.digest FROM manifest_ref f JOIN manifest c ON c.id = f.child_id"
                            " WHERE c.repository_id <> f.repository_id OR c.digest <> f.digest",
     NULL},
    {"I8", "a reference or a tag's history is filed under another repository than its manifest",
     "SELECT " SQL_REPOSITORY(
         "m.repository_id") ", m.digest FROM manifest m WHERE EXISTS"
                            " (SELECT 1 FROM manifest_ref f WHERE f.manifest_id = m.id AND f.repository_id <> m.repository_id)"
                            " OR EXISTS (SELECT 1 FROM manifest_tag g WHERE g.manifest_id = m.id AND g.repository_id <> m.repository_id)",
     NULL},
    {"I9", "a workload has no rule: nobody can log in as it",
     "SELECT NULL, p.name FROM principal p WHERE p.kind = 'workload'"
     " AND NOT EXISTS (SELECT 1 FROM workload w WHERE w.principal_id = p.id)",
     NULL},
    {"I9", "a rule belongs to no workload",
     "SELECT NULL, w.issuer FROM workload w"
     " WHERE NOT EXISTS (SELECT 1 FROM principal p WHERE p.id = w.principal_id AND p.kind = 'workload')",
     "DELETE FROM workload WHERE NOT EXISTS"
     " (SELECT 1 FROM principal p WHERE p.id = workload.principal_id AND p.kind = 'workload')"},
};

size_t rs_catalog_invariants(void)
{
    return RS_ARRAY_LEN(rules);
}

enum rs_status rs_catalog_invariant_check(struct rs_db_conn *conn, size_t i, rs_invariant_visit fn,
                                          void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = true;
    bool go_on = true;
    rs_assert(i < RS_ARRAY_LEN(rules));
    enum rs_status s = rs_db_prepare(conn, rules[i].find, &st, reterr);
    while (s == RS_OK && row && go_on) {
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            continue;
        const struct rs_invariant_break found = {.invariant = rules[i].name,
                                                 .what = rules[i].what,
                                                 .repository = rs_stmt_col_text(st, 0),
                                                 .subject = rs_stmt_col_text(st, 1),
                                                 .is_repairable = rules[i].repair != NULL};
        go_on = fn(&found, arg);
    }
    return s;
}

enum rs_status rs_catalog_invariant_repair(struct rs_db_conn *conn, size_t i, int64_t *ret_rows,
                                           struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    *ret_rows = 0;
    rs_assert(i < RS_ARRAY_LEN(rules));
    if (rules[i].repair == NULL)
        return RS_OK;
    enum rs_status s = rs_db_prepare(conn, rules[i].repair, &st, reterr);
    return s == RS_OK ? rs_stmt_run(st, ret_rows, reterr) : s;
}

enum rs_status rs_catalog_blob_lost(struct rs_db_conn *conn, const char *digest,
                                    struct rs_err *reterr)
{
    static const char *const statements[] = {
        "DELETE FROM blob_uploader WHERE digest = $1",
        "DELETE FROM repository_blob WHERE digest = $1 AND refs = 0",
        "UPDATE repository_blob SET present = 0, withdrawn = 0 WHERE digest = $1",
        "DELETE FROM blob WHERE digest = $1",
    };
    enum rs_status s = rs_catalog_blob_touch(conn, digest, reterr);
    for (size_t i = 0; s == RS_OK && i < RS_ARRAY_LEN(statements); i++)
        s = rs_sql_run(conn, statements[i], NULL, reterr, RS_SQL_TEXT(digest));
    return s;
}

enum rs_status rs_catalog_blob_next(struct rs_db_conn *conn, const char *after,
                                    struct rs_stored *ret, bool *ret_found, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_first(
        conn, "SELECT digest, size FROM blob WHERE digest > $1 ORDER BY digest LIMIT 1", &st,
        ret_found, reterr, RS_SQL_TEXT(after));
    if (s != RS_OK || !*ret_found)
        return s;
    int64_t size = rs_stmt_col_int(st, 1);
    ret->size = (uint64_t)size;
    return size < 0 ? rs_fail(reterr, RS_CORRUPT, NULL)
                    : rs_sql_copy_digest(st, 0, ret->digest, reterr);
}

enum rs_status rs_catalog_manifest_bytes_each(struct rs_db_conn *conn, rs_stored_manifest_fn fn,
                                              void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = true;
    enum rs_status s = rs_db_prepare(
        conn, "SELECT digest, bytes FROM manifest_bytes ORDER BY digest", &st, reterr);
    while (s == RS_OK && row) {
        s = rs_stmt_step(st, &row, reterr);
        const char *digest = s == RS_OK && row ? rs_stmt_col_text(st, 0) : NULL;
        if (digest != NULL)
            s = fn(digest, rs_stmt_col_str(st, 1), arg, reterr);
    }
    return s;
}

enum rs_status rs_catalog_stored_totals(struct rs_db_conn *conn, struct rs_stored_totals *ret,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(
        conn,
        "SELECT (SELECT COUNT(*) FROM blob), (SELECT COALESCE(SUM(size), 0) FROM blob),"
        " (SELECT COUNT(*) FROM manifest_bytes)",
        &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s != RS_OK)
        return s;
    ret->blobs = (uint64_t)rs_stmt_col_int(st, 0);
    ret->blob_bytes = (uint64_t)rs_stmt_col_int(st, 1);
    ret->manifests = (uint64_t)rs_stmt_col_int(st, 2);
    return RS_OK;
}
