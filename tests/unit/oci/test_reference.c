#include "oci/reference.h"

#include <string.h>

#include "../cm.h"

#define D256 "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static void references(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rs_status status;
        bool is_digest;
    } rows[] = {
        {D256, RS_OK, true},
        {"latest", RS_OK, false},
        {"sha256-44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", RS_OK, false},
        {"sha256:baddigeststring", RS_DIGEST_INVALID, true},
        {"sha256:", RS_DIGEST_INVALID, true},
        {":", RS_DIGEST_INVALID, true},
        {"a:b", RS_DIGEST_INVALID, true},
        {"latest:", RS_DIGEST_INVALID, true},
        {"sha384:00", RS_DIGEST_INVALID, true},
        {"", RS_MANIFEST_INVALID, false},
        {".INVALID_MANIFEST_NAME", RS_MANIFEST_INVALID, false},
        {"a b", RS_MANIFEST_INVALID, false},
        {"a/b", RS_MANIFEST_INVALID, false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_reference ref;
        struct rs_err err = RS_ERR_INIT;
        enum rs_status s = rs_reference_parse(rows[i].text, &ref, &err);
        if (s != rows[i].status)
            fail_msg("%s: %s", rows[i].text, rs_status_name(s));
        assert_int_equal(ref.is_digest, rows[i].is_digest);
        if (s == RS_OK)
            assert_string_equal(ref.is_digest ? ref.digest.text : ref.tag, rows[i].text);
        else
            assert_true(strlen(err.message) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
