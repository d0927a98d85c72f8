#include "oci/manifest.h"

#include <string.h>

#include "oci/media_type.h"
#include "oci/oci_internal.h"

/* The members that some manifest format knows; the last three are Docker schema 1. */
static const char *const manifest_keys[] = {
    "schemaVersion", "mediaType",   "artifactType", "config",  "layers",     "manifests",
    "subject",       "annotations", "fsLayers",     "history", "signatures", NULL};

static const char *canonical_type(enum rs_media_kind kind)
{
    switch (kind) {
    case RS_MEDIA_OCI_MANIFEST:
        return RS_MT_OCI_MANIFEST;
    case RS_MEDIA_OCI_INDEX:
        return RS_MT_OCI_INDEX;
    case RS_MEDIA_DOCKER_MANIFEST:
        return RS_MT_DOCKER_MANIFEST;
    case RS_MEDIA_DOCKER_LIST:
        return RS_MT_DOCKER_LIST;
    case RS_MEDIA_OTHER:
    case RS_MEDIA_DOCKER_SCHEMA1:
        break;
    }
    return NULL;
}

/* A member that is absent or null is not there (some encoders write null for an empty list). */
static const struct rs_json *present(const struct rs_json *object, const char *key)
{
    const struct rs_json *node = rs_json_get(object, key);
    return rs_json_kind(node) == RS_JSON_NULL ? NULL : node;
}

/* ---- what it is ---- */

static enum rs_status refuse_schema1(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_MANIFEST_INVALID,
                   "Docker schema 1 manifests are not accepted: push the image with a client that"
                   " writes OCI or Docker schema 2 manifests");
}

static enum rs_status kind_of_header(const char *content_type, enum rs_media_kind *ret,
                                     struct rs_err *reterr)
{
    char type[RS_MEDIA_TYPE_BYTES];
    if (!rs_media_type_parse(rs_str_of(content_type), type))
        return rs_fail(reterr, RS_MANIFEST_INVALID, "the Content-Type is no media type");
    *ret = rs_media_type_kind(type);
    if (*ret == RS_MEDIA_OTHER)
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "the Content-Type %s is no manifest: OCI image manifests and indexes, Docker"
                       " schema 2 manifests and manifest lists are accepted",
                       type);
    return RS_OK;
}

/* The kind by Content-Type and `mediaType`, which must agree to the letter. */
static enum rs_status judge_kind(const struct rs_json *root, const char *content_type,
                                 enum rs_media_kind *ret, struct rs_err *reterr)
{
    const struct rs_json *member = present(root, "mediaType");
    const char *own = rs_json_text(member);
    enum rs_media_kind kind = RS_MEDIA_OTHER;
    if (member != NULL && own == NULL)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`mediaType` is no string");
    enum rs_status s = RS_OK;
    if (content_type != NULL)
        s = kind_of_header(content_type, &kind, reterr);
    else if (own != NULL)
        kind = rs_media_type_kind(own);
    else
        s = rs_fail(reterr, RS_MANIFEST_INVALID,
                    "neither Content-Type nor `mediaType` says what"
                    " kind of manifest this is");
    if (s != RS_OK)
        return s;
    if (kind == RS_MEDIA_DOCKER_SCHEMA1)
        return refuse_schema1(reterr);
    if (kind == RS_MEDIA_OTHER)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`mediaType` names no kind of manifest");
    if (own != NULL && strcmp(own, canonical_type(kind)) != 0)
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "`mediaType` is \"%.100s\", but the manifest was sent as %s", own,
                       canonical_type(kind));
    *ret = kind;
    return RS_OK;
}

static enum rs_status judge_members(const struct rs_json *root, struct rs_err *reterr)
{
    if (rs_json_kind(root) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "a manifest is a JSON object");
    enum rs_status s = rs_descriptor_check_keys(root, manifest_keys, reterr);
    if (s != RS_OK)
        return s;
    int64_t version = 0;
    bool has_version =
        rs_json_int(rs_json_get(root, "schemaVersion"), INT64_MIN, INT64_MAX, &version);
    if ((has_version && version == 1) || rs_json_get(root, "fsLayers") != NULL ||
        rs_json_get(root, "signatures") != NULL)
        return refuse_schema1(reterr);
    if (!has_version || version != 2)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`schemaVersion` must be 2");
    /* Their mere presence: what one program takes for an image must not be an index to another. */
    if (rs_json_get(root, "manifests") != NULL &&
        (rs_json_get(root, "config") != NULL || rs_json_get(root, "layers") != NULL))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "`manifests` cannot stand together with `config` or `layers`");
    return RS_OK;
}

/* ---- what it names ---- */

static enum rs_status parse_list(const struct rs_json *list, const char *member,
                                 struct rs_arena *arena, struct rs_manifest *m,
                                 const struct rs_descriptor **ret, size_t *ret_n,
                                 struct rs_err *reterr)
{
    size_t n = rs_json_len(list);
    if (list != NULL && rs_json_kind(list) != RS_JSON_ARRAY)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`%s` is no array", member);
    if (n > RS_MANIFEST_DESCRIPTORS_MAX)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`%s` has %zu elements, at most %u are allowed",
                       member, n, RS_MANIFEST_DESCRIPTORS_MAX);
    if (n == 0)
        return RS_OK;
    struct rs_descriptor *d = rs_arena_alloc(arena, n * sizeof(*d));
    if (d == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) {
        struct rs_place place = {.member = member, .index = i, .is_element = true};
        enum rs_status s =
            rs_descriptor_parse(rs_json_at(list, i), place, arena, &d[i], &m->has_data, reterr);
        if (s != RS_OK)
            return s;
    }
    *ret = d;
    *ret_n = n;
    return RS_OK;
}

static enum rs_status parse_image(const struct rs_json *root, struct rs_arena *arena,
                                  struct rs_manifest *m, struct rs_err *reterr)
{
    const struct rs_json *config = rs_json_get(root, "config");
    if (config == NULL || rs_json_get(root, "manifests") != NULL)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "an image manifest needs `config`");
    m->has_config = true;
    enum rs_status s = rs_descriptor_parse(config, (struct rs_place){.member = "config"}, arena,
                                           &m->config, &m->has_data, reterr);
    return s != RS_OK ? s
                      : parse_list(present(root, "layers"), "layers", arena, m, &m->layers,
                                   &m->n_layers, reterr);
}

static enum rs_status parse_index(const struct rs_json *root, struct rs_arena *arena,
                                  struct rs_manifest *m, struct rs_err *reterr)
{
    if (rs_json_get(root, "manifests") == NULL)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "an index needs `manifests`");
    return parse_list(present(root, "manifests"), "manifests", arena, m, &m->manifests,
                      &m->n_manifests, reterr);
}

static enum rs_status parse_subject(const struct rs_json *root, struct rs_arena *arena,
                                    struct rs_manifest *m, struct rs_err *reterr)
{
    const struct rs_json *subject = present(root, "subject");
    if (subject == NULL)
        return RS_OK;
    m->has_subject = true;
    return rs_descriptor_parse(subject, (struct rs_place){.member = "subject"}, arena, &m->subject,
                               &m->has_data, reterr);
}

/* ---- what it is good for ---- */

static bool is_empty_config(const struct rs_descriptor *config)
{
    return strcmp(config->media_type, RS_MT_OCI_EMPTY) == 0 && config->size == 2 &&
           rs_digest_matches(config->digest, "{}", 2);
}

static bool has_filesystem_layer(const struct rs_manifest *m)
{
    for (size_t i = 0; i < m->n_layers; i++)
        if (rs_media_type_is_filesystem(m->layers[i].media_type))
            return true;
    return false;
}

static enum rs_status parse_root(const struct rs_json *root, const char *content_type,
                                 struct rs_arena *arena, struct rs_manifest *m,
                                 struct rs_err *reterr)
{
    enum rs_media_kind kind = RS_MEDIA_OTHER;
    enum rs_status s = judge_members(root, reterr);
    if (s == RS_OK)
        s = judge_kind(root, content_type, &kind, reterr);
    if (s != RS_OK)
        return s;
    m->media_type = canonical_type(kind);
    m->is_index = rs_media_type_is_index(m->media_type);
    s = m->is_index ? parse_index(root, arena, m, reterr) : parse_image(root, arena, m, reterr);
    if (s == RS_OK)
        s = parse_subject(root, arena, m, reterr);
    if (s == RS_OK)
        s = rs_descriptor_artifact_type(root, arena, &m->artifact_type, reterr);
    if (s == RS_OK)
        s = rs_descriptor_annotations(root, arena, &m->annotations, reterr);
    if (s != RS_OK || m->is_index)
        return s;
    m->has_empty_config = is_empty_config(&m->config);
    m->is_attachment_shape = m->has_empty_config || !has_filesystem_layer(m);
    return RS_OK;
}

enum rs_status rs_manifest_parse(const void *bytes, size_t n, const char *content_type,
                                 struct rs_arena *arena, struct rs_manifest *ret,
                                 struct rs_err *reterr)
{
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_MANIFEST_BYTES_MAX);
    limits.invalid_as = RS_MANIFEST_INVALID;
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_manifest m = {0};
    enum rs_status s = rs_json_parse(bytes, n, &limits, &root, reterr);
    if (s == RS_OK)
        s = parse_root(root, content_type, arena, &m, reterr);
    if (s == RS_OK)
        *ret = m;
    return s;
}

const char *rs_manifest_artifact_type(const struct rs_manifest *m)
{
    if (m->artifact_type != NULL || !m->has_config)
        return m->artifact_type;
    return m->config.media_type;
}
