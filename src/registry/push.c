#include "registry/push.h"

#include <string.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "db/db.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/tag.h"
#include "quarantine/admit.h"
#include "registry/room.h"

struct job {
    const struct rs_push *push;
    struct rs_admission admission;
    struct rs_arena arena;
    struct rs_admitted admitted;
};

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *job = arg;
    struct rs_change c;
    enum rs_status s =
        rs_change_begin(conn, &job->arena, job->push->actor, job->push->repository, &c, reterr);
    return s == RS_OK ? rs_admit(&c, &job->admission, &job->admitted, reterr) : s;
}

/* The digest in the path has to be the one of the bytes. */
static enum rs_status digest_check(const struct rs_push *push, const struct rs_reference *reference,
                                   char canonical[RS_HASH_TEXT_BYTES], struct rs_pushed *ret,
                                   struct rs_err *reterr)
{
    rs_hash_text(RS_HASH_SHA256, push->body.p, push->body.n, canonical);
    const char *named = reference->is_digest ? reference->digest.text : canonical;
    if (reference->is_digest && !rs_digest_matches(named, push->body.p, push->body.n))
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "the manifest that was sent has the digest %s, not the one in the path",
                       canonical);
    (void)rs_text_copy(ret->digest, sizeof(ret->digest), named);
    return RS_OK;
}

static bool is_among(const char *const *tags, size_t n, const char *tag)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    return false;
}

/* The tags of the push: the one in the path, or the different ones among the parameters. */
static enum rs_status tags_collect(const struct rs_push *push, const struct rs_reference *reference,
                                   struct rs_pushed *ret, struct rs_err *reterr)
{
    const char **tags = rs_arena_alloc(push->arena, (push->n_tags + 1) * sizeof(*tags));
    if (tags == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (!reference->is_digest && push->n_tags > 0)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the parameter tag is for a push by digest: the path names a tag already");
    if (!reference->is_digest) {
        tags[0] = push->reference;
        ret->n_tags = 1;
    }
    for (size_t i = 0; i < push->n_tags; i++) {
        if (!rs_tag_is_valid(rs_str_of(push->tags[i])))
            return rs_fail(
                reterr, RS_BAD_REQUEST,
                "the parameter tag must be 1 to 128 letters, digits, '.', '_' or '-', and"
                " may not begin with '.' or '-'");
        if (!is_among(tags, ret->n_tags, push->tags[i]))
            tags[ret->n_tags++] = push->tags[i];
    }
    ret->tags = tags;
    return RS_OK;
}

/* Everything about the body and the parameters, before the catalog is asked. */
static enum rs_status prepare(const struct rs_push *push, struct rs_reference *reference,
                              char canonical[RS_HASH_TEXT_BYTES], struct rs_pushed *ret,
                              struct rs_err *reterr)
{
    enum rs_status s = rs_room_check_disk(push->services, push->body.n, reterr);
    if (s == RS_OK)
        s = rs_reference_parse(push->reference, reference, reterr);
    if (s == RS_OK)
        s = tags_collect(push, reference, ret, reterr);
    if (s == RS_OK)
        s = digest_check(push, reference, canonical, ret, reterr);
    return s;
}

static enum rs_status admit(const struct rs_push *push, const struct rs_reference *reference,
                            const char *canonical, struct job *job, struct rs_pushed *ret,
                            struct rs_err *reterr)
{
    struct rs_manifest manifest = {0};
    enum rs_status s = rs_manifest_parse(push->body.p, push->body.n, push->content_type,
                                         &job->arena, &manifest, reterr);
    if (s != RS_OK)
        return s;
    /* Whatever the answer takes is there before the change is made. */
    if (manifest.has_subject) {
        ret->subject = rs_arena_strdup(push->arena, manifest.subject.digest);
        if (ret->subject == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
    }
    bool is_alias = reference->is_digest && strcmp(ret->digest, canonical) != 0;
    job->push = push;
    job->admission = (struct rs_admission){
        .identity = push->identity,
        .access = push->access,
        .bytes = push->body,
        .manifest = &manifest,
        .digest = canonical,
        .alias = is_alias ? ret->digest : NULL,
        .tags = ret->tags,
        .n_tags = ret->n_tags,
        .if_match = push->if_match,
        .if_none_match = push->if_none_match,
    };
    return rs_db_write(push->services->db, run, job, reterr);
}

enum rs_status rs_registry_push(const struct rs_push *push, struct rs_pushed *ret,
                                struct rs_err *reterr)
{
    struct rs_reference reference;
    char canonical[RS_HASH_TEXT_BYTES];
    *ret = (struct rs_pushed){0};
    enum rs_status s = prepare(push, &reference, canonical, ret, reterr);
    if (s != RS_OK)
        return s;
    struct job job = {0};
    rs_arena_init(&job.arena, RS_CHANGE_ARENA_BYTES);
    s = admit(push, &reference, canonical, &job, ret, reterr);
    rs_arena_release(&job.arena);
    ret->is_failed = job.admitted.state == RS_STATE_FAILED;
    return s;
}
