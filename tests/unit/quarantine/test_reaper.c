/* What time does: notices and deletion, never a release (SPEC section 5, DESIGN rule 7). */
#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "quarantine/reaper.h"
#include "yard.h"

static struct yard y;
static struct rs_reaper reaper;

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    reaper = (struct rs_reaper){0};
    return 0;
}

static int close_yard(void **state)
{
    yard_close(&y);
    return scratch_teardown(state);
}

static void tick(void)
{
    assert_int_equal(rs_reaper_tick(y.db, &reaper, &y.err), RS_OK);
}

/* As if everything had happened two days ago. */
static void age_two_days(void)
{
    yard_sql(&y, "UPDATE manifest SET state_ms = state_ms - 172800000,"
                 " pushed_ms = pushed_ms - 172800000");
}

static void test_overdue_is_told_once(void **state)
{
    (void)state;
    yard_policy(&y, "{\"overdue_after\":\"1d\"}");
    const struct yard_thing *a = yard_image(&y, "a");
    const struct yard_thing *i = yard_index(&y, "i", a, NULL, NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, a, NULL), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, i, "v1"), RS_OK);
    (void)yard_events(&y);
    (void)yard_records(&y);
    tick();
    assert_int_equal(reaper.overdue, 0);
    age_two_days();
    tick();
    assert_int_equal(reaper.overdue, 1); /* roots only */
    tick();
    assert_int_equal(reaper.overdue, 0);
    assert_string_equal(yard_events(&y), "quarantine_overdue:v1:i");
    assert_string_equal(yard_records(&y), "overdue:i[v1]");
    assert_string_equal(yard_state(&y, i), "quarantined"); /* stays held */
}

static void test_expiry_deletes_and_the_verdict_is_remembered(void **state)
{
    (void)state;
    yard_policy(&y, "{\"expire_failed_after\":\"1d\"}");
    const struct yard_thing *a = yard_image(&y, "a");
    const struct yard_thing *b = yard_image(&y, "b");
    const struct yard_thing *c = yard_image(&y, "c");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, b, "b"), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, c, "c"), RS_OK);
    assert_status(&y, yard_fail(&y, &PROCESSOR, a), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, c), RS_OK);
    age_two_days();
    (void)yard_events(&y);
    (void)yard_records(&y);
    tick();
    assert_int_equal(reaper.expired, 1);
    assert_string_equal(yard_state(&y, a), "none");
    assert_string_equal(yard_state(&y, b), "quarantined");
    assert_string_equal(yard_state(&y, c), "released");
    assert_string_equal(yard_events(&y), "delete::a");
    assert_string_equal(yard_records(&y), "deleted:a[a]");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    assert_string_equal(yard_state(&y, a), "failed");
}

static void test_parts_go_after_their_index_and_attachments_without_a_subject(void **state)
{
    (void)state;
    yard_policy(&y, "{\"expire_quarantined_after\":\"1d\"}");
    const struct yard_thing *a = yard_image(&y, "a");
    const struct yard_thing *i = yard_index(&y, "i", a, NULL, NULL);
    const struct yard_thing *s = yard_attachment(&y, "s", i);
    assert_status(&y, yard_push(&y, &PROCESSOR, a, NULL), RS_OK);
    assert_status(&y, yard_push(&y, &PROCESSOR, i, "v1"), RS_OK);
    assert_status(&y, yard_push(&y, &PROCESSOR, s, NULL), RS_OK);
    age_two_days();
    tick();
    assert_string_equal(yard_state(&y, i), "none");
    tick();
    assert_string_equal(yard_state(&y, a), "none");
    assert_string_equal(yard_state(&y, s), "none");
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM manifest"), 0);
}

static void test_without_a_time_nothing_happens(void **state)
{
    (void)state;
    const struct yard_thing *a = yard_image(&y, "a");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    yard_sql(&y, "UPDATE manifest SET state_ms = 0, pushed_ms = 0");
    tick();
    assert_int_equal(reaper.overdue + reaper.expired, 0);
    assert_string_equal(yard_state(&y, a), "quarantined");
}

static void test_many_are_reached(void **state)
{
    (void)state;
    yard_policy(&y, "{\"expire_quarantined_after\":\"1d\"}");
    for (int n = 0; n < 200; n++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "m%d", n);
        y.n_things = 0;
        assert_status(&y, yard_push(&y, &PUBLISHER, yard_image(&y, name), name), RS_OK);
    }
    yard_sql(&y, "UPDATE manifest SET state_ms = 1, pushed_ms = 1"); /* all at the same moment */
    tick();
    assert_int_equal(reaper.expired, 200);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_overdue_is_told_once),
        TEST(test_expiry_deletes_and_the_verdict_is_remembered),
        TEST(test_parts_go_after_their_index_and_attachments_without_a_subject),
        TEST(test_without_a_time_nothing_happens),
        TEST(test_many_are_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
