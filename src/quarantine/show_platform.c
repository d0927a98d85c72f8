#include "quarantine/show_platform.h"

#include <unistd.h>

#include "base/attr.h"
#include "base/file.h"
#include "json/json.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

/* Configs and indexes are a few KiB; these are read for every row of a list. */
#define READ_BYTES_MAX ((uint64_t)1 << 20)
#define WORD_BYTES_MAX 64U
/* An index parsed: seven times its bytes and a MiB. */
#define SCRATCH_BYTES_MAX ((size_t)12 << 20)

/* The reads of a list are nobody's attempt to pull: those that are refused are not counted. */
static struct rs_viewer quiet(const struct rs_platform_source *source, struct rs_arena *arena)
{
    struct rs_viewer viewer = *source->viewer;
    viewer.arena = arena;
    viewer.audit = NULL;
    return viewer;
}

static void word(struct rs_jw *w, const struct rs_json *object, const char *key)
{
    struct rs_str text = rs_json_str(rs_json_get(object, key));
    if (text.n == 0 || text.n > WORD_BYTES_MAX)
        return;
    rs_jw_key(w, key);
    rs_jw_str(w, text);
}

static void platform(struct rs_jw *w, const struct rs_json *object)
{
    word(w, object, "architecture");
    word(w, object, "os");
}

/* ---- an image's config ---- */

static bool config_get(const struct rs_platform_source *source, const char *digest,
                       struct rs_arena *arena, struct rs_buf *out)
{
    const struct rs_viewer viewer = quiet(source, arena);
    struct rs_blob_view view = {0};
    uint64_t size = 0;
    int fd = -1;
    if (rs_resolve_blob(source->db, &viewer, digest, RS_WANT_GET, &view, NULL) != RS_OK ||
        view.size > READ_BYTES_MAX ||
        rs_blob_open(source->blobs, view.grant, &fd, &size, NULL) != RS_OK)
        return false;
    enum rs_status s = rs_file_read_all(fd, out, NULL);
    (void)close(fd);
    return s == RS_OK;
}

static const char *config_of(const struct rs_ref_row *refs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (refs[i].kind == RS_REF_CONFIG)
            return refs[i].size <= READ_BYTES_MAX ? refs[i].digest : NULL;
    return NULL;
}

static void image(const struct rs_platform_source *source, const struct rs_manifest_row *row,
                  const struct rs_ref_row *refs, size_t n, struct rs_arena *arena, struct rs_jw *w)
{
    RS_AUTO(rs_buf) struct rs_buf bytes = RS_BUF_INIT((size_t)READ_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *config = NULL;
    const struct rs_json_limits limits = RS_JSON_LIMITS((size_t)READ_BYTES_MAX);
    const char *digest = config_of(refs, n);
    if (digest == NULL || row->config_media_type == NULL ||
        !rs_media_type_is_image_config(row->config_media_type) ||
        !config_get(source, digest, arena, &bytes))
        return;
    if (rs_json_parse(rs_buf_text(&bytes), bytes.len, &limits, &config, NULL) == RS_OK)
        platform(w, config);
}

/* ---- an index ---- */

static void entry(const struct rs_descriptor *d, struct rs_jw *w)
{
    RS_AUTO(rs_json) struct rs_json *object = NULL;
    rs_jw_object(w);
    rs_jw_member_text(w, "digest", d->digest);
    if (d->platform != NULL && rs_json_parse_text(d->platform, RS_CORRUPT, &object, NULL) == RS_OK)
        platform(w, object);
    rs_jw_object_end(w);
}

static void references(const struct rs_platform_source *source, const struct rs_manifest_row *row,
                       struct rs_arena *arena, struct rs_jw *w)
{
    RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
    const struct rs_viewer viewer = quiet(source, arena);
    struct rs_manifest parsed;
    size_t told = 0;
    if (row->size > READ_BYTES_MAX ||
        rs_resolve_manifest(source->db, &viewer, row->digest, RS_WANT_GET, &view, NULL) != RS_OK ||
        rs_manifest_parse(rs_buf_text(&view.bytes), view.bytes.len, view.media_type, arena, &parsed,
                          NULL) != RS_OK)
        return;
    rs_jw_key(w, "references");
    rs_jw_array(w);
    for (size_t i = 0; i < parsed.n_manifests && told < RS_PLATFORM_REFERENCES_MAX; i++) {
        if (!parsed.manifests[i].is_manifest)
            continue;
        entry(&parsed.manifests[i], w);
        told++;
    }
    rs_jw_array_end(w);
}

void rs_show_platform(const struct rs_platform_source *source, const struct rs_manifest_row *row,
                      const struct rs_ref_row *refs, size_t n, struct rs_jw *w)
{
    /* Of its own, so that a long list of large indexes does not eat up the list's. */
    struct rs_arena arena;
    rs_arena_init(&arena, SCRATCH_BYTES_MAX);
    switch (row->shape) {
    case RS_SHAPE_INDEX:
        references(source, row, &arena, w);
        break;
    case RS_SHAPE_IMAGE:
    case RS_SHAPE_ATTACHMENT:
        image(source, row, refs, n, &arena, w);
        break;
    }
    rs_arena_release(&arena);
}
