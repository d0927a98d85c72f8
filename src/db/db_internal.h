/*
 * db/db_internal.h: what the files of db/ share.  Only they may include it.
 * Layer: db.
 *
 * Which file does what: db_open.c opens and closes; db_conn.c sets up one connection and hands out
 * the readers; db_writer.c is the writer's thread; db_stmt.c the statements; db_error.c tells what
 * SQLite's result codes mean.
 */
#ifndef RS_DB_DB_INTERNAL_H
#define RS_DB_DB_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "db/db.h"

#define RS_DB_CONN_MAGIC 0x64626e31U
#define RS_STMT_MAGIC 0x73746d31U
/* How long SQLite waits for another connection's lock: its recovery, or an operator's own tool. */
#define RS_DB_BUSY_MS 5000

#define RS_STMT_PARAMS_MAX 40

struct rs_stmt {
    uint32_t magic;
    struct rs_db_conn *conn;
    const char *sql; /* the literal: cache key */
    sqlite3_stmt *handle;
    bool is_used; /* between rs_db_prepare() and rs_stmt_done() */
    int bind_rc;  /* the first failed bind */
    /* Where parameter $n stands for the engine, which numbers them in order of their first
     * appearance; 0 = not in the text. */
    unsigned char slot[RS_STMT_PARAMS_MAX + 1];
};

/* What to call once the commit is durable. */
struct rs_db_hook {
    void (*fn)(void *arg);
    void *arg;
};

/*
 * One SQLite connection.
 * The writer's belongs to the writer's thread.  A reader belongs to the thread that opened it until
 * that thread ends; then it is idle and the next new thread takes it over.  The fields is_idle,
 * is_closed and next_reader are guarded by `readers_mu` (db_conn.c), all others belong to the
 * connection's thread.
 */
struct rs_db_conn {
    uint32_t magic;
    struct rs_db *db;
    sqlite3 *sqlite;
    bool is_writer;
    bool is_fatal;       /* writer: an fsync, or a write that no full disk explains, has failed */
    unsigned read_depth; /* reader: nested rs_db_read_begin() */
    /* Statements, an open-addressing table by the literal's address. */
    struct rs_stmt **stmts;
    size_t n_stmts;
    size_t cap_stmts; /* 0 or a power of two */
    size_t n_used;    /* statements with is_used */
    /* Writer: hooks of the group so far. */
    struct rs_db_hook *hooks;
    size_t n_hooks;
    size_t cap_hooks;
    bool hook_failed; /* the running job's hook found no memory */
    /* Reader. */
    struct rs_db_conn *next_reader;    /* of the same database */
    struct rs_db_conn *next_of_thread; /* of the same thread, another database */
    bool is_idle;
    bool is_closed;
};

struct rs_db_write_job {
    struct rs_db_write_job *next;
    rs_db_job run;
    void *arg;
    struct rs_err *reterr;
    struct rs_err own_err; /* when the caller wants none: a job always has one to write to */
    enum rs_status result;
    bool is_done; /* guarded by rs_db.mu */
    pthread_cond_t done;
};

struct rs_db {
    char *path;
    unsigned commit_jobs_max;
    unsigned queue_jobs_max;
    void (*on_fatal)(void *arg, const struct rs_err *err);
    void *on_fatal_arg;

    pthread_t thread;
    struct rs_db_conn *writer; /* the writer's thread, once it runs */
    int wal_pages;             /* writer's thread: length of the WAL after the last commit */
    int wal_pages_next;        /* writer's thread: checkpoint again from this length on */

    pthread_mutex_t mu;
    pthread_cond_t work;
    struct rs_db_write_job *head RS_GUARDED_BY(mu);
    struct rs_db_write_job **tail RS_GUARDED_BY(mu);
    unsigned n_queued RS_GUARDED_BY(mu);
    unsigned
        n_inside RS_GUARDED_BY(mu); /* callers in rs_db_write(); the last one out signals `left` */
    pthread_cond_t left;
    bool is_closing RS_GUARDED_BY(mu);
    bool is_stopped RS_GUARDED_BY(mu); /* after a fatal error: nothing is written any more */

    struct rs_db_conn *readers; /* guarded by readers_mu (db_conn.c) */
};

/* ---- db_error.c ---- */

/* The status that an SQLite result code means; fills *reterr.  Notes on the writer's connection
 * when it is a fatal one. */
enum rs_status rs_db_fail(struct rs_db_conn *conn, int rc, const char *what, struct rs_err *reterr);

/* ---- db_conn.c ---- */

/* Open the file and set the connection up.  *ret is written on success only. */
RS_MUST_CHECK enum rs_status rs_db_conn_open(struct rs_db *db, bool is_writer,
                                             struct rs_db_conn **ret, struct rs_err *reterr);
void rs_db_conn_free(struct rs_db_conn *conn); /* NULL-safe; no thread uses it */
/* Close every reader of the database. */
void rs_db_readers_close(struct rs_db *db);

/* ---- db_stmt.c ---- */

/* A statement without parameters and rows, from the cache. */
RS_MUST_CHECK enum rs_status rs_db_exec(struct rs_db_conn *conn, const char *sql,
                                        struct rs_err *reterr);
/* Give back whatever a job or a reader forgot. */
void rs_db_stmts_reset(struct rs_db_conn *conn);
void rs_db_stmts_free(struct rs_db_conn *conn);

/* ---- db_writer.c ---- */

RS_MUST_CHECK enum rs_status rs_db_writer_start(struct rs_db *db, struct rs_err *reterr);
/* Runs what is queued, ends the thread, and waits until the last caller has left. */
void rs_db_writer_stop(struct rs_db *db);

#endif
