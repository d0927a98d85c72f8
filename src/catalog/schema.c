#include "catalog/schema.h"

#include "base/attr.h"

/*
 * Digests are texts in canonical form.  Every manifest and blob is known by its SHA-256
 * ("sha256:<hex>"); another algorithm's digest is an alias of it (digest_alias), from the moment
 * somebody uploaded, pushed or mounted under it.
 *
 * Times are Unix milliseconds (columns *_ms).  JSON is text.  Booleans are 0 and 1.
 *
 * Invariants (checked by fsck):
 *
 * I1: repository_blob.refs is the number of manifests of the repository with a manifest_ref that
 * names the blob (kind config, layer, blob).
 *
 * I2: repository_blob.opens is the number of those that are released and whose manifest_ref.opens
 * is 1.
 *
 * I3: repository_blob.present = 1 implies a row in blob; present = 0 implies that nobody can read
 * the blob there.  withdrawn = 1 implies present = 1 and refs > 0.  A row that is not present has
 * refs > 0.
 *
 * I4: tag.live_manifest_id is released; tag.staged_manifest_id is quarantined or failed, and
 * staged_seq > live_seq.  A tag row has at least one of both.  live_seq keeps its value when the
 * live pointer goes and the staged one stays: no older push becomes live afterwards.
 *
 * I5: manifest.state = 'failed' iff failed_by is not NULL; failed_by = 'check' implies a
 * check_report of it with failing = 1; a released manifest has no failing one.
 *
 * I6: every manifest has its bytes in manifest_bytes; every row of manifest_bytes belongs to a
 * manifest.
 *
 * I7: manifest.subject_digest is the subject as the manifest names it (or the fallback tag's
 * digest), canonical as soon as an alias is known; joined = 1 only for an attachment in quarantine:
 * it is held with its subject, there or still to come.
 *
 * I8: manifest_ref.child_id is NULL or a manifest of the same repository with that digest; so are
 * manifest_tag rows of their manifest's repository.
 *
 * I9: exactly the principals of kind 'workload' have a row in workload.
 */
static const char schema_1[] =
    "CREATE TABLE repository("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
    " quota_bytes INTEGER NOT NULL DEFAULT 0);"

    /* Identities.  Ids are never used twice: a new user of an old name is somebody else. */
    "CREATE TABLE principal("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind TEXT NOT NULL CHECK(kind IN ('user','robot','anonymous')),"
    " name TEXT NOT NULL UNIQUE, secret TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL);"
    /* `what` is a role ('consumer', 'checker:<name>', ...) or a permission ('quarantine-override',
       'check:<name>', ...). */
    "CREATE TABLE access_grant("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " principal_id INTEGER NOT NULL REFERENCES principal(id) ON DELETE CASCADE,"
    " what TEXT NOT NULL, pattern TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " UNIQUE(principal_id, what, pattern));"

    /* Policies, first match by position.  quarantine: 'on', 'off', 'observe'.  rules is the whole
       policy as canonical JSON. */
    "CREATE TABLE policy("
    " position INTEGER NOT NULL, pattern TEXT PRIMARY KEY, rules TEXT NOT NULL,"
    " changed_ms INTEGER NOT NULL);"

    /* Content. */
    "CREATE TABLE blob(digest TEXT PRIMARY KEY, size INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE digest_alias(alias TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX digest_alias_digest ON digest_alias(digest);"
    "CREATE TABLE repository_blob("
    " repository_id INTEGER NOT NULL REFERENCES repository(id), digest TEXT NOT NULL,"
    " present INTEGER NOT NULL,"
    " refs INTEGER NOT NULL DEFAULT 0, opens INTEGER NOT NULL DEFAULT 0,"
    " linked_ms INTEGER NOT NULL,"
    /* Deleted by a client while manifests name it: goes with the last of them, so that no image
       loses its layers. */
    " withdrawn INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(repository_id, digest)) WITHOUT ROWID;"
    "CREATE INDEX repository_blob_digest ON repository_blob(digest);"
    "CREATE TABLE blob_uploader("
    " repository_id INTEGER NOT NULL, digest TEXT NOT NULL, principal_id INTEGER NOT NULL,"
    " PRIMARY KEY(repository_id, digest, principal_id)) WITHOUT ROWID;"
    "CREATE TABLE manifest_bytes(digest TEXT PRIMARY KEY, bytes BLOB NOT NULL);"

    /* The id of a manifest is its push order.  shape: 'image', 'index', 'attachment' (SPEC section
     * 1). pushed_with: the permission the first push was made with ('push', 'quarantine-push',
     * 'quarantine-decide'). joined: it is held and released with its subject.  tagged: it was
     * pushed under a tag at least once (then it is no part). is_part / root are derived, never
     * stored.  has_data: a `data` field other than the two bytes {} (then there is no echo).
     * observed: a policy that only observes would have held it.  state_ms: since when it is in that
     * state. failed_by 'decision' stands until a decision lifts it; decided_by and decision_details
     * tell of the last decision or failing check.  quarantine_event_id: the first `quarantine`
     * event about it.  overdue_ms: when it was told to be overdue. */
    "CREATE TABLE manifest("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " repository_id INTEGER NOT NULL REFERENCES repository(id), digest TEXT NOT NULL,"
    " media_type TEXT NOT NULL, artifact_type TEXT, config_media_type TEXT, annotations TEXT,"
    " size INTEGER NOT NULL,"
    " shape TEXT NOT NULL CHECK(shape IN ('image','index','attachment')),"
    " state TEXT NOT NULL CHECK(state IN ('quarantined','failed','released')),"
    " failed_by TEXT CHECK(failed_by IN ('decision','check')),"
    " joined INTEGER NOT NULL DEFAULT 0, tagged INTEGER NOT NULL DEFAULT 0, subject_digest TEXT,"
    " has_data INTEGER NOT NULL DEFAULT 0,"
    " observed INTEGER NOT NULL DEFAULT 0, publisher_id INTEGER NOT NULL,"
    " publisher TEXT NOT NULL, pushed_with TEXT NOT NULL,"
    " pushed_ms INTEGER NOT NULL, state_ms INTEGER NOT NULL, decided_by TEXT,"
    " decision_details TEXT, quarantine_event_id TEXT,"
    " overdue_ms INTEGER, UNIQUE(repository_id, digest));"
    "CREATE INDEX manifest_digest ON manifest(digest);"
    "CREATE INDEX manifest_subject ON manifest(repository_id, subject_digest,"
    " digest) WHERE subject_digest IS NOT NULL;"
    "CREATE INDEX manifest_held ON manifest(repository_id, state, id) WHERE state <> 'released';"
    "CREATE INDEX manifest_released ON manifest(repository_id) WHERE state = 'released';"
    "CREATE INDEX manifest_work ON manifest(state, id) WHERE state <> 'released';"
    "CREATE INDEX manifest_since ON manifest(state, state_ms, id) WHERE state <> 'released';"
    "CREATE INDEX manifest_overdue ON manifest(state_ms,"
    " id) WHERE state = 'quarantined' AND overdue_ms IS NULL;"
    /* Subjects named by another algorithm's digest whose bytes nobody brought yet. */
    "CREATE INDEX manifest_subject_alias ON manifest(subject_digest) WHERE subject_digest >="
    " 'sha512:';"
    /* What a manifest names.  kind: 'config','layer','blob' (an index entry that is no manifest),
     * 'manifest'. digest: canonical as soon as an alias is known.  repository_id: the manifest's.
     * opens: the blob was in the repository when this manifest was pushed.  child_id: the manifest
     * linked at push. */
    "CREATE TABLE manifest_ref("
    " manifest_id INTEGER NOT NULL REFERENCES manifest(id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, repository_id INTEGER NOT NULL,"
    " kind TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT, size INTEGER NOT NULL,"
    " opens INTEGER NOT NULL DEFAULT 0, child_id INTEGER,"
    " PRIMARY KEY(manifest_id, position)) WITHOUT ROWID;"
    "CREATE INDEX manifest_ref_child ON manifest_ref(child_id) WHERE child_id IS NOT NULL;"
    "CREATE INDEX manifest_ref_digest ON manifest_ref(repository_id, digest);"
    "CREATE INDEX manifest_ref_alias ON manifest_ref(digest) WHERE digest >= 'sha512:';"
    /* Who completed a PUT of these very bytes in this repository (the echo, and the publisher's own
       view). */
    "CREATE TABLE manifest_pusher("
    " manifest_id INTEGER NOT NULL REFERENCES manifest(id) ON DELETE CASCADE,"
    " principal_id INTEGER NOT NULL,"
    " permission TEXT NOT NULL, pushed_ms INTEGER NOT NULL, PRIMARY KEY(manifest_id,"
    " principal_id)) WITHOUT ROWID;"

    /* seq numbers pushes of tags, registry-wide (push_counter).  manifest_tag: under which tags a
     * manifest was pushed since the tag was last deleted, with the latest seq, and the `quarantine`
     * event of that push.  repository_id: the manifest's. named: the digest that the client named
     * in that push, when it was of another algorithm: a read by the tag tells it. */
    "CREATE TABLE push_counter(id INTEGER PRIMARY KEY CHECK(id = 1), value INTEGER NOT NULL);"
    "INSERT INTO push_counter(id, value) VALUES (1, 0);"
    "CREATE TABLE tag("
    " repository_id INTEGER NOT NULL REFERENCES repository(id), name TEXT NOT NULL,"
    " live_manifest_id INTEGER, live_seq INTEGER NOT NULL DEFAULT 0, staged_manifest_id INTEGER,"
    " staged_seq INTEGER NOT NULL DEFAULT 0,"
    " changed_ms INTEGER NOT NULL, PRIMARY KEY(repository_id, name)) WITHOUT ROWID;"
    /* Live tags by name: their list must not walk over any number of staged ones.  The last column
     * is there so that the index answers by itself: else the primary key is taken. */
    "CREATE INDEX tag_live_name ON tag(repository_id, name,"
    " live_manifest_id) WHERE live_manifest_id IS NOT NULL;"
    "CREATE INDEX tag_live ON tag(live_manifest_id) WHERE live_manifest_id IS NOT NULL;"
    "CREATE INDEX tag_staged ON tag(staged_manifest_id) WHERE staged_manifest_id IS NOT NULL;"
    "CREATE TABLE manifest_tag("
    " manifest_id INTEGER NOT NULL REFERENCES manifest(id) ON DELETE CASCADE, tag TEXT NOT NULL,"
    " repository_id INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, quarantine_event_id TEXT, named TEXT, PRIMARY KEY(manifest_id,"
    " tag)) WITHOUT ROWID;"
    "CREATE INDEX manifest_tag_name ON manifest_tag(repository_id, tag, seq);"

    /* Failed verdicts outlive deletion: written when a failed manifest is deleted, taken back when
     * the same bytes are pushed again. checks: the failing reports as JSON [{name, reporter_id,
     * reporter, reported_ms, details}]. */
    "CREATE TABLE verdict("
    " repository TEXT NOT NULL, digest TEXT NOT NULL, failed_by TEXT NOT NULL,"
    " decided_by TEXT NOT NULL, details TEXT, at_ms INTEGER NOT NULL,"
    " checks TEXT, PRIMARY KEY(repository, digest)) WITHOUT ROWID;"
    /* failing: it failed while the policy required it, and the same check has not passed since. */
    "CREATE TABLE check_report("
    " manifest_id INTEGER NOT NULL REFERENCES manifest(id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK(state IN ('running','passed','failed')),"
    " reporter_id INTEGER NOT NULL, reporter TEXT NOT NULL,"
    " reported_ms INTEGER NOT NULL, details TEXT, failing INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(manifest_id, name)) WITHOUT ROWID;"
    /* A lease.  check_name '' is the decision itself.  It ends by elapsed time: at expires_mono_ms
     * of the boot boot_id; after a reboot the whole lease begins anew (never early).  expires_ms is
     * the same as wall time, only to be shown. */
    "CREATE TABLE claim("
    " id TEXT PRIMARY KEY,"
    " manifest_id INTEGER NOT NULL REFERENCES manifest(id) ON DELETE CASCADE,"
    " check_name TEXT NOT NULL,"
    " principal_id INTEGER NOT NULL, principal TEXT NOT NULL, lease_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL,"
    " boot_id TEXT NOT NULL, expires_mono_ms INTEGER NOT NULL, UNIQUE(manifest_id,"
    " check_name)) WITHOUT ROWID;"

    /* Events: the outbox and the feed.  payload is the event's own JSON, written once. */
    "CREATE TABLE event("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,"
    " repository TEXT NOT NULL, tag TEXT,"
    " digest TEXT NOT NULL, is_held INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " payload TEXT NOT NULL, decision TEXT);"
    "CREATE TABLE webhook("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, settings TEXT NOT NULL,"
    " secret TEXT NOT NULL,"
    " enabled INTEGER NOT NULL, created_ms INTEGER NOT NULL, cursor_seq INTEGER NOT NULL);"
    /* Deliveries that did not succeed at once: waiting for their next attempt, or dead. */
    "CREATE TABLE delivery("
    " webhook_id INTEGER NOT NULL REFERENCES webhook(id) ON DELETE CASCADE,"
    " event_seq INTEGER NOT NULL REFERENCES event(seq),"
    " digest TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN ('waiting','dead')),"
    " attempts INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, last_error TEXT, PRIMARY KEY(webhook_id, event_seq)) WITHOUT ROWID;"
    "CREATE INDEX delivery_next ON delivery(webhook_id, state, next_ms);"
    "CREATE INDEX delivery_event ON delivery(event_seq);"
    "CREATE INDEX delivery_digest ON delivery(webhook_id, digest,"
    " event_seq) WHERE state = 'waiting';"

    /* The audit log: canonical bytes, chained.  The other columns are copies for filtering. */
    "CREATE TABLE audit("
    " seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, action TEXT NOT NULL, repository TEXT,"
    " digest TEXT, actor TEXT NOT NULL,"
    " record BLOB NOT NULL, chain_hash BLOB NOT NULL, leaf_hash BLOB NOT NULL);"
    "CREATE INDEX audit_repository ON audit(repository, seq) WHERE repository IS NOT NULL;"
    "CREATE INDEX audit_digest ON audit(digest, seq) WHERE digest IS NOT NULL;"
    "CREATE INDEX audit_actor ON audit(actor, seq);"
    "CREATE INDEX audit_at ON audit(at_ms);"
    /* Signed heads of the tree over the records, with the tree's frontier at that size. */
    "CREATE TABLE audit_checkpoint("
    " size INTEGER PRIMARY KEY, note TEXT NOT NULL, frontier BLOB NOT NULL,"
    " created_ms INTEGER NOT NULL);"

    /* Small facts: signing key ids, whether the initial configuration was applied, ... */
    "CREATE TABLE fact(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/* tag.live_ms: when the live pointer moved last, which is all that others than the processors are
 * told of a tag's times: changed_ms moves with a staged push, too. */
static const char schema_2[] =
    "ALTER TABLE tag ADD COLUMN live_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE tag SET live_ms = changed_ms WHERE live_manifest_id IS NOT NULL;"
    "CREATE INDEX manifest_updated ON manifest(repository_id, state_ms, id);";

/* Workloads: principals that log in with a token of an OpenID Connect issuer.  rule: audience,
 * claims and issuer as canonical JSON (auth/workload_rule.h); issuer is a copy to find it by.
 *
 * A constraint cannot be changed in place, so the table of principals is made anew, and with it the
 * grants, which would go with the old one.  Ids stay, and the next one too: none is used twice. */
static const char schema_3[] =
    "CREATE TABLE principal_3("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind TEXT NOT NULL CHECK(kind IN ('user','robot','workload','anonymous')),"
    " name TEXT NOT NULL UNIQUE, secret TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL);"
    "INSERT INTO principal_3(id, kind, name, secret, disabled, created_ms)"
    " SELECT id, kind, name, secret, disabled, created_ms FROM principal;"
    "CREATE TABLE access_grant_3("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " principal_id INTEGER NOT NULL REFERENCES principal_3(id) ON DELETE CASCADE,"
    " what TEXT NOT NULL, pattern TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " UNIQUE(principal_id, what, pattern));"
    "INSERT INTO access_grant_3(id, principal_id, what, pattern, created_ms)"
    " SELECT id, principal_id, what, pattern, created_ms FROM access_grant;"
    "DELETE FROM sqlite_sequence WHERE name IN ('principal_3', 'access_grant_3');"
    "INSERT INTO sqlite_sequence(name, seq) SELECT name || '_3', seq FROM sqlite_sequence"
    " WHERE name IN ('principal', 'access_grant');"
    "DROP TABLE access_grant;"
    "DROP TABLE principal;"
    "ALTER TABLE principal_3 RENAME TO principal;"
    "ALTER TABLE access_grant_3 RENAME TO access_grant;"
    "CREATE TABLE workload("
    " principal_id INTEGER PRIMARY KEY REFERENCES principal(id) ON DELETE CASCADE,"
    " issuer TEXT NOT NULL, rule TEXT NOT NULL);"
    "CREATE INDEX workload_issuer ON workload(issuer);";

static const char *const migrations[] = {schema_1, schema_2, schema_3};

static enum rs_status version_get(struct rs_db_conn *conn, int64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_db_prepare(conn, "SELECT version FROM schema_version WHERE id = 1", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK)
        *ret = row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}

static enum rs_status version_set(struct rs_db_conn *conn, int64_t version, struct rs_err *reterr)
{
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_db_prepare(conn,
                                     "INSERT INTO schema_version(id, version) VALUES (1, $1)"
                                     " ON CONFLICT(id) DO UPDATE SET version = excluded.version",
                                     &st, reterr);
    if (s != RS_OK)
        return s;
    rs_stmt_int(st, 1, version);
    return rs_stmt_run(st, NULL, reterr);
}

static enum rs_status migrate(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    bool *created = arg;
    int64_t version = 0;
    enum rs_status s =
        rs_db_script(conn,
                     "CREATE TABLE IF NOT EXISTS schema_version("
                     " id INTEGER PRIMARY KEY CHECK(id = 1), version INTEGER NOT NULL)",
                     reterr);
    if (s == RS_OK)
        s = version_get(conn, &version, reterr);
    if (s != RS_OK)
        return s;
    if (version < 0 || version > (int64_t)RS_ARRAY_LEN(migrations))
        return rs_fail(
            reterr, RS_CONFLICT,
            "the catalog has schema version %lld, this program knows up to %zu: use the newer program",
            (long long)version, RS_ARRAY_LEN(migrations));
    *created = version == 0;
    for (size_t i = (size_t)version; s == RS_OK && i < RS_ARRAY_LEN(migrations); i++)
        s = rs_db_script(conn, migrations[i], reterr);
    return s == RS_OK ? version_set(conn, (int64_t)RS_ARRAY_LEN(migrations), reterr) : s;
}

enum rs_status rs_schema_migrate(struct rs_db *db, bool *ret_created, struct rs_err *reterr)
{
    return rs_db_write(db, migrate, ret_created, reterr);
}
