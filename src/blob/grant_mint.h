/*
 * blob/grant_mint.h: the constructor of read grants.  Only quarantine/ may include this file (the
 * layer check enforces it). Layer: blob.
 */
#ifndef RS_BLOB_GRANT_MINT_H
#define RS_BLOB_GRANT_MINT_H

#include "base/arena.h"
#include "blob/grant.h"

/* A grant in the request's arena; texts are copied.  NULL without memory.  `digest` is canonical
 * sha256. */
const struct rs_grant *rs_grant_mint(struct rs_arena *arena, int64_t principal_id,
                                     const char *repository, const char *digest, uint64_t size);

#endif
