#include "base/arena.h"

#include <string.h>

#include "../cm.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct rs_arena a;
    rs_arena_init(&a, 1 << 20);
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = rs_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    rs_arena_release(&a);
    rs_arena_release(&a); /* idempotent */
}

static void the_cap_is_a_cap(void **state)
{
    (void)state;
    struct rs_arena a;
    rs_arena_init(&a, 10000);
    assert_non_null(rs_arena_alloc(&a, 4000));
    assert_non_null(rs_arena_alloc(&a, 5000));
    assert_null(rs_arena_alloc(&a, 5000));
    assert_null(rs_arena_alloc(&a, SIZE_MAX));
    assert_non_null(rs_arena_alloc(&a, 16)); /* a refused request spoils nothing */
    rs_arena_release(&a);
    assert_non_null(rs_arena_alloc(&a, 5000)); /* usable again */
    rs_arena_release(&a);
}

static void texts_are_copied(void **state)
{
    (void)state;
    struct rs_arena a;
    rs_arena_init(&a, 1 << 16);
    char source[] = "team/app";
    char *copy = rs_arena_strdup(&a, source);
    char *part = rs_arena_strndup(&a, source, 4);
    char *made = rs_arena_printf(&a, "%s:%d", source, 7);
    memset(source, 'x', sizeof(source) - 1);
    assert_string_equal(copy, "team/app");
    assert_string_equal(part, "team");
    assert_string_equal(made, "team/app:7");
    rs_arena_release(&a);
}

static void an_array_grows(void **state)
{
    (void)state;
    struct rs_arena a;
    rs_arena_init(&a, 40000);
    size_t *numbers = NULL;
    size_t cap = 0;
    size_t n = 0;
    for (;;) {
        size_t *room = rs_arena_reserve(&a, numbers, n, &cap, sizeof(*numbers));
        if (room == NULL)
            break;
        numbers = room;
        numbers[n] = n;
        n++;
    }
    assert_in_range(n, 1024, 4096); /* the arena holds no copy twice as large as that any more */
    assert_int_equal(n, cap);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(numbers[i], i); /* and refusing has spoilt nothing */
    cap = SIZE_MAX / 2;
    assert_null(rs_arena_reserve(&a, numbers, cap, &cap, sizeof(*numbers)));
    assert_int_equal(cap, SIZE_MAX / 2);
    rs_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(the_cap_is_a_cap),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(an_array_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
