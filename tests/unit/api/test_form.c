#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "api/form.h"

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

static enum rs_status parse(const char *text, struct rs_form *ret)
{
    return rs_form_parse(rs_str_of(text), &arena, ret, NULL);
}

static void fields_are_decoded(void **state)
{
    (void)state;
    struct rs_form form;
    assert_int_equal(
        parse("grant_type=password&username=al%69ce&password=a%2Bb+c%26%3d&x=&y", &form), RS_OK);
    assert_string_equal(rs_form_get(&form, "grant_type"), "password");
    assert_string_equal(rs_form_get(&form, "username"), "alice");
    assert_string_equal(rs_form_get(&form, "password"), "a+b c&=");
    assert_string_equal(rs_form_get(&form, "x"), "");
    assert_string_equal(rs_form_get(&form, "y"), "");
    assert_null(rs_form_get(&form, "z"));
    assert_int_equal(parse("", &form), RS_OK);
    assert_int_equal(form.n, 0);
    assert_int_equal(parse("&&a=1&", &form), RS_OK);
    assert_int_equal(form.n, 1);
    assert_int_equal(parse("a=b=c", &form), RS_OK);
    assert_string_equal(rs_form_get(&form, "a"), "b=c");
}

static void only_scope_may_repeat(void **state)
{
    (void)state;
    struct rs_form form;
    assert_int_equal(parse("scope=a&scope=b+c&scope=d", &form), RS_OK);
    assert_string_equal(rs_form_get(&form, "scope"), "a b c d");
    assert_int_equal(parse("username=a&username=b", &form), RS_BAD_REQUEST);
    assert_int_equal(parse("username=a&usernam%65=b", &form), RS_BAD_REQUEST);
}

static void broken_forms_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"a=%",   "a=%4",     "a=%4g",      "a=%zz", "%=1",
                                      "a=%00", "a=%0a",    "a=\n",       "a=%7f", "a=%ff",
                                      "a=%c3", "a=%c0%80", "a=%ed%a0%80"};
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        struct rs_form form;
        assert_int_equal(parse(bad[i], &form), RS_BAD_REQUEST);
    }
    /* a NUL that is there as it is */
    struct rs_form form;
    assert_int_equal(rs_form_parse(rs_str_n("a=\0b", 4), &arena, &form, NULL), RS_BAD_REQUEST);
}

static void fields_are_bounded(void **state)
{
    (void)state;
    struct rs_form form;
    char text[8 * (RS_FORM_FIELDS_MAX + 1) + 1] = "";
    for (unsigned i = 0; i <= RS_FORM_FIELDS_MAX; i++) {
        char field[9];
        (void)snprintf(field, sizeof field, "f%03u=1&", i);
        strcat(text, field);
    }
    assert_int_equal(parse(text, &form), RS_BAD_REQUEST);
    text[strlen(text) - strlen("f032=1&")] = '\0';
    assert_int_equal(parse(text, &form), RS_OK);
    assert_int_equal(form.n, RS_FORM_FIELDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(only_scope_may_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_forms_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
