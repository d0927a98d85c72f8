#include "base/clock.h"

#include "base/attr.h"

#include "../cm.h"

static void formats_and_parses_back(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400123, "2000-02-29T00:00:00.123Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char text[RS_TIME_TEXT_BYTES];
        int64_t back = 1;
        rs_clock_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
        assert_true(rs_clock_parse(text, &back));
        assert_int_equal(back, rows[i].ms);
    }
}

static void a_damaged_time_is_shown_as_the_nearest_end(void **state)
{
    (void)state;
    char text[RS_TIME_TEXT_BYTES];
    rs_clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    rs_clock_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void other_forms(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(rs_clock_parse("2026-11-30T20:05:01Z", &ms));
    assert_int_equal(ms % 1000, 0);
    assert_true(rs_clock_parse("1970-01-01T00:00:00.5Z", &ms));
    assert_int_equal(ms, 500);
    assert_true(rs_clock_parse("1970-01-01T00:00:00.123456789Z", &ms));
    assert_int_equal(ms, 123);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026",
        "2026-11-30",
        "2026-11-30T20:05:01",
        "2026-11-30T20:05:01+01:00",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-02-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00Zx",
        "+026-01-01T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-1-01T00:00:00ZZ",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        int64_t ms = 42;
        assert_false(rs_clock_parse(rows[i], &ms));
        assert_int_equal(ms, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_parses_back),
        cmocka_unit_test(a_damaged_time_is_shown_as_the_nearest_end),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
