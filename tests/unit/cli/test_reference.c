#include "cli/reference.h"

#include <string.h>

#include "../cm.h"

#define DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static void images(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name, *tag, *digest; /* name NULL: refused */
    } rows[] = {
        {"app:1.0", "app", "1.0", ""},
        {"team/app:latest", "team/app", "latest", ""},
        {"team/app@" DIGEST, "team/app", "", DIGEST},
        {"team/app:1.0@" DIGEST, "team/app", "", DIGEST},
        {"app", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
        {":1", NULL, NULL, NULL},
        {"app:", NULL, NULL, NULL},
        {"app@", NULL, NULL, NULL},
        {"app@sha256:abc", NULL, NULL, NULL},
        {"app@1.0", NULL, NULL, NULL},
        {"app:1:2", NULL, NULL, NULL},
        {"app:-1", NULL, NULL, NULL},
        {"App:1", NULL, NULL, NULL},
        {"app/:1", NULL, NULL, NULL},
        {"../app:1", NULL, NULL, NULL},
        {"http://host/app:1", NULL, NULL, NULL},
        {"host.example.org:5000/app:1", NULL, NULL, NULL},
        {"app:" DIGEST, NULL, NULL, NULL},
        {DIGEST, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_image image;
        struct rs_err err = RS_ERR_INIT;
        enum rs_status s = rs_image_parse(rows[i].text, false, &image, &err);
        if (s != (rows[i].name == NULL ? RS_BAD_REQUEST : RS_OK))
            fail_msg("%s: %s", rows[i].text, rs_status_name(s));
        if (s != RS_OK) {
            assert_true(strlen(err.message) > 0);
            continue;
        }
        assert_string_equal(image.name, rows[i].name);
        assert_string_equal(image.tag, rows[i].tag);
        assert_string_equal(image.digest, rows[i].digest);
    }
    struct rs_image image;
    assert_int_equal(rs_image_parse("app", true, &image, NULL), RS_OK);
    assert_string_equal(image.tag, "latest");
}

static void long_ones(void **state)
{
    (void)state;
    struct rs_image image;
    char text[600];
    memset(text, 'a', sizeof(text));
    text[255] = ':';
    text[256 + 128] = '\0';
    assert_int_equal(rs_image_parse(text, false, &image, NULL), RS_OK);
    assert_int_equal(strlen(image.name), 255);
    assert_int_equal(strlen(image.tag), 128);
    text[256 + 128] = 'a';
    text[256 + 129] = '\0';
    assert_int_equal(rs_image_parse(text, false, &image, NULL), RS_BAD_REQUEST);
    text[255] = 'a';
    text[256] = ':';
    text[258] = '\0';
    assert_int_equal(rs_image_parse(text, false, &image, NULL), RS_BAD_REQUEST);
}

static void paths_and_queries(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    struct rs_image image;
    assert_int_equal(rs_image_parse("team/app@" DIGEST, false, &image, NULL), RS_OK);
    rs_image_path(&image, &path);
    assert_string_equal(rs_buf_text(&path), "/v2/team/app/_roadstead/quarantine/" DIGEST);
    rs_buf_clear(&path);
    (void)rs_buf_adds(&path, "/v2/x");
    rs_path_add(&path, "../a b?c#d");
    rs_query_add(&path, "state", "a&b=c");
    rs_query_add(&path, "none", NULL);
    rs_query_add_number(&path, "n", 10);
    assert_string_equal(rs_buf_text(&path), "/v2/x/..%2Fa%20b%3Fc%23d?state=a%26b%3Dc&n=10");
}

static void exit_codes(void **state)
{
    (void)state;
    static const struct {
        long http_status;
        enum rs_exit code;
    } rows[] = {{200, RS_EXIT_OK},      {201, RS_EXIT_OK},      {204, RS_EXIT_OK},
                {301, RS_EXIT_REFUSED}, {400, RS_EXIT_REFUSED}, {401, RS_EXIT_DENIED},
                {403, RS_EXIT_DENIED},  {404, RS_EXIT_NO},      {405, RS_EXIT_REFUSED},
                {409, RS_EXIT_REFUSED}, {412, RS_EXIT_REFUSED}, {413, RS_EXIT_REFUSED},
                {429, RS_EXIT_SERVER},  {500, RS_EXIT_SERVER},  {503, RS_EXIT_SERVER},
                {507, RS_EXIT_SERVER},  {0, RS_EXIT_REFUSED}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        assert_int_equal(rs_client_exit_of(rows[i].http_status), rows[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images),
        cmocka_unit_test(long_ones),
        cmocka_unit_test(paths_and_queries),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
