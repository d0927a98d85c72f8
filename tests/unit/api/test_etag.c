#include "../cm.h"
#include "api/etag.h"

#define D "sha256:0123"

static void lists(void **state)
{
    static const struct {
        const char *header;
        bool listed;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*", true},
        {" *", true},
        {"\"" D "\"", true},
        {"W/\"" D "\"", true},
        {"\"other\", \"" D "\"", true},
        {"\"other\",W/\"x\"\t,, \"" D "\"", true},
        {"\"other\"", false},
        {"\"" D "4\"", false},
        {"\"sha256:012\"", false},
        {D, false},             /* not quoted */
        {"\"" D, false},        /* not closed */
        {"w/\"" D "\"", false}, /* W is upper case */
        {"x, \"" D "\"", false},
        {"\"a, b\", \"" D "\"", true}, /* commas may stand inside */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rs_api_etag_is_listed(rows[i].header, D) != rows[i].listed)
            fail_msg("row %zu: %s", i, rows[i].header == NULL ? "none" : rows[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists)};
    return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}
