/*
 * oci/media_type.h: media types and what they mean to a registry.
 * Layer: oci.  Spec: image-spec media-types.md; RFC 9110 section 8.3.1; SPEC section 1.  Threads:
 * any (pure).
 */
#ifndef RS_OCI_MEDIA_TYPE_H
#define RS_OCI_MEDIA_TYPE_H

#include <stdbool.h>

#include "base/text.h"

#define RS_MT_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define RS_MT_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define RS_MT_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define RS_MT_OCI_EMPTY "application/vnd.oci.empty.v1+json"
#define RS_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define RS_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define RS_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

#define RS_MEDIA_TYPE_BYTES 256

enum rs_media_kind {
    RS_MEDIA_OTHER,
    RS_MEDIA_OCI_MANIFEST,
    RS_MEDIA_OCI_INDEX,
    RS_MEDIA_DOCKER_MANIFEST,
    RS_MEDIA_DOCKER_LIST,
    RS_MEDIA_DOCKER_SCHEMA1, /* signed or not: always refused */
};

/* type "/" subtype in lower case, parameters and blanks stripped; false when the header is no
 * media type. */
RS_MUST_CHECK bool rs_media_type_parse(struct rs_str header, char out[RS_MEDIA_TYPE_BYTES]);
/* A descriptor's media type: RFC 6838 names, no parameters. */
bool rs_media_type_is_valid(struct rs_str text);
/* Case does not matter, as in every media type. */
enum rs_media_kind rs_media_type_kind(const char *media_type);
bool rs_media_type_is_index(const char *media_type);    /* OCI index or Docker list */
bool rs_media_type_is_manifest(const char *media_type); /* image manifest or index; not schema1 */
/* A layer that a runtime unpacks or mounts: OCI image layers (non-distributable ones too),
 * Docker rootfs, EROFS. */
bool rs_media_type_is_filesystem(const char *media_type);
/* OCI non-distributable and Docker foreign layers: their blobs need not be in the registry. */
bool rs_media_type_is_nondistributable(const char *media_type);
/* OCI or Docker image configuration. */
bool rs_media_type_is_image_config(const char *media_type);

/* Does an Accept header name exactly this type (parameters and q ignored, but q=0 excludes)?  No
 * wildcards: this is for formats that are given only to those who ask for them (event streams). */
bool rs_media_type_accept_names(const char *accept_header, const char *media_type);

#endif
