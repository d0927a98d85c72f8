#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "auth/scope.h"

static struct rs_arena arena;

static int setup(void **state)
{
    (void)state;
    rs_arena_init(&arena, (size_t)1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rs_arena_release(&arena);
    return 0;
}

static struct rs_scope *parsed(const char *text)
{
    struct rs_scope *scope = rs_scope_new(&arena);
    assert_non_null(scope);
    assert_int_equal(rs_scope_parse(scope, text, &arena, NULL), RS_OK);
    return scope;
}

/* what is asked -> what the scope then says, in its own canonical words */
static const struct {
    const char *asked;
    const char *means;
} good[] = {
    {"", ""},
    {"repository:team/app:pull", "repository:team/app:pull"},
    {"repository:team/app:pull,push", "repository:team/app:pull,push"},
    {"repository:team/app:push,pull,push", "repository:team/app:pull,push"},
    {"repository:a:pull repository:b:push", "repository:a:pull repository:b:push"},
    {"  repository:a:pull   repository:a:push ", "repository:a:pull,push"},
    {"repository:a:delete", "repository:a:delete"},
    {"repository:a:*", "repository:a:pull,push,delete,metadata_read,metadata_write"},
    {"repository:a:metadata_read,metadata_write", "repository:a:metadata_read,metadata_write"},
    {"registry:catalog:*", "registry:catalog:*"},
    /* nobody holds anything there: left out */
    {"registry:catalog:pull", ""},
    {"registry:other:*", ""},
    {"repository:a:", ""},
    {"repository:a:fly,swim", ""},
    {"repository:a:PULL", ""},
    {"repository:a:pull,", "repository:a:pull"},
    {"repository(plugin):a:pull", ""},
    {"Repository:a:pull", ""},
    {"repository:Team/App:pull", ""},
    {"repository:team%2fapp:pull", ""},
    {"repository:team/app/:pull", ""},
    {"repository:team//app:pull", ""},
    {"repository:/team:pull", ""},
    {"repository:..:pull", ""},
    {"repository:*:pull", ""},
    {"repository:**:pull", ""},
    {"repository:host:5000/app:pull", ""},
    {"repository::pull", ""},
};

static void scopes_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(good); i++) {
        const char *text = rs_scope_text(parsed(good[i].asked), &arena);
        assert_string_equal(text, good[i].means);
    }
}

static void what_is_no_scope_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"pull", "repository", "repository:a",
                                      ":",    "a:b",        "repository:a:pull nonsense"};
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        struct rs_scope *scope = rs_scope_new(&arena);
        struct rs_err err = RS_ERR_INIT;
        assert_int_equal(rs_scope_parse(scope, bad[i], &arena, &err), RS_BAD_REQUEST);
        assert_non_null(strstr(err.message, "repository:team/app:pull,push"));
    }
}

static void a_scope_is_about_exactly_its_repositories(void **state)
{
    (void)state;
    struct rs_scope *scope = parsed("repository:team/app:pull repository:team/app2:push");
    assert_int_equal(rs_scope_actions(scope, "team/app"), RS_PERM_PULL);
    assert_int_equal(rs_scope_actions(scope, "team/app2"), RS_PERM_PUSH);
    static const char *const others[] = {"team",      "team/ap",  "team/app/",
                                         "team/app3", "Team/app", ""};
    for (size_t i = 0; i < RS_ARRAY_LEN(others); i++)
        assert_int_equal(rs_scope_actions(scope, others[i]), 0);
}

static void repositories_and_bytes_are_bounded(void **state)
{
    (void)state;
    struct rs_scope *scope = rs_scope_new(&arena);
    for (unsigned i = 0; i < RS_SCOPE_REPOSITORIES_MAX; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "repository:r%u:pull", i);
        assert_int_equal(rs_scope_parse(scope, text, &arena, NULL), RS_OK);
    }
    assert_int_equal(rs_scope_parse(scope, "repository:r0:push", &arena, NULL), RS_OK);
    assert_int_equal(rs_scope_parse(scope, "repository:one-more:pull", &arena, NULL),
                     RS_BAD_REQUEST);
    assert_int_equal(rs_scope_actions(scope, "one-more"), 0);
    static char large[RS_SCOPE_TEXT_BYTES_MAX + 2];
    memset(large, ' ', sizeof large - 1);
    assert_int_equal(rs_scope_parse(scope, large, &arena, NULL), RS_BAD_REQUEST);
    large[RS_SCOPE_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(rs_scope_parse(scope, large, &arena, NULL), RS_OK);
}

static void narrowing_keeps_what_both_have(void **state)
{
    (void)state;
    struct rs_scope *asked = parsed("repository:a:pull,push repository:b:pull registry:catalog:*");
    rs_scope_narrow(asked, parsed("repository:a:pull,delete repository:c:pull"));
    assert_string_equal(rs_scope_text(asked, &arena), "repository:a:pull");
    asked = parsed("repository:a:pull,push registry:catalog:*");
    rs_scope_narrow(asked, NULL);
    assert_string_equal(rs_scope_text(asked, &arena), "repository:a:pull,push registry:catalog:*");
    rs_scope_narrow(asked, parsed(""));
    assert_string_equal(rs_scope_text(asked, &arena), "");
}

static struct rs_json *json_of(const struct rs_scope *scope)
{
    RS_AUTO(rs_buf) struct rs_buf buf = RS_BUF_INIT(65536);
    struct rs_jw w = RS_JW_INIT(&buf);
    struct rs_json *json = NULL;
    rs_scope_write(scope, &w);
    assert_int_equal(rs_json_parse_text(rs_buf_text(&buf), RS_BAD_REQUEST, &json, NULL), RS_OK);
    return json;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(good); i++) {
        RS_AUTO(rs_json) struct rs_json *json = json_of(parsed(good[i].asked));
        struct rs_scope *back = NULL;
        assert_int_equal(rs_scope_read(json, &arena, &back, NULL), RS_OK);
        assert_string_equal(rs_scope_text(back, &arena), good[i].means);
        struct rs_scope *copy = rs_scope_copy(back, &arena);
        assert_string_equal(rs_scope_text(copy, &arena), good[i].means);
    }
}

static void reading_takes_nothing_but_what_is_written(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{\"type\":\"repository\",\"name\":\"a\"}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[]}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[\"*\"]}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[\"pull\",\"fly\"]}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"actions\":\"pull\"}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[[\"pull\"]]}]",
        "[{\"type\":\"repository\",\"name\":\"A\",\"actions\":[\"pull\"]}]",
        "[{\"type\":\"repository\",\"name\":\"a\",\"class\":\"x\",\"actions\":[\"pull\"]}]",
        "[{\"type\":\"other\",\"name\":\"a\",\"actions\":[\"pull\"]}]",
        "[{\"type\":\"registry\",\"name\":\"catalog\",\"actions\":[\"pull\"]}]",
        "[{\"type\":\"registry\",\"name\":\"x\",\"actions\":[\"*\"]}]",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        RS_AUTO(rs_json) struct rs_json *json = NULL;
        struct rs_scope *scope = NULL;
        assert_int_equal(rs_json_parse_text(bad[i], RS_BAD_REQUEST, &json, NULL), RS_OK);
        assert_int_equal(rs_scope_read(json, &arena, &scope, NULL), RS_UNAUTHORIZED);
        assert_null(scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scopes_mean_what_they_say, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_scope_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scope_is_about_exactly_its_repositories, setup, teardown),
        cmocka_unit_test_setup_teardown(repositories_and_bytes_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(narrowing_keeps_what_both_have, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_takes_nothing_but_what_is_written, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
