#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../cm.h"

/* Run one log call with standard error going to a file; the line is returned in `out`. */
static void captured(char *out, size_t cap, enum rs_log_level level, const char *msg,
                     const struct rs_log_field *fields)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int keep = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    rs_log_write(level, msg, fields);
    assert_true(dup2(keep, STDERR_FILENO) >= 0);
    (void)close(keep);
    rewind(file);
    size_t n = fread(out, 1, cap - 1, file);
    out[n] = '\0';
    (void)fclose(file);
}

static void nothing_a_client_sends_can_forge_a_line(void **state)
{
    (void)state;
    char line[9000];
    const struct rs_log_field fields[] = {
        RS_F("tag", "a\"b\\\n{\x1b[31m"), RS_F("gone", NULL), RS_N("n", -5), {.key = NULL}};
    captured(line, sizeof(line), RS_LOG_WARN, "pushed\r\n", fields);
    assert_non_null(strstr(
        line,
        "\"level\":\"warn\",\"msg\":\"pushed\\u000d\\u000a\",\"tag\":\"a\\\"b\\\\\\u000a{\\u001b[31m\",\"n\":-5}\n"));
    assert_null(strstr(line, "gone"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1); /* one line */
}

static void a_long_line_stays_whole_json(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    char line[9000];
    const struct rs_log_field fields[] = {
        RS_F("first", "kept"), RS_F("long", text), RS_F("after", "lost"), {.key = NULL}};
    captured(line, sizeof(line), RS_LOG_ERROR, "big", fields);
    assert_non_null(strstr(line, "\"first\":\"kept\"}\n"));
    assert_null(strstr(line, "xxx"));
}

static void invalid_utf8_is_escaped(void **state)
{
    (void)state;
    char line[9000];
    const struct rs_log_field fields[] = {
        RS_F("a", "\xff\xfe"), RS_F("b", "\xc3\xa9"), {.key = NULL}};
    captured(line, sizeof(line), RS_LOG_INFO, "x", fields);
    assert_non_null(strstr(line, "\"a\":\"\\u00ff\\u00fe\",\"b\":\"\xc3\xa9\""));
}

static void the_threshold_holds_back(void **state)
{
    (void)state;
    char line[9000];
    const struct rs_log_field none[] = {{.key = NULL}};
    enum rs_log_level level;
    assert_true(rs_log_parse_level("error", &level));
    rs_log_set_level(level);
    captured(line, sizeof(line), RS_LOG_WARN, "quiet", none);
    assert_string_equal(line, "");
    captured(line, sizeof(line), RS_LOG_ERROR, "loud", none);
    assert_non_null(strstr(line, "loud"));
    assert_false(rs_log_parse_level("LOUD", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_a_client_sends_can_forge_a_line),
        cmocka_unit_test(a_long_line_stays_whole_json),
        cmocka_unit_test(invalid_utf8_is_escaped),
        cmocka_unit_test(the_threshold_holds_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
