/*
 * The writer's thread: group commit.
 *
 * Jobs that wait are taken together, run one after the other, each in a savepoint, and made durable
 * by one commit.  Only then are their callers answered.  While a commit waits for the disk the next
 * group gathers, so the group size follows the load by itself.
 *
 * Crash story: before the commit nothing of the group is in the catalog; after it everything is.
 * Nobody was told anything before.  A commit that fails for want of space leaves everything as it
 * was and the next group may succeed.  When an fsync fails nobody knows what is on the disk: the
 * group is answered with an error, nothing is ever written again, and the process is told to exit,
 * so that the restart reads what the disk really has.
 */
#include "base/assert.h"
#include "base/failpoint.h"
#include "db/db_internal.h"

/* 16 MiB of WAL: large enough that a checkpoint's fsyncs disappear behind thousands of commits,
 * small enough to be replayed in no time. */
#define CHECKPOINT_PAGES 4096
/* How long one checkpoint may wait for readers; every writer waits with it. */
#define CHECKPOINT_BUSY_MS 100

/* ---- hooks ---- */

void rs_db_after_commit(struct rs_db_conn *conn, void (*fn)(void *arg), void *arg)
{
    rs_assert(conn->is_writer);
    if (conn->n_hooks == conn->cap_hooks) {
        size_t cap = conn->cap_hooks == 0 ? 64 : 2 * conn->cap_hooks;
        struct rs_db_hook *bigger = reallocarray(conn->hooks, cap, sizeof(*bigger));
        if (bigger == NULL) {
            /* fails the job: a cache that is not told would serve what is no longer true */
            conn->hook_failed = true;
            return;
        }
        conn->hooks = bigger;
        conn->cap_hooks = cap;
    }
    conn->hooks[conn->n_hooks++] = (struct rs_db_hook){.fn = fn, .arg = arg};
}

static void hooks_run(struct rs_db_conn *conn)
{
    for (size_t i = 0; i < conn->n_hooks; i++)
        conn->hooks[i].fn(conn->hooks[i].arg);
    conn->n_hooks = 0;
}

/* ---- a group ---- */

/* SQLite gave up the whole transaction: why, for those jobs that had no part in it. */
static enum rs_status lost_because(enum rs_status job_result)
{
    bool is_ours = job_result == RS_NO_SPACE || job_result == RS_NOMEM ||
                   job_result == RS_CORRUPT || job_result == RS_BUSY;
    return is_ours ? job_result : RS_IO;
}

/* Run one job in its savepoint.  Its own failure stands in job->result; another result than RS_OK
 * means that the whole group is lost. */
static enum rs_status job_run(struct rs_db_conn *conn, struct rs_db_write_job *job,
                              struct rs_err *reterr)
{
    size_t hooks_before = conn->n_hooks;
    enum rs_status s = rs_db_exec(conn, "SAVEPOINT job", reterr);
    if (s != RS_OK)
        return s;
    conn->hook_failed = false;
    job->result = job->run(conn, job->arg, job->reterr);
    rs_db_stmts_reset(conn);
    if (job->result == RS_OK && conn->hook_failed)
        job->result = rs_fail(job->reterr, RS_NOMEM, NULL);
    if (sqlite3_get_autocommit(
            conn->sqlite)) /* a full disk or an I/O error ends more than the job */
        return rs_fail(reterr, lost_because(job->result), NULL);
    if (job->result != RS_OK) {
        conn->n_hooks = hooks_before;
        s = rs_db_exec(conn, "ROLLBACK TO job", reterr);
    }
    return s == RS_OK ? rs_db_exec(conn, "RELEASE job", reterr) : s;
}

/* What the callers get whose jobs went well when the commit did not. */
static void group_fail(struct rs_db_write_job *group, const struct rs_err *why)
{
    for (struct rs_db_write_job *j = group; j != NULL; j = j->next) {
        if (j->result != RS_OK)
            continue;
        j->result = why->status;
        rs_err_clear(j->reterr);
        *j->reterr = *why;
    }
}

static enum rs_status commit(struct rs_db_conn *conn, struct rs_err *reterr)
{
    if (rs_failpoint("db.before_commit"))
        return rs_fail(reterr, RS_NO_SPACE, NULL);
    enum rs_status s = rs_db_exec(conn, "COMMIT", reterr);
    (void)rs_failpoint("db.after_commit");
    return s;
}

/* Run the jobs in a transaction that group_end() ends.  *ret_any: one of them went well. */
static enum rs_status group_run(struct rs_db_conn *conn, struct rs_db_write_job *group,
                                bool *ret_any, struct rs_err *reterr)
{
    *ret_any = false;
    enum rs_status s = rs_db_exec(conn, "BEGIN IMMEDIATE", reterr);
    for (struct rs_db_write_job *j = group; s == RS_OK && j != NULL; j = j->next) {
        s = job_run(conn, j, reterr);
        *ret_any = *ret_any || (s == RS_OK && j->result == RS_OK);
    }
    return s;
}

/* Commit, or roll back when there is nothing worth a commit or it failed. */
static enum rs_status group_end(struct rs_db_conn *conn, enum rs_status s, bool any,
                                struct rs_err *reterr)
{
    if (s == RS_OK && any)
        s = commit(conn, reterr);
    if (sqlite3_get_autocommit(conn->sqlite))
        return s;
    enum rs_status undone = rs_db_exec(conn, "ROLLBACK", reterr);
    return s == RS_OK ? undone : s;
}

/* ---- checkpoints ---- */

static int wal_grew(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
    (void)sqlite;
    (void)name;
    struct rs_db *db = arg;
    if (pages < db->wal_pages) /* it began anew */
        db->wal_pages_next = CHECKPOINT_PAGES;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* Copy the WAL into the database when it is long.  Usually readers need not be waited for; when
 * they have kept it from starting anew for long, wait for those that read now.  What fails for want
 * of space is tried again later: the WAL has everything. */
static void checkpoint(struct rs_db *db)
{
    if (db->wal_pages < db->wal_pages_next)
        return;
    int mode = db->wal_pages < 4 * CHECKPOINT_PAGES ? SQLITE_CHECKPOINT_PASSIVE
                                                    : SQLITE_CHECKPOINT_RESTART;
    (void)sqlite3_busy_timeout(db->writer->sqlite, CHECKPOINT_BUSY_MS);
    int rc = sqlite3_wal_checkpoint_v2(db->writer->sqlite, NULL, mode, NULL, NULL);
    (void)sqlite3_busy_timeout(db->writer->sqlite, RS_DB_BUSY_MS);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        (void)rs_db_fail(db->writer, rc, "checkpoint", NULL);
    db->wal_pages_next = db->wal_pages + CHECKPOINT_PAGES; /* unless it begins anew before */
}

/* ---- the thread ---- */

/* Up to commit_jobs_max jobs in order; NULL when there are none and none will come. */
static struct rs_db_write_job *group_take(struct rs_db *db)
{
    (void)pthread_mutex_lock(&db->mu);
    while (db->head == NULL && !db->is_closing)
        (void)pthread_cond_wait(&db->work, &db->mu);
    struct rs_db_write_job *group = db->head;
    struct rs_db_write_job **end = &db->head;
    for (unsigned n = 0; n < db->commit_jobs_max && *end != NULL; n++) {
        end = &(*end)->next;
        db->n_queued--;
    }
    db->head = *end;
    *end = NULL;
    if (db->head == NULL)
        db->tail = &db->head;
    (void)pthread_mutex_unlock(&db->mu);
    return group;
}

/* A job is gone the moment its caller sees is_done. */
static void group_answer(struct rs_db *db, struct rs_db_write_job *group)
{
    (void)pthread_mutex_lock(&db->mu);
    for (struct rs_db_write_job *j = group, *next; j != NULL; j = next) {
        next = j->next;
        j->is_done = true;
        (void)pthread_cond_signal(&j->done);
    }
    (void)pthread_mutex_unlock(&db->mu);
}

static void stop_writing(struct rs_db *db, const struct rs_err *why)
{
    (void)pthread_mutex_lock(&db->mu);
    bool was_stopped = db->is_stopped;
    db->is_stopped = true;
    (void)pthread_mutex_unlock(&db->mu);
    if (!was_stopped && db->on_fatal != NULL)
        db->on_fatal(db->on_fatal_arg, why);
}

static void serve_group(struct rs_db *db, struct rs_db_write_job *group)
{
    struct rs_err why = RS_ERR_INIT;
    (void)pthread_mutex_lock(&db->mu);
    bool is_stopped = db->is_stopped;
    (void)pthread_mutex_unlock(&db->mu);
    bool any = false;
    enum rs_status s =
        is_stopped ? rs_fail(&why, RS_IO, "the registry has stopped writing after a disk error")
                   : group_run(db->writer, group, &any, &why);
    if (rs_failpoint("db.answer_before_commit")) { /* what the durability tests have to notice */
        group_answer(db, group);
        group = NULL;
        (void)usleep(2000); /* until the answers are under way */
    }
    if (!is_stopped)
        s = group_end(db->writer, s, any, &why);
    if (s != RS_OK) {
        db->writer->n_hooks = 0;
        group_fail(group, &why);
    } else {
        hooks_run(db->writer);
    }
    if (db->writer->is_fatal)
        /* before the answers: whoever hears of the error finds the process on its way out */
        stop_writing(db, &why);
    group_answer(db, group);
}

static void *writer_main(void *arg)
{
    struct rs_db *db = arg;
    for (struct rs_db_write_job *group; (group = group_take(db)) != NULL;) {
        serve_group(db, group);
        if (!db->writer->is_fatal)
            checkpoint(db);
        if (db->writer->is_fatal) {
            struct rs_err why = RS_ERR_INIT;
            (void)rs_fail(&why, RS_IO, "a checkpoint of the catalog failed");
            stop_writing(db, &why);
        }
    }
    return NULL;
}

enum rs_status rs_db_writer_start(struct rs_db *db, struct rs_err *reterr)
{
    db->wal_pages_next = CHECKPOINT_PAGES;
    (void)sqlite3_wal_hook(db->writer->sqlite, wal_grew, db);
    int e = pthread_create(&db->thread, NULL, writer_main, db);
    return e == 0 ? RS_OK : rs_fail_errno(reterr, e, "start the writer's thread");
}

void rs_db_writer_stop(struct rs_db *db)
{
    (void)pthread_mutex_lock(&db->mu);
    db->is_closing = true;
    (void)pthread_cond_signal(&db->work);
    (void)pthread_mutex_unlock(&db->mu);
    (void)pthread_join(db->thread, NULL);
    (void)pthread_mutex_lock(&db->mu);
    while (db->n_inside > 0)
        (void)pthread_cond_wait(&db->left, &db->mu);
    (void)pthread_mutex_unlock(&db->mu);
}

/* ---- callers ---- */

static enum rs_status refused(struct rs_db *db, struct rs_err *reterr)
{
    if (db->is_closing)
        return rs_fail(reterr, RS_CANCELLED, NULL);
    if (db->is_stopped)
        return rs_fail(reterr, RS_IO, "the registry has stopped writing after a disk error");
    if (db->n_queued >= db->queue_jobs_max)
        return rs_fail(reterr, RS_BUSY, NULL);
    return RS_OK;
}

enum rs_status rs_db_write(struct rs_db *db, rs_db_job run, void *arg, struct rs_err *reterr)
{
    rs_assert(!pthread_equal(pthread_self(), db->thread)); /* it would wait for itself */
    struct rs_db_write_job job = {
        .run = run, .arg = arg, .result = RS_OK, .done = PTHREAD_COND_INITIALIZER};
    job.reterr = reterr != NULL ? reterr : &job.own_err;
    (void)pthread_mutex_lock(&db->mu);
    db->n_inside++;
    enum rs_status s = refused(db, reterr);
    if (s == RS_OK) {
        *db->tail = &job;
        db->tail = &job.next;
        db->n_queued++;
        (void)pthread_cond_signal(&db->work);
        while (!job.is_done)
            (void)pthread_cond_wait(&job.done, &db->mu);
        s = job.result;
    }
    if (--db->n_inside == 0)
        (void)pthread_cond_signal(&db->left);
    (void)pthread_mutex_unlock(&db->mu);
    (void)pthread_cond_destroy(&job.done);
    return s;
}

unsigned rs_db_queue_length(struct rs_db *db)
{
    (void)pthread_mutex_lock(&db->mu);
    unsigned n = db->n_queued;
    (void)pthread_mutex_unlock(&db->mu);
    return n;
}
