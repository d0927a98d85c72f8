#include "../cm.h"

#include <string.h>

#include "auth/scope.h"
#include "auth/verified.h"

static struct rs_verified_cache *cache;
static struct rs_arena arena;

static int setup(void **state)
{
    (void)state;
    rs_arena_init(&arena, (size_t)8 << 20);
    return rs_verified_cache_new(&cache, NULL) == RS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rs_verified_cache_free(cache);
    rs_arena_release(&arena);
    return 0;
}

static struct rs_verified_key key_of(char kind, const char *a, const char *b)
{
    struct rs_verified_key key;
    rs_verified_key(cache, kind, rs_str_of(a), rs_str_of(b), &key);
    return key;
}

static struct rs_verified entry(int64_t id, uint64_t expires_mono_ms)
{
    return (struct rs_verified){.identity = {.principal_id = id},
                                .generation = 7,
                                .expires_mono_ms = expires_mono_ms,
                                .expires_unix_s = INT64_MAX};
}

static bool found_at(const struct rs_verified_key *key, uint64_t mono_ms, int64_t unix_s,
                     struct rs_verified *ret)
{
    return rs_verified_get(cache, key, mono_ms, unix_s, &arena, ret);
}

static void what_was_put_is_found_until_it_expires(void **state)
{
    (void)state;
    struct rs_verified_key key = key_of('B', "alice", "password");
    struct rs_verified v = entry(5, 1000);
    struct rs_verified got;
    assert_false(found_at(&key, 0, 0, &got));
    rs_verified_put(cache, &key, &v);
    assert_true(found_at(&key, 999, 0, &got));
    assert_int_equal(got.identity.principal_id, 5);
    assert_int_equal(got.generation, 7);
    assert_false(found_at(&key, 1000, 0, &got));
    v.expires_unix_s = 50; /* both clocks count */
    rs_verified_put(cache, &key, &v);
    assert_true(found_at(&key, 0, 49, &got));
    assert_false(found_at(&key, 0, 50, &got));
    rs_verified_drop(cache, &key);
    assert_false(found_at(&key, 0, 0, &got));
}

static void use_extends_only_what_says_so(void **state)
{
    (void)state;
    struct rs_verified_key password = key_of('B', "alice", "password");
    struct rs_verified_key token = key_of('1', "token", "");
    struct rs_verified v = entry(5, 1000);
    struct rs_verified got;
    rs_verified_put(cache, &token, &v);
    v.extend_ms = 1000;
    rs_verified_put(cache, &password, &v);
    assert_true(found_at(&password, 900, 0, &got));
    assert_true(found_at(&token, 900, 0, &got));
    assert_true(found_at(&password, 1899, 0, &got));
    assert_false(found_at(&token, 1000, 0, &got));
    assert_false(found_at(&password, 2899, 0, &got)); /* unused for too long */
}

static void no_two_credentials_share_a_key(void **state)
{
    (void)state;
    const struct rs_verified_key keys[] = {
        key_of('B', "alice", "password"), key_of('B', "alicep", "assword"),
        key_of('B', "", "alicepassword"), key_of('B', "alicepassword", ""),
        key_of('1', "alice", "password"), key_of('B', "password", "alice"),
        key_of('B', "Alice", "password"), key_of('B', "alice", "passwore"),
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(keys); i++) {
        for (size_t k = i + 1; k < RS_ARRAY_LEN(keys); k++)
            assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
    }
    struct rs_verified_cache *other = NULL;
    struct rs_verified_key key;
    assert_int_equal(rs_verified_cache_new(&other, NULL), RS_OK);
    rs_verified_key(other, 'B', rs_str_of("alice"), rs_str_of("password"), &key);
    assert_memory_not_equal(&key, &keys[0], sizeof key); /* another process, another secret */
    rs_verified_cache_free(other);
}

static void scopes_are_copied_in_and_out(void **state)
{
    (void)state;
    struct rs_verified_key key = key_of('1', "token", "");
    struct rs_verified v = entry(5, 1000);
    struct rs_verified got;
    struct rs_arena mine;
    rs_arena_init(&mine, (size_t)1 << 20);
    struct rs_scope *scope = rs_scope_new(&mine);
    assert_int_equal(rs_scope_parse(scope, "repository:a/b:pull registry:catalog:*", &mine, NULL),
                     RS_OK);
    v.identity.scope = scope;
    rs_verified_put(cache, &key, &v);
    rs_arena_release(&mine);
    assert_true(found_at(&key, 0, 0, &got));
    rs_verified_drop(cache, &key);
    assert_int_equal(rs_scope_actions(got.identity.scope, "a/b"), RS_PERM_PULL);
    assert_true(got.identity.scope->catalog);
    /* without memory nothing is found, so nothing is permitted */
    struct rs_arena none;
    rs_arena_init(&none, 0);
    v.identity.scope = got.identity.scope;
    rs_verified_put(cache, &key, &v);
    assert_false(rs_verified_get(cache, &key, 0, 0, &none, &got));
    rs_arena_release(&none);
}

static void the_cache_is_bounded_and_keeps_the_newest(void **state)
{
    (void)state;
    unsigned found = 0;
    for (int64_t i = 0; i < 20000; i++) {
        struct rs_verified_key key =
            key_of('B', "user", rs_arena_printf(&arena, "%lld", (long long)i));
        struct rs_verified v = entry(i, 1000);
        struct rs_verified got;
        rs_verified_put(cache, &key, &v);
        assert_true(found_at(&key, 0, 0, &got));
        assert_int_equal(got.identity.principal_id, i);
    }
    for (int64_t i = 0; i < 20000; i++) {
        struct rs_verified_key key =
            key_of('B', "user", rs_arena_printf(&arena, "%lld", (long long)i));
        struct rs_verified got;
        found += found_at(&key, 0, 0, &got);
    }
    assert_true(found > 0 && found <= 2048);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_found_until_it_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(use_extends_only_what_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(no_two_credentials_share_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(scopes_are_copied_in_and_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_cache_is_bounded_and_keeps_the_newest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
