/* When deliveries are tried again: doubling with jitter, for a day, whatever the clock does. */
#include "../cm.h"

#include "events/backoff.h"

static const struct rs_backoff usual = {
    .first_ms = 1000, .most_ms = 3600000, .give_up_ms = 86400000};

static void delays_double_up_to_the_most(void **state)
{
    uint64_t whole = 1000;
    (void)state;
    for (int64_t attempts = 1; attempts < 100; attempts++) {
        uint64_t longest = whole < usual.most_ms ? whole : usual.most_ms;
        assert_true(rs_backoff_delay(&usual, attempts, 0) == longest);
        uint64_t least = UINT64_MAX;
        for (uint32_t random = 0; random < 100000; random += 97) {
            uint64_t d = rs_backoff_delay(&usual, attempts, random * 2654435761U);
            assert_true(d >= longest / 2 && d <= longest);
            least = d < least ? d : least;
        }
        assert_true(least < longest); /* there is jitter at all */
        whole = whole < usual.most_ms ? whole * 2 : whole;
    }
    assert_true(rs_backoff_delay(&usual, INT64_MAX, 0) == usual.most_ms);
}

/* With the longest delays a day still holds some dozens of attempts, and ends. */
static void a_day_of_attempts(void **state)
{
    int64_t now = 5000;
    int64_t first = now;
    int64_t attempts = 0;
    (void)state;
    do {
        attempts++;
        assert_true(attempts < 1000);
        if (rs_backoff_is_over(&usual, attempts, first, now))
            break;
        now += (int64_t)rs_backoff_delay(&usual, attempts, 0);
    } while (1);
    assert_true(attempts > 30 && attempts < 50);
    assert_true(now - first >= 86400000 && now - first < 86400000 + 3600000);
}

static void a_clock_that_steps(void **state)
{
    (void)state;
    /* Forward by years: not given up before some attempts were made. */
    assert_false(rs_backoff_is_over(&usual, 1, 0, INT64_C(315360000000)));
    assert_true(rs_backoff_is_over(&usual, RS_BACKOFF_ATTEMPTS_LEAST, 0, INT64_C(315360000000)));
    /* Back by years: neither given up nor waited for. */
    assert_false(rs_backoff_is_over(&usual, 1000, INT64_C(315360000000), 0));
    assert_true(rs_backoff_wait(&usual, INT64_C(315360000000), 0) == 0);
    assert_true(rs_backoff_wait(&usual, 1000, 0) == 1000);
    assert_true(rs_backoff_wait(&usual, 1000, 1000) == 0);
    assert_true(rs_backoff_wait(&usual, INT64_MAX, INT64_MIN) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_most),
        cmocka_unit_test(a_day_of_attempts),
        cmocka_unit_test(a_clock_that_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
