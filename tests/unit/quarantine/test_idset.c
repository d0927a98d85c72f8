/* The set that keeps walks over manifests from going in circles. */
#include "../cm.h"
#include "quarantine/idset.h"

static void test_many_ids(void **state)
{
    struct rs_arena arena;
    struct rs_idset set = {0};
    (void)state;
    rs_arena_init(&arena, (size_t)16 << 20);
    assert_false(rs_idset_has(&set, 1));
    for (int64_t id = 1; id <= 20000; id++) {
        bool added = false;
        assert_int_equal(rs_idset_add(&set, &arena, id * 64, &added), RS_OK);
        assert_true(added);
        assert_int_equal(rs_idset_add(&set, &arena, id * 64, &added), RS_OK);
        assert_false(added);
    }
    assert_int_equal(set.n, 20000);
    for (int64_t id = 1; id <= 20000 * 64; id++)
        assert_int_equal(rs_idset_has(&set, id), id % 64 == 0);
    rs_arena_release(&arena);
}

static void test_without_memory_it_stays_as_it_was(void **state)
{
    struct rs_arena arena;
    struct rs_idset set = {0};
    enum rs_status s = RS_OK;
    int64_t id = 0;
    (void)state;
    rs_arena_init(&arena, 4096);
    while (s == RS_OK) {
        bool added = false;
        s = rs_idset_add(&set, &arena, ++id, &added);
    }
    assert_int_equal(s, RS_NOMEM);
    assert_int_equal(set.n, id - 1);
    assert_true(rs_idset_has(&set, id - 1));
    assert_false(rs_idset_has(&set, id));
    rs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_ids),
        cmocka_unit_test(test_without_memory_it_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
