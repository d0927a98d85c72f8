/*
 * oci/manifest.h: one strict parser for image manifests and indexes, OCI and Docker.
 * Layer: oci.  Spec: image-spec manifest.md, image-index.md, descriptor.md; SPEC sections 1 and 2
 * (what is refused).
 * Threads: any (pure; the result lives in the arena).
 *
 * The bytes are what is stored and served; the parsed form is only what a registry decides by.
 */
#ifndef RS_OCI_MANIFEST_H
#define RS_OCI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/digest.h"

#define RS_MANIFEST_BYTES_MAX ((size_t)4194304)
#define RS_MANIFEST_DESCRIPTORS_MAX 8192U

/* Texts live in the arena; NULL when absent. */
struct rs_descriptor {
    const char *media_type; /* never NULL */
    const char *digest;     /* never NULL; valid text, algorithm as the manifest names it */
    uint64_t size;          /* bytes, at most 2^53 */
    const char *artifact_type;
    const char *annotations; /* canonical JSON object */
    const char *platform;    /* canonical JSON object */
    bool has_data;           /* an inline `data`, which matched digest and size */
    bool is_manifest;        /* its media type is an image manifest or an index */
};

struct rs_manifest {
    bool is_index;
    /* As it is served: the Content-Type, which `mediaType` agrees with. */
    const char *media_type;
    const char *artifact_type; /* the `artifactType` member; NULL when absent */
    bool has_config;           /* image manifests always, indexes never */
    struct rs_descriptor config;
    const struct rs_descriptor *layers; /* n_layers of them */
    size_t n_layers;
    /* n_manifests of them; some may be no manifests (is_manifest false). */
    const struct rs_descriptor *manifests;
    size_t n_manifests;
    bool has_subject;
    struct rs_descriptor subject;
    const char *annotations; /* canonical JSON object, NULL when absent */
    bool has_data;           /* some `data` is other than the two bytes {}: no echo */
    /* SPEC section 1: an image manifest that no runtime can start: the empty config of exactly
     * {}, or no layer of a filesystem media type.  Whether it is an attachment also depends on
     * what it names and how it is pushed. */
    bool is_attachment_shape;
    bool has_empty_config; /* application/vnd.oci.empty.v1+json with exactly the bytes {} */
};

/**
 * rs_manifest_parse(): parse and judge n bytes that were sent with this Content-Type.
 * @bytes         borrowed until return
 * @content_type  the header's value, parameters allowed; NULL when the client sent none: then the
 *                manifest must carry its own `mediaType`
 * @arena         where everything in *ret lives; at most 7 n bytes and 1 MiB are taken
 * Errors: RS_MANIFEST_INVALID (message says what and where: no JSON, schema1, `manifests` together
 * with `config` or `layers`, duplicate or wrongly spelled keys, a media type that disagrees,
 * descriptors out of their grammar, `data` that does not match), RS_TOO_LARGE past
 * RS_MANIFEST_BYTES_MAX, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_manifest_parse(const void *bytes, size_t n,
                                               const char *content_type, struct rs_arena *arena,
                                               struct rs_manifest *ret, struct rs_err *reterr);

/* The artifact type as referrers and listings tell it: `artifactType`, else the config's media
 * type of an image manifest, else NULL (distribution-spec "Listing Referrers"). */
const char *rs_manifest_artifact_type(const struct rs_manifest *m);

#endif
