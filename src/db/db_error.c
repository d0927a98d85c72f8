#include <errno.h>

#include "db/db_internal.h"

static bool is_full_disk(const struct rs_db_conn *conn, int rc)
{
    if ((rc & 0xff) == SQLITE_FULL)
        return true;
    if ((rc & 0xff) != SQLITE_IOERR || conn == NULL)
        return false;
    int e = sqlite3_system_errno(conn->sqlite);
    return e == ENOSPC || e == EDQUOT;
}

/* What an fsync could not do is lost for good: the kernel may have dropped the pages and report
 * success next time.  A write error that no full disk explains is as bad a sign. */
static bool is_fatal(const struct rs_db_conn *conn, int rc)
{
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
        return true;
    return (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_TRUNCATE) && !is_full_disk(conn, rc);
}

static enum rs_status status_of(const struct rs_db_conn *conn, int rc)
{
    if (is_full_disk(conn, rc) && !is_fatal(conn, rc))
        return RS_NO_SPACE;
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return RS_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RS_BUSY;
    case SQLITE_NOMEM:
        return RS_NOMEM;
    case SQLITE_TOOBIG:
        return RS_TOO_LARGE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RS_CORRUPT;
    case SQLITE_INTERRUPT:
        return RS_CANCELLED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
        return RS_IO;
    default: /* SQLITE_ERROR, _MISUSE, _RANGE, ...: our own mistake in SQL or call */
        return RS_INTERNAL;
    }
}

enum rs_status rs_db_fail(struct rs_db_conn *conn, int rc, const char *what, struct rs_err *reterr)
{
    enum rs_status s = rs_fail(reterr, status_of(conn, rc), NULL);
    (void)rs_err_log(reterr, "%s: %s (%d)", what,
                     conn == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(conn->sqlite), rc);
    if (conn != NULL && conn->is_writer && is_fatal(conn, rc))
        conn->is_fatal = true;
    return s;
}
