/* An event as each reader gets it, to the byte. */
#include "events.h"

#include "events/render.h"

#define PAYLOAD                                                                                                                     \
    "{\"id\":\"e1\",\"type\":\"push\",\"timestamp\":\"2026-11-30T20:05:01.123Z\",\"repository\":\"team/app\",\"tag\":\"v1\","       \
    "\"digest\":\"sha256:aa\",\"actor\":\"processor\",\"publisher\":\"ci\",\"size\":524,\"mediaType\":\"application/x\","           \
    "\"artifactType\":null,\"subject\":null,\"quarantineEvent\":\"e0\",\"decision\":{\"by\":\"processor\",\"state\":\"released\"}," \
    "\"requestId\":\"r-1\"}"

static const char payload[] = PAYLOAD;

static struct rs_event_row row_push(void)
{
    return (struct rs_event_row){
        .seq = 12,
        .id = "e1",
        .type = "push",
        .repository = "team/app",
        .tag = "v1",
        .digest = "sha256:aa",
        .created_ms = 1796069101123,
        .payload = payload,
        .decision = "{\"cve\":0}",
    };
}

static void the_event_itself(void **state)
{
    struct rs_event_row row = row_push();
    RS_AUTO(rs_buf) struct rs_buf without = RS_BUF_INIT(4096);
    RS_AUTO(rs_buf) struct rs_buf with = RS_BUF_INIT(4096);
    (void)state;
    assert_int_equal(rs_event_render(&row, false, &without, NULL), RS_OK);
    assert_int_equal(strncmp(rs_buf_text(&without), "{\"sequence\":12,", 15), 0);
    /* the rest is the payload behind its brace */
    assert_string_equal(rs_buf_text(&without) + 15, &payload[1]);
    assert_int_equal(rs_event_render(&row, true, &with, NULL), RS_OK);
    assert_non_null(strstr(
        rs_buf_text(&with),
        "\"decision\":{\"by\":\"processor\",\"state\":\"released\",\"details\":{\"cve\":0}}"));
}

static void each_format(void **state)
{
    static const struct {
        enum rs_event_format format;
        const char *text;
    } rows[] = {
        {RS_FORMAT_CLOUDEVENTS,
         "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"https://reg.example/v2/team/app\",\"type\":\"roadstead.push\","
         "\"subject\":\"team/app:v1\",\"time\":\"2026-11-30T20:05:01.123Z\",\"datacontenttype\":\"application/json\","
         "\"sequence\":\"0000000000000000012\",\"data\":{\"sequence\":12,\"id\":\"e1\",\"type\":\"push\","
         "\"timestamp\":\"2026-11-30T20:05:01.123Z\",\"repository\":\"team/app\",\"tag\":\"v1\",\"digest\":\"sha256:aa\","
         "\"actor\":\"processor\",\"publisher\":\"ci\",\"size\":524,\"mediaType\":\"application/x\",\"artifactType\":null,"
         "\"subject\":null,\"quarantineEvent\":\"e0\",\"decision\":{\"by\":\"processor\",\"state\":\"released\"},"
         "\"requestId\":\"r-1\"}}"},
        {RS_FORMAT_ACR,
         "{\"id\":\"e1\",\"timestamp\":\"2026-11-30T20:05:01.123Z\",\"action\":\"push\",\"target\":{\"mediaType\":\"application/x\","
         "\"size\":524,\"digest\":\"sha256:aa\",\"length\":524,\"repository\":\"team/app\",\"tag\":\"v1\"},"
         "\"request\":{\"id\":\"r-1\",\"host\":\"reg.example\",\"method\":\"PUT\"}}"},
        {RS_FORMAT_DOCKER,
         "{\"events\":[{\"id\":\"e1\",\"timestamp\":\"2026-11-30T20:05:01.123Z\",\"action\":\"push\",\"target\":{"
         "\"mediaType\":\"application/x\",\"size\":524,\"digest\":\"sha256:aa\",\"length\":524,\"repository\":\"team/app\","
         "\"url\":\"https://reg.example/v2/team/app/manifests/sha256:aa\",\"tag\":\"v1\"},"
         "\"request\":{\"id\":\"r-1\",\"host\":\"reg.example\",\"method\":\"PUT\"},\"actor\":{\"name\":\"processor\"},"
         "\"source\":{\"addr\":\"reg.example\"}}]}"},
    };
    struct rs_event_row row = row_push();
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(8192);
        assert_int_equal(
            rs_event_render_format(&row, rows[i].format, false, "https://reg.example", &out, NULL),
            RS_OK);
        assert_string_equal(rs_buf_text(&out), rows[i].text);
    }
}

static void what_each_format_can_tell(void **state)
{
    static const char *const types[] = {"quarantine",         "push", "delete", "quarantine_failed",
                                        "quarantine_overdue", "ping"};
    static const char *const told[] = {"111111", "111001", "011001"};
    (void)state;
    for (unsigned f = 0; f < 3; f++)
        for (unsigned t = 0; t < RS_ARRAY_LEN(types); t++)
            assert_int_equal(rs_event_format_has((enum rs_event_format)f, types[t]),
                             told[f][t] == '1');
    enum rs_event_format format;
    assert_true(rs_event_format_parse("acr", &format) && format == RS_FORMAT_ACR);
    assert_false(rs_event_format_parse("", &format));
    assert_false(rs_event_format_parse("CloudEvents", &format));
}

/* Stored bytes are input. */
static void damaged_rows_are_told(void **state)
{
    static const char *const payloads[] = {NULL, "", "{", "[]", "null", "{\"a\":1}x", "\xff"};
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(payloads); i++) {
        struct rs_event_row row = row_push();
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(8192);
        row.payload = payloads[i];
        assert_int_equal(rs_event_render(&row, true, &out, NULL), RS_CORRUPT);
        assert_int_equal(rs_event_render_format(&row, RS_FORMAT_DOCKER, true, "", &out, NULL),
                         RS_CORRUPT);
    }
    struct rs_event_row row = row_push();
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(8192);
    row.decision = "{";
    assert_int_equal(rs_event_render(&row, true, &out, NULL), RS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_event_itself),
        cmocka_unit_test(each_format),
        cmocka_unit_test(what_each_format_can_tell),
        cmocka_unit_test(damaged_rows_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
