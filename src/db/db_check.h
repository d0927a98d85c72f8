/*
 * db/db_check.h: ask the engine whether its own structures are whole.
 * Layer: db.  Threads: as the connection.
 */
#ifndef RS_DB_DB_CHECK_H
#define RS_DB_DB_CHECK_H

#include "db/db.h"

/* One thing that is wrong, in the engine's words; return false to stop. */
typedef bool (*rs_db_check_visit)(const char *text, void *arg);

/* Pages, indexes, constraints and foreign keys.  Reads everything: takes as long as the database is
 * large.  Errors: RS_IO, RS_CORRUPT, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_db_check(struct rs_db_conn *conn, rs_db_check_visit fn, void *arg,
                                         struct rs_err *reterr);

#endif
