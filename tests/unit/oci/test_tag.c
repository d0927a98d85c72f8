#include "oci/tag.h"

#include <string.h>

#include "../cm.h"

static void tags(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        bool ok;
    } rows[] = {{"latest", true},    {"1", true},         {"v1.0.0-rc.1", true},
                {"_x", true},        {"A..B--C__", true}, {"sha256-abc.sig", true},
                {"", false},         {".a", false},       {"-a", false},
                {"a:b", false},      {"a/b", false},      {"a b", false},
                {"a+b", false},      {"a@b", false},      {"a\n", false},
                {"\xc3\xa9", false}, {"a*", false},       {".INVALID_MANIFEST_NAME", false}};
    char tag[130];
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        if (rs_tag_is_valid(rs_str_of(rows[i].tag)) != rows[i].ok)
            fail_msg("%s", rows[i].tag);
    memset(tag, 'a', sizeof(tag));
    assert_true(rs_tag_is_valid(rs_str_n(tag, 128)));
    assert_false(rs_tag_is_valid(rs_str_n(tag, 129)));
    assert_false(rs_tag_is_valid(rs_str_n("a\0", 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
