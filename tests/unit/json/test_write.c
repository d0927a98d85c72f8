#include "json/write.h"

#include <string.h>

#include "../cm.h"
#include "json/json.h"

static void commas_come_by_themselves(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    struct rs_jw w = RS_JW_INIT(&out);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "t", "x");
    rs_jw_member_text(&w, "none", NULL);
    rs_jw_member_int(&w, "i", INT64_MIN);
    rs_jw_member_bool(&w, "b", true);
    rs_jw_member_raw(&w, "raw", "{\"k\":[]}");
    rs_jw_member_time(&w, "at", 0);
    rs_jw_key(&w, "a");
    rs_jw_array(&w);
    rs_jw_u64(&w, UINT64_MAX);
    rs_jw_array(&w);
    rs_jw_array_end(&w);
    rs_jw_object(&w);
    rs_jw_object_end(&w);
    rs_jw_null(&w);
    rs_jw_bool(&w, false);
    rs_jw_raw(&w, NULL);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    assert_int_equal(rs_buf_status(&out), RS_OK);
    assert_string_equal(rs_buf_text(&out),
                        "{\"t\":\"x\",\"none\":null,\"i\":-9223372036854775808,\"b\":true,"
                        "\"raw\":{\"k\":[]},\"at\":\"1970-01-01T00:00:00.000Z\","
                        "\"a\":[18446744073709551615,[],{},null,false,null]}");
    assert_int_equal(w.depth, 0);
}

static void escapes_everything(void **state)
{
    (void)state;
    static const struct {
        struct rs_str in;
        const char *out;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {{"\x1b[31m\r\n", 7}, "\"\\u001b[31m\\r\\n\""},
        {{"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", 8}, "\"\\u0080\\u009b\\u009f\xc2\xa0\""},
        {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
        assert_int_equal(rs_jw_quote(&out, rows[i].in), RS_OK);
        assert_string_equal(rs_buf_text(&out), rows[i].out);
    }
}

/* Whatever the bytes are, the result is one JSON text. */
static void every_byte_gives_json(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char in[] = {'a', (char)c, 'b', '\0'};
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
        RS_AUTO(rs_json) struct rs_json *root = NULL;
        struct rs_jw w = RS_JW_INIT(&out);
        rs_jw_object(&w);
        rs_jw_member_text(&w, in, in);
        rs_jw_object_end(&w);
        assert_int_equal(rs_json_parse_text(rs_buf_text(&out), RS_OK, &root, NULL), RS_OK);
        if (c < 0x80)
            assert_string_equal(rs_json_text(rs_json_get(root, in)), in);
    }
}

static void failures_stick(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4);
    struct rs_jw w = RS_JW_INIT(&out);
    rs_jw_array(&w);
    rs_jw_text(&w, "too long");
    rs_jw_int(&w, 1);
    rs_jw_array_end(&w);
    assert_int_equal(rs_buf_status(&out), RS_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(escapes_everything),
        cmocka_unit_test(every_byte_gives_json),
        cmocka_unit_test(failures_stick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
