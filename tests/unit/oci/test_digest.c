#include "oci/digest.h"

#include <string.h>

#include "../cm.h"

#define H64 "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define H63 "4136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static void grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {{"sha256:" H64, true},
                {"sha512:" H64 H64, true},
                {"", false},
                {":", false},
                {"sha256", false},
                {"sha256:", false},
                {"sha256:" H63, false},
                {"sha256:" H64 "0", false},
                {"sha256:" H63 "A", false},
                {"sha256:" H63 "g", false},
                {"sha256:" H63 " ", false},
                {"SHA256:" H64, false},
                {"sha256-" H64, false},
                {"sha512:" H64, false},
                {"sha512:" H64 H63, false},
                {"sha384:" H64, false},
                {"md5:" H64, false},
                {" sha256:" H64, false},
                {"sha256:" H64 "\n", false},
                {"sha256::" H63, false},
                {"sha256:../../../../../../etc/passwd", false},
                {"sha256:sha256:" H64, false},
                {"sha256+b64:" H64, false}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_digest d = {0};
        if (rs_digest_parse(rs_str_of(rows[i].text), &d) != rows[i].ok)
            fail_msg("%s", rows[i].text);
        assert_string_equal(d.text, rows[i].ok ? rows[i].text : "");
        assert_int_equal(rs_digest_is_valid(rs_str_of(rows[i].text)), rows[i].ok);
    }
}

static void parts(void **state)
{
    (void)state;
    struct rs_digest d;
    enum rs_digest_algorithm a;
    assert_true(rs_digest_parse(rs_str_of("sha256:" H64), &d));
    assert_int_equal(d.algorithm, RS_DIGEST_SHA256);
    assert_string_equal(rs_digest_hex(&d), H64);
    assert_true(rs_digest_parse(rs_str_of("sha512:" H64 H64), &d));
    assert_int_equal(d.algorithm, RS_DIGEST_SHA512);
    assert_string_equal(rs_digest_hex(&d), H64 H64);
    assert_true(rs_digest_algorithm_parse(rs_str_of("sha512"), &a));
    assert_int_equal(a, RS_DIGEST_SHA512);
    assert_string_equal(rs_digest_algorithm_name(a), "sha512");
    assert_false(rs_digest_algorithm_parse(rs_str_of("sha1"), &a));
    assert_false(rs_digest_algorithm_parse(rs_str_of("SHA256"), &a));
    assert_false(rs_digest_algorithm_parse(rs_str_of(""), &a));
}

static void matching(void **state)
{
    (void)state;
    assert_true(rs_digest_matches("sha256:" H64, "{}", 2));
    assert_false(rs_digest_matches("sha256:" H64, "{} ", 3));
    assert_true(
        rs_digest_matches("sha512:27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af"
                          "34c9a33c2046ef60fd2a7878d378e29fec851806bbd9a67878f3a9f1cda4830763fd",
                          "{}", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(parts),
        cmocka_unit_test(matching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
