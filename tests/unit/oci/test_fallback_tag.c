#include "oci/fallback_tag.h"

#include "../cm.h"

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static void tags(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        bool ok;
    } rows[] = {{"sha256-" HEX, true},
                {"sha256-" HEX ".sig", true},
                {"sha256-" HEX ".att", true},
                {"sha256-" HEX ".sbom", true},
                {"sha256-" HEX ".", false},
                {"sha256-" HEX ".SIG", false},
                {"sha256-" HEX ".sig2", false},
                {"sha256-" HEX "sig", false},
                {"sha256-" HEX "0", false},
                {"sha256-" HEX ".sbom.sig", false},
                {"sha256:" HEX, false},
                {"SHA256-" HEX, false},
                {"sha512-" HEX, false},
                {"sha512-" HEX HEX, false},
                {"latest", false},
                {"", false},
                {"sha256-", false},
                {"sha256-4413", false},
                {"sha256-" HEX "-x", false},
                {"xsha256-" HEX, false},
                {"sha256-44136FA355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", false}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_digest d = {0};
        if (rs_fallback_tag_parse(rs_str_of(rows[i].tag), &d) != rows[i].ok)
            fail_msg("%s", rows[i].tag);
        if (rows[i].ok)
            assert_string_equal(d.text, "sha256:" HEX);
    }
}

static void making(void **state)
{
    (void)state;
    char tag[RS_FALLBACK_TAG_BYTES];
    rs_fallback_tag_make("sha256:" HEX, tag);
    assert_string_equal(tag, "sha256-" HEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tags), cmocka_unit_test(making)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
