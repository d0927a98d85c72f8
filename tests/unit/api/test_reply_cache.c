/* The cache of prebuilt answers: what it gives back, what it forgets, its bounds.  Answers are
 * stood in for by counted blocks. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../cm.h"
#include "api/reply_cache.h"

struct rs_cached_reply {
    _Atomic int refs;
    size_t bytes;
};

static _Atomic int alive;

static struct rs_cached_reply *reply_new(size_t bytes)
{
    struct rs_cached_reply *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->refs = 1;
    c->bytes = bytes;
    (void)atomic_fetch_add(&alive, 1);
    return c;
}

struct rs_cached_reply *rs_cached_reply_ref(struct rs_cached_reply *c)
{
    (void)atomic_fetch_add(&c->refs, 1);
    return c;
}

void rs_cached_reply_unref(struct rs_cached_reply *c)
{
    if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    (void)atomic_fetch_sub(&alive, 1);
    free(c);
}

size_t rs_cached_reply_bytes(const struct rs_cached_reply *c)
{
    return c->bytes;
}

static struct rs_reply_cache *cache_new(size_t bytes_max)
{
    struct rs_reply_cache *cache = NULL;
    assert_int_equal(rs_reply_cache_new(bytes_max, &cache, NULL), RS_OK);
    return cache;
}

static void put(struct rs_reply_cache *cache, const struct rs_reply_key *key, size_t bytes)
{
    struct rs_cached_reply *c = reply_new(bytes);
    rs_reply_cache_put(cache, key, c);
    rs_cached_reply_unref(c);
}

static bool has(struct rs_reply_cache *cache, const struct rs_reply_key *key)
{
    struct rs_cached_reply *c = rs_reply_cache_get(cache, key);
    rs_cached_reply_unref(c);
    return c != NULL;
}

static void an_answer_is_for_its_key_alone(void **state)
{
    (void)state;
    struct rs_reply_cache *cache = cache_new(0);
    const struct rs_reply_key key = {1, "team/app", "v1", 7};
    const struct rs_reply_key others[] = {
        {2, "team/app", "v1", 7}, {1, "team/ap", "v1", 7}, {1, "team/app", "v2", 7},
        {1, "team/appv1", "", 7}, {1, "team", "app", 7},
    };
    assert_false(has(cache, &key));
    put(cache, &key, 100);
    assert_true(has(cache, &key));
    for (size_t i = 0; i < RS_ARRAY_LEN(others); i++)
        assert_false(has(cache, &others[i]));
    assert_true(has(cache, &key));
    rs_reply_cache_free(cache);
    assert_int_equal(alive, 0);
}

static void another_generation_forgets_it(void **state)
{
    (void)state;
    struct rs_reply_cache *cache = cache_new(0);
    struct rs_reply_key key = {1, "team/app", "v1", 7};
    put(cache, &key, 100);
    key.generation = 8;
    assert_false(has(cache, &key));
    assert_int_equal(rs_reply_cache_bytes(cache), 0);
    key.generation = 7;
    assert_false(has(cache, &key)); /* and does not come back */
    rs_reply_cache_free(cache);
    assert_int_equal(alive, 0);
}

static void an_answer_in_use_outlives_its_entry(void **state)
{
    (void)state;
    struct rs_reply_cache *cache = cache_new(0);
    struct rs_reply_key key = {1, "team/app", "v1", 7};
    put(cache, &key, 100);
    struct rs_cached_reply *held = rs_reply_cache_get(cache, &key);
    assert_non_null(held);
    rs_reply_cache_free(cache);
    assert_int_equal(alive, 1);
    assert_int_equal(rs_cached_reply_bytes(held), 100);
    rs_cached_reply_unref(held);
    assert_int_equal(alive, 0);
}

static void it_stays_within_its_bounds(void **state)
{
    (void)state;
    const size_t max = 1 << 20;
    struct rs_reply_cache *cache = cache_new(max);
    for (int i = 0; i < 20000; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof(tag), "t%d", i);
        const struct rs_reply_key key = {1, "team/app", tag, 1};
        put(cache, &key, 900);
        assert_true(rs_reply_cache_bytes(cache) <= max);
        assert_true(has(cache, &key));
    }
    const struct rs_reply_key large = {1, "team/app", "large", 1};
    put(cache, &large, max / 32); /* more than one may take */
    assert_false(has(cache, &large));
    rs_reply_cache_free(cache);
    assert_int_equal(alive, 0);
}

static void without_a_cache_nothing_is_kept(void **state)
{
    (void)state;
    const struct rs_reply_key key = {1, "team/app", "v1", 7};
    put(NULL, &key, 1);
    assert_false(has(NULL, &key));
    assert_int_equal(rs_reply_cache_bytes(NULL), 0);
    rs_reply_cache_free(NULL);
    assert_int_equal(alive, 0);
}

static void *hammer(void *arg)
{
    struct rs_reply_cache *cache = arg;
    for (int i = 0; i < 5000; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof(tag), "t%d", i % 97);
        const struct rs_reply_key key = {1, "team/app", tag, (uint64_t)(i % 3)};
        struct rs_cached_reply *c = rs_reply_cache_get(cache, &key);
        if (c != NULL && c->bytes != 100 + key.generation)
            return cache; /* an answer of another generation */
        rs_cached_reply_unref(c);
        struct rs_cached_reply *made = calloc(1, sizeof(*made));
        made->refs = 1;
        made->bytes = 100 + key.generation;
        (void)atomic_fetch_add(&alive, 1);
        rs_reply_cache_put(cache, &key, made);
        rs_cached_reply_unref(made);
    }
    return NULL;
}

static void many_threads_share_it(void **state)
{
    (void)state;
    struct rs_reply_cache *cache = cache_new(65536);
    pthread_t threads[4];
    for (size_t i = 0; i < RS_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, cache), 0);
    for (size_t i = 0; i < RS_ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    rs_reply_cache_free(cache);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_for_its_key_alone),
        cmocka_unit_test(another_generation_forgets_it),
        cmocka_unit_test(an_answer_in_use_outlives_its_entry),
        cmocka_unit_test(it_stays_within_its_bounds),
        cmocka_unit_test(without_a_cache_nothing_is_kept),
        cmocka_unit_test(many_threads_share_it),
    };
    return cmocka_run_group_tests_name("reply cache", tests, NULL, NULL);
}
