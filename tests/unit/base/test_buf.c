#include "base/buf.h"

#include <string.h>

#include "../cm.h"

static void appends_grow_and_terminate(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf b = RS_BUF_INIT(100000);
    assert_string_equal(rs_buf_text(&b), "");
    for (int i = 0; i < 10000; i++)
        assert_int_equal(rs_buf_addf(&b, "%d,", i % 10), RS_OK);
    assert_int_equal(b.len, 20000);
    assert_int_equal(strlen(rs_buf_text(&b)), 20000);
    assert_memory_equal(b.data, "0,1,2,3,4,", 10);
}

static void past_the_maximum_is_an_error_that_sticks(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf b = RS_BUF_INIT(8);
    assert_int_equal(rs_buf_adds(&b, "12345678"), RS_OK);
    assert_int_equal(rs_buf_addc(&b, '9'), RS_TOO_LARGE);
    assert_int_equal(rs_buf_addf(&b, "%s", ""), RS_TOO_LARGE);
    assert_int_equal(rs_buf_status(&b), RS_TOO_LARGE);
    assert_string_equal(rs_buf_text(&b), "12345678");
    rs_buf_clear(&b);
    assert_int_equal(rs_buf_status(&b), RS_OK);
    assert_int_equal(rs_buf_adds(&b, "again"), RS_OK);
}

static void taking_hands_the_memory_over(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf b = RS_BUF_INIT(64);
    size_t n = 7;
    char *empty = rs_buf_take(&b, &n);
    assert_non_null(empty);
    assert_int_equal(n, 0);
    assert_string_equal(empty, "");
    free(empty);
    assert_int_equal(rs_buf_add(&b, "a\0b", 3), RS_OK);
    char *bytes = rs_buf_take(&b, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "a\0b\0", 4);
    assert_int_equal(b.len, 0);
    free(bytes);
    assert_int_equal(rs_buf_adds(&b, "new"), RS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_grow_and_terminate),
        cmocka_unit_test(past_the_maximum_is_an_error_that_sticks),
        cmocka_unit_test(taking_hands_the_memory_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
