#include "auth/workload_rule.h"

#include <string.h>

#include "../cm.h"

#define ISSUER "https://issuer.example"
#define RULE(claims) \
    "{\"issuer\":\"" ISSUER "\",\"audience\":[\"us\",\"we\"],\"claims\":" claims "}"
#define TOKEN(claims) "{\"iss\":\"" ISSUER "\",\"aud\":\"us\"," claims "}"

static struct rs_json *parse(const char *text)
{
    struct rs_json *json = NULL;
    assert_int_equal(rs_json_parse_text(text, RS_BAD_REQUEST, &json, NULL), RS_OK);
    return json;
}

static bool is_met(const char *rule_text, const char *token_text)
{
    RS_AUTO(rs_json) struct rs_json *json = parse(rule_text);
    RS_AUTO(rs_json) struct rs_json *claims = parse(token_text);
    struct rs_workload_rule rule;
    assert_int_equal(rs_workload_rule_read(json, &rule, NULL), RS_OK);
    assert_int_equal(rs_workload_rule_complete(&rule, NULL, NULL), RS_OK);
    return rs_workload_rule_is_met(&rule, claims);
}

static void claims(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *token;
        bool is_met;
    } rows[] = {
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"sub\":\"a\""), true},
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"sub\":\"A\""), false},
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"sub\":\"ab\""), false},
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"sub\":null"), false},
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"sub\":{\"a\":\"a\"}"), false},
        {RULE("{\"sub\":\"a\"}"), TOKEN("\"bus\":\"a\""), false},
        {RULE("{\"sub\":\"**\"}"), TOKEN("\"sub\":\"x/y\""), true},
        {RULE("{\"sub\":\"**\"}"), TOKEN("\"bus\":\"x/y\""), false},
        {RULE("{\"sub\":\"repo:acme/*\"}"), TOKEN("\"sub\":\"repo:acme/app\""), true},
        {RULE("{\"sub\":\"repo:acme/*\"}"), TOKEN("\"sub\":\"repo:acme/app/x\""), false},
        {RULE("{\"sub\":\"repo:acme/**\"}"), TOKEN("\"sub\":\"repo:acme/app/x\""), true},
        {RULE("{\"sub\":\"repo:acme/*\"}"), TOKEN("\"sub\":\"repo:acme2/app\""), false},
        /* all of them */
        {RULE("{\"a\":\"1\",\"b\":\"2\"}"), TOKEN("\"a\":\"1\",\"b\":\"2\""), true},
        {RULE("{\"a\":\"1\",\"b\":\"2\"}"), TOKEN("\"a\":\"1\",\"b\":\"3\""), false},
        {RULE("{\"a\":\"1\",\"b\":\"2\"}"), TOKEN("\"a\":\"1\""), false},
        /* numbers and truth are no texts */
        {RULE("{\"id\":7}"), TOKEN("\"id\":7"), true},
        {RULE("{\"id\":7}"), TOKEN("\"id\":\"7\""), false},
        {RULE("{\"id\":7}"), TOKEN("\"id\":7.0"), false},
        {RULE("{\"id\":\"7\"}"), TOKEN("\"id\":7"), false},
        {RULE("{\"ok\":true}"), TOKEN("\"ok\":true"), true},
        {RULE("{\"ok\":true}"), TOKEN("\"ok\":false"), false},
        {RULE("{\"ok\":true}"), TOKEN("\"ok\":1"), false},
        {RULE("{\"ok\":false}"), TOKEN("\"x\":1"), false},
        /* lists on either side */
        {RULE("{\"ref\":[\"main\",\"v*\"]}"), TOKEN("\"ref\":\"v1\""), true},
        {RULE("{\"ref\":[\"main\",\"v*\"]}"), TOKEN("\"ref\":\"dev\""), false},
        {RULE("{\"groups\":\"ops\"}"), TOKEN("\"groups\":[\"dev\",\"ops\"]"), true},
        {RULE("{\"groups\":\"ops\"}"), TOKEN("\"groups\":[\"dev\"]"), false},
        {RULE("{\"groups\":\"ops\"}"), TOKEN("\"groups\":[]"), false},
        {RULE("{\"groups\":\"ops\"}"), TOKEN("\"groups\":[[\"ops\"]]"), false},
        {RULE("{\"groups\":[\"a\",\"b\"]}"), TOKEN("\"groups\":[\"x\",\"b\"]"), true},
        {RULE("{\"ids\":7}"), TOKEN("\"ids\":[1,7]"), true},
        /* objects */
        {RULE("{\"k8s\":{\"namespace\":\"ci\",\"sa\":{\"name\":\"*\"}}}"),
         TOKEN("\"k8s\":{\"namespace\":\"ci\",\"sa\":{\"name\":\"b\",\"uid\":\"1\"}}"), true},
        {RULE("{\"k8s\":{\"namespace\":\"ci\",\"sa\":{\"name\":\"*\"}}}"),
         TOKEN("\"k8s\":{\"namespace\":\"ci\"}"), false},
        {RULE("{\"k8s\":{\"namespace\":\"ci\"}}"), TOKEN("\"k8s\":\"ci\""), false},
        {RULE("{\"k8s\":{\"namespace\":\"ci\"}}"), TOKEN("\"k8s\":[{\"namespace\":\"ci\"}]"), true},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        if (is_met(rows[i].rule, rows[i].token) != rows[i].is_met)
            fail_msg("%s against %s", rows[i].token, rows[i].rule);
    }
}

static void issuer_and_audience(void **state)
{
    (void)state;
    static const char rule[] = RULE("{\"sub\":\"a\"}");
    static const struct {
        const char *token;
        bool is_met;
    } rows[] = {
        {"{\"iss\":\"" ISSUER "\",\"aud\":\"we\",\"sub\":\"a\"}", true},
        {"{\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"us\"],\"sub\":\"a\"}", true},
        {"{\"iss\":\"" ISSUER "\",\"aud\":[\"x\"],\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "\",\"aud\":[],\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "\",\"aud\":[1,null],\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "\",\"aud\":\"US\",\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "\",\"aud\":{\"us\":\"us\"},\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "\",\"sub\":\"a\"}", false},
        {"{\"iss\":\"" ISSUER "/\",\"aud\":\"us\",\"sub\":\"a\"}", false},
        {"{\"iss\":\"https://Issuer.example\",\"aud\":\"us\",\"sub\":\"a\"}", false},
        {"{\"iss\":[\"" ISSUER "\"],\"aud\":\"us\",\"sub\":\"a\"}", false},
        {"{\"aud\":\"us\",\"sub\":\"a\"}", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        if (is_met(rule, rows[i].token) != rows[i].is_met)
            fail_msg("%s", rows[i].token);
    }
}

/* An audience is a name: what stands for anything in a claim's rule stands for itself here. */
static void audiences_are_no_patterns(void **state)
{
    (void)state;
    static const char rule[] =
        "{\"issuer\":\"" ISSUER "\",\"audience\":\"**\",\"claims\":{\"sub\":\"a\"}}";
    assert_false(is_met(rule, "{\"iss\":\"" ISSUER "\",\"aud\":\"us\",\"sub\":\"a\"}"));
    assert_true(is_met(rule, "{\"iss\":\"" ISSUER "\",\"aud\":\"**\",\"sub\":\"a\"}"));
}

static void bad_rules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{\"issuer\":\"http://issuer.example\"}", "issuer: "},
        {"{\"issuer\":\"https://\"}", "issuer: "},
        {"{\"issuer\":\"https://a@issuer.example\"}", "issuer: "},
        {"{\"issuer\":\"https://issuer.example?x\"}", "issuer: "},
        {"{\"issuer\":\"https://issuer.example#x\"}", "issuer: "},
        {"{\"issuer\":\"https://issuer example\"}", "issuer: "},
        {"{\"issuer\":7}", "issuer"},
        {"{\"audience\":\"\"}", "audience: "},
        {"{\"audience\":[]}", "audience: "},
        {"{\"audience\":[\"a\",\"\"]}", "audience: "},
        {"{\"audience\":[\"a\",1]}", "audience: "},
        {"{\"audience\":null}", "audience: "},
        {"{\"audience\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", "audience: "},
        {"{\"claims\":{}}", "claims: "},
        {"{\"claims\":[\"sub\"]}", "claims"},
        {"{\"claims\":\"sub\"}", "claims"},
        {"{\"claims\":{\"sub\":null}}", "claims: "},
        {"{\"claims\":{\"sub\":1.5}}", "claims: "},
        {"{\"claims\":{\"sub\":[]}}", "claims: "},
        {"{\"claims\":{\"sub\":{}}}", "claims: "},
        {"{\"claims\":{\"sub\":[\"a\",null]}}", "claims: "},
        {"{\"claims\":{\"sub\":\"a***b\"}}", "claims: "},
        {"{\"claims\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":\"f\"}}}}}}", "claims: "},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_json) struct rs_json *json = parse(rows[i].json);
        struct rs_workload_rule rule;
        struct rs_err err = RS_ERR_INIT;
        if (rs_workload_rule_read(json, &rule, &err) != RS_BAD_REQUEST ||
            strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].json, err.message);
    }
}

static void what_is_missing_comes_from_the_old_rule(void **state)
{
    (void)state;
    RS_AUTO(rs_json) struct rs_json *old_json = parse(RULE("{\"sub\":\"a\"}"));
    RS_AUTO(rs_json) struct rs_json *json = parse("{\"audience\":\"me\"}");
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(4096);
    struct rs_workload_rule old;
    struct rs_workload_rule rule;
    assert_int_equal(rs_workload_rule_read(old_json, &old, NULL), RS_OK);
    assert_int_equal(rs_workload_rule_read(json, &rule, NULL), RS_OK);
    assert_int_equal(rs_workload_rule_complete(&rule, NULL, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_workload_rule_complete(&rule, &old, NULL), RS_OK);
    assert_int_equal(rs_workload_rule_write(&rule, &text, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&text),
                        "{\"audience\":[\"me\"],\"claims\":{\"sub\":\"a\"},\"issuer\":\"" ISSUER
                        "\"}");
}

static void a_rule_that_is_too_long_is_refused(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(65536);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    (void)rs_buf_adds(&json,
                      "{\"issuer\":\"" ISSUER "\",\"audience\":\"a\",\"claims\":{\"sub\":\"");
    for (size_t i = 0; i < RS_WORKLOAD_RULE_BYTES_MAX; i++)
        (void)rs_buf_addc(&json, 'a');
    (void)rs_buf_adds(&json, "\"}}");
    RS_AUTO(rs_json) struct rs_json *root = parse(rs_buf_text(&json));
    struct rs_workload_rule rule;
    assert_int_equal(rs_workload_rule_read(root, &rule, NULL), RS_OK);
    assert_int_equal(rs_workload_rule_write(&rule, &text, NULL), RS_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims),
        cmocka_unit_test(issuer_and_audience),
        cmocka_unit_test(audiences_are_no_patterns),
        cmocka_unit_test(bad_rules_are_refused),
        cmocka_unit_test(what_is_missing_comes_from_the_old_rule),
        cmocka_unit_test(a_rule_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
