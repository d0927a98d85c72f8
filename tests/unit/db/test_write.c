#include "table.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/scratch.h"

/* ---- a gate that holds the writer inside a job, so that a group can gather behind it ---- */

struct gate {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool is_entered;
    bool is_open;
};

#define GATE_INIT                                                            \
    {                                                                        \
        .mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }

static void gate_set(struct gate *g, bool *fact)
{
    (void)pthread_mutex_lock(&g->mu);
    *fact = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->mu);
}

static void gate_wait(struct gate *g, const bool *fact)
{
    (void)pthread_mutex_lock(&g->mu);
    while (!*fact)
        (void)pthread_cond_wait(&g->changed, &g->mu);
    (void)pthread_mutex_unlock(&g->mu);
}

static enum rs_status gate_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)conn;
    (void)reterr;
    struct gate *g = arg;
    gate_set(g, &g->is_entered);
    gate_wait(g, &g->is_open);
    return RS_OK;
}

struct call {
    struct rs_db *db;
    rs_db_job job;
    void *arg;
    enum rs_status result;
    struct rs_err err;
    pthread_t thread;
};

static void *call_main(void *arg)
{
    struct call *c = arg;
    c->err = (struct rs_err)RS_ERR_INIT;
    c->result = rs_db_write(c->db, c->job, c->arg, &c->err);
    return NULL;
}

static void call_start(struct call *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, call_main, c), 0);
}

static enum rs_status call_join(struct call *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    return c->result;
}

/* ---- jobs ---- */

struct counter {
    _Atomic int n;
};

struct counted {
    int64_t n;             /* to insert */
    enum rs_status result; /* to give back */
    struct counter *hooks; /* counts its hook's calls */
    unsigned transaction;  /* noted by the job: which one it ran in */
};

static _Atomic unsigned commits; /* counted by the hooks of `counted` jobs, one by one */

static void count_hook(void *arg)
{
    atomic_fetch_add(&((struct counter *)arg)->n, 1);
}

static void commit_hook(void *arg)
{
    (void)arg;
    atomic_fetch_add(&commits, 1);
}

static enum rs_status counted_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct counted *c = arg;
    enum rs_status s = table_insert(conn, c->n, reterr);
    if (c->hooks != NULL)
        rs_db_after_commit(conn, count_hook, c->hooks);
    c->transaction = atomic_load(&commits);
    rs_db_after_commit(conn, commit_hook, NULL);
    if (s == RS_OK && c->result != RS_OK)
        s = rs_fail(reterr, c->result, "told to fail");
    return s;
}

static void one_job_is_durable(void **state)
{
    const char *path = scratch_path(state, "c.db");
    struct rs_db *db = table_open(path);
    int64_t n = 7;
    assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
    assert_int_equal(table_count(db), 1);
    rs_db_close(db);
    db = table_open(path);
    assert_int_equal(table_count(db), 1);
    rs_db_close(db);
}

enum { N = 16 };

/* A group of N counted jobs behind a gate. */
struct crowd {
    struct gate gate;
    struct call holder;
    struct counted counted[N];
    struct call calls[N];
};

static void queue_wait(struct rs_db *db, unsigned n)
{
    while (rs_db_queue_length(db) != n)
        (void)sched_yield();
}

/* On return the writer is inside the gate's job and the N jobs wait, in order. */
static void crowd_gather(struct crowd *c, struct rs_db *db)
{
    c->gate = (struct gate)GATE_INIT;
    c->holder = (struct call){.db = db, .job = gate_job, .arg = &c->gate};
    call_start(&c->holder);
    gate_wait(&c->gate, &c->gate.is_entered);
    for (unsigned i = 0; i < N; i++) {
        c->calls[i] = (struct call){.db = db, .job = counted_job, .arg = &c->counted[i]};
        call_start(&c->calls[i]);
        queue_wait(db, i + 1);
    }
}

static void crowd_let_go(struct crowd *c)
{
    gate_set(&c->gate, &c->gate.is_open);
    assert_int_equal(call_join(&c->holder), RS_OK);
    for (int i = 0; i < N; i++)
        (void)call_join(&c->calls[i]);
}

/* All that gathered while the writer was busy are one transaction, and one that fails takes nobody
 * with it. */
static void a_group_commits_at_once_and_a_failed_job_alone_is_undone(void **state)
{
    enum { FAILS = 5 };
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    struct crowd crowd = {0};
    struct counter hooks[N] = {0};
    atomic_store(&commits, 0);
    for (int i = 0; i < N; i++)
        crowd.counted[i] = (struct counted){
            .n = i, .result = i == FAILS ? RS_PRECONDITION : RS_OK, .hooks = &hooks[i]};
    crowd_gather(&crowd, db);
    crowd_let_go(&crowd);
    for (int i = 0; i < N; i++) {
        assert_int_equal(crowd.calls[i].result, i == FAILS ? RS_PRECONDITION : RS_OK);
        assert_int_equal(atomic_load(&hooks[i].n), i == FAILS ? 0 : 1);
        assert_int_equal(crowd.counted[i].transaction, 0); /* no hook had run yet */
    }
    assert_string_equal(crowd.calls[FAILS].err.message, "told to fail");
    assert_int_equal(table_count(db), N - 1);
    assert_int_equal(atomic_load(&commits), N - 1);
    rs_db_close(db);
}

/* More than commit_jobs_max wait for the next group. */
static void a_group_has_a_limit(void **state)
{
    struct rs_db *db = NULL;
    struct rs_db_options options = {.path = scratch_path(state, "c.db"), .commit_jobs_max = 3};
    assert_int_equal(rs_db_open(&options, &db, NULL), RS_OK);
    assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
    struct crowd crowd = {0};
    atomic_store(&commits, 0);
    for (int i = 0; i < N; i++)
        crowd.counted[i].n = i;
    crowd_gather(&crowd, db);
    crowd_let_go(&crowd);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(crowd.counted[i].transaction,
                         i / 3 * 3); /* the hooks of whole groups before it */
    assert_int_equal(table_count(db), N);
    rs_db_close(db);
}

/* A caller hears of its commit only after the hooks have run. */
static void hooks_run_before_the_answer(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    for (int i = 0; i < 100; i++) {
        struct counter hooks = {0};
        struct counted c = {.n = i, .hooks = &hooks};
        assert_int_equal(rs_db_write(db, counted_job, &c, NULL), RS_OK);
        assert_int_equal(atomic_load(&hooks.n), 1);
    }
    rs_db_close(db);
}

static enum rs_status leaky_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_db_prepare(conn, "SELECT n FROM t", &st, reterr);
    return s == RS_OK ? rs_stmt_step(st, &row, reterr) : s; /* and does not give it back */
}

static void a_job_that_forgets_a_statement_spoils_nothing(void **state)
{
    struct rs_db *db = table_open(scratch_path(state, "c.db"));
    int64_t n = 1;
    assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
    assert_int_equal(rs_db_write(db, leaky_job, NULL, NULL), RS_OK);
    assert_int_equal(rs_db_write(db, leaky_job, NULL, NULL), RS_OK);
    n = 2;
    assert_int_equal(rs_db_write(db, table_insert_job, &n, NULL), RS_OK);
    assert_int_equal(table_count(db), 2);
    rs_db_close(db);
}

/* ---- closing ---- */

struct closing {
    struct rs_db *db;
};

static void *close_main(void *arg)
{
    rs_db_close(((struct closing *)arg)->db);
    return NULL;
}

/* What is queued is finished; what comes later is refused. */
static void closing_finishes_what_is_queued(void **state)
{
    const char *path = scratch_path(state, "c.db");
    struct rs_db *db = NULL;
    struct rs_db_options options = {.path = path, .queue_jobs_max = N};
    assert_int_equal(rs_db_open(&options, &db, NULL), RS_OK);
    assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
    struct crowd crowd = {0};
    for (int i = 0; i < N; i++)
        crowd.counted[i].n = i;
    crowd_gather(&crowd, db);
    int64_t late = 1000;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_db_write(db, table_insert_job, &late, &err),
                     RS_BUSY); /* the queue is full */
    struct closing closing = {.db = db};
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_main, &closing), 0);
    while (rs_db_write(db, table_insert_job, &late, NULL) != RS_CANCELLED)
        (void)sched_yield(); /* refused for the full queue until the closing has begun */
    crowd_let_go(&crowd);
    for (int i = 0; i < N; i++)
        assert_int_equal(crowd.calls[i].result, RS_OK);
    assert_int_equal(pthread_join(closer, NULL), 0);
    db = table_open(path);
    assert_int_equal(table_count(db), N);
    rs_db_close(db);
}

/* ---- no space ---- */

static enum rs_status pad_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    static const char pad[65536] = {1};
    struct rs_stmt *st = NULL;
    enum rs_status s = rs_db_prepare(conn, "INSERT INTO t(n, pad) VALUES ($1, $2)", &st, reterr);
    if (s != RS_OK)
        return s;
    rs_stmt_int(st, 1, *(const int64_t *)arg);
    rs_stmt_bytes(st, 2, pad, sizeof(pad));
    return rs_stmt_run(st, NULL, reterr);
}

static void note_fatal(void *arg, const struct rs_err *err)
{
    (void)err;
    atomic_fetch_add(&((struct counter *)arg)->n, 1);
}

/* A full disk refuses, loses nothing, and is forgotten as soon as there is room again. */
static void a_full_disk_is_survived(void **state)
{
    const char *mount = scratch_path(state, "small");
    if (!scratch_mount(mount, (size_t)2 << 20))
        skip();
    char path[4200];
    char ballast[4200];
    (void)snprintf(path, sizeof(path), "%s/c.db", mount);
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", mount);
    FILE *f = fopen(ballast, "w");
    assert_non_null(f);
    static const char filler[1 << 20] = {1};
    assert_int_equal(fwrite(filler, 1, sizeof(filler), f), sizeof(filler));
    assert_int_equal(fclose(f), 0);

    struct counter fatal = {0};
    struct rs_db *db = NULL;
    struct rs_db_options options = {.path = path, .on_fatal = note_fatal, .on_fatal_arg = &fatal};
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_db_open(&options, &db, &err), RS_OK);
    assert_int_equal(rs_db_write(db, table_make, NULL, NULL), RS_OK);
    int64_t n = 0;
    enum rs_status s = RS_OK;
    while (s == RS_OK && n < 1000) {
        s = rs_db_write(db, pad_job, &n, &err);
        n += s == RS_OK;
    }
    assert_int_equal(s, RS_NO_SPACE);
    assert_int_equal(table_count(db), n);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rs_db_write(db, pad_job, &n, NULL), RS_NO_SPACE);
    assert_int_equal(table_count(db), n);
    assert_int_equal(remove(ballast), 0);
    assert_int_equal(rs_db_write(db, pad_job, &n, NULL), RS_OK);
    n++;
    assert_int_equal(table_count(db), n);
    assert_int_equal(atomic_load(&fatal.n), 0);
    rs_db_close(db);
    db = table_open(path);
    assert_int_equal(table_count(db), n);
    rs_db_close(db);
    scratch_umount(mount);
}

/* ---- the WAL does not grow without end, whatever readers do ---- */

static void the_wal_is_checkpointed(void **state)
{
    const char *path = scratch_path(state, "c.db");
    struct rs_db *db = table_open(path);
    for (int64_t n = 0; n < 600; n++)
        assert_int_equal(rs_db_write(db, pad_job, &n, NULL), RS_OK);
    FILE *f = fopen(scratch_path(state, "c.db-wal"), "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long wal = ftell(f);
    assert_int_equal(fclose(f), 0);
    assert_true(wal < 24L << 20); /* 39 MiB were written */
    rs_db_close(db);
    db = table_open(path);
    assert_int_equal(table_count(db), 600);
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_job_is_durable, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_group_commits_at_once_and_a_failed_job_alone_is_undone,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_group_has_a_limit, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(hooks_run_before_the_answer, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_job_that_forgets_a_statement_spoils_nothing,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(closing_finishes_what_is_queued, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_survived, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_wal_is_checkpointed, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
