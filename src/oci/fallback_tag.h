/*
 * oci/fallback_tag.h: tags that attach an artifact to a digest without `subject`.
 * Layer: oci.  Spec: distribution-spec "Referrers Tag Schema", cosign's tag mode, SPEC section 1.
 * Threads: any (pure).
 */
#ifndef RS_OCI_FALLBACK_TAG_H
#define RS_OCI_FALLBACK_TAG_H

#include <stdbool.h>

#include "base/text.h"
#include "oci/digest.h"

/**
 * rs_fallback_tag_parse(): "sha256-<64 hex>" alone or with ".sig", ".att", ".sbom" -> the subject's
 * digest. sha512 has no such tag that names a whole digest (128 characters do not hold it): such
 * tags are ordinary ones.
 */
RS_MUST_CHECK bool rs_fallback_tag_parse(struct rs_str tag, struct rs_digest *ret_subject);

#define RS_FALLBACK_TAG_BYTES 72
/* "sha256-<hex>" of a canonical sha256 digest text. */
void rs_fallback_tag_make(const char *sha256_digest, char out[RS_FALLBACK_TAG_BYTES]);

#endif
