#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"

static const char *write_file(void *const *state, const char *text, size_t n)
{
    const char *path = scratch_path(state, "roadstead.yaml");
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static enum rs_status load(const char *path, const char *const *environment,
                           const struct rs_config_flag *flags, size_t n_flags,
                           struct rs_config **ret, struct rs_err *err)
{
    struct rs_config_sources sources = {
        .path = path, .environment = environment, .flags = flags, .n_flags = n_flags};
    return rs_config_load(&sources, ret, err);
}

static struct rs_config *loaded(void *const *state, const char *text)
{
    struct rs_config *c = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (load(write_file(state, text, strlen(text)), NULL, NULL, 0, &c, &err) != RS_OK)
        fail_msg("%s\n%s", err.message, text);
    return c;
}

static void presets(void **state)
{
    (void)state;
    RS_AUTO(rs_config) struct rs_config *c = NULL;
    assert_int_equal(load(NULL, NULL, NULL, 0, &c, NULL), RS_OK);
    assert_int_equal(c->listen.n, 1);
    assert_string_equal(c->listen.item[0], "127.0.0.1:5000");
    assert_int_equal(c->tls_listen.n, 0);
    assert_string_equal(c->tls_certificate, "");
    assert_string_equal(c->data, "/var/lib/roadstead");
    assert_int_equal(c->log_level, RS_LOG_INFO);
    assert_int_equal(c->auth_challenge, RS_CONFIG_CHALLENGE_TOKEN);
    assert_int_equal(c->auth_token_ms, 300000);
    assert_int_equal(c->limit_manifest_bytes, 4194304);
    assert_int_equal(c->limit_upload_expiry_ms, 86400000);
    assert_false(c->webhook_allow_http);
    assert_true(c->metrics_loopback);
    assert_int_equal(c->initial_policies.n, 0);
}

static void an_empty_file_is_fine(void **state)
{
    static const char *const rows[] = {"", "\n", "# nothing\n", "---\n", "limits:\n", "{}\n"};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        rs_config_free(loaded(state, rows[i]));
}

static void every_kind(void **state)
{
    RS_AUTO(rs_config)
    struct rs_config *c = loaded(
        state, "listen: [127.0.0.1:0, '[::1]:5000', ':80']\n"
               "tls: {listen: 0.0.0.0:443, certificate: /c.pem, key: \"/k.pem\"}\n"
               "log:\n  level: warn\n  requests: false\n"
               "auth:\n  challenge: basic\n  token_lifetime: 90s\n"
               "service: {url: 'https://registry.example.org:8443', name: our registry}\n"
               "trusted_proxies:\n  - 10.0.0.0/8\n  - fd00::/8\n  - 192.0.2.7\n"
               "limits: {workers: 7, manifest_size: 1MiB, idle_timeout: 1500ms, blob_size: 5GiB}\n"
               "storage: {quota: 1TiB}\n"
               "gc: {interval: 0}\n");
    assert_int_equal(c->listen.n, 3);
    assert_string_equal(c->listen.item[1], "[::1]:5000");
    assert_int_equal(c->tls_listen.n, 1);
    assert_string_equal(c->tls_listen.item[0], "0.0.0.0:443");
    assert_string_equal(c->tls_key, "/k.pem");
    assert_int_equal(c->log_level, RS_LOG_WARN);
    assert_false(c->log_requests);
    assert_int_equal(c->auth_challenge, RS_CONFIG_CHALLENGE_BASIC);
    assert_int_equal(c->auth_token_ms, 90000);
    assert_string_equal(c->service_url, "https://registry.example.org:8443");
    assert_string_equal(c->service_name, "our registry");
    assert_int_equal(c->trusted_proxies.n, 3);
    assert_string_equal(c->trusted_proxies.item[2], "192.0.2.7");
    assert_int_equal(c->limit_workers, 7);
    assert_int_equal(c->limit_manifest_bytes, 1048576);
    assert_int_equal(c->limit_idle_ms, 1500);
    assert_int_equal(c->limit_blob_bytes, INT64_C(5368709120));
    assert_int_equal(c->storage_quota_bytes, INT64_C(1099511627776));
    assert_int_equal(c->gc_interval_ms, 0);
}

static void initial_lists_become_json(void **state)
{
    RS_AUTO(rs_config)
    struct rs_config *c = loaded(
        state,
        "initial:\n"
        "  policies:\n"
        "    - pattern: team/**\n"
        "      quarantine: on\n"
        "      checks: [scan, 'sign']\n"
        "      overdue_after: 24h\n"
        "      echo: false\n"
        "    - {pattern: '**', position: 3, note: null, text: \"true\", big: 1234567890123456}\n"
        "  users:\n"
        "    - name: ann\n");
    assert_int_equal(c->initial_policies.n, 2);
    assert_string_equal(c->initial_policies.item[0].json,
                        "{\"checks\":[\"scan\",\"sign\"],\"echo\":false,\"overdue_after\":\"24h\","
                        "\"pattern\":\"team/**\",\"quarantine\":\"on\"}");
    assert_int_equal(c->initial_policies.item[0].line, 3);
    assert_string_equal(c->initial_policies.item[1].json,
                        "{\"big\":\"1234567890123456\",\"note\":null,\"pattern\":\"**\","
                        "\"position\":3,\"text\":\"true\"}");
    assert_int_equal(c->initial_policies.item[1].line, 8);
    assert_int_equal(c->initial_users.n, 1);
    assert_string_equal(c->initial_users.item[0].json, "{\"name\":\"ann\"}");
}

/* Each mistake is refused and told with its line. */
static void mistakes(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"limit:\n  workers: 1\n", ":1: there is no key \"limit\""},
        {"limits:\n  worker: 1\n", ":2: there is no key \"limits.worker\"; did you mean"
                                   " \"limits.workers\"?"},
        {"\n\ndata_dir: x\n", ":3: there is no key \"data_dir\""},
        {"tls:\n  cert: x\n", ":2: there is no key \"tls.cert\""},
        {"workers: 1\n", "did you mean \"limits.workers\"?"},
        {"completely_different_thing: 1\n", "there is no key \"completely_different_thing\""},
        {"limits:\n  workers: many\n", ":2: limits.workers is \"many\""},
        {"limits:\n  workers: 0\n", "from 1 to 4096"},
        {"limits:\n  workers: 4097\n", "from 1 to 4096"},
        {"limits:\n  workers: -1\n", "from 1 to 4096"},
        {"limits:\n  workers: 1.5\n", "from 1 to 4096"},
        {"limits:\n  workers: 99999999999999999999\n", "from 1 to 4096"},
        {"limits:\n  workers:\n", "from 1 to 4096"},
        {"limits:\n  manifest_size: 5MiB\n", "from 64KiB to 4MiB"},
        {"limits:\n  manifest_size: 1mb\n", "a size such as 4MiB"},
        {"limits:\n  blob_size: 9999999TiB\n", "a size"},
        {"limits:\n  idle_timeout: 30\n", "a duration such as 30s"},
        {"limits:\n  idle_timeout: 30 s\n", "a duration"},
        {"limits:\n  idle_timeout: 1h30m\n", "a duration"},
        {"limits:\n  workers: [1]\n", ":2: one value was expected"},
        {"limits: 5\n", ":1: keys were expected"},
        {"limits: [a]\n", ":1: keys were expected"},
        {"log: {level: loud}\n", "one of debug|info|warn|error"},
        {"log: {requests: yes}\n", "true or false"},
        {"log: {requests: True}\n", "true or false"},
        {"listen: {a: b}\n", "a list was expected"},
        {"listen: [[a]]\n", "a text was expected"},
        {"listen: ['']\n", "without empty elements"},
        {"listen: localhost\n", "\"localhost\" is no address to listen on"},
        {"listen: ['::1:5000']\n", "no address to listen on"},
        {"listen: 'localhost:99999'\n", "no address to listen on"},
        {"listen: 'http://localhost:5000'\n", "no address to listen on"},
        {"listen: []\n", "both empty"},
        {"tls: {listen: ':443'}\n", "needs tls.certificate and tls.key"},
        {"trusted_proxies: 10.0.0.1/8\n", "no address or network"},
        {"trusted_proxies: proxy.example.org\n", "no address or network"},
        {"service: {url: 'registry.example.org'}\n", "https://HOST"},
        {"service: {url: 'https://registry.example.org/'}\n", "https://HOST"},
        {"service: {url: 'https://u:p@registry.example.org'}\n", "https://HOST"},
        {"service: {name: 'a\"b'}\n", "service.name"},
        {"service: {realm: 'Bearer of news'}\n", "would confuse"},
        {"service: {name: ''}\n", "service.name"},
        {"data: ''\n", "data is \"\""},
        {"data: \"a\\0b\"\n", ""},
        {"data: \"a\\nb\"\n", "without control characters"},
        {"data: a\ndata: b\n", ":2: this key stands twice"},
        {"limits: {workers: 1}\nlimits: {workers: 2}\n", "stands twice"},
        {"data: &x a\nready_file: *x\n", ":2: anchors and aliases"},
        {"data: a\n---\ndata: b\n", "second document"},
        {"- data\n", "keys and values were expected"},
        {"just text\n", "keys and values were expected"},
        {"listen: [a\n", "not valid YAML"},
        {"data: 'a\n", "not valid YAML"},
        {"\tdata: a\n", "not valid YAML"},
        {"data: \xff\n", "not valid YAML"},
        {"[a]: b\n", ""},
        {"initial: {policies: {a: b}}\n", "a list of mappings"},
        {"initial: {policies: [a]}\n", "a mapping was expected"},
        {"initial:\n  policies:\n    - a: 1\n      b: 1\n      a: 2\n", ":3: this mapping cannot be"
                                                                        " used"},
        {"initial: {policies: [{a: [[[[[[[[[[1]]]]]]]]]]}]}\n", "nested too deeply"},
        {"initial: {policies: [{? [a] : b}]}\n", "a name was expected"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_config *c = NULL;
        struct rs_err err = RS_ERR_INIT;
        const char *path = write_file(state, rows[i].text, strlen(rows[i].text));
        enum rs_status s = load(path, NULL, NULL, 0, &c, &err);
        if (s != RS_BAD_REQUEST || strstr(err.message, rows[i].said) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\":\n%s", rs_status_name(s), err.message,
                     rows[i].said, rows[i].text);
        if (rows[i].said[0] == ':')
            assert_non_null(strstr(err.message, path));
        assert_null(c);
    }
}

static void files_that_cannot_be_read(void **state)
{
    struct rs_config *c = NULL;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(load(scratch_path(state, "absent.yaml"), NULL, NULL, 0, &c, &err),
                     RS_NOT_FOUND);
    assert_non_null(strstr(err.message, "absent.yaml"));
    assert_int_equal(load(scratch_path(state, "."), NULL, NULL, 0, &c, NULL), RS_IO);
    size_t n = 1048577;
    RS_AUTO_FREE char *text = malloc(n);
    assert_non_null(text);
    memset(text, '\n', n);
    assert_int_equal(load(write_file(state, text, n), NULL, NULL, 0, &c, NULL), RS_BAD_REQUEST);
    assert_int_equal(load(write_file(state, "data: a\0b\n", 10), NULL, NULL, 0, &c, NULL),
                     RS_BAD_REQUEST);
    assert_null(c);
}

static void later_sources_win(void **state)
{
    const char *text = "data: /file\nlisten: [127.0.0.1:1]\nlog: {level: debug}\n";
    const char *path = write_file(state, text, strlen(text));
    static const char *const environment[] = {"PATH=/bin",
                                              "ROADSTEAD_DATA=/environment",
                                              "ROADSTEAD_LISTEN=127.0.0.1:2,127.0.0.1:3",
                                              "ROADSTEAD_LIMITS_WORKERS=9",
                                              "ROADSTEAD_PORT=tcp://10.0.0.1:5000",
                                              "ROADSTEAD_USER=ann",
                                              NULL};
    static const struct rs_config_flag flags[] = {{"data", "/flag"}, {"limits.workers", "10"}};
    RS_AUTO(rs_config) struct rs_config *c = NULL;
    assert_int_equal(load(path, environment, NULL, 0, &c, NULL), RS_OK);
    assert_string_equal(c->data, "/environment");
    assert_int_equal(c->listen.n, 2);
    assert_string_equal(c->listen.item[1], "127.0.0.1:3");
    assert_int_equal(c->log_level, RS_LOG_DEBUG);
    assert_int_equal(c->limit_workers, 9);
    rs_config_free(RS_TAKE(c));
    assert_int_equal(load(path, environment, flags, 2, &c, NULL), RS_OK);
    assert_string_equal(c->data, "/flag");
    assert_int_equal(c->limit_workers, 10);
}

static void mistakes_elsewhere(void **state)
{
    (void)state;
    struct rs_config *c = NULL;
    struct rs_err err = RS_ERR_INIT;
    static const char *const bad_number[] = {"ROADSTEAD_LIMITS_WORKERS=x", NULL};
    assert_int_equal(load(NULL, bad_number, NULL, 0, &c, &err), RS_BAD_REQUEST);
    assert_non_null(strstr(err.message, "ROADSTEAD_LIMITS_WORKERS: limits.workers is \"x\""));
    rs_err_clear(&err);
    static const char *const list[] = {"ROADSTEAD_INITIAL_USERS=ann", NULL};
    assert_int_equal(load(NULL, list, NULL, 0, &c, &err), RS_BAD_REQUEST);
    assert_non_null(strstr(err.message, "in the configuration file only"));
    rs_err_clear(&err);
    const struct rs_config_flag unknown = {"limits.wokers", "1"};
    assert_int_equal(load(NULL, NULL, &unknown, 1, &c, &err), RS_BAD_REQUEST);
    assert_string_equal(err.message, "command line: there is no key \"limits.wokers\"; did you mean"
                                     " \"limits.workers\"?");
    rs_err_clear(&err);
    const struct rs_config_flag empty = {"listen", "a:1,,b:2"};
    assert_int_equal(load(NULL, NULL, &empty, 1, &c, &err), RS_BAD_REQUEST);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets),
        cmocka_unit_test_setup_teardown(an_empty_file_is_fine, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(every_kind, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(initial_lists_become_json, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(mistakes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(later_sources_win, scratch_setup, scratch_teardown),
        cmocka_unit_test(mistakes_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
