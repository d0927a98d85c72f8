/* The part of quarantine/release.h that finds out what a release takes with it. */
#include <string.h>

#include "base/attr.h"
#include "catalog/blob.h"
#include "crypto/hash.h"
#include "quarantine/release.h"

/* SHA-256 of the two bytes {}: everybody's empty config, which hides nothing. */
#define EMPTY_JSON_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static enum rs_status block_add(const struct rs_change *c, struct rs_release_plan *plan,
                                struct rs_block block, struct rs_err *reterr)
{
    if (plan->n_blocks == plan->cap_blocks) {
        size_t cap = plan->cap_blocks == 0 ? 8 : plan->cap_blocks * 2;
        struct rs_block *blocks = rs_arena_alloc(c->arena, cap * sizeof(*blocks));
        if (blocks == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        if (plan->n_blocks > 0)
            memcpy(blocks, plan->blocks, plan->n_blocks * sizeof(*blocks));
        plan->blocks = blocks;
        plan->cap_blocks = cap;
    }
    plan->blocks[plan->n_blocks++] = block;
    return RS_OK;
}

static enum rs_status members_reserve(const struct rs_change *c, struct rs_release_plan *plan,
                                      struct rs_err *reterr)
{
    if (plan->n_members < plan->cap_members)
        return RS_OK;
    size_t cap = plan->cap_members == 0 ? 16 : plan->cap_members * 2;
    struct rs_member **members = rs_arena_alloc(c->arena, cap * sizeof(*members));
    if (members == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (plan->n_members > 0)
        memcpy(members, plan->members, plan->n_members * sizeof(*members));
    plan->members = members;
    plan->cap_members = cap;
    return RS_OK;
}

/* Append a member; with a subject also to the subject's attachments. */
static enum rs_status member_add(const struct rs_change *c, struct rs_release_plan *plan,
                                 struct rs_manifest_row *row, struct rs_member *subject,
                                 struct rs_err *reterr)
{
    enum rs_status s = members_reserve(c, plan, reterr);
    struct rs_member *m = s == RS_OK ? rs_arena_alloc(c->arena, sizeof(*m)) : NULL;
    if (m == NULL)
        return s != RS_OK ? s : rs_fail(reterr, RS_NOMEM, NULL);
    m->row = row;
    m->subject = subject;
    if (subject != NULL) {
        if (subject->last == NULL)
            subject->first = m;
        else
            subject->last->next = m;
        subject->last = m;
    }
    plan->members[plan->n_members++] = m;
    return RS_OK;
}

/* Past a limit the release is refused, and whatever else there is to say about it can be said. */
static enum rs_status too_many(const struct rs_change *c, struct rs_release_plan *plan,
                               struct rs_err *reterr)
{
    for (size_t i = 0; i < plan->n_blocks; i++)
        if (plan->blocks[i].kind == RS_BLOCK_TOO_MANY)
            return RS_OK;
    return block_add(c, plan, (struct rs_block){.kind = RS_BLOCK_TOO_MANY}, reterr);
}

/* Meet a manifest for the first time? */
static enum rs_status meet(const struct rs_change *c, struct rs_release_plan *plan, int64_t id,
                           bool *ret_is_new, struct rs_err *reterr)
{
    *ret_is_new = false;
    if (plan->seen.n >= RS_CHANGE_MANIFESTS_MAX)
        return too_many(c, plan, reterr);
    enum rs_status s = rs_idset_add(&plan->seen, c->arena, id, ret_is_new);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

/* ---- descendants ---- */

static bool waits_for_subject(const struct rs_manifest_row *row)
{
    return row->shape == RS_SHAPE_ATTACHMENT && row->joined;
}

/* Is an attachment's subject in quarantine in the repository? */
static enum rs_status subject_is_held(const struct rs_change *c, const struct rs_manifest_row *row,
                                      bool *ret, struct rs_err *reterr)
{
    struct rs_manifest_row *subject = NULL;
    *ret = false;
    if (!waits_for_subject(row))
        return RS_OK;
    enum rs_status s = rs_change_find(c, row->subject_digest, &subject, reterr);
    *ret = s == RS_OK && subject != NULL && rs_manifest_is_held(subject);
    return s;
}

/* A descendant in quarantine: it is released, or refuses the release. */
static enum rs_status unit_add(const struct rs_change *c, struct rs_release_plan *plan,
                               struct rs_manifest_row *row, struct rs_err *reterr)
{
    bool added = false;
    bool goes_behind = false;
    if (row->state == RS_STATE_FAILED)
        return block_add(c, plan,
                         (struct rs_block){.kind = RS_BLOCK_FAILED_PART, .digest = row->digest},
                         reterr);
    enum rs_status s = rs_idset_add(&plan->units, c->arena, row->id, &added);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    /* One that is held with a subject takes its place behind it, if the subject is let out too. */
    s = subject_is_held(c, row, &goes_behind, reterr);
    if (s != RS_OK)
        return s;
    return goes_behind ? rs_manifest_list_add(&plan->parts, c->arena, row, reterr)
                       : member_add(c, plan, row, NULL, reterr);
}

/* A row is read when it is met for the first time, however many links lead there. */
static enum rs_status child_add(const struct rs_change *c, struct rs_release_plan *plan, int64_t id,
                                struct rs_manifest_list *queue, struct rs_err *reterr)
{
    struct rs_manifest_row *child = NULL;
    bool is_new = false;
    enum rs_status s = meet(c, plan, id, &is_new, reterr);
    if (s == RS_OK && is_new)
        s = rs_catalog_manifest_get(c->conn, c->arena, id, &child, reterr);
    if (s != RS_OK || child == NULL || !rs_manifest_is_held(child))
        return s; /* what went with it then is released too, or has a state of its own */
    s = unit_add(c, plan, child, reterr);
    if (s == RS_OK && child->shape == RS_SHAPE_INDEX)
        s = rs_manifest_list_add(queue, c->arena, child, reterr);
    return s;
}

static enum rs_status children_add(const struct rs_change *c, struct rs_release_plan *plan,
                                   int64_t id, struct rs_manifest_list *queue,
                                   struct rs_err *reterr)
{
    struct rs_arena arena;
    const int64_t *ids = NULL;
    size_t n = 0;
    if (plan->n_links >= RS_CHANGE_LINKS_MAX)
        return too_many(c, plan, reterr);
    rs_arena_init(&arena, RS_CHANGE_IDS_BYTES);
    enum rs_status s = rs_catalog_manifest_children(c->conn, &arena, id, &ids, &n, reterr);
    plan->n_links += n;
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = child_add(c, plan, ids[i], queue, reterr);
    rs_arena_release(&arena);
    return s;
}

static int by_push_order(const void *a, const void *b)
{
    const struct rs_member *const *x = a;
    const struct rs_member *const *y = b;
    return ((*x)->row->id > (*y)->row->id) - ((*x)->row->id < (*y)->row->id);
}

static enum rs_status units_find(const struct rs_change *c, struct rs_release_plan *plan,
                                 struct rs_manifest_row *target, struct rs_err *reterr)
{
    struct rs_manifest_list queue = {0};
    bool is_new = false;
    enum rs_status s = meet(c, plan, target->id, &is_new, reterr);
    if (s == RS_OK && rs_idset_add(&plan->units, c->arena, target->id, &is_new) != RS_OK)
        s = rs_fail(reterr, RS_NOMEM, NULL);
    if (s == RS_OK)
        s = member_add(c, plan, target, NULL, reterr);
    if (s != RS_OK)
        return s;
    plan->target = plan->members[0];
    if (target->shape == RS_SHAPE_INDEX)
        s = rs_manifest_list_add(&queue, c->arena, target, reterr);
    for (size_t i = 0; s == RS_OK && i < queue.n; i++)
        s = children_add(c, plan, queue.rows[i]->id, &queue, reterr);
    qsort(plan->members, plan->n_members, sizeof(struct rs_member *), by_push_order);
    plan->n_units = plan->n_members;
    return s;
}

/* ---- attachments ---- */

struct holder_search {
    const struct rs_idset *units;
    bool is_opened;  /* by a unit */
    bool is_outside; /* held by an image that is no unit */
};

static bool holder_visit(int64_t id, bool opens, void *arg)
{
    struct holder_search *search = arg;
    if (!rs_idset_has(search->units, id))
        search->is_outside = true;
    else if (opens)
        search->is_opened = true;
    return !search->is_opened;
}

/* Does an image outside of the release still hold this blob in quarantine? */
static enum rs_status blob_is_held(const struct rs_change *c, const struct rs_release_plan *plan,
                                   const char *digest, bool *ret, struct rs_err *reterr)
{
    struct rs_catalog_blob_link link = {0};
    struct rs_err not_found = RS_ERR_INIT;
    struct holder_search search = {.units = &plan->units};
    *ret = false;
    if (strcmp(digest, EMPTY_JSON_DIGEST) == 0)
        return RS_OK;
    enum rs_status s =
        rs_catalog_blob_link_get(c->conn, c->repository_id, digest, &link, &not_found);
    if (s != RS_OK && s != RS_NOT_FOUND) {
        if (reterr != NULL)
            *reterr = not_found;
        return s;
    }
    if (s == RS_NOT_FOUND || link.opens > 0)
        return RS_OK; /* nobody has it, or everybody does */
    s = rs_catalog_manifest_each_holder(c->conn, c->repository_id, digest, holder_visit, &search,
                                        reterr);
    *ret = search.is_outside && !search.is_opened;
    return s;
}

static enum rs_status names_held_blob(const struct rs_change *c, const struct rs_release_plan *plan,
                                      const struct rs_manifest_row *row, bool *ret,
                                      struct rs_err *reterr)
{
    const struct rs_ref_blob *blobs = NULL;
    size_t n = 0;
    *ret = false;
    enum rs_status s = rs_catalog_manifest_blobs(c->conn, c->arena, row->id, &blobs, &n, reterr);
    for (size_t i = 0; s == RS_OK && !*ret && i < n; i++)
        s = blob_is_held(c, plan, blobs[i].digest, ret, reterr);
    return s;
}

/* An attachment of a member, met for the first time. */
static enum rs_status attachment_add(const struct rs_change *c, struct rs_release_plan *plan,
                                     struct rs_manifest_row *row, struct rs_member *subject,
                                     struct rs_err *reterr)
{
    bool is_held = false;
    if (row->state == RS_STATE_FAILED)
        return rs_manifest_list_add(&plan->failed, c->arena, row, reterr);
    /* A descendant is released with its index, whatever it names. */
    bool is_part = rs_idset_has(&plan->units, row->id);
    bool added = false;
    enum rs_status s = is_part ? rs_idset_add(&plan->placed, c->arena, row->id, &added)
                               : names_held_blob(c, plan, row, &is_held, reterr);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    if (is_held)
        return rs_manifest_list_add(&plan->held, c->arena, row, reterr);
    return member_add(c, plan, row, subject, reterr);
}

static enum rs_status attachments_of(const struct rs_change *c, struct rs_release_plan *plan,
                                     struct rs_member *subject, struct rs_err *reterr)
{
    struct rs_manifest_list found = {0};
    enum rs_status s =
        rs_catalog_manifest_joined(c->conn, c->arena, c->repository_id, subject->row->digest,
                                   RS_CHANGE_MANIFESTS_MAX + 1, &found, reterr);
    for (size_t i = 0; s == RS_OK && i < found.n; i++) {
        struct rs_manifest_row *row = found.rows[i];
        bool is_part = rs_idset_has(&plan->units, row->id);
        bool is_new = is_part;
        if (!is_part)
            s = meet(c, plan, row->id, &is_new, reterr);
        if (s == RS_OK && is_new && row->id != plan->target->row->id)
            s = attachment_add(c, plan, row, subject, reterr);
    }
    return s;
}

static enum rs_status attachments_find(const struct rs_change *c, struct rs_release_plan *plan,
                                       struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < plan->n_members; i++)
        s = attachments_of(c, plan, plan->members[i], reterr);
    return s;
}

/* ---- what refuses ---- */

/* A descendant that is held with a subject which is not let out: that one has to be decided first.
 */
static enum rs_status parts_judge(const struct rs_change *c, struct rs_release_plan *plan,
                                  struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < plan->parts.n; i++) {
        const struct rs_manifest_row *row = plan->parts.rows[i];
        if (!rs_idset_has(&plan->placed, row->id))
            s = block_add(c, plan,
                          (struct rs_block){.kind = RS_BLOCK_SUBJECT_OF_PART,
                                            .digest = row->digest,
                                            .subject = row->subject_digest},
                          reterr);
    }
    return s;
}

static enum rs_status target_judge(const struct rs_change *c, struct rs_release_plan *plan,
                                   struct rs_err *reterr)
{
    const struct rs_manifest_row *row = plan->target->row;
    bool is_held = false;
    enum rs_status s = subject_is_held(c, row, &is_held, reterr);
    if (s == RS_OK && is_held)
        s = block_add(c, plan,
                      (struct rs_block){.kind = RS_BLOCK_SUBJECT, .subject = row->subject_digest},
                      reterr);
    return s;
}

enum rs_status rs_release_plan(const struct rs_change *c, struct rs_manifest_row *target,
                               struct rs_release_plan *ret, struct rs_err *reterr)
{
    *ret = (struct rs_release_plan){0};
    enum rs_status s = units_find(c, ret, target, reterr);
    if (s == RS_OK)
        s = target_judge(c, ret, reterr);
    if (s == RS_OK)
        s = attachments_find(c, ret, reterr);
    if (s == RS_OK)
        s = parts_judge(c, ret, reterr);
    return s;
}

enum rs_status rs_release_refuse(const struct rs_change *c, const struct rs_release_plan *plan,
                                 struct rs_err *reterr)
{
    if (plan->n_blocks == 0)
        return RS_OK;
    const struct rs_block *block = &plan->blocks[0];
    switch (block->kind) {
    case RS_BLOCK_FAILED_PART:
        return rs_fail(reterr, RS_CONFLICT,
                       "%s@%s cannot be released: its part %s failed; decide about the part first",
                       c->repository, plan->target->row->digest, block->digest);
    case RS_BLOCK_SUBJECT:
        return rs_fail(reterr, RS_CONFLICT,
                       "this attachment is held with its subject %s@%s: decide about the subject",
                       c->repository, block->subject);
    case RS_BLOCK_SUBJECT_OF_PART:
        return rs_fail(
            reterr, RS_CONFLICT,
            "%s@%s cannot be released: its part %s is an attachment held with %s, which is"
            " in quarantine; decide about that one first",
            c->repository, plan->target->row->digest, block->digest, block->subject);
    case RS_BLOCK_TOO_MANY:
        break;
    }
    return rs_fail(reterr, RS_CONFLICT,
                   "more than %zu manifests would be released at once, or more than %zu links"
                   " between them followed: delete attachments that are not needed, or fail it",
                   RS_CHANGE_MANIFESTS_MAX, RS_CHANGE_LINKS_MAX);
}
