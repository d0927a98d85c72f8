/*
 * cli/reference.h: "team/app:1.0" and "team/app@sha256:..." on the command line.
 * Layer: cli.
 */
#ifndef RS_CLI_REFERENCE_H
#define RS_CLI_REFERENCE_H

#include "cli/client.h"
#include "oci/digest.h"
#include "oci/name.h"
#include "oci/tag.h"

struct rs_image {
    char name[RS_NAME_BYTES_MAX + 1U];
    char tag[RS_TAG_BYTES_MAX + 1U];   /* "" when it was given by digest */
    char digest[RS_DIGEST_TEXT_BYTES]; /* "" until it is known */
    bool is_staged;                    /* the server showed it as one in quarantine */
};

/* Parse "name[:tag][@digest]" (with both, the digest counts; with neither, the tag is "latest"
 * if may_default).  RS_BAD_REQUEST. */
RS_MUST_CHECK enum rs_status rs_image_parse(const char *text, bool may_default,
                                            struct rs_image *ret, struct rs_err *reterr);
/* Parse and, for a tag, ask the server for its digest: the staged one for who may see it, else
 * the live one. */
RS_MUST_CHECK enum rs_exit rs_image_resolve(struct rs_client *c, const char *text,
                                            struct rs_image *ret);
/* "/v2/<name>/_roadstead/quarantine/<digest>" */
void rs_image_path(const struct rs_image *image, struct rs_buf *out);

#endif
