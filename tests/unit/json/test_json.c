#include "json/json.h"

#include <string.h>

#include "../cm.h"

static enum rs_status parse(const char *text, size_t n, struct rs_json **ret, struct rs_err *err)
{
    struct rs_json_limits limits = RS_JSON_LIMITS(1000);
    return rs_json_parse(text, n, &limits, ret, err);
}

static struct rs_json *parsed(const char *text)
{
    struct rs_json *root = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (parse(text, strlen(text), &root, &err) != RS_OK)
        fail_msg("%s: %s", text, err.message);
    return root;
}

static void accepts_json(void **state)
{
    (void)state;
    static const char *const rows[] = {"{}",
                                       " {} ",
                                       "[]",
                                       "null",
                                       "true",
                                       "\"\"",
                                       "0",
                                       "-1",
                                       "1.5",
                                       "1e3",
                                       "\n[1,2]\t\r\n",
                                       "{\"a\":{\"a\":1}}",
                                       "\"\\u00e9\xc3\xa9\\ud83d\\ude00\"",
                                       "9223372036854775807",
                                       "[1e-400]",
                                       "{\"a\":1,\"A\":2}"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        rs_json_free(parsed(rows[i]));
}

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{'a':1}", "{a:1}", "[1 2]", "01", "+1", ".5",
        "1.", "NaN", "Infinity", "nul", "True", "\"a", "\"\t\"", "\"\\x41\"", "// c\n1",
        "/* c */ 1",
        /* after the value */
        "{} {}", "{}x", "1,", "[] ]",
        /* twice the same name, at any depth, also spelled differently */
        "{\"a\":1,\"a\":1}", "[{\"b\":{\"a\":1,\"b\":2,\"a\":3}}]", "{\"a\":1,\"\\u0061\":2}",
        /* texts that are none */
        "\xef\xbb\xbf{}", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\u0000\"",
        "{\"\\u0000\":1}", "\"\xe2\x82\"", "\"\\u12g4\"",
        /* numbers that nobody could keep */
        "9223372036854775808", "-9223372036854775809", "1e400", "-1e400"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_json *root = NULL;
        struct rs_err err = RS_ERR_INIT;
        if (parse(rows[i], strlen(rows[i]), &root, &err) != RS_BAD_REQUEST)
            fail_msg("accepted: %s", rows[i]);
        assert_null(root);
        assert_true(strlen(err.message) > 10);
    }
}

static void refuses_nul_bytes(void **state)
{
    (void)state;
    static const struct rs_str rows[] = {
        {"{}\0", 3}, {"\0{}", 3}, {"\"a\0b\"", 5}, {"{\"a\0\":1}", 8}, {"[1\0,2]", 6}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_json *root = NULL;
        assert_int_equal(parse(rows[i].p, rows[i].n, &root, NULL), RS_BAD_REQUEST);
        assert_null(root);
    }
}

static void keeps_its_limits(void **state)
{
    (void)state;
    char text[300];
    struct rs_json *root = NULL;
    struct rs_json_limits limits = {.bytes_max = 200, .depth_max = 64, .nodes_max = 10};
    /* depth: 64 levels pass, one more does not, a million open brackets neither */
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(
        rs_json_parse(text, 128, &(struct rs_json_limits){200, 64, 300, RS_OK}, &root, NULL),
        RS_OK);
    rs_json_free(root);
    root = NULL;
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_int_equal(
        rs_json_parse(text, 130, &(struct rs_json_limits){200, 64, 300, RS_OK}, &root, NULL),
        RS_BAD_REQUEST);
    RS_AUTO_FREE char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, '[', 1000000);
    assert_int_equal(rs_json_parse(million, 1000000, &RS_JSON_LIMITS(1000000), &root, NULL),
                     RS_BAD_REQUEST);
    /* brackets inside of texts are no depth */
    assert_int_equal(rs_json_parse("\"[[[[\\\"[[[[\"", 12,
                                   &(struct rs_json_limits){200, 2, 100, RS_OK}, &root, NULL),
                     RS_OK);
    rs_json_free(root);
    root = NULL;
    /* values */
    assert_int_equal(rs_json_parse("[1,2,3,4,5,6,7]", 15, &limits, &root, NULL), RS_OK);
    rs_json_free(root);
    root = NULL;
    assert_int_equal(rs_json_parse("[1,2,3,4,5,6,7,8]", 17, &limits, &root, NULL), RS_BAD_REQUEST);
    /* bytes */
    memset(text, ' ', sizeof(text));
    text[0] = '1';
    assert_int_equal(rs_json_parse(text, 200, &limits, &root, NULL), RS_OK);
    rs_json_free(root);
    root = NULL;
    assert_int_equal(rs_json_parse(text, 201, &limits, &root, NULL), RS_TOO_LARGE);
    /* the caller chooses what it is called */
    limits.invalid_as = RS_MANIFEST_INVALID;
    assert_int_equal(rs_json_parse("{", 1, &limits, &root, NULL), RS_MANIFEST_INVALID);
    assert_null(root);
}

static void getters_take_everything(void **state)
{
    (void)state;
    RS_AUTO(rs_json)
    struct rs_json *root = parsed(
        "{\"t\":\"x\",\"i\":7,\"r\":7.0,\"b\":false,\"n\":null,\"a\":[1,\"2\"],\"o\":{\"k\":{}}}");
    int64_t i = 99;
    bool b = true;
    assert_int_equal(rs_json_kind(root), RS_JSON_OBJECT);
    assert_int_equal(rs_json_kind(NULL), RS_JSON_ABSENT);
    assert_int_equal(rs_json_kind(rs_json_get(root, "n")), RS_JSON_NULL);
    assert_int_equal(rs_json_kind(rs_json_get(root, "r")), RS_JSON_REAL);
    assert_string_equal(rs_json_text(rs_json_get(root, "t")), "x");
    assert_null(rs_json_text(rs_json_get(root, "i")));
    assert_null(rs_json_text(NULL));
    assert_int_equal(rs_json_str(rs_json_get(root, "i")).n, 0);
    assert_true(rs_json_int(rs_json_get(root, "i"), 7, 7, &i));
    assert_int_equal(i, 7);
    assert_false(rs_json_int(rs_json_get(root, "i"), 8, 9, &i));
    assert_false(rs_json_int(rs_json_get(root, "i"), 0, 6, &i));
    assert_false(rs_json_int(rs_json_get(root, "r"), 0, 9, &i));
    assert_false(rs_json_int(rs_json_get(root, "t"), 0, 9, &i));
    assert_int_equal(i, 7);
    assert_true(rs_json_bool(rs_json_get(root, "b"), &b));
    assert_false(b);
    assert_false(rs_json_bool(rs_json_get(root, "n"), &b));
    assert_int_equal(rs_json_len(rs_json_get(root, "a")), 2);
    assert_int_equal(rs_json_len(rs_json_get(root, "t")), 0);
    assert_int_equal(rs_json_len(root), 7);
    assert_string_equal(rs_json_text(rs_json_at(rs_json_get(root, "a"), 1)), "2");
    assert_null(rs_json_at(rs_json_get(root, "a"), 2));
    assert_null(rs_json_at(root, 0));
    assert_null(rs_json_get(rs_json_get(rs_json_get(root, "absent"), "x"), "y"));
    assert_non_null(rs_json_get(rs_json_get(root, "o"), "k"));
}

static void integers_are_exact(void **state)
{
    (void)state;
    RS_AUTO(rs_json)
    struct rs_json *root =
        parsed("[9007199254740992, 9007199254740993, -9007199254740993, -0, 1e2]");
    int64_t i = 0;
    assert_true(rs_json_int(rs_json_at(root, 0), 0, INT64_MAX, &i));
    assert_false(rs_json_int(rs_json_at(root, 1), 0, INT64_MAX, &i));
    assert_false(rs_json_int(rs_json_at(root, 2), INT64_MIN, INT64_MAX, &i));
    assert_true(rs_json_int(rs_json_at(root, 3), 0, 0, &i));
    assert_false(rs_json_int(rs_json_at(root, 4), 0, INT64_MAX, &i));
}

static void iterates_in_order(void **state)
{
    (void)state;
    RS_AUTO(rs_json) struct rs_json *root = parsed("{\"z\":1,\"a\":2,\"m\":3}");
    char seen[8] = "";
    size_t n = 0;
    struct rs_json_iter it = {0};
    while (rs_json_next(root, &it))
        seen[n++] = it.key[0];
    assert_string_equal(seen, "zam");
    assert_false(rs_json_next(root, &it));
    struct rs_json_iter none = {0};
    assert_false(rs_json_next(rs_json_get(root, "z"), &none));
    struct rs_json_iter null = {0};
    assert_false(rs_json_next(NULL, &null));
}

static void names_unknown_members(void **state)
{
    (void)state;
    RS_AUTO(rs_json) struct rs_json *root = parsed("{\"name\":1,\"admin\":true}");
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_json_only(root, RS_JSON_KEYS("name", "admin", "x"), &err), RS_OK);
    assert_int_equal(rs_json_only(root, RS_JSON_KEYS("name", "roles"), &err), RS_BAD_REQUEST);
    assert_non_null(strstr(err.message, "\"admin\""));
    assert_non_null(strstr(err.message, "name, roles"));
    assert_int_equal(rs_json_only(rs_json_get(root, "name"), RS_JSON_KEYS("a"), NULL),
                     RS_BAD_REQUEST);
    assert_int_equal(rs_json_only(NULL, RS_JSON_KEYS("a"), NULL), RS_BAD_REQUEST);
}

static void typed_members(void **state)
{
    (void)state;
    RS_AUTO(rs_json)
    struct rs_json *root =
        parsed("{\"t\":\"abc\",\"e\":\"\",\"i\":5,\"b\":true,\"a\":[1,2],\"o\":{},\"n\":null}");
    const char *text = "preset";
    int64_t i = -1;
    bool b = false;
    const struct rs_json *node = NULL;
    assert_int_equal(rs_json_member_text(root, "t", RS_JSON_REQUIRED, 3, &text, NULL), RS_OK);
    assert_string_equal(text, "abc");
    assert_int_equal(rs_json_member_text(root, "x", RS_JSON_OPTIONAL, 3, &text, NULL), RS_OK);
    assert_string_equal(text, "abc");
    assert_int_equal(rs_json_member_text(root, "e", RS_JSON_OPTIONAL, 3, &text, NULL), RS_OK);
    assert_string_equal(text, "");
    assert_int_equal(rs_json_member_int(root, "i", RS_JSON_REQUIRED, 0, 5, &i, NULL), RS_OK);
    assert_int_equal(i, 5);
    assert_int_equal(rs_json_member_bool(root, "b", RS_JSON_REQUIRED, &b, NULL), RS_OK);
    assert_true(b);
    assert_int_equal(rs_json_member_array(root, "a", RS_JSON_REQUIRED, 2, &node, NULL), RS_OK);
    assert_int_equal(rs_json_len(node), 2);
    assert_int_equal(rs_json_member_object(root, "o", RS_JSON_REQUIRED, &node, NULL), RS_OK);
    static const struct {
        const char *key;
        char kind;
    } refused[] = {{"x", 't'}, {"e", 't'}, {"i", 't'}, {"n", 't'}, {"t", 'l'}, {"x", 'i'},
                   {"t", 'i'}, {"i", 'j'}, {"x", 'b'}, {"i", 'b'}, {"n", 'b'}, {"x", 'a'},
                   {"o", 'a'}, {"a", 'c'}, {"x", 'o'}, {"a", 'o'}, {"n", 'o'}};
    for (size_t r = 0; r < RS_ARRAY_LEN(refused); r++) {
        struct rs_err err = RS_ERR_INIT;
        const char *key = refused[r].key;
        enum rs_status s = RS_OK;
        switch (refused[r].kind) {
        case 't':
            s = rs_json_member_text(root, key, RS_JSON_REQUIRED, 9, &text, &err);
            break;
        case 'l':
            s = rs_json_member_text(root, key, RS_JSON_OPTIONAL, 2, &text, &err);
            break;
        case 'i':
            s = rs_json_member_int(root, key, RS_JSON_REQUIRED, 0, 9, &i, &err);
            break;
        case 'j':
            s = rs_json_member_int(root, key, RS_JSON_REQUIRED, 6, 9, &i, &err);
            break;
        case 'b':
            s = rs_json_member_bool(root, key, RS_JSON_REQUIRED, &b, &err);
            break;
        case 'a':
            s = rs_json_member_array(root, key, RS_JSON_REQUIRED, 9, &node, &err);
            break;
        case 'c':
            s = rs_json_member_array(root, key, RS_JSON_REQUIRED, 1, &node, &err);
            break;
        case 'o':
            s = rs_json_member_object(root, key, RS_JSON_REQUIRED, &node, &err);
            break;
        default:
            fail();
        }
        assert_int_equal(s, RS_BAD_REQUEST);
        assert_non_null(strstr(err.message, key));
    }
}

static void canonical(const char *from, const char *to)
{
    RS_AUTO(rs_json) struct rs_json *root = parsed(from);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    assert_int_equal(rs_json_dump_canonical(root, &out), RS_OK);
    assert_string_equal(rs_buf_text(&out), to);
    /* writing what was written changes nothing */
    RS_AUTO(rs_json) struct rs_json *again = parsed(to);
    RS_AUTO(rs_buf) struct rs_buf twice = RS_BUF_INIT(1000);
    assert_int_equal(rs_json_dump_canonical(again, &twice), RS_OK);
    assert_string_equal(rs_buf_text(&twice), to);
}

static void dumps_canonically(void **state)
{
    (void)state;
    canonical(" { \"b\" : [ 1 , 2.5, true,null ] , \"a\":{} } ",
              "{\"a\":{},\"b\":[1,2.5,true,null]}");
    canonical("{\"B\":1,\"a\":2,\"\xc3\xa9\":3,\"\":4}", "{\"\":4,\"B\":1,\"a\":2,\"\xc3\xa9\":3}");
    canonical("\"\\u0041\\/\\u007f\\u0001\\n\\u0085\\u00a0\"",
              "\"A/\\u007f\\u0001\\n\\u0085\xc2\xa0\"");
    canonical("[-0, 1.0, 1e2, -9223372036854775808]", "[0,1.0,100.0,-9223372036854775808]");
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    assert_int_equal(rs_json_dump_canonical(NULL, &out), RS_OK);
    assert_string_equal(rs_buf_text(&out), "null");
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    RS_AUTO(rs_json) struct rs_json *root = parsed("{\"abc\":[1,2,3]}");
    for (size_t max = 0; max < 15; max++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(max);
        assert_int_equal(rs_json_dump_canonical(root, &out), RS_TOO_LARGE);
    }
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(15);
    assert_int_equal(rs_json_dump_canonical(root, &out), RS_OK);
}

static void whole_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool is_good;
        int64_t floor;
    } rows[] = {{"7", true, 7},       {"7.0", true, 7},    {"7.999", true, 7},
                {"-0.5", true, -1},   {"-7.0", true, -7},  {"-7.1", true, -8},
                {"1e3", true, 1000},  {"1e300", false, 0}, {"-1e300", false, 0},
                {"2000.5", false, 0}, {"\"7\"", false, 0}, {"null", false, 0},
                {"true", false, 0},   {"[7]", false, 0}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_json) struct rs_json *root = NULL;
        int64_t got = 0;
        assert_int_equal(rs_json_parse_text(rows[i].json, RS_BAD_REQUEST, &root, NULL), RS_OK);
        if (rs_json_floor(root, -1000, 1000, &got) != rows[i].is_good || got != rows[i].floor)
            fail_msg("%s: %lld", rows[i].json, (long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_json),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(refuses_nul_bytes),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(getters_take_everything),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(iterates_in_order),
        cmocka_unit_test(names_unknown_members),
        cmocka_unit_test(typed_members),
        cmocka_unit_test(whole_seconds),
        cmocka_unit_test(dumps_canonically),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
