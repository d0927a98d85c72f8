#include "http/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "../cm.h"

/* A gate that tasks wait at: tests decide when they go on. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_open;
static int arrived;
static int finished;

struct gate_task {
    struct rs_task task;
    struct rs_workers *w;
    int again; /* submits itself so often */
};

static void at_gate(struct rs_task *task)
{
    struct gate_task *t = (struct gate_task *)(void *)task;
    pthread_mutex_lock(&mu);
    arrived++;
    pthread_cond_broadcast(&changed);
    while (!is_open)
        pthread_cond_wait(&changed, &mu);
    pthread_mutex_unlock(&mu);
    if (t->again-- > 0) {
        assert_true(rs_workers_submit(t->w, task, RS_SUBMIT_CONTINUE));
        return;
    }
    pthread_mutex_lock(&mu);
    finished++;
    pthread_mutex_unlock(&mu);
}

static void set_gate(bool open)
{
    pthread_mutex_lock(&mu);
    is_open = open;
    arrived = finished = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mu);
}

static void wait_arrived(int n)
{
    pthread_mutex_lock(&mu);
    while (arrived < n)
        pthread_cond_wait(&changed, &mu);
    pthread_mutex_unlock(&mu);
}

static void open_gate(void)
{
    pthread_mutex_lock(&mu);
    is_open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mu);
}

static void bounds(void **state)
{
    (void)state;
    struct rs_workers *w = NULL;
    struct gate_task tasks[8] = {0};
    set_gate(false);
    assert_int_equal(rs_workers_new(3, 2, &w, NULL), RS_OK);
    assert_int_equal(rs_workers_threads(w), 0);
    for (int i = 0; i < 3; i++) {
        tasks[i] = (struct gate_task){.task.run = at_gate, .w = w};
        assert_true(rs_workers_submit(w, &tasks[i].task, RS_SUBMIT_NEW));
        wait_arrived(i + 1); /* a thread of its own, while the others are busy */
    }
    assert_int_equal(rs_workers_threads(w), 3);
    for (int i = 3; i < 5; i++) {
        tasks[i] = (struct gate_task){.task.run = at_gate, .w = w};
        assert_true(rs_workers_submit(w, &tasks[i].task, RS_SUBMIT_NEW));
    }
    assert_int_equal(rs_workers_waiting(w), 2);
    tasks[5] = (struct gate_task){.task.run = at_gate, .w = w};
    assert_false(rs_workers_submit(w, &tasks[5].task, RS_SUBMIT_NEW));
    assert_true(rs_workers_submit(w, &tasks[5].task, RS_SUBMIT_CONTINUE));
    open_gate();
    rs_workers_stop(w);
    assert_int_equal(finished, 6);
    assert_false(rs_workers_submit(w, &tasks[6].task, RS_SUBMIT_NEW));
    assert_false(rs_workers_submit(w, &tasks[6].task, RS_SUBMIT_CONTINUE));
    rs_workers_free(w);
}

static void stop_finishes_what_goes_on(void **state)
{
    (void)state;
    struct rs_workers *w = NULL;
    struct gate_task tasks[20];
    set_gate(true);
    assert_int_equal(rs_workers_new(2, 100, &w, NULL), RS_OK);
    for (int i = 0; i < 20; i++) {
        tasks[i] = (struct gate_task){.task.run = at_gate, .w = w, .again = 50};
        assert_true(rs_workers_submit(w, &tasks[i].task, RS_SUBMIT_NEW));
    }
    rs_workers_stop(w);
    assert_int_equal(finished, 20);
    assert_int_equal(rs_workers_threads(w), 0);
    rs_workers_free(w);
}

static void nothing_to_stop(void **state)
{
    (void)state;
    struct rs_workers *w = NULL;
    assert_int_equal(rs_workers_new(2, 1, &w, NULL), RS_OK);
    rs_workers_stop(w);
    rs_workers_free(w);
    rs_workers_stop(NULL);
    rs_workers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),
        cmocka_unit_test(stop_finishes_what_goes_on),
        cmocka_unit_test(nothing_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
