/* Attachments: who may attach, what joins, what is let out with a subject (SPEC sections 1 and 2).
 */
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "yard.h"

static struct yard y;
static const struct yard_thing *a;  /* the subject */
static const struct yard_thing *s;  /* an attachment of it */
static const struct yard_thing *s2; /* an attachment of that one */

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    a = yard_image(&y, "a");
    s = yard_attachment(&y, "s", a);
    s2 = yard_attachment(&y, "s2", s);
    return 0;
}

static int close_yard(void **state)
{
    yard_close(&y);
    return scratch_teardown(state);
}

static void push_as(const struct yard_who *who, const struct yard_thing *thing, const char *tag)
{
    assert_status(&y, yard_push(&y, who, thing, tag), RS_OK);
}

static int64_t joined(const struct yard_thing *thing)
{
    return strcmp(yard_state(&y, thing), "none") == 0
               ? -1
               : yard_number(&y, "SELECT joined FROM manifest ORDER BY id DESC LIMIT 1");
}

static void test_joins_a_held_subject_and_goes_with_it(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    (void)yard_events(&y);
    (void)yard_records(&y);
    push_as(&PROCESSOR, s, NULL);
    assert_int_equal(joined(s), 1);
    push_as(&ATTACHER, s2, NULL);
    assert_string_equal(yard_events(&y), ""); /* it must not start a second workflow */
    assert_string_equal(yard_records(&y), "quarantined:s[] quarantined:s2[]");
    assert_false(yard_is_open(&y, s));
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_events(&y), "push::s2 push::s push:v1:a");
    assert_string_equal(yard_records(&y), "released:a[v1] released:s2[] released:s[]");
    assert_true(yard_is_open(&y, s) && yard_is_open(&y, s2));
}

static void test_needs_quarantine_push(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    assert_status(&y, yard_push(&y, &PUBLISHER, s, NULL), RS_DENIED);
    assert_status(&y, yard_push(&y, &PUBLISHER, yard_image(&y, "x"), yard_fallback(a, ".sig")),
                  RS_DENIED);
    /* Also while the subject is failed, also with quarantine off. */
    assert_status(&y, yard_fail(&y, &PROCESSOR, a), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, s, NULL), RS_DENIED);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    assert_status(&y, yard_push(&y, &PUBLISHER, s, NULL), RS_DENIED);
    push_as(&PROCESSOR, s, NULL);
    assert_string_equal(yard_state(&y, s), "quarantined");
    assert_int_equal(joined(s), 1);
}

static void test_quarantine_push_alone_reaches_attachments_only(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    assert_status(&y, yard_push(&y, &ATTACHER, yard_image(&y, "x"), NULL), RS_DENIED);
    assert_status(&y, yard_push(&y, &ATTACHER, s, "v2"), RS_DENIED);
    assert_status(&y, yard_push(&y, &ATTACHER, s, yard_fallback(yard_image(&y, "z"), ".sig")),
                  RS_DENIED);
    assert_status(&y, yard_push(&y, &ATTACHER, yard_index(&y, "i", a, NULL, NULL), NULL),
                  RS_DENIED);
    push_as(&ATTACHER, s, yard_fallback(a, ""));
    assert_string_equal(yard_state(&y, s), "quarantined");
    const struct yard_thing *sig = yard_attachment(&y, "sig", NULL);
    assert_status(&y, yard_push(&y, &ATTACHER, sig, NULL), RS_DENIED); /* names no subject */
    push_as(&ATTACHER, sig, yard_fallback(a, ".sig"));
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, sig), "released");
    assert_string_equal(yard_tag(&y, yard_fallback(a, ".sig")), "sig/-");
}

static void test_a_runnable_image_is_no_attachment(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    const struct yard_thing *x = yard_image_with(&y, "x", "layer of x", a);
    assert_status(&y, yard_push(&y, &PUBLISHER, x, NULL), RS_DENIED);
    (void)yard_events(&y);
    push_as(&PROCESSOR, x, NULL); /* held in its own right */
    assert_string_equal(yard_events(&y), "quarantine::x");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, x), "quarantined");
    assert_false(yard_is_open(&y, x));
}

static void test_off_an_image_with_a_held_subject_is_held(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    const struct yard_thing *x = yard_image_with(&y, "x", "layer of x", a);
    push_as(&PROCESSOR, x, "x");
    assert_string_equal(yard_state(&y, x), "quarantined");
}

static void test_to_a_released_subject(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    (void)yard_events(&y);
    push_as(&PUBLISHER, s, NULL); /* quarantined in its own right, like an image */
    assert_string_equal(yard_state(&y, s), "quarantined");
    assert_int_equal(joined(s), 0);
    push_as(&PROCESSOR, yard_attachment(&y, "t", a), NULL); /* released at once */
    assert_string_equal(yard_events(&y), "quarantine::s push::t");
    push_as(&ATTACHER, yard_attachment(&y, "u", a), NULL);
    assert_string_equal(yard_events(&y), "quarantine::u");
}

static void test_before_its_subject(void **state)
{
    (void)state;
    push_as(&PROCESSOR, s, NULL); /* held silently */
    assert_string_equal(yard_events(&y), "");
    assert_int_equal(joined(s), 1);
    const struct yard_thing *forged = yard_attachment(&y, "f", a);
    push_as(&PUBLISHER, forged, NULL); /* never joins */
    assert_string_equal(yard_events(&y), "quarantine::f");
    push_as(&PUBLISHER, a, "v1");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_events(&y), "quarantine:v1:a push::s push:v1:a");
    assert_string_equal(yard_state(&y, forged), "quarantined");
}

static void test_the_subject_arrives_released(void **state)
{
    (void)state;
    push_as(&PROCESSOR, s, yard_fallback(a, ".sig"));
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    (void)yard_events(&y);
    push_as(&PUBLISHER, a, "v1");
    assert_string_equal(yard_state(&y, s), "quarantined"); /* a decision of its own */
    assert_int_equal(yard_number(&y, "SELECT SUM(joined) FROM manifest"), 0);
    assert_string_equal(yard_state(&y, a), "released");
    assert_status(&y, yard_release(&y, &PROCESSOR, s), RS_OK);
    assert_string_equal(yard_state(&y, s), "released");
    /* Each delayed push has its quarantine event before it. */
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM event p JOIN event q ON"
                                     " q.type = 'quarantine' AND q.digest = p.digest"
                                     " AND p.payload LIKE '%' || q.id || '%'"
                                     " WHERE p.type = 'push' AND q.seq < p.seq"),
                     1);
}

static void test_off(void **state)
{
    (void)state;
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    push_as(&PUBLISHER, s, NULL); /* a missing subject */
    push_as(&PUBLISHER, a, "v1");
    push_as(&PUBLISHER, yard_attachment(&y, "t", a), yard_fallback(a, ".att"));
    (void)yard_events(&y);
    assert_memory_equal(y.text, "push::s push:v1:a push:sha256-", 30);
    assert_null(strstr(y.text, "quarantine"));
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM manifest WHERE state <> 'released'"), 0);
}

static void test_the_subject_is_deleted_and_comes_again(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    push_as(&PROCESSOR, s, NULL);
    assert_status(&y, yard_delete(&y, a), RS_OK);
    assert_string_equal(yard_state(&y, s), "quarantined");
    push_as(&PUBLISHER, a, "v1");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, s), "released");
}

static void test_failed_by_itself(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    push_as(&PROCESSOR, s, NULL);
    push_as(&PROCESSOR, s2, NULL);
    assert_status(&y, yard_fail(&y, &PROCESSOR, s), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, s), "failed");
    assert_string_equal(yard_state(&y, s2), "quarantined"); /* its subject is still in quarantine */
    assert_status(&y, yard_release(&y, &PROCESSOR, s), RS_OK);
    assert_string_equal(yard_state(&y, s2), "released");
}

static void test_a_decision_on_a_joined_one_is_refused(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    push_as(&PROCESSOR, s, NULL);
    assert_status(&y, yard_release(&y, &PROCESSOR, s), RS_CONFLICT);
    assert_non_null(strstr(y.err.message, a->digest));
    assert_status(&y, yard_release(&y, &OVERRIDER, s), RS_CONFLICT);
    assert_string_equal(yard_state(&y, s), "quarantined");
    /* Never out of an attachment. */
    assert_string_equal(yard_state(&y, a), "quarantined");
}

static void test_a_blob_that_another_image_holds(void **state)
{
    (void)state;
    const struct yard_thing *x = yard_image_with(&y, "x", "secret", NULL);
    const struct yard_thing *spy = yard_attachment_with(&y, "spy", a, "secret");
    push_as(&PUBLISHER, a, "v1");
    push_as(&PUBLISHER, x, "x");
    push_as(&PROCESSOR, spy, NULL);
    push_as(&PROCESSOR, s, NULL);
    (void)yard_events(&y);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, spy), "quarantined");
    assert_int_equal(y.decided.plan.held.n, 1);
    assert_string_equal(y.decided.plan.held.rows[0]->digest, spy->digest);
    assert_false(yard_is_open(&y, spy));
    assert_string_equal(yard_state(&y, s), "released"); /* the two bytes {} are no secret */
    assert_string_equal(yard_events(&y), "push::s push:v1:a quarantine::spy");
    /* In its own right from now on. */
    assert_status(&y, yard_release(&y, &PROCESSOR, spy), RS_OK);
}

static void test_a_blob_that_its_own_subject_names_is_no_secret(void **state)
{
    (void)state;
    const struct yard_thing *copy = yard_attachment_with(&y, "c", a, "layer of a");
    push_as(&PUBLISHER, a, "v1");
    push_as(&PUBLISHER, yard_image_with(&y, "x", "layer of a", NULL), "x"); /* shares the layer */
    push_as(&PROCESSOR, copy, NULL);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, copy), "released");
}

static void test_an_ordinary_tag_makes_it_an_image(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    push_as(&PROCESSOR, s, NULL);
    (void)yard_events(&y);
    assert_status(&y, yard_push(&y, &PUBLISHER, s, "s1"), RS_DENIED); /* a subject in quarantine */
    push_as(&PROCESSOR, s, "s1");
    assert_string_equal(yard_events(&y), "quarantine:s1:s");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, s), "quarantined");
    assert_string_equal(yard_tag(&y, "s1"), "-/s");
}

static void test_a_fallback_tag_on_something_released(void **state)
{
    (void)state;
    const struct yard_thing *sig = yard_attachment(&y, "sig", NULL);
    push_as(&PUBLISHER, a, "v1");
    push_as(&PUBLISHER, sig, NULL);
    assert_status(&y, yard_release(&y, &PROCESSOR, sig), RS_OK);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    const char *tag = yard_fallback(a, ".sig");
    assert_status(&y, yard_push(&y, &PUBLISHER, sig, tag), RS_DENIED);
    const char *const tags[] = {tag};
    assert_status(&y, yard_put(&y, &PUBLISHER, sig, tags, 1), RS_DENIED);
    push_as(&PROCESSOR, sig, tag);
    assert_string_equal(yard_tag(&y, tag), "sig/-");
    push_as(&PUBLISHER, sig, tag); /* repeats what the tag points to: always accepted */
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    push_as(&PUBLISHER, sig, yard_fallback(a, ".att")); /* nothing is held, nothing is asked */
}

static void test_an_index_under_a_fallback_tag_is_an_index(void **state)
{
    (void)state;
    push_as(&PUBLISHER, a, "v1");
    push_as(&PROCESSOR, s, NULL);
    const struct yard_thing *list = yard_index(&y, "l", s, NULL, NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, list, yard_fallback(a, "")), RS_DENIED);
    push_as(&PROCESSOR, list, yard_fallback(a, ""));
    assert_string_equal(yard_state(&y, list), "quarantined");
    /* Its part is held with a subject that this release does not let out. */
    assert_status(&y, yard_release(&y, &PROCESSOR, list), RS_CONFLICT);
    assert_non_null(strstr(y.err.message, a->digest));
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_string_equal(yard_state(&y, s), "released");
    assert_string_equal(yard_state(&y, list), "quarantined");
    assert_status(&y, yard_release(&y, &PROCESSOR, list), RS_OK);
}

static void test_a_part_that_is_attached_to_another_part(void **state)
{
    (void)state;
    const struct yard_thing *i = yard_index(&y, "i", a, s, NULL);
    push_as(&PROCESSOR, a, NULL);
    push_as(&PROCESSOR, s, NULL);
    push_as(&PROCESSOR, i, "v1");
    (void)yard_events(&y);
    assert_status(&y, yard_release(&y, &PROCESSOR2, i), RS_OK);
    assert_string_equal(yard_events(&y), "push::s push::a push:v1:i");
}

static void test_a_tag_of_its_own_digest_attaches_nothing(void **state)
{
    (void)state;
    const struct yard_thing *sig = yard_attachment(&y, "sig", NULL);
    push_as(&PROCESSOR, sig, yard_fallback(sig, ".sig"));
    assert_int_equal(joined(sig), 0);
    assert_status(&y, yard_release(&y, &PROCESSOR, sig), RS_OK);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_joins_a_held_subject_and_goes_with_it),
        TEST(test_needs_quarantine_push),
        TEST(test_quarantine_push_alone_reaches_attachments_only),
        TEST(test_a_runnable_image_is_no_attachment),
        TEST(test_off_an_image_with_a_held_subject_is_held),
        TEST(test_to_a_released_subject),
        TEST(test_before_its_subject),
        TEST(test_the_subject_arrives_released),
        TEST(test_off),
        TEST(test_the_subject_is_deleted_and_comes_again),
        TEST(test_failed_by_itself),
        TEST(test_a_decision_on_a_joined_one_is_refused),
        TEST(test_a_blob_that_another_image_holds),
        TEST(test_a_blob_that_its_own_subject_names_is_no_secret),
        TEST(test_an_ordinary_tag_makes_it_an_image),
        TEST(test_a_fallback_tag_on_something_released),
        TEST(test_an_index_under_a_fallback_tag_is_an_index),
        TEST(test_a_part_that_is_attached_to_another_part),
        TEST(test_a_tag_of_its_own_digest_attaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
