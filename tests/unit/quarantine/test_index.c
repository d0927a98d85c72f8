/* Indexes: decided as one unit, parts, links, sparse ones (SPEC section 2, "Index"). */
#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "yard.h"

static struct yard y;
static const struct yard_thing *a;
static const struct yard_thing *b;
static const struct yard_thing *i;

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    a = yard_image(&y, "a");
    b = yard_image(&y, "b");
    i = yard_index(&y, "i", a, b, NULL);
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

static void push_all(void)
{
    push(a, NULL);
    push(b, NULL);
    push(i, "v1");
}

static void test_released_as_one(void **state)
{
    (void)state;
    push_all();
    (void)yard_events(&y);
    (void)yard_records(&y);
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
    assert_int_equal(y.decided.plan.n_members, 3);
    assert_string_equal(yard_events(&y), "push::a push::b push:v1:i");
    assert_string_equal(yard_records(&y), "released:i[v1] released:a[] released:b[]");
    assert_true(yard_is_open(&y, a) && yard_is_open(&y, b));
    /* The cascade names the decision's record. */
    assert_int_equal(yard_number(&y,
                                 "SELECT COUNT(*) FROM audit WHERE action = 'released'"
                                 " AND CAST(record AS TEXT) LIKE '%\"cause\":' ||"
                                 " (SELECT MIN(seq) FROM audit WHERE action = 'released') || '%'"),
                     2);
}

static void test_a_failed_part_refuses(void **state)
{
    (void)state;
    push_all();
    assert_status(&y, yard_fail(&y, &PROCESSOR, b), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_CONFLICT);
    assert_non_null(strstr(y.err.message, b->digest));
    assert_string_equal(yard_state(&y, a), "quarantined");
    assert_false(yard_is_open(&y, a));
    assert_status(&y, yard_release(&y, &PROCESSOR, b), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
}

static void test_failing_the_index_leaves_its_parts(void **state)
{
    (void)state;
    push_all();
    assert_status(&y, yard_fail(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(yard_state(&y, a), "quarantined");
    assert_string_equal(yard_state(&y, i), "failed");
    /* They are roots again: with required checks they may be decided by their own. */
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, i), "failed");
}

static void test_a_part_is_released_alone(void **state)
{
    (void)state;
    push_all();
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_state(&y, b), "quarantined");
    assert_string_equal(yard_state(&y, i), "quarantined");
    assert_false(yard_is_open(&y, b));
}

static void test_a_part_shared_by_two_indexes(void **state)
{
    (void)state;
    const struct yard_thing *c = yard_image(&y, "c");
    const struct yard_thing *k = yard_index(&y, "k", b, c, NULL);
    push_all();
    push(c, NULL);
    push(k, "v2");
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(yard_state(&y, b), "released");
    assert_string_equal(yard_state(&y, c), "quarantined");
    assert_string_equal(yard_state(&y, k), "quarantined");
    assert_status(&y, yard_release(&y, &PROCESSOR, k), RS_OK);
    assert_string_equal(yard_state(&y, c), "released");
}

static void test_with_checks_a_part_waits_for_its_root(void **state)
{
    (void)state;
    yard_policy(&y, "{\"checks\":[\"scan\"]}");
    push_all();
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_CONFLICT);
    assert_non_null(strstr(y.err.message, i->digest));
    /* A report on a part is recorded and never releases it ... */
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, NULL), RS_OK);
    assert_string_equal(yard_state(&y, a), "quarantined");
    /* ... but then a decision may. */
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, b), "quarantined");
    /* A failed one fails it. */
    assert_status(&y, yard_report(&y, &SCANNER, b, "scan", RS_CHECK_FAILED, NULL), RS_OK);
    assert_string_equal(yard_state(&y, b), "failed");
    /* The index' last check passes, but a failed part refuses: recorded, not released. */
    assert_status(&y, yard_report(&y, &SCANNER, i, "scan", RS_CHECK_PASSED, NULL), RS_OK);
    assert_string_equal(yard_state(&y, i), "quarantined");
    assert_int_equal(y.reported.n_blocks, 1);
    assert_string_equal(y.reported.blocks[0].digest, b->digest);
}

static void test_checks_of_the_index_release_its_parts(void **state)
{
    (void)state;
    yard_policy(&y, "{\"checks\":[\"scan\"]}");
    push_all();
    assert_status(&y, yard_report(&y, &SCANNER, i, "scan", RS_CHECK_PASSED, NULL), RS_OK);
    assert_string_equal(yard_state(&y, i), "released");
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_state(&y, b), "released");
}

static void test_missing_parts_are_refused(void **state)
{
    (void)state;
    push(a, NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, i, "v1"), RS_MANIFEST_BLOB_UNKNOWN);
    assert_non_null(strstr(y.err.message, b->digest));
    assert_status(&y, yard_put(&y, &PUBLISHER, yard_image(&y, "z"), NULL, 0),
                  RS_MANIFEST_BLOB_UNKNOWN); /* an image without its blobs */
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    assert_status(&y, yard_put(&y, &PUBLISHER, yard_image(&y, "y"), NULL, 0), RS_OK);
}

static void test_off_a_held_descendant_holds_the_index(void **state)
{
    (void)state;
    const struct yard_thing *outer = yard_index(&y, "o", i, NULL, NULL);
    push(a, NULL);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    push(b, NULL);
    assert_string_equal(yard_state(&y, b), "released");
    (void)yard_events(&y);
    push(i, "v1");
    assert_string_equal(yard_state(&y, i), "quarantined");
    push(outer, "v2");
    assert_string_equal(yard_state(&y, outer), "quarantined");
    assert_string_equal(yard_events(&y), "quarantine:v1:i quarantine:v2:o");
    assert_status(&y, yard_release(&y, &PROCESSOR, outer), RS_OK);
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_state(&y, i), "released");
}

static void test_sparse_where_off_and_never_linked_later(void **state)
{
    (void)state;
    const struct yard_thing *part = yard_image(&y, "p");
    const struct yard_thing *held = yard_image(&y, "h");
    const struct yard_thing *sparse = yard_index(&y, "s", part, held, NULL);
    push(held, NULL);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    push(sparse, "v1"); /* p is missing, h is held */
    assert_string_equal(yard_state(&y, sparse), "quarantined");
    yard_policy(&y, "{}");
    push(part, NULL);
    assert_status(&y, yard_release(&y, &PROCESSOR, sparse), RS_OK);
    assert_string_equal(yard_state(&y, held), "released");
    assert_string_equal(yard_state(&y, part), "quarantined"); /* not linked when it was pushed */
}

static void test_a_part_pushed_again_has_a_state_of_its_own(void **state)
{
    (void)state;
    push_all();
    assert_status(&y, yard_delete(&y, b), RS_OK);
    push(b, NULL);
    push(i, "v1"); /* repeats what the tag points to: no new links */
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_state(&y, b), "quarantined");
}

static void test_a_tag_of_a_part_moves_with_the_index(void **state)
{
    (void)state;
    push(a, "amd64");
    push(b, NULL);
    push(i, "v1");
    (void)yard_events(&y);
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(yard_tag(&y, "amd64"), "a/-");
    assert_string_equal(yard_events(&y), "push:amd64:a push::b push:v1:i");
}

static void test_one_tag_of_part_and_index_moves_once(void **state)
{
    (void)state;
    push(a, "v1");
    push(b, NULL);
    push(i, "v1");
    (void)yard_events(&y);
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(yard_tag(&y, "v1"), "i/-");
    assert_string_equal(yard_events(&y), "push::a push::b push:v1:i");
}

/* 40 levels, each naming the two of the level below: 2^40 paths, 80 manifests. */
static void test_a_doubled_tower_of_indexes(void **state)
{
    (void)state;
    static struct yard_thing below[2];
    below[0] = *a;
    below[1] = *b;
    push(a, NULL);
    push(b, NULL);
    const struct yard_thing *top = NULL;
    for (int level = 0; level < 40; level++) {
        struct yard_thing next[2];
        for (int side = 0; side < 2; side++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "t%d-%d", level, side);
            y.n_things = 3; /* their names are of no interest: use the places again */
            top = yard_index(&y, name, &below[0], &below[1], NULL);
            push(top, NULL);
            next[side] = *top;
        }
        below[0] = next[0];
        below[1] = next[1];
    }
    assert_status(&y, yard_release(&y, &PROCESSOR, &below[1]), RS_OK);
    assert_int_equal(y.decided.plan.n_members, 2 + 39 * 2 + 1);
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM manifest WHERE state <> 'released'"), 1);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    y.n_things = 3;
    push(yard_index(&y, "over", &below[0], &below[1], NULL), NULL); /* one of both is still held */
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM manifest WHERE state <> 'released'"), 2);
}

static void test_separate_duties_count_the_parts(void **state)
{
    (void)state;
    yard_policy(&y, "{\"separate_duties\":true}");
    assert_status(&y, yard_push(&y, &PROCESSOR, a, NULL), RS_OK);
    push(b, NULL);
    push(i, "v1");
    assert_status(&y, yard_release(&y, &PROCESSOR, i), RS_DENIED);
    assert_status(&y, yard_release(&y, &PROCESSOR2, i), RS_OK);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_released_as_one),
        TEST(test_a_failed_part_refuses),
        TEST(test_failing_the_index_leaves_its_parts),
        TEST(test_a_part_is_released_alone),
        TEST(test_a_part_shared_by_two_indexes),
        TEST(test_with_checks_a_part_waits_for_its_root),
        TEST(test_checks_of_the_index_release_its_parts),
        TEST(test_missing_parts_are_refused),
        TEST(test_off_a_held_descendant_holds_the_index),
        TEST(test_sparse_where_off_and_never_linked_later),
        TEST(test_a_part_pushed_again_has_a_state_of_its_own),
        TEST(test_a_tag_of_a_part_moves_with_the_index),
        TEST(test_one_tag_of_part_and_index_moves_once),
        TEST(test_a_doubled_tower_of_indexes),
        TEST(test_separate_duties_count_the_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
