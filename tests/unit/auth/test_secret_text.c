#include "../cm.h"

#include <string.h>

#include "auth/secret_text.h"

static void a_secret_matches_its_stored_form_only(void **state)
{
    (void)state;
    char a[RS_SECRET_TEXT_BYTES];
    char b[RS_SECRET_TEXT_BYTES];
    char stored[RS_SECRET_STORED_BYTES];
    rs_secret_text_new(a);
    rs_secret_text_new(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), RS_SECRET_TEXT_BYTES - 1);
    assert_true(rs_secret_text_is_ours(a));
    rs_secret_text_stored(a, stored);
    assert_int_equal(strlen(stored), RS_SECRET_STORED_BYTES - 1);
    assert_null(strstr(stored, a + sizeof RS_SECRET_PREFIX - 1));
    assert_true(rs_secret_text_matches(a, stored));
    assert_false(rs_secret_text_matches(b, stored));
    assert_false(rs_secret_text_matches("", stored));
    assert_false(rs_secret_text_matches(stored, stored)); /* a stolen catalog opens nothing */
    assert_false(rs_secret_text_matches(a, ""));
    assert_false(rs_secret_text_matches(a, "sha256:"));
    stored[20] = stored[20] == 'a' ? 'b' : 'a';
    assert_false(rs_secret_text_matches(a, stored));
}

static void passwords_are_not_secrets_of_robots(void **state)
{
    (void)state;
    char password[RS_SECRET_PASSWORD_BYTES];
    char other[RS_SECRET_PASSWORD_BYTES];
    rs_secret_password_new(password);
    rs_secret_password_new(other);
    assert_string_not_equal(password, other);
    assert_int_equal(strlen(password), RS_SECRET_PASSWORD_BYTES - 1);
    assert_int_equal(strspn(password, "abcdefghijkmnpqrstuvwxyz23456789"), strlen(password));
    assert_false(rs_secret_text_is_ours(password));
    assert_false(rs_secret_text_is_ours(""));
    assert_false(rs_secret_text_is_ours(RS_SECRET_PREFIX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_matches_its_stored_form_only),
        cmocka_unit_test(passwords_are_not_secrets_of_robots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
