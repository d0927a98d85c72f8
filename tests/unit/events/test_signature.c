/* Signatures against the Standard Webhooks vector, and secrets. */
#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "events/signature.h"

#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define AT 1614265330
static const char body[] = "{\"test\": 2432232314}";
static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

static void known_signature(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1024);
    (void)state;
    assert_int_equal(rs_signature_write(secret, ID, AT, rs_str_of(body), &out, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&out), signature);
}

/* While a secret is being changed, deliveries carry the signature of each, the new one first. */
static void two_secrets_two_signatures(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1024);
    char both[256];
    (void)state;
    (void)snprintf(both, sizeof(both), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX %s", secret);
    assert_int_equal(rs_signature_write(both, ID, AT, rs_str_of(body), &out, NULL), RS_OK);
    char *second = strchr(out.data, ' ');
    assert_non_null(second);
    *second = '\0';
    assert_string_equal(out.data, "v1,/485aUtxlie+TIScVpHggMfqOB4so2KWb7+Gf727B44=");
    assert_string_equal(second + 1, signature);
}

static void everything_is_signed(void **state)
{
    const struct {
        const char *id;
        int64_t at;
        const char *body;
    } rows[] = {
        {ID "x", AT, body}, {ID, AT + 1, body}, {ID, AT, "{\"test\": 2432232315}"}, {ID, AT, ""}};
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1024);
        assert_int_equal(
            rs_signature_write(secret, rows[i].id, rows[i].at, rs_str_of(rows[i].body), &out, NULL),
            RS_OK);
        assert_string_not_equal(rs_buf_text(&out), signature);
    }
}

static void new_secrets_are_valid_and_different(void **state)
{
    char a[RS_WEBHOOK_SECRET_BYTES];
    char b[RS_WEBHOOK_SECRET_BYTES];
    (void)state;
    rs_signature_secret_new(a);
    rs_signature_secret_new(b);
    assert_true(rs_signature_secret_is_valid(rs_str_of(a)) &&
                rs_signature_secret_is_valid(rs_str_of(b)));
    assert_string_not_equal(a, b);
}

static void damaged_secrets_sign_nothing(void **state)
{
    static const char *const rows[] = {
        "",
        "whsec_",
        "whsec_AAAA",                             /* 3 bytes */
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", /* 23 bytes */
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY",  /* no padding */
        "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",  /* another kind */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX  x",
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1024);
        assert_int_equal(rs_signature_write(rows[i], ID, AT, rs_str_of(body), &out, NULL),
                         RS_CORRUPT);
        assert_false(rs_signature_secret_is_valid(rs_str_of(rows[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_signature),
        cmocka_unit_test(two_secrets_two_signatures),
        cmocka_unit_test(everything_is_signed),
        cmocka_unit_test(new_secrets_are_valid_and_different),
        cmocka_unit_test(damaged_secrets_sign_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
