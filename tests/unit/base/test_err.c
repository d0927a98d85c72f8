#include "base/err.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../cm.h"

static void the_first_error_wins(void **state)
{
    (void)state;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_fail(&err, RS_BLOB_UNKNOWN, "blob %s", "x"), RS_BLOB_UNKNOWN);
    assert_int_equal(rs_fail(&err, RS_IO, "later"), RS_BLOB_UNKNOWN);
    assert_string_equal(err.message, "blob x");
    assert_non_null(err.file);
    rs_err_clear(&err);
    assert_int_equal(rs_fail(&err, RS_IO, NULL), RS_IO);
    assert_string_equal(err.message, rs_status_text(RS_IO));
}

static void without_a_place_the_status_remains(void **state)
{
    (void)state;
    assert_int_equal(rs_fail(NULL, RS_DENIED, "nobody listens"), RS_DENIED);
}

static void errno_keeps_the_facts_for_the_log(void **state)
{
    (void)state;
    static const struct {
        int e;
        enum rs_status status;
    } rows[] = {{ENOSPC, RS_NO_SPACE},  {EDQUOT, RS_NO_SPACE}, {ENOMEM, RS_NOMEM},
                {ENOENT, RS_NOT_FOUND}, {EIO, RS_IO},          {EACCES, RS_IO}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_err err = RS_ERR_INIT;
        assert_int_equal(rs_fail_errno(&err, rows[i].e, "open /secret/path"), rows[i].status);
        assert_null(strstr(err.message, "/secret")); /* paths never reach the client */
        assert_non_null(strstr(err.log, "/secret/path"));
    }
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct rs_err err = RS_ERR_INIT;
    (void)rs_fail(&err, RS_BAD_REQUEST, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

static void every_status_has_a_row(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "BLOB_UNKNOWN",          "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID",    "MANIFEST_UNKNOWN",    "NAME_INVALID",
        "NAME_UNKNOWN",          "SIZE_INVALID",        "UNAUTHORIZED",        "DENIED",
        "UNSUPPORTED",           "TOOMANYREQUESTS"};
    for (int s = RS_BLOB_UNKNOWN; s <= RS_INTERNAL; s++) {
        assert_in_range(rs_status_http((enum rs_status)s), 400, 599);
        assert_true(strlen(rs_status_text((enum rs_status)s)) > 0);
        bool known = false; /* the specification allows these codes and no others */
        for (size_t i = 0; i < RS_ARRAY_LEN(codes); i++)
            known = known || strcmp(codes[i], rs_status_oci_code((enum rs_status)s)) == 0;
        assert_true(known);
    }
    assert_string_equal(rs_status_name(RS_BLOB_UNKNOWN), "BLOB_UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(without_a_place_the_status_remains),
        cmocka_unit_test(errno_keeps_the_facts_for_the_log),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(every_status_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
