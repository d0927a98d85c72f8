/* What a webhook may be, and that each change of one is audited once. */
#include "events.h"

#include "audit/record.h"
#include "events/webhook.h"

static const struct rs_webhook_rules strict = {0};
static const struct rs_webhook_rules lax = {.allow_http = true};

static enum rs_status read_text(const char *json, const struct rs_webhook_rules *rules,
                                struct rs_webhook *webhook, struct rs_err *err)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    assert_int_equal(rs_json_parse_text(json, RS_BAD_REQUEST, &root, NULL), RS_OK);
    return rs_webhook_read(root, rules, webhook, err);
}

static void good_webhooks(void **state)
{
    struct rs_webhook w;
    (void)state;
    rs_webhook_init(&w);
    assert_int_equal(
        read_text("{\"name\":\"ci\",\"url\":\"https://ci.example/hook?x=1\"}", &strict, &w, NULL),
        RS_OK);
    assert_true(w.enabled && !w.details && w.types == RS_WEBHOOK_TYPES_ALL &&
                w.format == RS_FORMAT_CLOUDEVENTS && w.n_patterns == 0);
    rs_webhook_init(&w);
    assert_int_equal(
        read_text("{\"name\":\"a\",\"url\":\"http://10.0.0.1:8080/\",\"format\":\"docker\"}", &lax,
                  &w, NULL),
        RS_OK);
    assert_int_equal(w.types, 1U << RS_EVENT_PUSH | 1U << RS_EVENT_DELETE);
    assert_int_equal(
        read_text("{\"events\":[\"push\"],\"repositories\":[\"team/*\",\"**\"],\"enabled\":false}",
                  &strict, &w, NULL),
        RS_OK);
    assert_true(w.types == 1U << RS_EVENT_PUSH && w.n_patterns == 2 && !w.enabled);
    assert_string_equal(w.url, "http://10.0.0.1:8080/"); /* what is absent stays */
    /* A format that can tell of less takes the types along that it knows. */
    rs_webhook_init(&w);
    assert_int_equal(read_text("{\"name\":\"a\",\"url\":\"https://x\"}", &strict, &w, NULL), RS_OK);
    assert_int_equal(read_text("{\"format\":\"acr\"}", &strict, &w, NULL), RS_OK);
    assert_int_equal(w.types,
                     1U << RS_EVENT_QUARANTINE | 1U << RS_EVENT_PUSH | 1U << RS_EVENT_DELETE);
}

static void bad_webhooks(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"[]", ""},
        {"{}", "name"},
        {"{\"name\":\"a\"}", "url"},
        {"{\"name\":\"a\",\"url\":\"http://x/\"}", "allow_http"},
        {"{\"name\":\"a\",\"url\":\"ftp://x/\"}", "https"},
        {"{\"name\":\"a\",\"url\":\"https://\"}", "https"},
        {"{\"name\":\"a\",\"url\":\"https:///x\"}", "https"},
        {"{\"name\":\"a\",\"url\":\"https://?x\"}", "https"},
        {"{\"name\":\"a\",\"url\":\"https://:443/\"}", "https"},
        {"{\"name\":\"a\",\"url\":\"https://user:pw@x/\"}", "user name"},
        {"{\"name\":\"a\",\"url\":\"https://x/ y\"}", "printable"},
        {"{\"name\":\"a\",\"url\":\"https://x/\\r\\nHost: y\"}", "printable"},
        {"{\"name\":\"a\",\"url\":\"https://x/#y\"}", "fragment"},
        {"{\"name\":\"A\",\"url\":\"https://x/\"}", "name"},
        {"{\"name\":\"-a\",\"url\":\"https://x/\"}", "name"},
        {"{\"name\":\"a/b\",\"url\":\"https://x/\"}", "name"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"events\":[]}", "at least one"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"events\":[\"pull\"]}", "quarantine_failed"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"events\":[1]}", "quarantine_failed"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"events\":\"push\"}", "events"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"format\":\"xml\"}",
         "cloudevents, acr or docker"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"format\":\"docker\",\"events\":[\"quarantine\"]}",
         "docker"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"repositories\":[\"/x\"]}", "repositories"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"details\":1}", "details"},
        {"{\"name\":\"a\",\"url\":\"https://x/\",\"secret\":\"mine\"}", "secret"},
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_webhook w;
        struct rs_err err = RS_ERR_INIT;
        rs_webhook_init(&w);
        if (read_text(rows[i].json, &strict, &w, &err) != RS_BAD_REQUEST ||
            strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].json, err.message);
    }
}

static void what_it_wants(void **state)
{
    struct rs_webhook w;
    (void)state;
    rs_webhook_init(&w);
    assert_int_equal(
        read_text(
            "{\"name\":\"a\",\"url\":\"https://x\",\"events\":[\"push\"],\"repositories\":[\"team/*\",\"lib\"]}",
            &strict, &w, NULL),
        RS_OK);
    assert_true(rs_webhook_wants(&w, "push", "team/app"));
    assert_true(rs_webhook_wants(&w, "push", "lib"));
    assert_false(rs_webhook_wants(&w, "push", "team/app/deep"));
    assert_false(rs_webhook_wants(&w, "push", "lib2"));
    assert_false(rs_webhook_wants(&w, "delete", "team/app"));
    assert_false(rs_webhook_wants(&w, "no such type", "team/app"));
}

/* ---- changes ---- */

static enum rs_status action_add(void *arg, const struct rs_audit_row *row, bool *stop,
                                 struct rs_err *reterr)
{
    char *all = arg;
    (void)stop;
    (void)reterr;
    (void)snprintf(all + strlen(all), 512 - strlen(all), "%s ", row->action);
    assert_null(strstr(row->record.p, "whsec_")); /* secrets are in no record */
    return RS_OK;
}

static void actions_are(struct rs_db *db, const char *wanted)
{
    char all[512] = "";
    struct rs_audit_filter filter = {0};
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
    assert_int_equal(rs_catalog_audit_each(r.conn, &filter, action_add, all, NULL), RS_OK);
    assert_string_equal(all, wanted);
}

static bool change(struct rs_db *db, const char *json)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    bool is_changed = false;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_json_parse_text(json, RS_BAD_REQUEST, &root, NULL), RS_OK);
    if (rs_webhook_change(db, "ci", root, &strict, &events_actor, &is_changed, &err) != RS_OK)
        fail_msg("%s", err.message);
    return is_changed;
}

static void each_change_is_audited_once(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    char secret[RS_WEBHOOK_SECRET_BYTES];
    char newer[RS_WEBHOOK_SECRET_BYTES];
    struct rs_webhook w;
    int64_t n = -1;
    rs_webhook_init(&w);
    assert_int_equal(
        read_text("{\"name\":\"ci\",\"url\":\"https://ci.example/\"}", &strict, &w, NULL), RS_OK);
    assert_int_equal(rs_webhook_create(db, &w, &events_actor, secret, NULL), RS_OK);
    actions_are(db, "webhook-created ");
    assert_int_equal(rs_webhook_create(db, &w, &events_actor, newer, NULL), RS_CONFLICT);
    assert_true(change(db, "{\"enabled\":false}"));
    assert_false(change(db, "{\"enabled\":false}")); /* nothing changes: no record */
    assert_false(change(db, "{}"));
    assert_int_equal(rs_webhook_rotate(db, "ci", true, &events_actor, newer, NULL), RS_OK);
    assert_string_not_equal(secret, newer);
    assert_int_equal(rs_webhook_redeliver(db, "ci", 0, &events_actor, &n, NULL), RS_OK);
    assert_true(n == 0); /* there is nothing to redeliver: no record */
    actions_are(db, "webhook-created webhook-changed webhook-secret-rotated ");
    assert_int_equal(rs_webhook_delete(db, "ci", &events_actor, NULL), RS_OK);
    assert_int_equal(rs_webhook_delete(db, "ci", &events_actor, NULL), RS_NOT_FOUND);
    assert_int_equal(rs_webhook_rotate(db, "ci", true, &events_actor, newer, NULL), RS_NOT_FOUND);
    actions_are(db, "webhook-created webhook-changed webhook-secret-rotated webhook-deleted ");
    rs_db_close(db);
}

static void secrets_are_never_shown(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
    char secret[RS_WEBHOOK_SECRET_BYTES];
    struct rs_webhook w;
    rs_webhook_init(&w);
    assert_int_equal(
        read_text("{\"name\":\"ci\",\"url\":\"https://ci.example/\"}", &strict, &w, NULL), RS_OK);
    assert_int_equal(rs_webhook_create(db, &w, &events_actor, secret, NULL), RS_OK);
    assert_int_equal(rs_webhook_show(db, NULL, &out, NULL), RS_OK);
    assert_int_equal(rs_webhook_show(db, "ci", &out, NULL), RS_OK);
    assert_int_equal(rs_webhook_deliveries(db, "ci", NULL, 0, 10, &out, NULL), RS_OK);
    assert_non_null(strstr(rs_buf_text(&out), "\"name\":\"ci\""));
    assert_null(strstr(rs_buf_text(&out), secret + 6));
    assert_int_equal(rs_webhook_show(db, "none", &out, NULL), RS_NOT_FOUND);
    /* One whose settings are damaged is still shown, so that it can be deleted. */
    catalog_script(db, "UPDATE webhook SET settings = '{'");
    rs_buf_clear(&out);
    assert_int_equal(rs_webhook_show(db, "ci", &out, NULL), RS_OK);
    assert_non_null(strstr(rs_buf_text(&out), "damaged"));
    assert_int_equal(rs_webhook_delete(db, "ci", &events_actor, NULL), RS_OK);
    rs_db_close(db);
}

static void there_is_a_bound(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    char secret[RS_WEBHOOK_SECRET_BYTES];
    struct rs_err err = RS_ERR_INIT;
    for (unsigned i = 0; i <= RS_WEBHOOKS_MAX; i++) {
        struct rs_webhook w;
        rs_webhook_init(&w);
        assert_int_equal(
            read_text("{\"name\":\"ci\",\"url\":\"https://ci.example/\"}", &strict, &w, NULL),
            RS_OK);
        (void)snprintf(w.name, sizeof(w.name), "w%u", i);
        enum rs_status s = rs_webhook_create(db, &w, &events_actor, secret, &err);
        assert_int_equal(s, i < RS_WEBHOOKS_MAX ? RS_OK : RS_CONFLICT);
    }
    assert_non_null(strstr(err.message, "64"));
    rs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_webhooks),
        cmocka_unit_test(bad_webhooks),
        cmocka_unit_test(what_it_wants),
        cmocka_unit_test_setup_teardown(each_change_is_audited_once, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(secrets_are_never_shown, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(there_is_a_bound, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
