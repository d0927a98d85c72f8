#include "../cm.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "auth/turns.h"

#define AT_ONCE 2U
#define WAITING_MAX 2U

static struct rs_turns *turns;

static int setup(void **state)
{
    (void)state;
    return rs_turns_new(AT_ONCE, WAITING_MAX, &turns, NULL) == RS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rs_turns_free(turns);
    return 0;
}

static struct rs_verified_key key_of(unsigned char n)
{
    struct rs_verified_key key;
    memset(&key, n, sizeof key);
    return key;
}

struct visitor {
    pthread_t thread;
    struct rs_verified_key key;
    _Atomic bool may_leave;
    _Atomic int outcome; /* 0 not known, 1 entered, 2 refused, 3 left */
};

static void *visit(void *arg)
{
    struct visitor *v = arg;
    if (!rs_turns_enter(turns, &v->key)) {
        atomic_store(&v->outcome, 2);
        return NULL;
    }
    atomic_store(&v->outcome, 1);
    while (!atomic_load(&v->may_leave))
        (void)sched_yield();
    rs_turns_leave(turns, &v->key);
    atomic_store(&v->outcome, 3);
    return NULL;
}

static void start(struct visitor *v, unsigned char key, bool may_leave)
{
    v->key = key_of(key);
    atomic_store(&v->may_leave, may_leave);
    atomic_store(&v->outcome, 0);
    assert_int_equal(pthread_create(&v->thread, NULL, visit, v), 0);
}

static void wait_for(struct visitor *v, int outcome)
{
    while (atomic_load(&v->outcome) < outcome)
        (void)sched_yield();
}

static void only_so_many_wait_for_a_turn_of_their_own(void **state)
{
    (void)state;
    struct visitor v[8] = {0};
    for (unsigned char i = 0; i < AT_ONCE; i++) {
        start(&v[i], i, false);
        wait_for(&v[i], 1);
    }
    /* These come in any order; as many as there are places wait, the others are refused at once. */
    for (unsigned char i = AT_ONCE; i < 8; i++)
        start(&v[i], i, true);
    unsigned refused = 0;
    while (refused < 8 - AT_ONCE - WAITING_MAX) {
        refused = 0;
        for (unsigned i = AT_ONCE; i < 8; i++)
            refused += atomic_load(&v[i].outcome) == 2;
        (void)sched_yield();
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        atomic_store(&v[i].may_leave, true);
    unsigned entered = 0;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(v[i].thread, NULL), 0);
        entered += atomic_load(&v[i].outcome) == 3;
    }
    assert_int_equal(entered, AT_ONCE + WAITING_MAX);
}

/* However many there are: they wait for one result. */
static void the_same_credential_is_at_work_once(void **state)
{
    (void)state;
    struct visitor v[20] = {0};
    start(&v[0], 1, false);
    wait_for(&v[0], 1);
    for (unsigned i = 1; i < RS_ARRAY_LEN(v); i++)
        start(&v[i], 1, true);
    /* a place is free for others all the while */
    struct visitor other = {0};
    start(&other, 2, true);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_int_equal(atomic_load(&other.outcome), 3);
    for (unsigned i = 1; i < RS_ARRAY_LEN(v); i++)
        assert_int_equal(atomic_load(&v[i].outcome), 0);
    atomic_store(&v[0].may_leave, true);
    for (unsigned i = 0; i < RS_ARRAY_LEN(v); i++) {
        assert_int_equal(pthread_join(v[i].thread, NULL), 0);
        assert_int_equal(atomic_load(&v[i].outcome), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_so_many_wait_for_a_turn_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_credential_is_at_work_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
