/*
 * blob/grant.h: the permission to read one blob's bytes, as an object that only quarantine/ can
 * make. Layer: blob.  Spec: DESIGN rule 1.  A handler that forgot to ask the resolver has nothing
 * to pass to rs_blob_open().
 */
#ifndef RS_BLOB_GRANT_H
#define RS_BLOB_GRANT_H

#include <stdint.h>

struct rs_grant; /* opaque; valid for the request that got it */

/* What the grant is for.  Borrowed from the grant. */
const char *rs_grant_digest(const struct rs_grant *g); /* canonical sha256 digest */
const char *rs_grant_repository(const struct rs_grant *g);
int64_t rs_grant_principal_id(const struct rs_grant *g);
uint64_t rs_grant_size(const struct rs_grant *g); /* bytes, as the catalog knows it */

#endif
