/*
 * base/file.h: small files that must survive a power cut: keys, credentials, marks.
 * Layer: base.  Threads: any; two writers of one file: the last rename wins, whole.  Blocks on disk
 * I/O.
 */
#ifndef RS_BASE_FILE_H
#define RS_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Make a directory (its parent exists) and fsync the parent; fine when it is there already.
 * Errors: RS_IO, RS_NO_SPACE. */
RS_MUST_CHECK enum rs_status rs_file_make_dir(const char *path, mode_t mode, struct rs_err *reterr);

/**
 * rs_file_replace(): put a whole file in place, durably: write a temporary one, fsync it, rename,
 * fsync the directory.  After a failure the old file (or none) is there.
 * Errors: RS_IO, RS_NO_SPACE, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_file_replace(const char *dir, const char *name, mode_t mode,
                                             const void *bytes, size_t n, struct rs_err *reterr);

/* Write all of it to an open file, without a sync.  Errors: RS_IO, RS_NO_SPACE. */
RS_MUST_CHECK enum rs_status rs_file_write_all(int fd, const void *bytes, size_t n,
                                               struct rs_err *reterr);

/* Append the rest of an open file.  `out`'s max bounds it: more is RS_CORRUPT.  Errors: RS_IO,
 * RS_NOMEM as well. */
RS_MUST_CHECK enum rs_status rs_file_read_all(int fd, struct rs_buf *out, struct rs_err *reterr);

/**
 * rs_file_read_secret(): the whole of <dir>/<name>, into `out` (whose max bounds it).
 * Errors: RS_NOT_FOUND; RS_CORRUPT when it is no regular file, others than its owner may read or
 * write it, or it is longer than out->max; RS_IO; RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_file_read_secret(const char *dir, const char *name,
                                                 struct rs_buf *out, struct rs_err *reterr);

#endif
