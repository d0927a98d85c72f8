/* Live and staged tags under every order of pushes, decisions and deletions (SPEC sections 1 and
 * 2). */
#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "yard.h"

static struct yard y;
static const struct yard_thing *a;
static const struct yard_thing *b;
static const struct yard_thing *c;

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    a = yard_image(&y, "a");
    b = yard_image(&y, "b");
    c = yard_image(&y, "c");
    return 0;
}

static int close_yard(void **state)
{
    yard_close(&y);
    return scratch_teardown(state);
}

static void push(const struct yard_thing *thing, const char *tag)
{
    assert_status(&y, yard_push(&y, &PUBLISHER, thing, tag), RS_OK);
}

static void release(const struct yard_thing *thing)
{
    assert_status(&y, yard_release(&y, &PROCESSOR, thing), RS_OK);
}

static void test_released_in_push_order(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    assert_string_equal(yard_tag(&y, "v1"), "-/b");
    release(a);
    assert_string_equal(yard_tag(&y, "v1"), "a/b");
    release(b);
    assert_string_equal(yard_tag(&y, "v1"), "b/-");
    assert_string_equal(yard_events(&y), "quarantine:v1:a quarantine:v1:b push:v1:a push:v1:b");
}

static void test_released_out_of_order(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    release(b);
    assert_string_equal(yard_tag(&y, "v1"), "b/-");
    release(a); /* a later push is live: the tag stays, and the event names no tag */
    assert_string_equal(yard_tag(&y, "v1"), "b/-");
    assert_string_equal(yard_events(&y), "quarantine:v1:a quarantine:v1:b push:v1:b push::a");
    assert_string_equal(yard_records(&y), "quarantined:a[v1] quarantined:b[v1] released:b[v1]"
                                          " released:a[]");
}

static void test_pushing_again_renews_the_place(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    push(a, "v1"); /* not the latest push of the tag any more: staged anew */
    assert_string_equal(yard_tag(&y, "v1"), "-/a");
    release(b);
    assert_string_equal(yard_tag(&y, "v1"), "b/a");
    release(a);
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    assert_string_equal(yard_events(&y), "quarantine:v1:a quarantine:v1:b quarantine:v1:a push:v1:b"
                                         " push:v1:a");
}

static void test_a_released_digest_withdraws_what_is_staged(void **state)
{
    (void)state;
    push(a, "v1");
    release(a);
    push(b, "v1");
    assert_string_equal(yard_tag(&y, "v1"), "a/b");
    (void)yard_events(&y);
    push(a, "v1");
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    assert_string_equal(yard_events(&y), "push:v1:a");
    release(b);
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    assert_string_equal(yard_events(&y), "push::b");
}

static void test_several_tags_of_one_digest(void **state)
{
    (void)state;
    const char *const tags[] = {"v1", "v2", "v3"};
    yard_upload(&y, &PUBLISHER, a);
    assert_status(&y, yard_put(&y, &PUBLISHER, a, tags, 3), RS_OK);
    push(b, "v2");
    assert_status(&y, yard_delete_tag(&y, "v3"), RS_OK);
    release(b);
    (void)yard_events(&y);
    (void)yard_records(&y);
    release(a);
    assert_string_equal(yard_events(&y), "push:v1:a");
    assert_string_equal(yard_records(&y), "released:a[v1]");
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    assert_string_equal(yard_tag(&y, "v2"), "b/-");
    assert_string_equal(yard_tag(&y, "v3"), "-/-");
}

static void test_a_deleted_tag_does_not_come_back(void **state)
{
    (void)state;
    push(a, "v1");
    assert_status(&y, yard_delete_tag(&y, "v1"), RS_OK);
    release(a);
    assert_string_equal(yard_tag(&y, "v1"), "-/-");
    push(b, "v1"); /* a new tag of that name is another one */
    release(b);
    assert_string_equal(yard_tag(&y, "v1"), "b/-");
    assert_string_equal(yard_events(&y),
                        "quarantine:v1:a delete:v1:a push::a quarantine:v1:b push:v1:b");
}

static void test_a_live_tag_never_falls_back(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    release(b);
    assert_status(&y, yard_delete(&y, b), RS_OK);
    assert_string_equal(yard_tag(&y, "v1"), "-/-");
    release(a); /* pushed before b, which was live */
    assert_string_equal(yard_tag(&y, "v1"), "-/-");
}

static void test_nor_while_something_is_staged(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    push(c, "v1");
    release(b);
    assert_status(&y, yard_delete(&y, b), RS_OK);
    assert_string_equal(yard_tag(&y, "v1"), "-/c");
    release(a);
    assert_string_equal(yard_tag(&y, "v1"), "-/c");
    release(c);
    assert_string_equal(yard_tag(&y, "v1"), "c/-");
}

static void test_deleting_what_is_staged_leaves_the_live_one(void **state)
{
    (void)state;
    push(a, "v1");
    release(a);
    push(b, "v1");
    push(c, "v1");
    assert_status(&y, yard_delete(&y, c), RS_OK);
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    release(b); /* pushed later than what is live, and the tag was not deleted */
    assert_string_equal(yard_tag(&y, "v1"), "b/-");
}

static void test_a_failed_push_stays_staged(void **state)
{
    (void)state;
    push(a, "v1");
    release(a);
    push(b, "v1");
    assert_status(&y, yard_fail(&y, &PROCESSOR, b), RS_OK);
    assert_string_equal(yard_tag(&y, "v1"), "a/b");
    push(c, "v1");
    assert_string_equal(yard_tag(&y, "v1"), "a/c");
    release(c);
    assert_string_equal(yard_tag(&y, "v1"), "c/-");
}

static void test_immutable_tags(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, "v1");
    yard_policy(&y, "{\"immutable_tags\":[\"v*\"]}");
    release(a);
    assert_status(&y, yard_push(&y, &PUBLISHER, c, "v1"), RS_CONFLICT);
    assert_string_equal(yard_state(&y, c), "none");
    assert_status(&y, yard_push(&y, &PUBLISHER, c, "w1"), RS_OK);
    (void)yard_events(&y);
    release(b); /* is let out; the tag stays where it is, and the answer says so */
    assert_string_equal(yard_state(&y, b), "released");
    assert_string_equal(yard_tag(&y, "v1"), "a/-");
    assert_int_equal(y.decided.plan.target->n_kept, 1);
    assert_string_equal(y.decided.plan.target->kept[0], "v1");
    assert_string_equal(yard_events(&y), "push::b");
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM audit WHERE action = 'released'"
                                     " AND CAST(record AS TEXT) LIKE '%immutableTags%v1%'"),
                     1);
    /* What the tag points to already may be pushed again. */
    push(a, "v1");
    /* A failed one does not stand in the way. */
    push(c, "v2");
    assert_status(&y, yard_fail(&y, &PROCESSOR, c), RS_OK);
    push(b, "v2");
    assert_string_equal(yard_tag(&y, "v2"), "b/-");
}

static void test_delayed_push_names_its_quarantine_event(void **state)
{
    (void)state;
    push(a, NULL);
    push(a, "v1");
    push(a, "v2");
    release(a);
    /* Three quarantine events, two tags that moved: each push names the event of its tag. */
    assert_int_equal(
        yard_number(&y, "SELECT COUNT(*) FROM event p JOIN event q ON q.type = 'quarantine'"
                        " AND q.tag = p.tag AND p.payload LIKE '%' || q.id || '%'"
                        " WHERE p.type = 'push' AND q.seq < p.seq"),
        2);
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM event WHERE type = 'push'"), 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_released_in_push_order),
        TEST(test_released_out_of_order),
        TEST(test_pushing_again_renews_the_place),
        TEST(test_a_released_digest_withdraws_what_is_staged),
        TEST(test_several_tags_of_one_digest),
        TEST(test_a_deleted_tag_does_not_come_back),
        TEST(test_a_live_tag_never_falls_back),
        TEST(test_nor_while_something_is_staged),
        TEST(test_deleting_what_is_staged_leaves_the_live_one),
        TEST(test_a_failed_push_stays_staged),
        TEST(test_immutable_tags),
        TEST(test_delayed_push_names_its_quarantine_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
