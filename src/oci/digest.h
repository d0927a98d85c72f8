/*
 * oci/digest.h: digests as text.  Layer: oci.  Spec: image-spec descriptor.md "Digests".  Threads:
 * any (pure).
 */
#ifndef RS_OCI_DIGEST_H
#define RS_OCI_DIGEST_H

#include <stdbool.h>

#include "base/text.h"

enum rs_digest_algorithm { RS_DIGEST_SHA256, RS_DIGEST_SHA512 };

/* "sha512:" + 128 hex digits + NUL. */
#define RS_DIGEST_TEXT_BYTES 136

struct rs_digest {
    enum rs_digest_algorithm algorithm;
    char text[RS_DIGEST_TEXT_BYTES]; /* the canonical text, "sha256:<64 lower-case hex digits>" */
};

/* Accepts sha256 and sha512 with exactly their number of lower-case hex digits, nothing else;
 * false otherwise. */
RS_MUST_CHECK bool rs_digest_parse(struct rs_str text, struct rs_digest *ret);
bool rs_digest_is_valid(struct rs_str text);
/* The hex digits; borrowed. */
const char *rs_digest_hex(const struct rs_digest *d);
/* "sha256" or "sha512". */
const char *rs_digest_algorithm_name(enum rs_digest_algorithm algorithm);
/* Of the `digest-algorithm` parameter; false for any other word. */
RS_MUST_CHECK bool rs_digest_algorithm_parse(struct rs_str word, enum rs_digest_algorithm *ret);

/* Does `digest` (a valid text) belong to these bytes?  The bytes are hashed with its algorithm. */
bool rs_digest_matches(const char *digest, const void *bytes, size_t n);

#endif
