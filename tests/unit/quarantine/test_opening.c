/* Which references open a blob: those whose blob was there when the manifest was pushed (SPEC 4).
 */
#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "yard.h"

static struct yard y;
static const struct yard_thing *a;

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    a = yard_image(&y, "a");
    return 0;
}

static int close_yard(void **state)
{
    yard_close(&y);
    return scratch_teardown(state);
}

static void put(const struct yard_who *who, const struct yard_thing *thing, const char *tag)
{
    assert_status(&y, yard_put(&y, who, thing, &tag, tag == NULL ? 0 : 1), RS_OK);
}

static void test_bytes_that_arrive_after_the_manifest_stay_closed(void **state)
{
    (void)state;
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    put(&PUBLISHER, a, "v1");
    assert_string_equal(yard_state(&y, a), "released");
    yard_upload(&y, &PUBLISHER, a);
    assert_false(yard_is_open(&y, a));
    /* A PUT of the manifest while quarantine is on opens nothing ... */
    yard_policy(&y, "{}");
    put(&PUBLISHER, a, "v1");
    put(&PUBLISHER, a, "v2");
    assert_false(yard_is_open(&y, a));
    /* ... and one while it is off records the blobs anew, once. */
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    (void)yard_records(&y);
    put(&PUBLISHER2, a, "v1");
    assert_true(yard_is_open(&y, a));
    assert_string_equal(yard_records(&y), "pushed:a[]");
    put(&PUBLISHER, a, "v1");
    assert_string_equal(yard_records(&y), "");
}

static void test_a_release_opens_only_what_was_there(void **state)
{
    (void)state;
    const struct yard_thing *held = yard_image(&y, "h");
    const struct yard_thing *index = yard_index(&y, "i", held, NULL, NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, held, NULL), RS_OK);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    put(&PUBLISHER, index, "i"); /* held, because its part is */
    assert_string_equal(yard_state(&y, index), "quarantined");
    yard_policy(&y, "{}");
    assert_status(&y, yard_release(&y, &PROCESSOR, index), RS_OK);
    assert_true(yard_is_open(&y, held));
}

static void test_while_held_nothing_is_recorded_anew(void **state)
{
    (void)state;
    const struct yard_thing *b = yard_image(&y, "b");
    assert_status(&y, yard_push(&y, &PUBLISHER, b, "b"), RS_OK);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    const struct yard_thing *z = yard_image_with(&y, "z", "late", b);
    put(&PROCESSOR, z, "z"); /* an image with a held subject: held, its layer is missing */
    assert_string_equal(yard_state(&y, z), "quarantined");
    yard_upload(&y, &PROCESSOR, z);
    put(&PROCESSOR, z, "z");
    assert_status(&y, yard_release(&y, &PROCESSOR, z), RS_OK);
    assert_false(yard_is_open(&y, z)); /* it came later */
    put(&PROCESSOR, z, "z");
    assert_true(yard_is_open(&y, z));
}

static void test_a_shared_layer_stays_open_while_one_that_opens_it_is_there(void **state)
{
    (void)state;
    const struct yard_thing *b = yard_image_with(&y, "b", "layer of a", NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, b, "b"), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_true(yard_is_open(&y, b)); /* the layer, not the image */
    assert_status(&y, yard_delete(&y, a), RS_OK);
    assert_false(yard_is_open(&y, b));
    assert_status(&y, yard_release(&y, &PROCESSOR, b), RS_OK);
    assert_true(yard_is_open(&y, b));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_that_arrive_after_the_manifest_stay_closed),
        TEST(test_a_release_opens_only_what_was_there),
        TEST(test_while_held_nothing_is_recorded_anew),
        TEST(test_a_shared_layer_stays_open_while_one_that_opens_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
