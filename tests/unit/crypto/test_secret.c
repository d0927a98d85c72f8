#include "crypto/secret.h"

#include <string.h>

#include "../cm.h"

static void equal_bytes(void **state)
{
    (void)state;
    assert_true(rs_secret_equal("abc", "abd", 2));
    assert_true(rs_secret_equal("abc", "xyz", 0));
    assert_false(rs_secret_equal("abc", "abd", 3));
    assert_false(rs_secret_equal("abc", "bbc", 3));
}

static void equal_texts(void **state)
{
    (void)state;
    assert_true(rs_secret_equal_text("", ""));
    assert_true(rs_secret_equal_text("secret", "secret"));
    assert_false(rs_secret_equal_text("secre", "secret"));
    assert_false(rs_secret_equal_text("secrett", "secret"));
    assert_false(rs_secret_equal_text("", "secret"));
    assert_false(rs_secret_equal_text("secret", ""));
    assert_false(rs_secret_equal_text("Secret", "secret"));
}

static void wiping(void **state)
{
    (void)state;
    char secret[] = "hunter2";
    static const char zeros[sizeof(secret)];
    rs_secret_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, zeros, sizeof(secret));
    rs_secret_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bytes),
        cmocka_unit_test(equal_texts),
        cmocka_unit_test(wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
