#include "quarantine/change.h"

#include "base/clock.h"
#include "catalog/blob.h"
#include "catalog/repository.h"

enum rs_status rs_change_begin(struct rs_db_conn *conn, struct rs_arena *arena,
                               const struct rs_actor *actor, const char *repository,
                               struct rs_change *ret, struct rs_err *reterr)
{
    struct rs_change c = {
        .conn = conn,
        .arena = arena,
        .actor = actor,
        .repository = repository,
        .now_ms = rs_clock_unix_ms(),
    };
    struct rs_err not_found = RS_ERR_INIT;
    enum rs_status s = rs_catalog_repository_find(conn, repository, &c.repository_id, &not_found);
    if (s != RS_OK && s != RS_NOT_FOUND) {
        if (reterr != NULL)
            *reterr = not_found;
        return s;
    }
    s = rs_policy_for(conn, repository, &c.policy, reterr);
    if (s == RS_OK)
        *ret = c;
    return s;
}

enum rs_status rs_change_find(const struct rs_change *c, const char *digest,
                              struct rs_manifest_row **ret, struct rs_err *reterr)
{
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    struct rs_err unknown = RS_ERR_INIT;
    *ret = NULL;
    enum rs_status s = rs_catalog_alias_resolve(c->conn, digest, canonical, &unknown);
    if (s == RS_NOT_FOUND)
        return RS_OK;
    if (s != RS_OK) {
        if (reterr != NULL)
            *reterr = unknown;
        return s;
    }
    if (c->repository_id == 0)
        return RS_OK;
    return rs_catalog_manifest_find(c->conn, c->arena, c->repository_id, canonical, ret, reterr);
}

enum rs_status rs_change_emit(const struct rs_change *c, const struct rs_change_event *event,
                              char ret_id[RS_ID_TEXT_BYTES], struct rs_err *reterr)
{
    const struct rs_manifest_row *m = event->manifest;
    char id[RS_ID_TEXT_BYTES];
    const struct rs_event e = {
        .type = event->type,
        .actor = c->actor,
        .repository = c->repository,
        .tag = event->tag,
        .digest = m->digest,
        .publisher = m->publisher,
        .size = (int64_t)m->size,
        .media_type = m->media_type,
        .artifact_type = m->artifact_type,
        .subject = m->subject_digest,
        .decision = event->decision,
        .quarantine_event_id = event->quarantine_event_id,
        .is_held = event->is_held,
    };
    return rs_event_append(c->conn, &e, ret_id == NULL ? id : ret_id, reterr);
}

enum rs_status rs_change_record(const struct rs_change *c, const struct rs_change_record *record,
                                int64_t *ret_seq, struct rs_err *reterr)
{
    int64_t seq = 0;
    const struct rs_audit_entry entry = {
        .action = record->action,
        .actor = c->actor,
        .repository = c->repository,
        .tags = record->tags,
        .n_tags = record->n_tags,
        .digest = record->manifest == NULL ? NULL : record->manifest->digest,
        .publisher = record->manifest == NULL ? NULL : record->manifest->publisher,
        .details = record->details,
        .cause = record->cause,
    };
    return rs_audit_append(c->conn, &entry, ret_seq == NULL ? &seq : ret_seq, reterr);
}
