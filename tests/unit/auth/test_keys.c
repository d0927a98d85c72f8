#include "../cm.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "auth/keys.h"

#define NOW ((int64_t)1800000000)
#define VERIFY_S 1000

static struct rs_keys *opened(void **state, int64_t now)
{
    struct rs_keys *keys = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_keys_open(scratch_path(state, ""), now, VERIFY_S, &keys, &err) != RS_OK)
        fail_msg("rs_keys_open: %s (%s)", err.message, err.log);
    return keys;
}

static void the_first_start_makes_a_private_key(void **state)
{
    struct rs_keys *keys = opened(state, NOW);
    struct rs_key a;
    struct rs_key b;
    struct stat st;
    rs_keys_signing(keys, &a);
    rs_keys_free(keys);
    assert_int_equal(stat(scratch_path(state, "keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(scratch_path(state, "keys/token-keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    keys = opened(state, NOW + 10); /* a restart keeps it */
    rs_keys_signing(keys, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(strlen(a.id), 16);
    rs_keys_free(keys);
}

static void a_key_is_found_by_its_whole_header(void **state)
{
    struct rs_keys *keys = opened(state, NOW);
    struct rs_key a;
    struct rs_key b;
    rs_keys_signing(keys, &a);
    assert_true(rs_keys_find(keys, rs_str_of(a.header), &b));
    assert_string_equal(a.id, b.id);
    assert_false(rs_keys_find(keys, rs_str_n(a.header, strlen(a.header) - 1), &b));
    assert_false(rs_keys_find(keys, rs_str_of(""), &b));
    assert_false(rs_keys_find(keys, rs_str_of(a.id), &b));
    rs_keys_free(keys);
}

static void an_old_key_verifies_until_its_tokens_are_gone(void **state)
{
    struct rs_keys *keys = opened(state, NOW);
    struct rs_key old;
    struct rs_key new;
    struct rs_key found;
    rs_keys_signing(keys, &old);
    assert_int_equal(rs_keys_rotate(keys, NOW + 100, NULL), RS_OK);
    rs_keys_signing(keys, &new);
    assert_string_not_equal(old.id, new.id);
    assert_true(rs_keys_find(keys, rs_str_of(old.header), &found));
    rs_keys_free(keys);
    keys = opened(state, NOW + 100 + VERIFY_S);
    assert_true(rs_keys_find(keys, rs_str_of(old.header), &found));
    rs_keys_free(keys);
    keys = opened(state, NOW + 101 + VERIFY_S);
    assert_false(rs_keys_find(keys, rs_str_of(old.header), &found));
    assert_true(rs_keys_find(keys, rs_str_of(new.header), &found));
    rs_keys_free(keys);
}

static void an_aged_key_gets_a_successor_at_a_start(void **state)
{
    struct rs_keys *keys = opened(state, NOW);
    struct rs_key old;
    struct rs_key new;
    rs_keys_signing(keys, &old);
    rs_keys_free(keys);
    keys = opened(state, NOW + RS_KEY_AGE_MAX_S);
    rs_keys_signing(keys, &new);
    assert_string_equal(old.id, new.id);
    rs_keys_free(keys);
    keys = opened(state, NOW + RS_KEY_AGE_MAX_S + 1);
    rs_keys_signing(keys, &new);
    assert_string_not_equal(old.id, new.id);
    assert_true(rs_keys_find(keys, rs_str_of(old.header), &old));
    rs_keys_free(keys);
}

static void rotations_are_bounded(void **state)
{
    struct rs_keys *keys = opened(state, NOW);
    struct rs_key first;
    struct rs_key last;
    rs_keys_signing(keys, &first);
    for (unsigned i = 0; i < 2 * RS_KEYS_MAX; i++)
        assert_int_equal(rs_keys_rotate(keys, NOW + i, NULL), RS_OK);
    rs_keys_signing(keys, &last);
    assert_false(rs_keys_find(keys, rs_str_of(first.header), &first));
    rs_keys_free(keys);
    keys = opened(state, NOW + 100);
    rs_keys_signing(keys, &first);
    assert_string_equal(first.id, last.id);
    rs_keys_free(keys);
}

static void spoil(void **state, const char *text)
{
    FILE *f = fopen(scratch_path(state, "keys/token-keys"), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_damaged_file_is_neither_used_nor_replaced(void **state)
{
    static const char *const bad[] = {
        "",
        "nonsense\n",
        "roadstead token keys 1\n",
        "roadstead token keys 2\n0123456789abcdef 1800000000 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "roadstead token keys 1\n0123456789abcdef 1800000000 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddee\n",
        "roadstead token keys 1\n0123456789abcdef 1800000000 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "roadstead token keys 1\n0123456789abcdeX 1800000000 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "roadstead token keys 1\n0123456789abcdef -1 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
    };
    rs_keys_free(opened(state, NOW));
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++) {
        struct rs_keys *keys = NULL;
        spoil(state, bad[i]);
        assert_int_equal(rs_keys_open(scratch_path(state, ""), NOW, VERIFY_S, &keys, NULL),
                         RS_CORRUPT);
        assert_null(keys);
        struct stat st;
        assert_int_equal(stat(scratch_path(state, "keys/token-keys"), &st), 0);
        assert_int_equal((size_t)st.st_size, strlen(bad[i]));
    }
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    rs_keys_free(opened(state, NOW));
    assert_int_equal(chmod(scratch_path(state, "keys/token-keys"), 0640), 0);
    struct rs_keys *keys = NULL;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_keys_open(scratch_path(state, ""), NOW, VERIFY_S, &keys, &err), RS_CORRUPT);
    assert_non_null(strstr(err.message, "chmod 600"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_start_makes_a_private_key, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_key_is_found_by_its_whole_header, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(an_old_key_verifies_until_its_tokens_are_gone,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(an_aged_key_gets_a_successor_at_a_start, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(rotations_are_bounded, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_neither_used_nor_replaced, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_key_that_others_can_read_is_refused, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
