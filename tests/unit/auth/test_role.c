#include "../cm.h"

#include <string.h>

#include "auth/access.h"
#include "auth/role.h"

/* SPEC section 3, written down a second time. */
static const struct {
    const char *what;
    uint32_t perms;
    const char *check;
    bool is_quarantine;
    bool is_permission;
} table[] = {
    {"consumer", RS_PERM_PULL, NULL, false, false},
    {"publisher", RS_PERM_PULL | RS_PERM_PUSH, NULL, false, false},
    {"quarantine-reader", RS_PERM_PULL | RS_PERM_QUARANTINE_PULL, NULL, true, false},
    {"processor",
     RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH |
         RS_PERM_QUARANTINE_DECIDE,
     NULL, true, false},
    {"checker:scan",
     RS_PERM_PULL | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH | RS_PERM_CHECK_ANY, "scan",
     true, false},
    {"maintainer", RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE, NULL, false, false},
    {"auditor", RS_PERM_AUDIT_READ, NULL, false, false},
    {"admin", RS_PERM_ADMIN, NULL, false, false},
    {"pull", RS_PERM_PULL, NULL, false, true},
    {"push", RS_PERM_PUSH, NULL, false, true},
    {"delete", RS_PERM_DELETE, NULL, false, true},
    {"quarantine-pull", RS_PERM_QUARANTINE_PULL, NULL, true, true},
    {"quarantine-push", RS_PERM_QUARANTINE_PUSH, NULL, true, true},
    {"quarantine-decide", RS_PERM_QUARANTINE_DECIDE, NULL, true, true},
    {"quarantine-override", RS_PERM_QUARANTINE_OVERRIDE, NULL, true, true},
    {"check:scan", RS_PERM_CHECK_ANY, "scan", true, true},
    {"check:*", RS_PERM_CHECK_ANY, "*", true, true},
    {"audit-read", RS_PERM_AUDIT_READ, NULL, false, true},
};

static void every_role_gives_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(table); i++) {
        struct rs_role_gives gives;
        assert_true(rs_role_gives(table[i].what, &gives));
        assert_int_equal(gives.perms, table[i].perms);
        assert_int_equal(gives.check != NULL, table[i].check != NULL);
        if (table[i].check != NULL)
            assert_string_equal(gives.check, table[i].check);
        assert_int_equal(rs_role_is_quarantine(&gives), table[i].is_quarantine);
        assert_int_equal(rs_role_is_permission(table[i].what), table[i].is_permission);
        assert_int_equal(rs_role_is_for_anonymous(&gives), table[i].perms == RS_PERM_PULL);
    }
}

static void no_role_overrides(void **state)
{
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(table); i++) {
        struct rs_role_gives gives;
        assert_true(rs_role_gives(table[i].what, &gives));
        if ((gives.perms & RS_PERM_QUARANTINE_OVERRIDE) != 0)
            assert_string_equal(table[i].what, "quarantine-override");
    }
}

static void unknown_words_give_nothing(void **state)
{
    (void)state;
    static const char *const words[] = {
        "",
        "Consumer",
        "consumer ",
        " consumer",
        "consumer,publisher",
        "*",
        "checker",
        "checker:",
        "checker:*",
        "check",
        "check:",
        "check:**",
        "check:A",
        "check:-a",
        "check:a/b",
        "check:a b",
        "check:a\nb",
        "pull push",
        "root",
        "owner",
        "AcrPull",
        "quarantine",
        "check: scan",
        "admin:*",
        "check:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(words); i++) {
        struct rs_role_gives gives = {.perms = ~0U};
        assert_false(rs_role_gives(words[i], &gives));
        assert_int_equal(gives.perms, 0);
        assert_null(gives.check);
    }
}

static void a_check_is_held_by_its_whole_name(void **state)
{
    (void)state;
    struct rs_access a = {.perms = RS_PERM_CHECK_ANY, .checks = "scan\nsign-all"};
    assert_true(rs_access_has_check(&a, "scan"));
    assert_true(rs_access_has_check(&a, "sign-all"));
    static const char *const others[] = {"", "sca", "scan2", "sign", "all", "scan\nsign-all", "*"};
    for (size_t i = 0; i < RS_ARRAY_LEN(others); i++)
        assert_false(rs_access_has_check(&a, others[i]));
    a.checks = "scan\n*";
    assert_true(rs_access_has_check(&a, "anything"));
    a.perms = RS_PERM_PULL; /* without the bit the list says nothing */
    assert_false(rs_access_has_check(&a, "scan"));
    a = (struct rs_access){.perms = RS_PERM_CHECK_ANY};
    assert_false(rs_access_has_check(&a, "scan"));
}

static void permissions_have_one_name(void **state)
{
    (void)state;
    assert_string_equal(rs_perm_name(RS_PERM_QUARANTINE_DECIDE), "quarantine-decide");
    assert_string_equal(rs_perm_name(RS_PERM_ADMIN), "admin");
    assert_null(rs_perm_name(RS_PERM_CHECK_ANY));
    assert_null(rs_perm_name(RS_PERM_PULL | RS_PERM_PUSH));
    assert_null(rs_perm_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_gives_what_the_table_says),
        cmocka_unit_test(no_role_overrides),
        cmocka_unit_test(unknown_words_give_nothing),
        cmocka_unit_test(a_check_is_held_by_its_whole_name),
        cmocka_unit_test(permissions_have_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
