#include "base/text.h"

#include <string.h>

#include "../cm.h"

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+5", false, 0},
        {" 5", false, 0},
        {"5 ", false, 0},
        {"0x5", false, 0},
        {"1e3", false, 0},
        {"5a", false, 0},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        uint64_t v = 99;
        assert_int_equal(rs_parse_u64(rs_str_of(rows[i].text), UINT64_MAX, &v), rows[i].ok);
        assert_int_equal(v, rows[i].ok ? rows[i].value : 99);
    }
    uint64_t v = 0;
    assert_true(rs_parse_u64(rs_str_of("100"), 100, &v));
    assert_false(rs_parse_u64(rs_str_of("101"), 100, &v));
}

static void hex(void **state)
{
    (void)state;
    const unsigned char raw[] = {0x00, 0xff, 0x5a};
    char text[7];
    unsigned char back[3];
    rs_hex_encode(raw, 3, text);
    assert_string_equal(text, "00ff5a");
    assert_true(rs_hex_decode(rs_str_of(text), back, 3));
    assert_memory_equal(back, raw, 3);
    assert_false(rs_hex_decode(rs_str_of("00FF5A"), back, 3));
    assert_false(rs_hex_decode(rs_str_of("00ff5"), back, 3));
    assert_false(rs_hex_decode(rs_str_of("00ff5g"), back, 3));
    assert_false(rs_hex_decode(rs_str_of("00ff5a00"), back, 3));
}

static void base64_vectors(void **state)
{
    (void)state;
    /* RFC 4648 section 10 */
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char text[16];
        unsigned char back[16];
        size_t n = 0;
        rs_base64_encode(rows[i][0], strlen(rows[i][0]), text);
        assert_string_equal(text, rows[i][1]);
        assert_true(rs_base64_decode(rs_str_of(text), back, &n));
        assert_int_equal(n, strlen(rows[i][0]));
        assert_memory_equal(back, rows[i][0], n);
        rs_base64url_encode(rows[i][0], strlen(rows[i][0]), text);
        assert_null(strchr(text, '='));
        assert_true(rs_base64url_decode(rs_str_of(text), back, &n));
        assert_int_equal(n, strlen(rows[i][0]));
    }
    const unsigned char high[] = {0xfb, 0xff, 0xfe};
    char text[8];
    rs_base64_encode(high, 3, text);
    assert_string_equal(text, "+//+");
    rs_base64url_encode(high, 3, text);
    assert_string_equal(text, "-__-");
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const std_rows[] = {"Zg=",  "Zg",   "Zg===", "Zh==", "Zm9v\n",
                                           "Z g=", "====", "=g==",  "Zm-v"};
    static const char *const url_rows[] = {"Zg==", "Z", "Zh", "Zm+v", "Zm9/", "Zm9vY"};
    unsigned char out[16];
    size_t n;
    for (size_t i = 0; i < RS_ARRAY_LEN(std_rows); i++)
        assert_false(rs_base64_decode(rs_str_of(std_rows[i]), out, &n));
    for (size_t i = 0; i < RS_ARRAY_LEN(url_rows); i++)
        assert_false(rs_base64url_decode(rs_str_of(url_rows[i]), out, &n));
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"plain", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x9a\xa2", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\xaf", false},
        {"\xc1\xbf", false},
        {"\xe0\x80\xaf", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xc3", false},
        {"\xe2\x82", false},
        {"a\xff", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        assert_int_equal(rs_utf8_is_valid(rows[i].text, strlen(rows[i].text)), rows[i].ok);
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool ok;
    } rows[] = {
        {"team/app", "team/app", true},
        {"team/app", "team/apps", false},
        {"team/*", "team/app", true},
        {"team/*", "team/a/b", false},
        {"team/*", "team/", true},
        {"team/**", "team/a/b", true},
        {"team/**", "team", false},
        {"**", "anything/at/all", true},
        {"**", "", true},
        {"*", "one", true},
        {"*", "one/two", false},
        {"**/app", "a/b/app", true},
        {"**/app", "app", false},
        {"a*c/d", "abbc/d", true},
        {"a*c/d", "ab/c/d", false},
        {"a**d", "ab/c/d", true},
        {"*/*/c", "a/b/c", true},
        {"*/*/c", "a/b/d/c", false},
        {"**/x*/**", "a/xy/b", true},
        {"**/x*/**", "a/y/b", false},
        {"**a*b", "x/a/b", false},
        {"**a*b", "aa/acb", true},
        {"", "", true},
        {"", "a", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        if (rs_glob_match(rows[i].pattern, rows[i].name) != rows[i].ok)
            fail_msg("%s against %s", rows[i].pattern, rows[i].name);
}

static void a_hostile_glob_ends(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'a', 255);
    name[255] = '\0';
    assert_false(rs_glob_match("**a*a*a**a*a*a**a*a*a**a*a*a*b", name));
}

static void glob_grammar(void **state)
{
    (void)state;
    static const char *const good[] = {"**", "*", "team/**", "a-b_c.d/*", "t*m/**/app"};
    static const char *const bad[] = {"", "/a", "a/", "a//b", "***", "A", "a b", "a\n", "a%"};
    for (size_t i = 0; i < RS_ARRAY_LEN(good); i++)
        assert_true(rs_glob_is_valid(good[i]));
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++)
        assert_false(rs_glob_is_valid(bad[i]));
}

static void copies_say_when_they_cut(void **state)
{
    (void)state;
    char out[4];
    assert_true(rs_text_copy(out, sizeof(out), "abc"));
    assert_false(rs_text_copy(out, sizeof(out), "abcd"));
    assert_string_equal(out, "abc");
}

static void escapes(void **state)
{
    (void)state;
    assert_int_equal(rs_percent_byte("%2f", 3), '/');
    assert_int_equal(rs_percent_byte("%2F%2F", 6), '/');
    assert_int_equal(rs_percent_byte("%fF", 3), 255);
    assert_int_equal(rs_percent_byte("%00", 3), 0);
    static const char *const bad[] = {"", "%", "%2", "2f", "%2g", "%g2", "% 2", "%-1", "%%2"};
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++)
        assert_int_equal(rs_percent_byte(bad[i], strlen(bad[i])), -1);
    assert_int_equal(rs_percent_byte("%2f", 2), -1); /* what follows is not looked at */
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},        {"", "abc", 3},      {"list", "list", 0},      {"lsit", "list", 2},
        {"lis", "list", 1}, {"mist", "list", 1}, {"release", "relase", 1}, {"abc", "xyz", 3},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_str a = rs_str_of(rows[i].a);
        struct rs_str b = rs_str_of(rows[i].b);
        assert_int_equal(rs_text_distance(a, b), rows[i].distance);
        assert_int_equal(rs_text_distance(b, a), rows[i].distance);
    }
    char word[RS_WORD_BYTES_MAX + 1];
    memset(word, 'a', sizeof(word));
    assert_int_equal(rs_text_distance(rs_str_n(word, RS_WORD_BYTES_MAX), rs_str_of("")),
                     RS_WORD_BYTES_MAX);
    assert_int_equal(rs_text_distance(rs_str_n(word, sizeof(word)), rs_str_of("")), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(utf8),
        cmocka_unit_test(globs),
        cmocka_unit_test(a_hostile_glob_ends),
        cmocka_unit_test(glob_grammar),
        cmocka_unit_test(copies_say_when_they_cut),
        cmocka_unit_test(escapes),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
