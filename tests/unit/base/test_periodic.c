#include "base/periodic.h"

#include <pthread.h>
#include <stdatomic.h>

#include "../cm.h"

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void it_is_called_until_it_is_stopped(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct rs_periodic *p = NULL;
    assert_int_equal(rs_periodic_start(1, count, &calls, &p, NULL), RS_OK);
    while (atomic_load(&calls) < 5) {}
    rs_periodic_stop(p);
    int after = atomic_load(&calls);
    assert_true(after >= 5);
    assert_int_equal(atomic_load(&calls), after);
}

static void it_stops_in_the_middle_of_a_long_interval(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct rs_periodic *p = NULL;
    assert_int_equal(rs_periodic_start(UINT64_C(3600000), count, &calls, &p, NULL), RS_OK);
    rs_periodic_stop(p); /* an hour would be the test's timeout */
    assert_int_equal(atomic_load(&calls), 0);
    rs_periodic_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_called_until_it_is_stopped),
        cmocka_unit_test(it_stops_in_the_middle_of_a_long_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
