#include "oci/range.h"

#include "../cm.h"

static void downloads(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        enum rs_range_verdict verdict;
        uint64_t first, last;
    } rows[] = {
        {NULL, 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0-0", 2048, RS_RANGE_PART, 0, 0},
        {"bytes=500-1499", 2048, RS_RANGE_PART, 500, 1499},
        {"bytes=500-", 2048, RS_RANGE_PART, 500, 2047},
        {"bytes=-500", 2048, RS_RANGE_PART, 1548, 2047},
        {"bytes=2000-5000", 2048, RS_RANGE_PART, 2000, 2047},
        {"bytes=0-", 2048, RS_RANGE_PART, 0, 2047},
        {"bytes=2047-2047", 2048, RS_RANGE_PART, 2047, 2047},
        {"bytes=-5000", 2048, RS_RANGE_PART, 0, 2047},
        {"BYTES=0-9", 2048, RS_RANGE_PART, 0, 9},
        {"bytes= 0-9 ", 2048, RS_RANGE_PART, 0, 9},
        {"bytes=00010-0019", 2048, RS_RANGE_PART, 10, 19},
        {"bytes=0-18446744073709551615", 2048, RS_RANGE_PART, 0, 2047},
        {"bytes=0-99999999999999999999999999", 2048, RS_RANGE_PART, 0, 2047},
        {"bytes=-99999999999999999999999999", 2048, RS_RANGE_PART, 0, 2047},
        {"bytes=0-0", 1, RS_RANGE_PART, 0, 0},
        {"bytes=500-0", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5000-10000", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=2048-", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551616-", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999999-", 2048, RS_RANGE_UNSATISFIABLE, 0, 0},
        /* ignored */
        {"", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=-", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=5", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0-9,20-29", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0-9,0-9,0-9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0-9x", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=--5", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0x0-0x9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=+0-9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes=0 - 9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"bytes =0-9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"items=0-9", 2048, RS_RANGE_WHOLE, 0, 0},
        {"0-9", 2048, RS_RANGE_WHOLE, 0, 0},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_range range = {0, 0};
        enum rs_range_verdict v = rs_range_parse(rows[i].header, rows[i].size, &range);
        if (v != rows[i].verdict || range.first != rows[i].first || range.last != rows[i].last)
            fail_msg("%s: %d %llu-%llu", rows[i].header, (int)v, (unsigned long long)range.first,
                     (unsigned long long)range.last);
    }
}

static void chunks(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool ok;
        uint64_t first, last;
    } rows[] = {
        {"0-0", true, 0, 0},
        {"0-1023", true, 0, 1023},
        {"1024-2047", true, 1024, 2047},
        {"0-9223372036854775807", true, 0, INT64_MAX},
        {"0-9223372036854775808", false, 0, 0},
        {"0-99999999999999999999", false, 0, 0},
        {"18446744073709551616-18446744073709551617", false, 0, 0},
        {"5-4", false, 0, 0},
        {"", false, 0, 0},
        {"-", false, 0, 0},
        {"0-", false, 0, 0},
        {"-5", false, 0, 0},
        {"bytes 0-5", false, 0, 0},
        {"bytes=0-5", false, 0, 0},
        {"0-5/6", false, 0, 0},
        {"0-5 ", false, 0, 0},
        {" 0-5", false, 0, 0},
        {"0-5,6-7", false, 0, 0},
        {"a-b", false, 0, 0},
        {"0-+5", false, 0, 0},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_range range = {0, 0};
        if (rs_range_parse_chunk(rows[i].header, &range) != rows[i].ok)
            fail_msg("%s", rows[i].header);
        assert_int_equal(range.first, rows[i].first);
        assert_int_equal(range.last, rows[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(downloads), cmocka_unit_test(chunks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
