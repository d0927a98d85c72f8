/* A token of an issuer: what is taken apart keeps the promises of its header, and is never another
 * token than its text. */
#include <stdlib.h>
#include <string.h>

#include "auth/id_token.h"
#include "fuzz.h"
#include "net/url.h"

static void must_keep_the_rules(const struct rs_id_token *t, const char *text)
{
    struct rs_url url;
    int64_t expires = 0;
    if (!rs_url_parse(t->issuer, &url) || !url.is_https || t->message.p != text ||
        t->message.n >= strlen(text) || text[t->message.n] != '.' ||
        rs_json_kind(t->claims) != RS_JSON_OBJECT || rs_json_get(t->header, "crit") != NULL)
        abort();
    if (rs_id_token_check_time(t, 1000, &expires, NULL) == RS_OK && expires <= 1000)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    RS_AUTO_FREE char *text = calloc(1, n + 1);
    RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
    struct rs_err err = RS_ERR_INIT;
    if (text == NULL)
        return 0;
    if (n > 0)
        memcpy(text, data, n);
    enum rs_status s = rs_id_token_parse(text, &t, &err);
    if (s == RS_OK)
        must_keep_the_rules(&t, text);
    else if (err.message[0] == '\0' || t.claims != NULL)
        abort();
    return 0;
}
