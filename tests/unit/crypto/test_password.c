#include "crypto/password.h"

#include <string.h>

#include "../cm.h"

static bool verify(const char *password, const char *stored)
{
    bool matches = true;
    assert_int_equal(rs_password_verify(password, stored, &matches, NULL), RS_OK);
    return matches;
}

static void round_trip(void **state)
{
    (void)state;
    char hash[RS_PASSWORD_HASH_BYTES];
    char other[RS_PASSWORD_HASH_BYTES];
    assert_int_equal(rs_password_hash("s3cret", hash, NULL), RS_OK);
    assert_true(strncmp(hash, "$y$", 3) == 0 || strncmp(hash, "$2b$", 4) == 0);
    assert_null(strstr(hash, "s3cret"));
    assert_true(verify("s3cret", hash));
    assert_false(verify("s3cre", hash));
    assert_false(verify("s3cret ", hash));
    assert_false(verify("", hash));
    /* another salt each time */
    assert_int_equal(rs_password_hash("s3cret", other, NULL), RS_OK);
    assert_string_not_equal(hash, other);
}

static void long_passwords_count_to_their_end(void **state)
{
    (void)state;
    char hash[RS_PASSWORD_HASH_BYTES];
    char password[RS_PASSWORD_BYTES_MAX + 2];
    memset(password, 'p', sizeof(password));
    password[RS_PASSWORD_BYTES_MAX + 1] = '\0';
    assert_int_equal(rs_password_hash(password, hash, NULL), RS_BAD_REQUEST);
    assert_int_equal(rs_password_hash("", hash, NULL), RS_BAD_REQUEST);
    password[72] = '\0';
    assert_int_equal(rs_password_hash(password, hash, NULL), RS_OK);
    assert_true(verify(password, hash));
    password[72] = 'x';
    password[73] = '\0';
    assert_false(verify(password, hash));
}

static void hashes_of_other_programs(void **state)
{
    (void)state;
    /* made with the system's bcrypt for the password U*U, as published with that method */
    assert_true(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    assert_false(verify("U*V", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

static void what_is_no_hash_matches_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "*", "!", "x", "s3cret", "$", "$y$", "$y$j9T$", "$y$j9T$$", "$2b$", "$2b$05$",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        /* methods that are too fast for passwords, though the system knows them */
        "$1$12345678$xek.CpjQUVgdf/P2N9KQf/", "$6$salt$x", "$5$salt$x", "ab01FAX.bQRSU",
        "_J9..rasm", "$y$j9T$salt$with:colon and blank"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        assert_false(verify("s3cret", rows[i]));
        assert_false(verify(rows[i], rows[i]));
    }
}

static void nobody(void **state)
{
    (void)state;
    char password[4096];
    memset(password, 'p', sizeof(password));
    password[sizeof(password) - 1] = '\0';
    rs_password_verify_nobody("");
    rs_password_verify_nobody("s3cret");
    rs_password_verify_nobody(password);
    /* what a stored hash is compared with has no stored hash of its own */
    char hash[RS_PASSWORD_HASH_BYTES];
    assert_int_equal(rs_password_hash("s3cret", hash, NULL), RS_OK);
    assert_false(verify(password, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(long_passwords_count_to_their_end),
        cmocka_unit_test(hashes_of_other_programs),
        cmocka_unit_test(what_is_no_hash_matches_nothing),
        cmocka_unit_test(nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
