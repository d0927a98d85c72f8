#include "oci/link.h"

#include "../cm.h"

static void links(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(200);
    const struct rs_link_param params[] = {
        {"n", "10"}, {"none", NULL}, {"last", "a/b c&d=\"\xc3\xa9"}};
    assert_int_equal(rs_link_next(&out, "/v2/x/tags/list", params, 3), RS_OK);
    assert_string_equal(rs_buf_text(&out),
                        "</v2/x/tags/list?n=10&last=a%2Fb%20c%26d%3D%22%C3%A9>; rel=\"next\"");
    rs_buf_clear(&out);
    assert_int_equal(rs_link_next(&out, "/v2/_catalog", NULL, 0), RS_OK);
    assert_string_equal(rs_buf_text(&out), "</v2/_catalog>; rel=\"next\"");
    RS_AUTO(rs_buf) struct rs_buf tiny = RS_BUF_INIT(10);
    assert_int_equal(rs_link_next(&tiny, "/v2/x/tags/list", params, 3), RS_TOO_LARGE);
    /* nothing ends the header or the link early */
    rs_buf_clear(&out);
    assert_int_equal(rs_link_encode(&out, "\r\n>\x7f-._~Z9"), RS_OK);
    assert_string_equal(rs_buf_text(&out), "%0D%0A%3E%7F-._~Z9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
