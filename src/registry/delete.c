#include "registry/delete.h"

#include "db/db.h"
#include "oci/reference.h"
#include "quarantine/remove.h"

struct job {
    const struct rs_actor *actor;
    const char *repository;
    const struct rs_reference *reference;
    struct rs_arena arena;
};

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *job = arg;
    struct rs_change c;
    struct rs_manifest_row *row = NULL;
    enum rs_status s = rs_change_begin(conn, &job->arena, job->actor, job->repository, &c, reterr);
    if (s != RS_OK)
        return s;
    if (!job->reference->is_digest)
        return rs_remove_tag(&c, job->reference->tag, reterr);
    s = rs_change_find(&c, job->reference->digest.text, &row, reterr);
    if (s == RS_OK && row == NULL)
        s = rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    return s == RS_OK ? rs_remove_manifest(&c, row, NULL, NULL, reterr) : s;
}

enum rs_status rs_registry_delete(const struct rs_services *services, const struct rs_actor *actor,
                                  const char *repository, const char *reference,
                                  struct rs_err *reterr)
{
    struct rs_reference parsed;
    struct rs_err bad = RS_ERR_INIT;
    enum rs_status s = rs_reference_parse(reference, &parsed, &bad);
    if (s == RS_MANIFEST_INVALID)
        return rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL); /* what can be no tag is none */
    if (s != RS_OK)
        return rs_fail(reterr, s, "%s", bad.message);
    struct job job = {.actor = actor, .repository = repository, .reference = &parsed};
    rs_arena_init(&job.arena, RS_CHANGE_ARENA_BYTES);
    s = rs_db_write(services->db, run, &job, reterr);
    rs_arena_release(&job.arena);
    return s;
}
