/* Required checks, verdicts that are remembered, overrides, preconditions (SPEC sections 2 and 5).
 */
#include <string.h>

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

static void require_both(void)
{
    yard_policy(&y, "{\"checks\":[\"scan\",\"sign\"]}");
}

static void push(void)
{
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    (void)yard_events(&y);
    (void)yard_records(&y);
}

static void report(const struct yard_who *who, const char *check, enum rs_check_state state)
{
    assert_status(&y, yard_report(&y, who, a, check, state, NULL), RS_OK);
}

static void test_the_last_pass_releases(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SCANNER, "scan", RS_CHECK_RUNNING);
    report(&SIGNER, "sign", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "quarantined");
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_events(&y), "push:v1:a");
    assert_string_equal(yard_records(&y), "check:a[] check:a[] released:a[v1]");
}

static void test_the_same_report_again_is_no_news(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_true(y.reported.changed);
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_false(y.reported.changed);
    assert_string_equal(yard_records(&y), "check:a[]");
}

static void test_a_fail_fails_and_the_same_check_lifts_it(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SCANNER, "scan", RS_CHECK_FAILED);
    assert_string_equal(yard_state(&y, a), "failed");
    assert_string_equal(yard_events(&y), "quarantine_failed:v1:a");
    assert_string_equal(yard_records(&y), "failed:a[v1]");
    report(&SCANNER, "scan", RS_CHECK_RUNNING); /* only a pass lifts it */
    assert_string_equal(yard_state(&y, a), "failed");
    report(&SIGNER, "sign", RS_CHECK_FAILED);
    (void)yard_records(&y);
    report(&SCANNER, "scan", RS_CHECK_PASSED); /* the other one still fails */
    assert_string_equal(yard_state(&y, a), "failed");
    assert_string_equal(yard_records(&y), "check:a[]");
    report(&SIGNER, "sign", RS_CHECK_PASSED); /* the last one: straight out */
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_events(&y), "push:v1:a");
}

static void test_a_reversal(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SCANNER, "scan", RS_CHECK_FAILED);
    (void)yard_events(&y);
    (void)yard_records(&y);
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "quarantined");
    assert_string_equal(yard_events(&y), "");
    assert_string_equal(yard_records(&y), "reversed:a[]");
    report(&SIGNER, "sign", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "released");
}

static void test_a_decision_s_verdict_is_lifted_by_a_decision_only(void **state)
{
    (void)state;
    yard_policy(&y, "{\"checks\":[\"scan\"]}");
    push();
    assert_status(&y, yard_fail(&y, &PROCESSOR, a), RS_OK);
    report(&SCANNER, "scan", RS_CHECK_FAILED);
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "failed");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK); /* nothing is missing */
    assert_string_equal(yard_state(&y, a), "released");
}

static void test_a_bare_decision_is_refused(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SIGNER, "sign", RS_CHECK_PASSED);
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_CONFLICT);
    assert_non_null(strstr(y.err.message, "scan"));
    assert_null(strstr(y.err.message, "sign"));
}

static void test_an_override_needs_the_permission_and_a_reason(void **state)
{
    (void)state;
    require_both();
    push();
    struct rs_decision d = {.verdict = RS_VERDICT_RELEASE, .reason = "the scanner is down"};
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_CONFLICT);
    assert_status(&y, yard_release(&y, &OVERRIDER, a), RS_CONFLICT);
    (void)yard_records(&y);
    assert_status(&y, yard_decide(&y, &OVERRIDER, a, &d), RS_OK);
    assert_string_equal(yard_state(&y, a), "released");
    assert_int_equal(
        yard_number(&y, "SELECT COUNT(*) FROM audit WHERE action = 'released' AND"
                        " CAST(record AS TEXT) LIKE '%override%scan%sign%scanner is down%'"),
        1);
}

static void test_who_may_report(void **state)
{
    (void)state;
    require_both();
    push();
    assert_status(&y, yard_report(&y, &SIGNER, a, "scan", RS_CHECK_PASSED, NULL), RS_DENIED);
    assert_status(&y, yard_report(&y, &PROCESSOR, a, "scan", RS_CHECK_PASSED, NULL), RS_DENIED);
    assert_status(&y, yard_report(&y, &PUBLISHER2, a, "scan", RS_CHECK_PASSED, NULL),
                  RS_MANIFEST_UNKNOWN);
    assert_status(&y, yard_report(&y, &STRANGER, a, "scan", RS_CHECK_PASSED, NULL),
                  RS_MANIFEST_UNKNOWN);
    assert_string_equal(yard_records(&y), "");
}

static void test_a_check_that_is_not_required_decides_nothing(void **state)
{
    (void)state;
    yard_policy(&y, "{\"checks\":[\"sign\"]}");
    push();
    report(&SCANNER, "scan", RS_CHECK_FAILED);
    assert_string_equal(yard_state(&y, a), "quarantined");
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "quarantined");
    report(&SIGNER, "sign", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "released");
    /* After the release: a fail changes nothing, a pass is recorded. */
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_FAILED, NULL), RS_CONFLICT);
    report(&SIGNER, "sign", RS_CHECK_RUNNING);
    assert_string_equal(yard_state(&y, a), "released");
}

static void test_a_change_of_policy_decides_nothing(void **state)
{
    (void)state;
    require_both();
    push();
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    yard_policy(&y, "{\"checks\":[\"scan\"]}"); /* lacks nothing now: ready, and still held */
    assert_string_equal(yard_state(&y, a), "quarantined");
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
}

static void test_separate_duties(void **state)
{
    (void)state;
    yard_policy(&y, "{\"separate_duties\":true,\"checks\":[\"scan\"]}");
    assert_status(&y, yard_push(&y, &PROCESSOR, a, "v1"), RS_OK);
    assert_status(&y, yard_fail(&y, &PROCESSOR, a), RS_DENIED);
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK); /* a second pusher of the bytes */
    assert_status(&y, yard_fail(&y, &PROCESSOR2, a), RS_OK);
}

static void test_expect_and_if_match(void **state)
{
    (void)state;
    push();
    struct rs_decision d = {.verdict = RS_VERDICT_RELEASE, .expect = "failed"};
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_PRECONDITION);
    d = (struct rs_decision){.verdict = RS_VERDICT_RELEASE, .if_match = "\"0000\""};
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_PRECONDITION);
    assert_string_equal(yard_state(&y, a), "quarantined");
    d = (struct rs_decision){
        .verdict = RS_VERDICT_RELEASE, .expect = "quarantined", .if_match = "*"};
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_OK);
    d = (struct rs_decision){.verdict = RS_VERDICT_RELEASE, .expect = "quarantined"};
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_PRECONDITION);
}

/* ---- verdicts that outlive deletion ---- */

static void test_a_failed_verdict_is_remembered(void **state)
{
    (void)state;
    push();
    assert_status(&y, yard_fail(&y, &PROCESSOR, a), RS_OK);
    assert_status(&y, yard_delete(&y, a), RS_OK);
    (void)yard_events(&y);
    (void)yard_records(&y);
    assert_status(&y, yard_push(&y, &PUBLISHER2, a, "v2"), RS_OK);
    assert_true(y.admitted.is_remembered);
    assert_string_equal(yard_state(&y, a), "failed");
    assert_string_equal(yard_events(&y), ""); /* no quarantine event */
    assert_string_equal(yard_records(&y), "failed:a[v2]");
    /* Also with quarantine off, again and again. */
    assert_status(&y, yard_delete(&y, a), RS_OK);
    yard_policy(&y, "{\"quarantine\":\"off\"}");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    assert_string_equal(yard_state(&y, a), "failed");
    assert_false(yard_is_open(&y, a));
    /* A decision lifts it; after that nothing is remembered. */
    assert_status(&y, yard_release(&y, &PROCESSOR, a), RS_OK);
    assert_status(&y, yard_delete(&y, a), RS_OK);
    yard_policy(&y, "{}");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    assert_string_equal(yard_state(&y, a), "quarantined");
}

static void test_a_check_s_failure_is_remembered_with_its_check(void **state)
{
    (void)state;
    yard_policy(&y, "{\"checks\":[\"scan\"]}");
    push();
    report(&SCANNER, "scan", RS_CHECK_FAILED);
    assert_status(&y, yard_delete(&y, a), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    assert_string_equal(yard_state(&y, a), "failed");
    report(&SCANNER, "scan", RS_CHECK_PASSED);
    assert_string_equal(yard_state(&y, a), "released");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_last_pass_releases),
        TEST(test_the_same_report_again_is_no_news),
        TEST(test_a_fail_fails_and_the_same_check_lifts_it),
        TEST(test_a_reversal),
        TEST(test_a_decision_s_verdict_is_lifted_by_a_decision_only),
        TEST(test_a_bare_decision_is_refused),
        TEST(test_an_override_needs_the_permission_and_a_reason),
        TEST(test_who_may_report),
        TEST(test_a_check_that_is_not_required_decides_nothing),
        TEST(test_a_change_of_policy_decides_nothing),
        TEST(test_separate_duties),
        TEST(test_expect_and_if_match),
        TEST(test_a_failed_verdict_is_remembered),
        TEST(test_a_check_s_failure_is_remembered_with_its_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
