#include "net/url.h"

#include "../cm.h"

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool is_url;
        struct rs_url is;
    } rows[] = {
        {"https://a", true, {.is_https = true}},
        {"https://a.example:8443/x/y", true, {.is_https = true}},
        {"https://[::1]/", true, {.is_https = true}},
        {"http://a/?x=y", true, {.has_query = true}},
        {"https://a?x", true, {.is_https = true, .has_query = true}},
        {"https://u:p@a/", true, {.is_https = true, .has_user = true}},
        {"https://a/@b", true, {.is_https = true}},
        {"https://a/?q=@b", true, {.is_https = true, .has_query = true}},
        {"", false, {0}},
        {"https://", false, {0}},
        {"https:///x", false, {0}},
        {"https://:80/", false, {0}},
        {"https://?x", false, {0}},
        {"https:a", false, {0}},
        {"HTTPS://a", false, {0}},
        {"ftp://a", false, {0}},
        {"//a", false, {0}},
        {"/a", false, {0}},
        {"https://a/#f", false, {0}},
        {"https://a b", false, {0}},
        {"https://a\n", false, {0}},
        {"https://a\x7f", false, {0}},
        {"https://\xc3\xa4", false, {0}},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_url url;
        bool is_url = rs_url_parse(rows[i].url, &url);
        if (is_url != rows[i].is_url || (is_url && (url.is_https != rows[i].is.is_https ||
                                                    url.has_user != rows[i].is.has_user ||
                                                    url.has_query != rows[i].is.has_query)))
            fail_msg("%s", rows[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
