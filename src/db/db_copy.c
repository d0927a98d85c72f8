#include "db/db_copy.h"

#include <errno.h>
#include <fcntl.h>

#include "db/db_internal.h"

static enum rs_status target_make(const char *path, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return RS_OK;
    if (errno == EEXIST)
        return rs_fail(reterr, RS_CONFLICT, "the copy's file is there already");
    return rs_fail_errno(reterr, errno, "make the copy's file");
}

static enum rs_status target_sync(const char *path, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return rs_fail_errno(reterr, errno, "fsync the copy");
    return RS_OK;
}

/* In one step: the copy holds one read transaction, so it is one snapshot, and no writer makes it
 * begin anew. */
static enum rs_status pages_copy(sqlite3 *from, sqlite3 *to, struct rs_err *reterr)
{
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (copy == NULL)
        return rs_db_fail(NULL, sqlite3_errcode(to), "begin the copy", reterr);
    int rc = sqlite3_backup_step(copy, -1);
    int finished = sqlite3_backup_finish(copy);
    if (rc == SQLITE_DONE && finished == SQLITE_OK)
        return RS_OK;
    return rs_db_fail(NULL, finished != SQLITE_OK ? finished : rc, "copy the database", reterr);
}

static enum rs_status copy_into(struct rs_db *db, const char *path, struct rs_err *reterr)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    enum rs_status s = RS_OK;
    int rc = sqlite3_open_v2(db->path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(from, RS_DB_BUSY_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        s = rs_db_fail(NULL, rc, "open for the copy", reterr);
    if (s == RS_OK)
        s = pages_copy(from, to, reterr);
    (void)sqlite3_close(to); /* synced below by its name */
    (void)sqlite3_close(from);
    return s;
}

enum rs_status rs_db_copy(struct rs_db *db, const char *path, struct rs_err *reterr)
{
    enum rs_status s = target_make(path, reterr);
    if (s != RS_OK)
        return s;
    s = copy_into(db, path, reterr);
    if (s == RS_OK)
        s = target_sync(path, reterr);
    if (s != RS_OK)
        (void)unlink(path);
    return s;
}
