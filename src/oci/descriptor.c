#include "oci/oci_internal.h"

#include <string.h>
#include <strings.h>

#include "oci/media_type.h"

#define SHOWN_BYTES 100
/* Room for annotations in canonical form: escapes make a byte at most six times as long. */
#define TEXT_BYTES_MAX (6 * RS_MANIFEST_BYTES_MAX)

static const char *const descriptor_keys[] = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform", NULL};
static const char *const platform_keys[] = {"architecture", "os",       "os.version", "os.features",
                                            "variant",      "features", NULL};

/* ---- member names ---- */

/*
 * The letter at *p as decoders that ignore case fold it, and one step ahead.  Besides ASCII two
 * letters fold into it: U+017F (long s) and U+212A (the Kelvin sign), so "layer\u017f" is "layers"
 * to them.
 */
static char folded(const char **p)
{
    const char *c = *p;
    if (strncmp(c, "\xc5\xbf", 2) == 0) {
        *p += 2;
        return 's';
    }
    if (strncmp(c, "\xe2\x84\xaa", 3) == 0) {
        *p += 3;
        return 'k';
    }
    *p += 1;
    return *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
}

static bool is_same_but_case(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0')
        if (folded(&a) != folded(&b))
            return false;
    return *a == *b;
}

enum rs_status rs_descriptor_check_keys(const struct rs_json *object, const char *const *keys,
                                        struct rs_err *reterr)
{
    struct rs_json_iter it = {0};
    while (rs_json_next(object, &it))
        for (const char *const *k = keys; *k != NULL; k++)
            if (strcmp(it.key, *k) != 0 && is_same_but_case(it.key, *k))
                return rs_fail(reterr, RS_MANIFEST_INVALID,
                               "the member \"%.*s\" differs from \"%s\" only in case: programs"
                               " would not agree on its meaning",
                               SHOWN_BYTES, it.key, *k);
    return RS_OK;
}

/* ---- parts of a descriptor ---- */

/* A member that is absent or null is not there. */
static const struct rs_json *present(const struct rs_json *object, const char *key)
{
    const struct rs_json *node = rs_json_get(object, key);
    return rs_json_kind(node) == RS_JSON_NULL ? NULL : node;
}

static enum rs_status keep_object(const struct rs_json *node, struct rs_arena *arena,
                                  const char **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(TEXT_BYTES_MAX);
    enum rs_status s = rs_json_dump_canonical(node, &text);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    *ret = rs_arena_strndup(arena, rs_buf_text(&text), text.len);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

enum rs_status rs_descriptor_annotations(const struct rs_json *owner, struct rs_arena *arena,
                                         const char **ret, struct rs_err *reterr)
{
    const struct rs_json *node = present(owner, "annotations");
    *ret = NULL;
    if (node == NULL)
        return RS_OK;
    if (rs_json_kind(node) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "`annotations` must be an object");
    struct rs_json_iter it = {0};
    while (rs_json_next(node, &it))
        if (rs_json_kind(it.value) != RS_JSON_STRING)
            return rs_fail(reterr, RS_MANIFEST_INVALID, "the annotation \"%.*s\" is no string",
                           SHOWN_BYTES, it.key);
    return keep_object(node, arena, ret, reterr);
}

static bool is_printable(struct rs_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

enum rs_status rs_descriptor_artifact_type(const struct rs_json *owner, struct rs_arena *arena,
                                           const char **ret, struct rs_err *reterr)
{
    const struct rs_json *node = present(owner, "artifactType");
    struct rs_str text = rs_json_str(node);
    *ret = NULL;
    if (node == NULL || (rs_json_kind(node) == RS_JSON_STRING && text.n == 0))
        return RS_OK;
    /* Artifact types without a '/' are about, so the whole grammar of media types is not asked
     * for. */
    if (text.n == 0 || text.n >= RS_MEDIA_TYPE_BYTES || !is_printable(text))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "`artifactType` must be a media type of at most %d bytes",
                       RS_MEDIA_TYPE_BYTES - 1);
    *ret = rs_arena_strndup(arena, text.p, text.n);
    return *ret == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static enum rs_status parse_media_type(const struct rs_json *node, struct rs_arena *arena,
                                       struct rs_descriptor *ret, struct rs_err *reterr)
{
    struct rs_str text = rs_json_str(rs_json_get(node, "mediaType"));
    char essence[RS_MEDIA_TYPE_BYTES];
    if (text.n >= RS_MEDIA_TYPE_BYTES || !rs_media_type_parse(text, essence) || text.p[0] == ' ' ||
        text.p[0] == '\t')
        return rs_fail(reterr, RS_MANIFEST_INVALID, "its `mediaType` is missing or no media type");
    ret->media_type = rs_arena_strndup(arena, text.p, text.n);
    if (ret->media_type == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_media_kind kind = rs_media_type_kind(essence);
    if (kind == RS_MEDIA_DOCKER_SCHEMA1)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "it names a Docker schema 1 manifest");
    /* Clients compare these letter by letter; one that would not match must not count as one
     * here. */
    if (kind != RS_MEDIA_OTHER && !rs_str_eq(text, essence))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "its `mediaType` must be written exactly \"%s\"", essence);
    ret->is_manifest = kind != RS_MEDIA_OTHER;
    return RS_OK;
}

static enum rs_status parse_digest_and_size(const struct rs_json *node, struct rs_arena *arena,
                                            struct rs_descriptor *ret, struct rs_err *reterr)
{
    struct rs_str digest = rs_json_str(rs_json_get(node, "digest"));
    int64_t size = 0;
    if (!rs_digest_is_valid(digest))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "its `digest` is missing or no sha256 or sha512 digest");
    if (!rs_json_int(rs_json_get(node, "size"), 0, RS_JSON_INT_MAX, &size))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "its `size` is missing or no number of bytes up to 2^53");
    ret->digest = rs_arena_strndup(arena, digest.p, digest.n);
    ret->size = (uint64_t)size;
    return ret->digest == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

/* Judges an inline `data`; *ret_other is set unless it is the two bytes {}. */
static enum rs_status parse_data(const struct rs_json *node, struct rs_descriptor *ret,
                                 bool *ret_other, struct rs_err *reterr)
{
    const struct rs_json *data = present(node, "data");
    if (data == NULL)
        return RS_OK;
    struct rs_str text = rs_json_str(data);
    if (rs_json_kind(data) != RS_JSON_STRING)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "its `data` is no string");
    RS_AUTO_FREE unsigned char *bytes = malloc(text.n / 4 * 3 + 3);
    if (bytes == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    size_t n = 0;
    if (!rs_base64_decode(text, bytes, &n))
        return rs_fail(reterr, RS_MANIFEST_INVALID, "its `data` is not base64");
    if (n != ret->size || !rs_digest_matches(ret->digest, bytes, n))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "its `data` does not match its `digest` and `size`");
    ret->has_data = true;
    if (n != 2 || memcmp(bytes, "{}", 2) != 0)
        *ret_other = true;
    return RS_OK;
}

static enum rs_status parse_platform(const struct rs_json *node, struct rs_arena *arena,
                                     struct rs_descriptor *ret, struct rs_err *reterr)
{
    const struct rs_json *platform = present(node, "platform");
    if (platform == NULL)
        return RS_OK;
    if (rs_json_kind(platform) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "its `platform` is no object");
    enum rs_status s = rs_descriptor_check_keys(platform, platform_keys, reterr);
    return s == RS_OK ? keep_object(platform, arena, &ret->platform, reterr) : s;
}

static enum rs_status parse_members(const struct rs_json *node, struct rs_arena *arena,
                                    struct rs_descriptor *ret, bool *ret_other_data,
                                    struct rs_err *reterr)
{
    if (rs_json_kind(node) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_MANIFEST_INVALID, "it is no object");
    enum rs_status s = rs_descriptor_check_keys(node, descriptor_keys, reterr);
    if (s == RS_OK)
        s = parse_media_type(node, arena, ret, reterr);
    if (s == RS_OK)
        s = parse_digest_and_size(node, arena, ret, reterr);
    if (s == RS_OK)
        s = parse_data(node, ret, ret_other_data, reterr);
    if (s == RS_OK)
        s = rs_descriptor_annotations(node, arena, &ret->annotations, reterr);
    if (s == RS_OK)
        s = rs_descriptor_artifact_type(node, arena, &ret->artifact_type, reterr);
    return s == RS_OK ? parse_platform(node, arena, ret, reterr) : s;
}

enum rs_status rs_descriptor_parse(const struct rs_json *node, struct rs_place place,
                                   struct rs_arena *arena, struct rs_descriptor *ret,
                                   bool *ret_other_data, struct rs_err *reterr)
{
    struct rs_err why = RS_ERR_INIT;
    memset(ret, 0, sizeof(*ret));
    enum rs_status s = parse_members(node, arena, ret, ret_other_data, &why);
    if (s == RS_OK)
        return s;
    if (place.is_element)
        return rs_fail(reterr, s, "%s[%zu]: %.400s", place.member, place.index, why.message);
    return rs_fail(reterr, s, "%s: %.400s", place.member, why.message);
}
