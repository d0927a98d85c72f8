/*
 * oci/tag.h: tags.  Layer: oci.  Spec: distribution-spec "Pulling manifests" (<reference> as a
 * tag).  Threads: any (pure).
 */
#ifndef RS_OCI_TAG_H
#define RS_OCI_TAG_H

#include <stdbool.h>

#include "base/text.h"

#define RS_TAG_BYTES_MAX 128U

/* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */
bool rs_tag_is_valid(struct rs_str tag);

#endif
