/* The part of quarantine/admit.h about tags: new ones on known bytes, and their events. */
#include "base/attr.h"
#include "quarantine/admit_internal.h"
#include "quarantine/release.h"

enum rs_status rs_admit_announce(const struct rs_admit *p, struct rs_manifest_row *row,
                                 const char *tag, char ret_id[RS_ID_TEXT_BYTES],
                                 struct rs_err *reterr)
{
    char id[RS_ID_TEXT_BYTES];
    bool is_held = rs_manifest_is_held(row);
    const struct rs_change_event event = {
        .type = is_held ? RS_EVENT_QUARANTINE : RS_EVENT_PUSH,
        .manifest = row,
        .tag = tag,
        .is_held = is_held,
    };
    char *out = ret_id == NULL ? id : ret_id;
    enum rs_status s = rs_change_emit(p->c, &event, out, reterr);
    if (s != RS_OK || !is_held || row->quarantine_event_id != NULL)
        return s;
    row->quarantine_event_id = rs_arena_strdup(p->c->arena, out);
    return row->quarantine_event_id == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

enum rs_status rs_admit_tags_fit(const struct rs_admit *p, struct rs_err *reterr)
{
    int64_t n = 0;
    if (p->known == NULL || p->in->n_tags == 0)
        return RS_OK;
    enum rs_status s = rs_catalog_tag_count_pushed(p->c->conn, p->known->id, &n, reterr);
    if (s != RS_OK || n + (int64_t)p->in->n_tags <= RS_ADMIT_TAGS_OF_ONE_MAX)
        return s;
    return rs_fail(reterr, RS_CONFLICT,
                   "%s@%s was pushed under %lld tags already, and at most %lld are kept: delete"
                   " some of them first",
                   p->c->repository, p->known->digest, (long long)n,
                   (long long)RS_ADMIT_TAGS_OF_ONE_MAX);
}

/* Live at once, or staged. */
static void tag_point(struct rs_tag_row *tag, const struct rs_manifest_row *row, int64_t seq)
{
    if (rs_manifest_is_held(row)) {
        tag->staged_id = row->id;
        tag->staged_seq = seq;
        return;
    }
    tag->live_id = row->id;
    tag->live_seq = seq;
    tag->staged_id = 0; /* the latest push is not in quarantine: nothing is staged any more */
    tag->staged_seq = 0;
}

static enum rs_status tag_move(const struct rs_admit *p, struct rs_manifest_row *row,
                               const struct rs_admit_tag *tag, bool is_silent,
                               struct rs_err *reterr)
{
    char id[RS_ID_TEXT_BYTES] = "";
    struct rs_tag_row next = tag->row;
    int64_t seq = 0;
    enum rs_status s = rs_catalog_tag_next_seq(p->c->conn, &seq, reterr);
    if (s == RS_OK && !is_silent)
        s = rs_admit_announce(p, row, tag->name, id, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_pushed_tag pushed = {
        .tag = tag->name,
        .seq = seq,
        .quarantine_event_id = is_silent || !rs_manifest_is_held(row) ? NULL : id,
        .named = p->in->alias,
    };
    s = rs_catalog_tag_pushed(p->c->conn, row->repository_id, row->id, &pushed, reterr);
    tag_point(&next, row, seq);
    return s == RS_OK ? rs_catalog_tag_put(p->c->conn, row->repository_id, tag->name, &next,
                                           p->c->now_ms, reterr)
                      : s;
}

enum rs_status rs_admit_tags(const struct rs_admit *p, struct rs_manifest_row *row, bool is_silent,
                             const char ***ret_names, size_t *ret_n, struct rs_err *reterr)
{
    const char **names = rs_arena_alloc(p->c->arena, (p->in->n_tags + 1) * sizeof(*names));
    size_t n = 0;
    enum rs_status s = names == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
    for (size_t i = 0; s == RS_OK && i < p->in->n_tags; i++) {
        if (p->tags[i].is_latest)
            continue;
        names[n++] = p->tags[i].name;
        s = tag_move(p, row, &p->tags[i], is_silent, reterr);
    }
    *ret_names = names;
    *ret_n = n;
    return s;
}

/* SPEC: an ordinary tag put on an attachment in quarantine makes it an image: it leaves its subject
 * and is held in its own right.  So does another subject's fallback tag. */
static bool becomes_image(const struct rs_admit *p)
{
    return p->known->shape == RS_SHAPE_ATTACHMENT && rs_manifest_is_held(p->known) &&
           p->in->n_tags > 0 && !rs_admit_is_same_attachment(p);
}

enum rs_status rs_admit_known(struct rs_admit *p, struct rs_err *reterr)
{
    struct rs_manifest_row *row = p->known;
    const char **names = NULL;
    size_t n = 0;
    if (p->in->n_tags == 0)
        return RS_OK;
    if (becomes_image(p)) {
        row->shape = RS_SHAPE_IMAGE;
        row->joined = false;
    }
    row->tagged = true;
    bool is_silent = row->joined; /* it starts no workflow of its own */
    enum rs_status s = rs_admit_tags(p, row, is_silent, &names, &n, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_save_marks(p->c->conn, row, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_change_record record = {
        .action = "tagged",
        .manifest = row,
        .tags = names,
        .n_tags = n,
    };
    return rs_change_record(p->c, &record, NULL, reterr);
}
