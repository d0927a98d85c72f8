#include <string.h>

#include "base/assert.h"
#include "base/failpoint.h"
#include "db/db_internal.h"

/* ---- one connection ---- */

struct setting {
    int op;
    int value;
};

/* Whatever the file says about itself (triggers, views, functions in its schema) is not to be
 * trusted with anything. */
static const struct setting settings[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    {SQLITE_DBCONFIG_DQS_DML, 0},
    {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, /* the writer checkpoints, nobody else */
};

static const char writer_pragmas[] =
    "PRAGMA mmap_size=0; PRAGMA synchronous=FULL; PRAGMA cell_size_check=1; PRAGMA cache_size=-16384;"
    "PRAGMA journal_size_limit=67108864";
static const char reader_pragmas[] =
    "PRAGMA mmap_size=0; PRAGMA query_only=1; PRAGMA cell_size_check=1";

static enum rs_status set_up(struct rs_db_conn *conn, struct rs_err *reterr)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(settings); i++) {
        int now = 0;
        int rc = sqlite3_db_config(conn->sqlite, settings[i].op, settings[i].value, &now);
        if (rc != SQLITE_OK || now != settings[i].value)
            return rs_db_fail(conn, rc == SQLITE_OK ? SQLITE_ERROR : rc, "db_config", reterr);
    }
    (void)sqlite3_limit(conn->sqlite, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_busy_timeout(conn->sqlite, RS_DB_BUSY_MS); /* recovery and other tools' locks */
    (void)sqlite3_wal_autocheckpoint(conn->sqlite, 0);
    int rc = sqlite3_exec(conn->sqlite, conn->is_writer ? writer_pragmas : reader_pragmas, NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK && rs_failpoint("db.synchronous_normal"))
        rc = sqlite3_exec(conn->sqlite, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
    return rc == SQLITE_OK ? RS_OK : rs_db_fail(conn, rc, "set up", reterr);
}

enum rs_status rs_db_conn_open(struct rs_db *db, bool is_writer, struct rs_db_conn **ret,
                               struct rs_err *reterr)
{
    struct rs_db_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    conn->magic = RS_DB_CONN_MAGIC;
    conn->db = db;
    conn->is_writer = is_writer;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
                (is_writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    int rc = sqlite3_open_v2(db->path, &conn->sqlite, flags, NULL);
    enum rs_status s = rc == SQLITE_OK
                           ? set_up(conn, reterr)
                           : rs_db_fail(conn->sqlite == NULL ? NULL : conn, rc, "open", reterr);
    if (s == RS_OK)
        *ret = conn;
    else
        rs_db_conn_free(conn);
    return s;
}

static void conn_close(struct rs_db_conn *conn)
{
    rs_db_stmts_free(conn);
    free(conn->hooks);
    conn->hooks = NULL;
    (void)sqlite3_close(conn->sqlite); /* fails only while statements live, and they are gone */
    conn->sqlite = NULL;
}

void rs_db_conn_free(struct rs_db_conn *conn)
{
    if (conn == NULL)
        return;
    conn_close(conn);
    conn->magic = 0;
    free(conn);
}

/* ---- readers ----
 * A thread finds its readers in a list of its own.  The database has a list of all its readers, so
 * that it can close them; a closed one that a thread still knows is freed by that thread. */

static pthread_mutex_t readers_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local struct rs_db_conn *of_thread;

static void thread_ended(void *list)
{
    (void)pthread_mutex_lock(&readers_mu);
    for (struct rs_db_conn *c = list, *next; c != NULL; c = next) {
        next = c->next_of_thread;
        c->next_of_thread = NULL;
        if (c->is_closed)
            free(c);
        else
            c->is_idle = true;
    }
    (void)pthread_mutex_unlock(&readers_mu);
}

static void key_make(void)
{
    rs_assert(pthread_key_create(&key, thread_ended) == 0);
}

/* An idle reader of the database, or NULL. */
static struct rs_db_conn *idle_take(struct rs_db *db)
{
    (void)pthread_mutex_lock(&readers_mu);
    struct rs_db_conn *c = db->readers;
    while (c != NULL && !c->is_idle)
        c = c->next_reader;
    if (c != NULL)
        c->is_idle = false;
    (void)pthread_mutex_unlock(&readers_mu);
    return c;
}

/* Drop those of this thread whose database was closed. */
static void closed_drop(void)
{
    (void)pthread_mutex_lock(&readers_mu);
    for (struct rs_db_conn **at = &of_thread; *at != NULL;) {
        struct rs_db_conn *c = *at;
        if (!c->is_closed) {
            at = &c->next_of_thread;
            continue;
        }
        *at = c->next_of_thread;
        free(c);
    }
    (void)pthread_setspecific(key, of_thread);
    (void)pthread_mutex_unlock(&readers_mu);
}

static enum rs_status reader_new(struct rs_db *db, struct rs_db_conn **ret, struct rs_err *reterr)
{
    (void)pthread_once(&key_once, key_make);
    closed_drop();
    struct rs_db_conn *c = idle_take(db);
    if (c == NULL) {
        enum rs_status s = rs_db_conn_open(db, false, &c, reterr);
        if (s != RS_OK)
            return s;
        (void)pthread_mutex_lock(&readers_mu);
        c->next_reader = db->readers;
        db->readers = c;
        (void)pthread_mutex_unlock(&readers_mu);
    }
    c->next_of_thread = of_thread;
    of_thread = c;
    (void)pthread_setspecific(key, of_thread);
    *ret = c;
    return RS_OK;
}

/* A closed connection has no database any more, so no new one at the same address is taken for it.
 */
static struct rs_db_conn *reader_find(const struct rs_db *db)
{
    struct rs_db_conn *c = of_thread;
    while (c != NULL && c->db != db)
        c = c->next_of_thread;
    return c;
}

enum rs_status rs_db_read_begin(struct rs_db *db, struct rs_db_conn **ret, struct rs_err *reterr)
{
    struct rs_db_conn *c = reader_find(db);
    enum rs_status s = c == NULL ? reader_new(db, &c, reterr) : RS_OK;
    if (s == RS_OK && c->read_depth == 0)
        s = rs_db_exec(c, "BEGIN", reterr);
    if (s != RS_OK)
        return s;
    c->read_depth++;
    *ret = c;
    return RS_OK;
}

bool rs_db_read_is_fresh(const struct rs_db_conn *conn)
{
    return conn->read_depth == 1;
}

void rs_db_read_end(struct rs_db_conn *conn)
{
    if (conn == NULL)
        return;
    rs_assert(conn->magic == RS_DB_CONN_MAGIC && conn->read_depth > 0);
    if (--conn->read_depth > 0)
        return;
    rs_db_stmts_reset(conn);
    if (!sqlite3_get_autocommit(
            conn->sqlite)) /* an I/O error may have ended the transaction already */
        (void)!rs_db_exec(conn, "ROLLBACK",
                          NULL); /* nothing was written: cannot fail, and costs the least */
}

void rs_db_readers_close(struct rs_db *db)
{
    (void)pthread_mutex_lock(&readers_mu);
    for (struct rs_db_conn *c = db->readers, *next; c != NULL; c = next) {
        next = c->next_reader;
        conn_close(c);
        c->db = NULL;
        c->is_closed = true;
        if (c->is_idle) /* no thread knows it */
            free(c);
    }
    db->readers = NULL;
    (void)pthread_mutex_unlock(&readers_mu);
}
