#include "oci/name.h"

#include <string.h>

#include "../cm.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        {"a", true},
        {"0", true},
        {"library/busybox", true},
        {"a.b", true},
        {"a_b", true},
        {"a__b", true},
        {"a-b", true},
        {"a-----b", true},
        {"a/b/c/d/e/f/g", true},
        {"a.b/c_d/e-f", true},
        /* words of the API are ordinary components */
        {"blobs", true},
        {"manifests/tags", true},
        {"tags/list", true},
        {"uploads/x", true},
        {"v2", true},
        {"admin/_", false},
        {"_uploads", false},
        {"a/_roadstead", false},
        {"", false},
        {"/", false},
        {"a/", false},
        {"/a", false},
        {"a//b", false},
        {".", false},
        {"..", false},
        {"a..b", false},
        {"a/..", false},
        {"a/../b", false},
        {"./a", false},
        {".a", false},
        {"a.", false},
        {"-a", false},
        {"a-", false},
        {"_a", false},
        {"a_", false},
        {"a___b", false},
        {"a._b", false},
        {"a-_b", false},
        {"a.-b", false},
        {"a/-b", false},
        {"A", false},
        {"a/B", false},
        {"a:b", false},
        {"a@b", false},
        {"a b", false},
        {"a\nb", false},
        {"a\n", false},
        {"a%2fb", false},
        {"a\\b", false},
        {"a*", false},
        {"\xc3\xa9", false},
        {"\xd0\xb0", false},
        {"a\xff", false},
        {"a;b", false},
        {"a?b", false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        if (rs_name_is_valid(rs_str_of(rows[i].name)) != rows[i].ok)
            fail_msg("%s", rows[i].name);
    assert_false(rs_name_is_valid(rs_str_n("a\0b", 3)));
    assert_true(rs_name_is_valid(rs_str_n("a-", 1)));
}

static void lengths(void **state)
{
    (void)state;
    char name[257];
    memset(name, 'a', sizeof(name));
    assert_true(rs_name_is_valid(rs_str_n(name, 255)));
    assert_false(rs_name_is_valid(rs_str_n(name, 256)));
    memset(name + 1, '-', 253);
    assert_true(rs_name_is_valid(rs_str_n(name, 255)));
    for (size_t i = 1; i < 254; i += 2)
        name[i] = '/', name[i + 1] = 'b';
    assert_true(rs_name_is_valid(rs_str_n(name, 255)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
