#include "cli/terminal.h"

#include <string.h>

#include "../cm.h"

static void safe_text(void **state)
{
    (void)state;
    static const struct {
        struct rs_str in;
        const char *out;
    } rows[] = {
        {{"plain text", 10}, "plain text"},
        {{"", 0}, ""},
        {{"a\\x1bb", 6}, "a\\x1bb"},
        {{"\x1b[31mred\x1b[0m", 12}, "\\x1b[31mred\\x1b[0m"},
        {{"a\nb\r\tc\0d\x7f", 9}, "a\\x0ab\\x0d\\x09c\\x00d\\x7f"},
        {{"\xc2\x9b"
          "31m",
          5},
         "\\x9b31m"}, /* CSI in one character */
        {{"\x9b"
          "31m",
          4},
         "\\x9b31m"}, /* and as a byte that is no UTF-8 */
        {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {{"a\xe2\x80\xae"
          "b",
          5},
         "a\\u{202e}b"},
        {{"\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf", 12},
         "\\u{2066}\\u{200b}\\u{2028}\\u{feff}"},
        {{"\xf3\xa0\x81\x81", 4}, "\\u{e0041}"},
        {{"\xff\xc0\xaf\xe2\x82", 5}, "\\xff\\xc0\\xaf\\xe2\\x82"},
        {{"\xed\xa0\x80", 3}, "\\xed\\xa0\\x80"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
        assert_int_equal(rs_terminal_add(&out, rows[i].in), RS_OK);
        assert_string_equal(rs_buf_text(&out), rows[i].out);
    }
}

/* Of any two bytes in a row nothing comes out that a terminal would obey. */
static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char in[2] = {(char)a, (char)b};
            RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(100);
            assert_int_equal(rs_terminal_add(&out, rs_str_n(in, 2)), RS_OK);
            assert_true(rs_utf8_is_valid(out.data, out.len));
            for (size_t i = 0; i < out.len; i++) {
                unsigned char c = (unsigned char)out.data[i];
                assert_true(c >= 0x20 && c != 0x7f);
                assert_false(c == 0xc2 && (unsigned char)out.data[i + 1] < 0xa0);
            }
        }
    }
}

static void widths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {{"", 0},
                {"abc", 3},
                {"\xc3\xa9", 1},
                {"e\xcc\x81", 1},
                {"\xe6\xbc\xa2\xe5\xad\x97", 4},
                {"\xf0\x9f\x98\x80", 2},
                {"\xff", 1}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        assert_int_equal(rs_terminal_width(rs_str_of(rows[i].text)), rows[i].width);
}

static void messages_are_cut(void **state)
{
    (void)state;
    char longest[2000];
    char out[RS_TERMINAL_TEXT_BYTES];
    memset(longest, '\x1b', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_true(strlen(rs_terminal_text(longest, out)) < RS_TERMINAL_TEXT_BYTES);
    assert_string_equal(rs_terminal_text("a\x1b"
                                         "b",
                                         out),
                        "a\\x1bb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_text),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(widths),
        cmocka_unit_test(messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
