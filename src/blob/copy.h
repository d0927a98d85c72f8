/*
 * blob/copy.h: put a blob of one store into another, for backup and restore.
 * Layer: blob.  Threads: any; blocks on disk I/O.  Gives no bytes to the caller.
 */
#ifndef RS_BLOB_COPY_H
#define RS_BLOB_COPY_H

#include "blob/store.h"

/**
 * rs_blob_copy(): copy, verify and place a blob durably; one that the target has already, with that
 * size, is left as it is.
 * @size  what the catalog says, bytes
 * *ret_copied  false when it was there
 * Errors: RS_BLOB_UNKNOWN or RS_CORRUPT (the source's file: the target gets nothing), RS_IO,
 * RS_NO_SPACE, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_blob_copy(struct rs_blobs *from, struct rs_blobs *to,
                                          const char *digest, uint64_t size, bool *ret_copied,
                                          struct rs_err *reterr);

#endif
