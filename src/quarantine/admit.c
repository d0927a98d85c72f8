#include "quarantine/admit_internal.h"

#include "base/attr.h"
#include "catalog/blob.h"
#include "catalog/generation.h"
#include "catalog/repository.h"
#include "quarantine/alias.h"

/* SPEC: a push that repeats what its tags point to already is always accepted and changes nothing.
 * Without a tag: known bytes that this principal pushed before. */
static enum rs_status is_repeat(const struct rs_admit *p, bool *ret, struct rs_err *reterr)
{
    *ret = false;
    if (p->known == NULL)
        return RS_OK;
    if (p->in->n_tags == 0)
        return rs_catalog_manifest_is_pusher(p->c->conn, p->known->id,
                                             p->in->identity->principal_id, ret, reterr);
    for (size_t i = 0; i < p->in->n_tags; i++)
        if (!p->tags[i].is_latest)
            return RS_OK;
    *ret = true;
    return RS_OK;
}

/* What every completed push of known bytes does: the pusher is remembered, the bytes are healed,
 * and where quarantine is off blobs that came later are opened. */
static enum rs_status refresh(struct rs_admit *p, struct rs_err *reterr)
{
    enum rs_status s = rs_catalog_manifest_heal(p->c->conn, p->in->digest, p->in->bytes, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_add_pusher(p->c->conn, p->known->id, p->in->identity->principal_id,
                                           rs_admit_permission(p), p->c->now_ms, reterr);
    if (s == RS_OK && rs_policy_is_off(&p->c->policy) && !rs_manifest_is_held(p->known))
        s = rs_admit_refs_reopen(p, reterr);
    return s;
}

static bool tags_may_move(const struct rs_admit *p, const char **ret_tag)
{
    for (size_t i = 0; i < p->in->n_tags; i++) {
        const struct rs_admit_tag *tag = &p->tags[i];
        bool points_elsewhere =
            tag->row.live_id != 0 && (p->known == NULL || tag->row.live_id != p->known->id);
        *ret_tag = tag->name;
        if (points_elsewhere && !tag->is_latest && rs_policy_is_immutable(&p->c->policy, tag->name))
            return false;
    }
    return true;
}

/* What every push that changes something has to pass. */
static enum rs_status judge(struct rs_admit *p, struct rs_err *reterr)
{
    const char *tag = NULL;
    enum rs_status s = rs_admit_permit(p, reterr);
    if (s == RS_OK && !tags_may_move(p, &tag))
        s = rs_fail(reterr, RS_CONFLICT,
                    "the tag %s of %s is immutable and points to another manifest: use a new tag",
                    tag, p->c->repository);
    if (s == RS_OK)
        s = rs_admit_tags_fit(p, reterr);
    return s == RS_OK ? rs_admit_refs(p, reterr) : s;
}

static enum rs_status admit(struct rs_admit *p, struct rs_admitted *ret, struct rs_err *reterr)
{
    bool repeats = false;
    enum rs_status s = rs_admit_reach(p, reterr);
    if (s == RS_OK)
        s = rs_admit_preconditions(p, reterr);
    if (s == RS_OK)
        s = is_repeat(p, &repeats, reterr);
    if (s == RS_OK && !repeats)
        s = judge(p, reterr);
    if (s != RS_OK)
        return s;
    if (p->c->repository_id == 0)
        s = rs_catalog_repository_ensure(p->c->conn, p->c->repository, &p->c->repository_id,
                                         reterr);
    if (s != RS_OK)
        return s;
    ret->is_new = p->known == NULL;
    if (p->known == NULL)
        return rs_admit_new(p, ret, reterr);
    s = refresh(p, reterr);
    if (s == RS_OK && !repeats)
        s = rs_admit_known(p, reterr);
    ret->state = p->known->state;
    return s;
}

enum rs_status rs_admit(struct rs_change *c, const struct rs_admission *a, struct rs_admitted *ret,
                        struct rs_err *reterr)
{
    struct rs_admit p = {.c = c, .in = a};
    enum rs_status s = RS_OK;
    *ret = (struct rs_admitted){0};
    if (a->n_tags > RS_ADMIT_TAGS_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "at most %zu tags in one push", RS_ADMIT_TAGS_MAX);
    if (a->alias != NULL)
        s = rs_alias_learn(c->conn, c->actor, a->alias, a->digest, reterr);
    if (s == RS_OK)
        s = rs_change_find(c, a->digest, &p.known, reterr);
    if (s == RS_OK)
        s = rs_admit_place(&p, reterr);
    if (s == RS_OK)
        s = admit(&p, ret, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(c->conn, c->repository);
    return s;
}
