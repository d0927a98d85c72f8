#include "../cm.h"

#include <stdio.h>

#include "auth/throttle.h"

#define BURST 5U
#define REFILL_MS 1000U

static struct rs_throttle *t;

static int setup(void **state)
{
    (void)state;
    return rs_throttle_new(BURST, REFILL_MS, &t, NULL) == RS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rs_throttle_free(t);
    return 0;
}

static void failed(const char *source, const char *name, uint64_t now_ms)
{
    rs_throttle_failed(t, RS_THROTTLE_PASSWORD, source, name, now_ms);
}

static bool allows(const char *source, const char *name, uint64_t now_ms)
{
    unsigned wait_s = 0;
    bool allowed = rs_throttle_allows(t, RS_THROTTLE_PASSWORD, source, name, now_ms, &wait_s);
    assert_int_equal(allowed, wait_s == 0);
    return allowed;
}

/* Try until refused; how many tries that took. */
static unsigned exhaust(const char *source, const char *name, uint64_t now_ms)
{
    unsigned n = 0;
    while (allows(source, name, now_ms) && n < 10000) {
        failed(source, name, now_ms);
        n++;
    }
    return n;
}

static void a_burst_and_then_by_time(void **state)
{
    (void)state;
    uint64_t now = 1000000;
    unsigned wait_s = 0;
    assert_int_equal(exhaust("192.0.2.1", "alice", now), BURST);
    assert_false(rs_throttle_allows(t, RS_THROTTLE_PASSWORD, "192.0.2.1", "alice", now, &wait_s));
    assert_int_equal(wait_s, 1);
    assert_false(allows("192.0.2.1", "alice", now + REFILL_MS - 1));
    assert_int_equal(exhaust("192.0.2.1", "alice", now + REFILL_MS), 1);
    assert_int_equal(exhaust("192.0.2.1", "alice", now + 3 * REFILL_MS), 2);
    /* long silence pays everything back, and no more than that */
    assert_int_equal(exhaust("192.0.2.1", "alice", now + 1000 * REFILL_MS), BURST);
}

static void a_refused_attempt_costs_nothing(void **state)
{
    (void)state;
    uint64_t now = 5000;
    assert_int_equal(exhaust("192.0.2.1", "alice", now), BURST);
    for (int i = 0; i < 1000; i++)
        assert_false(allows("192.0.2.1", "alice", now));
    assert_true(allows("192.0.2.1", "alice", now + REFILL_MS));
}

static void others_are_not_held_up(void **state)
{
    (void)state;
    uint64_t now = 5000;
    assert_int_equal(exhaust("192.0.2.1", "alice", now), BURST);
    assert_true(allows("192.0.2.1", "bob", now));
    assert_true(allows("192.0.2.2", "alice", now));
    assert_false(allows("192.0.2.1", "alice", now));
}

static void one_source_cannot_try_every_name(void **state)
{
    (void)state;
    uint64_t now = 5000;
    unsigned n = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "user%u", i);
        if (!allows("192.0.2.1", name, now))
            break;
        failed("192.0.2.1", name, now);
        n++;
    }
    assert_int_equal(n, 10 * BURST);
    assert_false(allows("192.0.2.1", "somebody", now));
    assert_true(allows("192.0.2.2", "somebody", now));
    assert_true(allows("192.0.2.1", "somebody", now + REFILL_MS / 10));
}

static void many_sources_cannot_try_one_name(void **state)
{
    (void)state;
    uint64_t now = 5000;
    unsigned n = 0;
    for (unsigned i = 0; i < 200; i++) {
        char source[32];
        (void)snprintf(source, sizeof source, "198.51.100.%u", i);
        if (!allows(source, "alice", now))
            break;
        failed(source, "alice", now);
        n++;
    }
    assert_int_equal(n, 10 * BURST);
    assert_true(allows("203.0.113.1", "bob", now));
}

static void a_subnet_of_ipv6_is_one_source(void **state)
{
    (void)state;
    uint64_t now = 5000;
    assert_int_equal(exhaust("2001:db8:1:2::1", "alice", now), BURST);
    assert_false(allows("2001:db8:1:2:ffff:ffff:ffff:ffff", "alice", now));
    assert_true(allows("2001:db8:1:3::1", "alice", now));
}

static void an_empty_name_is_a_name(void **state)
{
    (void)state;
    uint64_t now = 5000;
    assert_int_equal(exhaust("192.0.2.1", "", now), BURST);
    /* what shares the address (a proxy, a NAT) is held up no more than by any other name */
    assert_int_equal(exhaust("192.0.2.1", "alice", now), BURST);
    assert_true(allows("192.0.2.2", "", now));
}

static bool allows_token(const char *source, const char *name, uint64_t now_ms)
{
    unsigned wait_s = 0;
    return rs_throttle_allows(t, RS_THROTTLE_TOKEN, source, name, now_ms, &wait_s);
}

static void tokens_are_counted_for_their_source_alone(void **state)
{
    (void)state;
    uint64_t now = 5000;
    for (unsigned i = 0; i < 20 * BURST; i++) {
        char source[32];
        (void)snprintf(source, sizeof source, "198.51.100.%u", i);
        assert_true(allows_token(source, "ci", now));
        rs_throttle_failed(t, RS_THROTTLE_TOKEN, source, "ci", now);
    }
    assert_true(allows_token("192.0.2.1", "ci", now));
    for (unsigned i = 0; i < BURST; i++) {
        char source[64];
        (void)snprintf(source, sizeof source, "2001:db8:1:2::%u", i);
        assert_true(allows_token(source, "ci", now));
        rs_throttle_failed(t, RS_THROTTLE_TOKEN, source, "ci", now);
    }
    assert_false(allows_token("2001:db8:1:2:ffff::1", "ci", now));
    assert_true(allows_token("2001:db8:1:2:ffff::1", "", now));
    assert_true(allows_token("2001:db8:1:3::1", "ci", now));
}

/* The table is bounded: a flood of sources neither grows it nor frees whom it is after. */
static void a_flood_leaves_the_debt_in_place(void **state)
{
    (void)state;
    uint64_t now = 5000;
    assert_int_equal(exhaust("192.0.2.1", "alice", now), BURST);
    for (unsigned i = 0; i < 20000; i++) {
        char source[32];
        char name[32];
        (void)snprintf(source, sizeof source, "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
        (void)snprintf(name, sizeof name, "n%u", i);
        failed(source, name, now);
    }
    assert_false(allows("192.0.2.1", "alice", now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_and_then_by_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_attempt_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_not_held_up, setup, teardown),
        cmocka_unit_test_setup_teardown(one_source_cannot_try_every_name, setup, teardown),
        cmocka_unit_test_setup_teardown(many_sources_cannot_try_one_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subnet_of_ipv6_is_one_source, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_name_is_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens_are_counted_for_their_source_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_leaves_the_debt_in_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
