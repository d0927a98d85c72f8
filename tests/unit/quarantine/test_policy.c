/* Policies: their text, their order, and that whatever goes wrong denies (SPEC section 5). */
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "json/json.h"
#include "quarantine/policy.h"
#include "yard.h"

static struct yard y;

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    return 0;
}

static int close_yard(void **state)
{
    yard_close(&y);
    return scratch_teardown(state);
}

static enum rs_status parse(const char *text, struct rs_policy *ret)
{
    RS_AUTO(rs_json) struct rs_json *object = NULL;
    if (rs_json_parse_text(text, RS_BAD_REQUEST, &object, NULL) != RS_OK)
        return RS_BAD_REQUEST;
    return rs_policy_parse(object, "team/*", ret, NULL);
}

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        const char *canonical; /* NULL: refused */
    } rows[] = {
        {"{}", "{\"checks\":[],\"disclose\":true,\"echo\":true,\"expire_failed_after\":\"0s\","
               "\"expire_quarantined_after\":\"0s\",\"immutable_tags\":[],\"overdue_after\":\"0s\","
               "\"quarantine\":\"on\",\"separate_duties\":false}"},
        {"{\"quarantine\":\"observe\",\"checks\":[\"sign\",\"a\"],\"overdue_after\":\"36h\","
         "\"expire_failed_after\":86400,\"expire_quarantined_after\":\"90s\","
         "\"immutable_tags\":[\"v*\"],\"echo\":false,\"disclose\":false,\"separate_duties\":true}",
         "{\"checks\":[\"a\",\"sign\"],\"disclose\":false,\"echo\":false,"
         "\"expire_failed_after\":\"1d\",\"expire_quarantined_after\":\"90s\","
         "\"immutable_tags\":[\"v*\"],\"overdue_after\":\"36h\",\"quarantine\":\"observe\","
         "\"separate_duties\":true}"},
        {"[]", NULL},
        {"{\"quarantin\":\"off\"}", NULL},
        {"{\"quarantine\":\"Off\"}", NULL},
        {"{\"quarantine\":false}", NULL},
        {"{\"quarantine\":null}", NULL},
        {"{\"checks\":\"scan\"}", NULL},
        {"{\"checks\":[\"scan\",\"scan\"]}", NULL},
        {"{\"checks\":[\"Scan\"]}", NULL},
        {"{\"checks\":[\"\"]}", NULL},
        {"{\"checks\":[\"a\\nb\"]}", NULL},
        {"{\"checks\":[1]}", NULL},
        {"{\"overdue_after\":-1}", NULL},
        {"{\"overdue_after\":1.5}", NULL},
        {"{\"overdue_after\":\"1w\"}", NULL},
        {"{\"overdue_after\":\"d\"}", NULL},
        {"{\"overdue_after\":\"99999999999d\"}", NULL},
        {"{\"overdue_after\":\"40000d\"}", NULL},
        {"{\"immutable_tags\":[\"a b\"]}", NULL},
        {"{\"immutable_tags\":\"v*\"}", NULL},
        {"{\"echo\":1}", NULL},
        {"{\"disclose\":\"yes\"}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_policy policy;
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT((size_t)4096);
        print_message("%s\n", rows[i].text);
        enum rs_status s = parse(rows[i].text, &policy);
        assert_int_equal(s, rows[i].canonical == NULL ? RS_BAD_REQUEST : RS_OK);
        if (rows[i].canonical == NULL) {
            /* What could not be read denies. */
            assert_int_equal(policy.quarantine, RS_QUARANTINE_ON);
            assert_false(policy.echo || policy.disclose);
            assert_true(policy.separate_duties);
            continue;
        }
        assert_int_equal(rs_policy_write(&policy, &out), RS_OK);
        assert_string_equal(rs_buf_text(&out), rows[i].canonical);
        struct rs_policy again;
        assert_int_equal(parse(rs_buf_text(&out), &again), RS_OK);
        assert_memory_equal(&policy, &again, sizeof(policy));
    }
}

static void put(const char *pattern, int64_t position, const char *rules)
{
    RS_AUTO(rs_json) struct rs_json *object = NULL;
    struct rs_actor actor = {.name = "admin", .request_id = "r", .source = ""};
    struct rs_policy_change change = {.actor = &actor, .position = position};
    bool created = false;
    assert_int_equal(rs_json_parse_text(rules, RS_BAD_REQUEST, &object, NULL), RS_OK);
    assert_int_equal(rs_policy_parse(object, pattern, &change.policy, &y.err), RS_OK);
    assert_int_equal(rs_policy_put(y.db, &change, &created, &y.err), RS_OK);
}

static const char *matching(const char *repository)
{
    static struct rs_policy policy;
    assert_int_equal(rs_policy_for_db(y.db, repository, &policy, &y.err), RS_OK);
    return policy.pattern;
}

static void test_the_first_match_wins(void **state)
{
    (void)state;
    assert_string_equal(matching("team/app"), "");
    put("**", -1, "{}");
    put("team/**", -1, "{\"quarantine\":\"off\"}");
    assert_string_equal(matching("team/app"), "**");
    put("team/**", 0, "{\"quarantine\":\"off\"}");
    assert_string_equal(matching("team/app"), "team/**");
    assert_string_equal(matching("other"), "**");
    put("team/app", 1, "{}");
    assert_string_equal(matching("team/app"), "team/**");
    struct rs_actor actor = {.name = "admin", .request_id = "r", .source = ""};
    assert_int_equal(rs_policy_remove(y.db, &actor, "team/**", &y.err), RS_OK);
    assert_string_equal(matching("team/app"), "team/app");
    assert_int_equal(rs_policy_remove(y.db, &actor, "team/**", NULL), RS_NOT_FOUND);
    assert_string_equal(yard_records(&y), "policy-added:?[] policy-added:?[] policy-changed:?[]"
                                          " policy-added:?[] policy-removed:?[]");
    put("team/app", -1, "{}"); /* the same again: nothing changes */
    assert_string_equal(yard_records(&y), "");
}

static void test_a_damaged_policy_denies_what_it_matches(void **state)
{
    struct rs_policy policy;
    (void)state;
    put("team/**", -1, "{\"quarantine\":\"off\"}");
    put("**", -1, "{\"quarantine\":\"off\"}");
    yard_sql(&y, "UPDATE policy SET rules = '{\"quarantine\":\"of' WHERE pattern = 'team/**';"
                 "UPDATE fact SET value = 'x' WHERE key = 'policy_version'");
    assert_int_equal(rs_policy_for_db(y.db, "team/app", &policy, NULL), RS_CORRUPT);
    assert_int_equal(policy.quarantine, RS_QUARANTINE_ON);
    assert_int_equal(rs_policy_for_db(y.db, "other", &policy, NULL), RS_OK);
    assert_int_equal(policy.quarantine, RS_QUARANTINE_OFF);
    /* A push there does not happen. */
    const struct yard_thing *a = yard_image(&y, "a");
    assert_int_equal(yard_push(&y, &PUBLISHER, a, "v1"), RS_CORRUPT);
    assert_string_equal(yard_state(&y, a), "none");
    put("team/**", -1, "{}"); /* it can be replaced */
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    assert_string_equal(yard_state(&y, a), "quarantined");
}

static void test_observe_holds_nothing_and_remembers(void **state)
{
    (void)state;
    put("**", -1, "{\"quarantine\":\"observe\"}");
    const struct yard_thing *a = yard_image(&y, "a");
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "v1"), RS_OK);
    assert_string_equal(yard_state(&y, a), "released");
    assert_string_equal(yard_events(&y), "push:v1:a");
    assert_int_equal(yard_number(&y, "SELECT observed FROM manifest"), 1);
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM audit WHERE action = 'pushed'"
                                     " AND CAST(record AS TEXT) LIKE '%observed%quarantined%'"),
                     1);
}

struct initial_job {
    const char *const *bodies;
    size_t n;
    size_t bad;
};

static enum rs_status initial_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct initial_job *job = arg;
    struct rs_actor actor = {.name = "config", .request_id = "", .source = ""};
    return rs_policy_apply_initial(conn, &actor, job->bodies, job->n, &job->bad, reterr);
}

static void test_initial_ones(void **state)
{
    static const char *const bad[] = {"{\"pattern\":\"a/**\"}", "{\"pattern\":\"A\"}"};
    static const char *const twice[] = {"{\"pattern\":\"a\"}", "{\"pattern\":\"a\"}"};
    static const char *const good[] = {"{\"pattern\":\"a/**\",\"quarantine\":\"off\"}",
                                       "{\"pattern\":\"**\",\"checks\":[\"scan\"]}"};
    struct initial_job job = {.bodies = bad, .n = 2};
    (void)state;
    assert_int_equal(rs_db_write(y.db, initial_run, &job, NULL), RS_BAD_REQUEST);
    assert_int_equal(job.bad, 1);
    job = (struct initial_job){.bodies = twice, .n = 2};
    assert_int_equal(rs_db_write(y.db, initial_run, &job, NULL), RS_BAD_REQUEST);
    assert_string_equal(matching("a/b"), "");
    job = (struct initial_job){.bodies = good, .n = 2};
    assert_int_equal(rs_db_write(y.db, initial_run, &job, NULL), RS_OK);
    assert_string_equal(matching("a/b"), "a/**");
    assert_string_equal(matching("b"), "**");
    assert_int_equal(rs_db_write(y.db, initial_run, &job, NULL), RS_CONFLICT); /* once */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_texts),
        TEST(test_the_first_match_wins),
        TEST(test_a_damaged_policy_denies_what_it_matches),
        TEST(test_observe_holds_nothing_and_remembers),
        TEST(test_initial_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
