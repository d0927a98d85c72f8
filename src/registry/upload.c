#include "registry/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "blob/store.h"
#include "catalog/blob.h"
#include "oci/digest.h"
#include "oci/range.h"
#include "quarantine/alias.h"
#include "registry/room.h"

#define WRITER_MAGIC 0x75707772U
/* The disk is looked at again after so many bytes. */
#define LOOK_BYTES ((uint64_t)4 << 20)

/* One request's bytes on their way into a session. */
struct rs_upload_writer {
    uint32_t magic;
    struct rs_uploader by;
    char id[RS_ID_TEXT_BYTES];
    struct rs_upload *upload; /* NULL once paused, finished, or failed for good */
    uint64_t expected_size;   /* of the session after this request, by its Content-Range */
    bool has_expected_size;
    uint64_t since_look; /* bytes written since the disk was looked at */
    bool is_single;      /* the session lives and dies with this request */
};

static struct rs_upload_writer *checked(struct rs_upload_writer *w)
{
    rs_assert(w != NULL && w->magic == WRITER_MAGIC);
    return w;
}

static int64_t principal_of(const struct rs_uploader *by)
{
    return by->identity->principal_id;
}

/* ---- sessions ---- */

static void progress_put(const char *id, uint64_t size, struct rs_upload_progress *ret)
{
    (void)rs_text_copy(ret->id, sizeof(ret->id), id);
    ret->size = size;
}

enum rs_status rs_registry_upload_start(const struct rs_uploader *by, const char *algorithm,
                                        struct rs_upload_progress *ret, struct rs_err *reterr)
{
    enum rs_digest_algorithm parsed = RS_DIGEST_SHA256;
    if (algorithm != NULL && !rs_digest_algorithm_parse(rs_str_of(algorithm), &parsed))
        return rs_fail(reterr, RS_UNSUPPORTED, "digest-algorithm is sha256 or sha512 here");
    struct rs_upload_info info;
    enum rs_status s = rs_room_check_disk(by->services, 0, reterr);
    if (s != RS_OK)
        return s;
    s = rs_upload_start(by->services->blobs, by->repository, principal_of(by),
                        rs_digest_algorithm_name(parsed), &info, reterr);
    if (s == RS_OK)
        progress_put(info.id, info.size, ret);
    return s;
}

enum rs_status rs_registry_upload_status(const struct rs_uploader *by, const char *id,
                                         struct rs_upload_progress *ret, struct rs_err *reterr)
{
    struct rs_upload_info info;
    enum rs_status s =
        rs_upload_get(by->services->blobs, by->repository, principal_of(by), id, &info, reterr);
    if (s == RS_OK)
        progress_put(info.id, info.size, ret);
    return s;
}

enum rs_status rs_registry_upload_cancel(const struct rs_uploader *by, const char *id,
                                         struct rs_err *reterr)
{
    return rs_upload_cancel(by->services->blobs, by->repository, principal_of(by), id, reterr);
}

/* ---- writers ---- */

static enum rs_status writer_new(const struct rs_uploader *by, const char *id,
                                 struct rs_upload_writer **ret, struct rs_err *reterr)
{
    struct rs_upload_writer *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    w->magic = WRITER_MAGIC;
    w->by = *by;
    enum rs_status s = rs_upload_open(by->services->blobs, by->repository, principal_of(by), id,
                                      &w->upload, reterr);
    if (s != RS_OK) {
        free(w);
        return s;
    }
    (void)rs_text_copy(w->id, sizeof(w->id), id);
    *ret = w;
    return RS_OK;
}

/* Does the chunk go on where the session ends, and is it as long as it says? */
static enum rs_status chunk_check(struct rs_upload_writer *w, const struct rs_upload_chunk *chunk,
                                  struct rs_err *reterr)
{
    struct rs_range range;
    uint64_t size = rs_upload_size(w->upload);
    if (chunk->content_range == NULL)
        return RS_OK;
    if (!rs_range_parse_chunk(chunk->content_range, &range))
        return rs_fail(
            reterr, RS_UPLOAD_INVALID,
            "Content-Range of a chunk is <first>-<last>, both inclusive, without a unit");
    if (range.first != size)
        return rs_fail(reterr, RS_UPLOAD_RANGE,
                       "the next chunk of this upload starts at %llu, this one at %llu",
                       (unsigned long long)size, (unsigned long long)range.first);
    if (chunk->content_length >= 0 &&
        (uint64_t)chunk->content_length != range.last - range.first + 1)
        return rs_fail(reterr, RS_SIZE_INVALID, "Content-Length and Content-Range disagree");
    w->has_expected_size = true;
    w->expected_size = range.last + 1;
    return RS_OK;
}

static uint64_t bytes_of(int64_t content_length)
{
    return content_length > 0 ? (uint64_t)content_length : 0;
}

enum rs_status rs_registry_upload_open(const struct rs_uploader *by, const char *id,
                                       const struct rs_upload_chunk *chunk,
                                       struct rs_upload_writer **ret, struct rs_err *reterr)
{
    struct rs_upload_writer *w = NULL;
    enum rs_status s = rs_room_check_disk(by->services, bytes_of(chunk->content_length), reterr);
    if (s == RS_OK)
        s = writer_new(by, id, &w, reterr);
    if (s != RS_OK)
        return s;
    s = chunk_check(w, chunk, reterr);
    if (s == RS_OK)
        *ret = w;
    else
        rs_registry_upload_drop(w);
    return s;
}

static enum rs_status digest_check(const char *digest, struct rs_digest *ret, struct rs_err *reterr)
{
    if (digest == NULL)
        return rs_fail(reterr, RS_DIGEST_INVALID, "the parameter `digest` is missing");
    if (!rs_digest_parse(rs_str_of(digest), ret))
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "this is no digest that the registry knows: sha256:<hex> or sha512:<hex>");
    return RS_OK;
}

enum rs_status rs_registry_upload_check_digest(const char *digest, struct rs_err *reterr)
{
    struct rs_digest parsed;
    return digest_check(digest, &parsed, reterr);
}

enum rs_status rs_registry_upload_open_single(const struct rs_uploader *by, const char *digest,
                                              int64_t content_length, struct rs_upload_writer **ret,
                                              struct rs_err *reterr)
{
    struct rs_digest parsed;
    struct rs_upload_progress session;
    enum rs_status s = digest_check(digest, &parsed, reterr);
    if (s == RS_OK)
        s = rs_room_check_disk(by->services, bytes_of(content_length), reterr);
    if (s == RS_OK)
        s = rs_registry_upload_start(by, rs_digest_algorithm_name(parsed.algorithm), &session,
                                     reterr);
    if (s != RS_OK)
        return s;
    s = writer_new(by, session.id, ret, reterr);
    if (s == RS_OK)
        (*ret)->is_single = true;
    else
        (void)!rs_registry_upload_cancel(by, session.id, NULL); /* else it expires */
    return s;
}

static enum rs_status room_check(struct rs_upload_writer *w, size_t n, struct rs_err *reterr)
{
    w->since_look += n;
    if (w->since_look < LOOK_BYTES)
        return RS_OK;
    w->since_look = 0;
    return rs_room_check_disk(w->by.services, n, reterr);
}

enum rs_status rs_registry_upload_write(void *arg, const void *bytes, size_t n,
                                        struct rs_err *reterr)
{
    struct rs_upload_writer *w = checked(arg);
    rs_assert(w->upload != NULL);
    if (w->has_expected_size && n > w->expected_size - rs_upload_size(w->upload))
        return rs_fail(reterr, RS_SIZE_INVALID, "more bytes came than Content-Range says");
    enum rs_status s = room_check(w, n, reterr);
    return s == RS_OK ? rs_upload_append(w->upload, bytes, n, reterr) : s;
}

static enum rs_status size_check(const struct rs_upload_writer *w, struct rs_err *reterr)
{
    if (w->has_expected_size && rs_upload_size(w->upload) != w->expected_size)
        return rs_fail(reterr, RS_SIZE_INVALID, "fewer bytes came than Content-Range says");
    return RS_OK;
}

enum rs_status rs_registry_upload_pause(struct rs_upload_writer *w, struct rs_upload_progress *ret,
                                        struct rs_err *reterr)
{
    rs_assert(checked(w)->upload != NULL);
    enum rs_status s = size_check(w, reterr);
    if (s == RS_OK)
        progress_put(w->id, rs_upload_size(w->upload), ret);
    rs_upload_close(RS_TAKE(w->upload));
    return s;
}

void rs_registry_upload_drop(struct rs_upload_writer *w)
{
    if (w == NULL)
        return;
    rs_upload_close(RS_TAKE(checked(w)->upload));
    if (w->is_single)
        (void)!rs_registry_upload_cancel(
            &w->by, w->id, NULL); /* finished long since, as a rule; else it expires */
    w->magic = 0;
    free(w);
}

/* ---- from bytes to a blob of the repository ---- */

struct linking {
    const struct rs_uploader *by;
    const struct rs_upload_result *stored;
};

static enum rs_status linking_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct linking *l = arg;
    const struct rs_upload_result *blob = l->stored;
    enum rs_status s = rs_catalog_blob_add(conn, blob->digest, blob->size, reterr);
    if (s == RS_OK && blob->alias[0] != '\0')
        s = rs_alias_learn(conn, l->by->actor, blob->alias, blob->digest, reterr);
    if (s == RS_OK)
        s = rs_room_link(l->by->services, conn, l->by->repository, blob->digest,
                         principal_of(l->by), reterr);
    return s;
}

static enum rs_status record(const struct rs_upload_result *stored, void *by, struct rs_err *reterr)
{
    struct linking linking = {.by = by, .stored = stored};
    (void)rs_failpoint("upload.before_catalog");
    return rs_db_write(linking.by->services->db, linking_job, &linking, reterr);
}

/*
 * Crash story: the file is durable under its name before the catalog says a word about it, and the
 * catalog's commit is durable before the client hears of it.  In between a crash leaves a file that
 * nobody names, which the collector removes.
 */
enum rs_status rs_registry_upload_finish(struct rs_upload_writer *w, const char *digest,
                                         struct rs_uploaded *ret, struct rs_err *reterr)
{
    struct rs_digest parsed;
    struct rs_upload_result stored;
    rs_assert(checked(w)->upload != NULL);
    enum rs_status s = digest_check(digest, &parsed, reterr);
    if (s == RS_OK)
        s = size_check(w, reterr);
    if (s != RS_OK)
        return s; /* the writer's drop gives the session back */
    s = rs_upload_commit(RS_TAKE(w->upload), parsed.text, record, &w->by, &stored, reterr);
    if (s != RS_OK)
        return s;
    (void)rs_failpoint("upload.before_answer");
    (void)rs_text_copy(ret->digest, sizeof(ret->digest), parsed.text);
    ret->size = stored.size;
    return RS_OK;
}
