/*
 * db/db_copy.h: a consistent copy of a whole database while it is in use.
 * Layer: db.  Threads: any; blocks on disk I/O.
 */
#ifndef RS_DB_DB_COPY_H
#define RS_DB_DB_COPY_H

#include "db/db.h"

/**
 * rs_db_copy(): write one snapshot of the database to a new file (mode 0600) and fsync it; writers
 * go on meanwhile.
 * @path  must not exist; after a failure nothing is left there
 * Errors: RS_CONFLICT (it exists), RS_IO, RS_NO_SPACE, RS_CORRUPT, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_db_copy(struct rs_db *db, const char *path, struct rs_err *reterr);

#endif
