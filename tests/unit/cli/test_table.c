#include "cli/table.h"

#include <string.h>

#include "../cm.h"

static struct rs_json *parsed(const char *text)
{
    struct rs_json *root = NULL;
    assert_int_equal(rs_json_parse_text(text, RS_BAD_REQUEST, &root, NULL), RS_OK);
    return root;
}

static void aligned_columns(void **state)
{
    (void)state;
    static const struct rs_column columns[] = {{"NAME", "name", RS_COLUMN_TEXT},
                                               {"SIZE", "size", RS_COLUMN_SIZE},
                                               {"BY", "decision.by", RS_COLUMN_TEXT},
                                               {.title = NULL}};
    RS_AUTO(rs_table) struct rs_table *t = rs_table_new(columns);
    RS_AUTO(rs_json)
    struct rs_json *rows = parsed("[{\"name\":\"a\",\"size\":1536,\"decision\":{\"by\":\"ann\"}},"
                                  "{\"name\":\"\\u6f22\\u5b57\",\"size\":7,\"decision\":null},"
                                  "{\"name\":\"longer name\",\"size\":null}]");
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    for (size_t i = 0; i < rs_json_len(rows); i++)
        assert_int_equal(rs_table_add(t, rs_json_at(rows, i)), RS_OK);
    assert_int_equal(rs_table_rows(t), 3);
    assert_int_equal(rs_table_write(t, &out), RS_OK);
    assert_string_equal(rs_buf_text(&out), "NAME            SIZE  BY\n"
                                           "a            1.5 KiB  ann\n"
                                           "\xe6\xbc\xa2\xe5\xad\x97             7 B  -\n"
                                           "longer name        -  -\n");
}

static void an_empty_table_says_nothing(void **state)
{
    (void)state;
    static const struct rs_column columns[] = {{"NAME", "", RS_COLUMN_TEXT}, {.title = NULL}};
    RS_AUTO(rs_table) struct rs_table *t = rs_table_new(columns);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    assert_int_equal(rs_table_write(t, &out), RS_OK);
    assert_string_equal(rs_buf_text(&out), "");
}

static void many_rows(void **state)
{
    (void)state;
    static const struct rs_column columns[] = {{"NAME", "", RS_COLUMN_TEXT}, {.title = NULL}};
    RS_AUTO(rs_table) struct rs_table *t = rs_table_new(columns);
    RS_AUTO(rs_json) struct rs_json *row = parsed("\"x\"");
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(100000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rs_table_add(t, row), RS_OK);
    assert_int_equal(rs_table_write(t, &out), RS_OK);
    assert_int_equal(out.len, 5 + 1000 * 2);
}

static void cells(void **state)
{
    (void)state;
#define DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    static const struct {
        const char *json;
        enum rs_column_kind kind;
        const char *text;
    } rows[] = {
        {"null", RS_COLUMN_TEXT, "-"},
        {"\"\"", RS_COLUMN_TEXT, "-"},
        {"\"x\\u001b[31m\\n\"", RS_COLUMN_TEXT, "x\\x1b[31m\\x0a"},
        {"true", RS_COLUMN_TEXT, "yes"},
        {"false", RS_COLUMN_TEXT, "no"},
        {"-5", RS_COLUMN_TEXT, "-5"},
        {"1.5", RS_COLUMN_TEXT, "1.5"},
        {"[]", RS_COLUMN_TEXT, "-"},
        {"[\"a\",\"b\"]", RS_COLUMN_TEXT, "a, b"},
        {"{\"b\":[1],\"a\":{}}", RS_COLUMN_TEXT, "{\"a\":{},\"b\":[1]}"},
        {"0", RS_COLUMN_SIZE, "0 B"},
        {"1023", RS_COLUMN_SIZE, "1023 B"},
        {"1024", RS_COLUMN_SIZE, "1.0 KiB"},
        {"1073741823", RS_COLUMN_SIZE, "1023.9 MiB"},
        {"9007199254740992", RS_COLUMN_SIZE, "8192.0 TiB"},
        {"\"" DIGEST "\"", RS_COLUMN_DIGEST, "sha256:44136fa355b3"},
        {"\"short\"", RS_COLUMN_DIGEST, "short"},
        {"\"2026-11-30T20:05:01.123Z\"", RS_COLUMN_TIME, "2026-11-30T20:05:01Z"},
        {"\"2026-11-30T20:05:01Z\"", RS_COLUMN_TIME, "2026-11-30T20:05:01Z"},
        {"\"v1.2\"", RS_COLUMN_TIME, "v1.2"},
        {"[]", RS_COLUMN_WAITS, "a decision"},
        {"null", RS_COLUMN_WAITS, "a decision"},
        {"[{\"name\":\"scan\",\"required\":true,\"state\":\"waiting\"},"
         "{\"name\":\"sign\",\"required\":true,\"state\":\"failed\"},"
         "{\"name\":\"done\",\"required\":true,\"state\":\"passed\"},"
         "{\"name\":\"more\",\"required\":false,\"state\":\"failed\"}]",
         RS_COLUMN_WAITS, "scan, sign (failed)"},
        {"[1,\"x\",{\"required\":true}]", RS_COLUMN_WAITS, " ()"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_json) struct rs_json *value = parsed(rows[i].json);
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
        assert_int_equal(rs_table_cell(&out, value, rows[i].kind), RS_OK);
        if (strcmp(rs_buf_text(&out), rows[i].text) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].json, rs_buf_text(&out), rows[i].text);
    }
}

static void trees(void **state)
{
    (void)state;
    RS_AUTO(rs_json)
    struct rs_json *value =
        parsed("{\"state\":\"released\",\"tags\":{\"live\":[\"a\",\"b\"],\"staged\":[]},"
               "\"checks\":[{\"name\":\"scan\",\"ok\":true},{\"name\":\"sign\"},{}],\"none\":{},"
               "\"e\\u001bvil\":null}");
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
    assert_int_equal(rs_table_write_tree(value, 0, &out), RS_OK);
    assert_string_equal(rs_buf_text(&out), "state: released\n"
                                           "tags:\n"
                                           "  live:   a, b\n"
                                           "  staged: -\n"
                                           "checks:\n"
                                           "  - name: scan\n"
                                           "    ok:   yes\n"
                                           "  - name: sign\n"
                                           "  - {}\n"
                                           "none:  {}\n"
                                           "e\\x1bvil: -\n");
}

static void trees_of_anything(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"7", "7\n"},
                                          {"null", "-\n"},
                                          {"[]", "-\n"},
                                          {"[1,2]", "1, 2\n"},
                                          {"{}", ""},
                                          {"[[{}]]", "{}\n"},
                                          {"[{},1]", "- {}\n- 1\n"}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_json) struct rs_json *value = parsed(rows[i][0]);
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1000);
        assert_int_equal(rs_table_write_tree(value, 0, &out), RS_OK);
        if (strcmp(rs_buf_text(&out), rows[i][1]) != 0)
            fail_msg("%s: \"%s\"", rows[i][0], rs_buf_text(&out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_columns), cmocka_unit_test(an_empty_table_says_nothing),
        cmocka_unit_test(many_rows),       cmocka_unit_test(cells),
        cmocka_unit_test(trees),           cmocka_unit_test(trees_of_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
