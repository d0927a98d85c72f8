#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "db/db_internal.h"

#define COMMIT_JOBS_DEFAULT 256U
#define QUEUE_JOBS_DEFAULT 4096U
#define APPLICATION_ID 1381188676 /* "RSTD": tells file(1) and us whose database this is */

/* ---- the library ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_rc;

/* Each connection belongs to one thread at a time: SQLite's own mutexes on it would only cost. */
static void library_start(void)
{
    int rc = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    library_rc = rc == SQLITE_MISUSE
                     ? SQLITE_OK
                     : rc; /* started already: the NOMUTEX flag says the same for ours */
    if (library_rc == SQLITE_OK)
        library_rc = sqlite3_initialize();
}

static enum rs_status library_check(struct rs_err *reterr)
{
    (void)pthread_once(&library_once, library_start);
    if (sqlite3_threadsafe() == 0)
        return rs_fail(reterr, RS_INTERNAL, "this SQLite library was built without threads");
    return library_rc == SQLITE_OK ? RS_OK : rs_db_fail(NULL, library_rc, "start SQLite", reterr);
}

/* ---- the file ---- */

static enum rs_status sync_directory(const char *path, struct rs_err *reterr)
{
    RS_AUTO_FREE char *copy = strdup(path);
    if (copy == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    RS_AUTO_FD int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return rs_fail_errno(reterr, errno, "fsync the catalog's directory");
    return RS_OK;
}

/* It holds password hashes: nobody else reads it.  SQLite gives the WAL the same mode. */
static enum rs_status file_create(const char *path, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return rs_fail_errno(reterr, errno, "open the catalog");
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rs_fail_errno(reterr, errno, "look at the catalog");
    return S_ISREG(st.st_mode) ? RS_OK
                               : rs_fail(reterr, RS_CORRUPT, "the catalog is not a regular file");
}

static enum rs_status pragma_int(struct rs_db_conn *conn, const char *sql, int64_t *ret,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(conn, sql, &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK)
        *ret = row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}

/* Ours, or empty. */
static enum rs_status file_check(struct rs_db_conn *conn, struct rs_err *reterr)
{
    int64_t id = 0;
    int64_t objects = 0;
    enum rs_status s = pragma_int(conn, "SELECT count(*) FROM sqlite_schema", &objects, reterr);
    if (s == RS_OK)
        s = pragma_int(conn, "PRAGMA application_id", &id, reterr);
    if (s != RS_OK || id == APPLICATION_ID)
        return s;
    if (id != 0 || objects != 0)
        return rs_fail(reterr, RS_CORRUPT, "the catalog file is the database of another program");
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", APPLICATION_ID);
    return rs_db_script(conn, sql, reterr);
}

static enum rs_status wal_enter(struct rs_db_conn *conn, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(conn, "PRAGMA journal_mode=WAL", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &row, reterr);
    if (s == RS_OK && !(row && rs_str_eq(rs_stmt_col_str(st, 0), "wal")))
        s = rs_fail(
            reterr, RS_IO,
            "the catalog's file system cannot do SQLite's WAL mode (no shared memory maps?)");
    return s;
}

/* A first read makes the WAL file; then database and WAL get durable names.  SQLite syncs the
 * directory as well, but does not look whether that worked. */
static enum rs_status names_sync(struct rs_db_conn *conn, struct rs_err *reterr)
{
    int64_t objects = 0;
    enum rs_status s = pragma_int(conn, "SELECT count(*) FROM sqlite_schema", &objects, reterr);
    return s == RS_OK ? sync_directory(conn->db->path, reterr) : s;
}

/* ---- the object ---- */

static void db_free(struct rs_db *db)
{
    rs_db_conn_free(db->writer);
    (void)pthread_cond_destroy(&db->left);
    (void)pthread_cond_destroy(&db->work);
    (void)pthread_mutex_destroy(&db->mu);
    free(db->path);
    free(db);
}

static struct rs_db *db_new(const struct rs_db_options *options)
{
    struct rs_db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return NULL;
    db->commit_jobs_max =
        options->commit_jobs_max > 0 ? options->commit_jobs_max : COMMIT_JOBS_DEFAULT;
    db->queue_jobs_max = options->queue_jobs_max > 0 ? options->queue_jobs_max : QUEUE_JOBS_DEFAULT;
    db->on_fatal = options->on_fatal;
    db->on_fatal_arg = options->on_fatal_arg;
    db->tail = &db->head;
    (void)pthread_mutex_init(&db->mu, NULL);
    (void)pthread_cond_init(&db->work, NULL);
    (void)pthread_cond_init(&db->left, NULL);
    db->path = strdup(options->path);
    if (db->path == NULL) {
        db_free(db);
        return NULL;
    }
    return db;
}

enum rs_status rs_db_open(const struct rs_db_options *options, struct rs_db **ret,
                          struct rs_err *reterr)
{
    enum rs_status s = library_check(reterr);
    if (s != RS_OK)
        return s;
    struct rs_db *db = db_new(options);
    if (db == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    s = file_create(db->path, reterr);
    if (s == RS_OK)
        s = rs_db_conn_open(db, true, &db->writer, reterr);
    if (s == RS_OK)
        s = file_check(db->writer, reterr);
    if (s == RS_OK)
        s = wal_enter(db->writer, reterr);
    if (s == RS_OK)
        s = names_sync(db->writer, reterr);
    if (s == RS_OK)
        s = rs_db_writer_start(db, reterr);
    if (s == RS_OK)
        *ret = db;
    else
        db_free(db);
    return s;
}

void rs_db_close(struct rs_db *db)
{
    if (db == NULL)
        return;
    rs_db_writer_stop(db);
    rs_db_readers_close(db);
    /* An empty WAL makes the next start quick.  When it does not work out, the WAL still has
     * everything. */
    if (!db->is_stopped)
        (void)sqlite3_wal_checkpoint_v2(db->writer->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                        NULL);
    db_free(db);
}
