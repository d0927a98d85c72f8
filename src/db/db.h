/*
 * db/db.h: the SQL engine seam.  SQLite today; every statement lives in catalog/ and friends above,
 * in the common subset of SQLite and PostgreSQL ($1 parameters, ON CONFLICT, RETURNING). Layer: db.
 * Threads: one writer thread owns the writing connection and does group commit: jobs from any
 * thread are run one after the other, each in a savepoint, and are answered after ONE durable
 * commit (WAL, synchronous=FULL).  Every other thread has its own lazily opened read-only
 * connection, which never checkpoints.
 */
#ifndef RS_DB_DB_H
#define RS_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct rs_db; /* an open database; thread-safe */
/* a connection; belongs to the thread that got it, or to the running write job */
struct rs_db_conn;
struct rs_stmt; /* a prepared statement of one connection, borrowed from its cache */

struct rs_db_options {
    const char *path;
    unsigned commit_jobs_max; /* jobs in one group, 0 = 256 */
    unsigned queue_jobs_max;  /* waiting jobs before RS_BUSY, 0 = 4096 */
    /* Called once, on the writer's thread, when a commit or an fsync fails: the process must stop
     * writing and exit. */
    void (*on_fatal)(void *arg, const struct rs_err *err);
    void *on_fatal_arg;
};

/**
 * rs_db_open(): open or create, check integrity of the header, start the writer thread.
 * Errors: RS_IO, RS_CORRUPT (not a database), RS_NO_SPACE, RS_NOMEM.  Nothing is left open after a
 * failure. The caller holds the data directory's lock.
 */
RS_MUST_CHECK enum rs_status rs_db_open(const struct rs_db_options *options, struct rs_db **ret,
                                        struct rs_err *reterr);
/* Finishes queued jobs, checkpoints, closes every connection.  No thread may be reading any more.
 * NULL-safe. */
void rs_db_close(struct rs_db *db);

/* A write job: runs on the writer's thread inside its own savepoint; a result other than RS_OK
 * rolls this job (only) back. It must not block on anything but the database, and must not call
 * rs_db_write(). */
typedef enum rs_status (*rs_db_job)(struct rs_db_conn *conn, void *arg, struct rs_err *reterr);

/**
 * rs_db_write(): run one job and wait until it is durable.  Returns the job's own result, or
 * RS_BUSY (queue full), RS_IO, RS_NO_SPACE (the commit failed: nothing of the job happened),
 * RS_CANCELLED (closing). Threads: any but the writer's; blocks.  `arg` is borrowed until return.
 */
RS_MUST_CHECK enum rs_status rs_db_write(struct rs_db *db, rs_db_job job, void *arg,
                                         struct rs_err *reterr);

/* Jobs that wait for the writer now: for metrics. */
unsigned rs_db_queue_length(struct rs_db *db);

/**
 * rs_db_after_commit(): within a job, have fn(arg) called on the writer's thread after the commit
 * is durable and before any waiting caller is answered; not called when the job or the commit
 * fails.  For cache invalidation and wake-ups: must be quick. `arg` is an integer-sized value or
 * borrowed from something that lives longer.
 */
void rs_db_after_commit(struct rs_db_conn *conn, void (*fn)(void *arg), void *arg);

/**
 * rs_db_read_begin(): this thread's read connection, inside a read transaction (one snapshot) until
 * rs_db_read_end(). Nesting is allowed (an inner pair joins the outer snapshot).
 */
RS_MUST_CHECK enum rs_status rs_db_read_begin(struct rs_db *db, struct rs_db_conn **ret,
                                              struct rs_err *reterr);
void rs_db_read_end(struct rs_db_conn *conn); /* NULL-safe */
/* Did the innermost begin take a new snapshot?  An inner one sees what was true when the outer one
 * began, which may be before a generation that was asked for since: what is read then must not be
 * cached under that generation. */
bool rs_db_read_is_fresh(const struct rs_db_conn *conn);

struct rs_db_read {
    struct rs_db_conn *conn;
};
static inline void rs_db_read_release(struct rs_db_read *r)
{
    rs_db_read_end(r->conn);
    r->conn = NULL;
}
/* `RS_AUTO(rs_db_read) struct rs_db_read r = {0};` then rs_db_read_begin(db, &r.conn, reterr):
 * ended at scope exit. */
RS_DEFINE_AUTO(rs_db_read, struct rs_db_read, rs_db_read_release)

/* ---- statements ---- */

/**
 * rs_db_prepare(): the statement for `sql`, a string literal whose ADDRESS is the cache key of the
 * connection. It is reset and has no bindings.  A statement may not be used recursively: a nested
 * use of the same SQL gets RS_INTERNAL.
 */
RS_MUST_CHECK enum rs_status rs_db_prepare(struct rs_db_conn *conn, const char *sql,
                                           struct rs_stmt **ret, struct rs_err *reterr);
/* Bind parameter $index (from 1).  Text and bytes are borrowed until the statement is done.  A
 * failed bind is remembered and comes out of the next step. */
void rs_stmt_int(struct rs_stmt *st, int index, int64_t value);
void rs_stmt_text(struct rs_stmt *st, int index, const char *text); /* NULL binds SQL NULL */
void rs_stmt_str(struct rs_stmt *st, int index, struct rs_str text);
void rs_stmt_bytes(struct rs_stmt *st, int index, const void *bytes, size_t n);
void rs_stmt_null(struct rs_stmt *st, int index);
/* Next row.  *ret_row false at the end.  Errors: RS_IO, RS_CORRUPT, RS_NO_SPACE, RS_NOMEM,
 * RS_CONFLICT (a constraint). */
RS_MUST_CHECK enum rs_status rs_stmt_step(struct rs_stmt *st, bool *ret_row, struct rs_err *reterr);
/* Columns from 0, borrowed until the next step or done.  A NULL text column gives NULL; bytes of a
 * NULL column n = 0. */
int64_t rs_stmt_col_int(struct rs_stmt *st, int col);
const char *rs_stmt_col_text(struct rs_stmt *st, int col);
struct rs_str rs_stmt_col_str(struct rs_stmt *st, int col);
bool rs_stmt_col_is_null(struct rs_stmt *st, int col);
void rs_stmt_done(struct rs_stmt *st); /* reset, give back; NULL-safe */

static inline void rs_stmt_release(struct rs_stmt **st)
{
    rs_stmt_done(*st);
    *st = NULL;
}
/* `RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;` */
RS_DEFINE_AUTO(rs_stmt, struct rs_stmt *, rs_stmt_release)

/* Run a statement that returns no rows (bound already), and give it back.  *ret_changes may be
 * NULL: rows changed. */
RS_MUST_CHECK enum rs_status rs_stmt_run(struct rs_stmt *st, int64_t *ret_changes,
                                         struct rs_err *reterr);
/* Run SQL text of several statements (migrations only; inside a job). */
RS_MUST_CHECK enum rs_status rs_db_script(struct rs_db_conn *conn, const char *sql,
                                          struct rs_err *reterr);

#endif
