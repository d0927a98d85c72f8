/* Manifests: what is accepted keeps the rules that the registry relies on.  The first byte chooses
 * the Content-Type. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_descriptor(const struct rs_descriptor *d)
{
    char type[RS_MEDIA_TYPE_BYTES];
    check(d->media_type != NULL && rs_media_type_parse(rs_str_of(d->media_type), type));
    check(d->digest != NULL && rs_digest_is_valid(rs_str_of(d->digest)));
    check(d->size <= (uint64_t)1 << 53);
    check(d->is_manifest == rs_media_type_is_manifest(d->media_type));
    check(d->annotations == NULL || d->annotations[0] == '{');
    check(d->platform == NULL || d->platform[0] == '{');
}

static void check_manifest(const struct rs_manifest *m)
{
    bool has_filesystem = false;
    bool has_data = m->has_config && m->config.has_data;
    check(m->is_index == rs_media_type_is_index(m->media_type));
    check(rs_media_type_is_manifest(m->media_type));
    check(m->is_index ? m->n_layers == 0 && !m->has_config : m->n_manifests == 0 && m->has_config);
    if (m->has_config)
        check_descriptor(&m->config);
    for (size_t i = 0; i < m->n_layers; i++) {
        check_descriptor(&m->layers[i]);
        has_filesystem = has_filesystem || rs_media_type_is_filesystem(m->layers[i].media_type);
        has_data = has_data || m->layers[i].has_data;
    }
    for (size_t i = 0; i < m->n_manifests; i++) {
        check_descriptor(&m->manifests[i]);
        has_data = has_data || m->manifests[i].has_data;
    }
    if (m->has_subject) {
        check_descriptor(&m->subject);
        has_data = has_data || m->subject.has_data;
    }
    check(!m->has_data || has_data);
    check(!m->is_attachment_shape || (!m->is_index && (m->has_empty_config || !has_filesystem)));
    check(!m->has_empty_config || m->config.size == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const types[] = {
        RS_MT_OCI_MANIFEST,    RS_MT_OCI_INDEX,   NULL,
        RS_MT_DOCKER_MANIFEST, RS_MT_DOCKER_LIST, "application/json"};
    struct rs_arena arena;
    struct rs_manifest m;
    struct rs_err err = RS_ERR_INIT;
    if (n == 0)
        return 0;
    rs_arena_init(&arena, 32U << 20);
    enum rs_status s =
        rs_manifest_parse(data + 1, n - 1, types[data[0] % RS_ARRAY_LEN(types)], &arena, &m, &err);
    if (s == RS_OK)
        check_manifest(&m);
    else
        check(s == RS_MANIFEST_INVALID && err.message[0] != '\0');
    rs_arena_release(&arena);
    return 0;
}
