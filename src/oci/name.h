/*
 * oci/name.h: repository names.  Layer: oci.  Spec: distribution-spec "Pulling manifests" (<name>).
 * Threads: any (pure).
 */
#ifndef RS_OCI_NAME_H
#define RS_OCI_NAME_H

#include <stdbool.h>

#include "base/text.h"

#define RS_NAME_BYTES_MAX 255U

/*
 * [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*, at most 255 bytes.
 * "..", a leading separator, upper case and every other byte fall out of the grammar by themselves;
 * words such as "blobs" or "tags" are ordinary components (an underscore in front is not, so
 * "_uploads" and "_roadstead" never are).
 */
bool rs_name_is_valid(struct rs_str name);

#endif
