/*
 * oci/reference.h: what stands behind /manifests/: a digest or a tag.  Layer: oci.  Threads: any
 * (pure).
 */
#ifndef RS_OCI_REFERENCE_H
#define RS_OCI_REFERENCE_H

#include "base/err.h"
#include "oci/digest.h"
#include "oci/tag.h"

struct rs_reference {
    bool is_digest;
    struct rs_digest digest;         /* when is_digest */
    char tag[RS_TAG_BYTES_MAX + 1U]; /* when not */
};

/**
 * rs_reference_parse(): anything with a ':' is a digest or an error, never a tag.
 * Errors: RS_DIGEST_INVALID; RS_MANIFEST_INVALID for what cannot be a tag.  A route that reads
 * answers the latter as RS_MANIFEST_UNKNOWN: such a tag does not exist (conformance asks for
 * ".INVALID_MANIFEST_NAME" and wants 404).
 */
RS_MUST_CHECK enum rs_status rs_reference_parse(const char *text, struct rs_reference *ret,
                                                struct rs_err *reterr);

#endif
