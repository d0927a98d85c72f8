/* Names, tags, digests, references and fallback tags: what is accepted can go into paths,
 * statements and headers as it is. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "oci/fallback_tag.h"
#include "oci/link.h"
#include "oci/name.h"
#include "oci/reference.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text)
{
    struct rs_reference ref;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_reference_parse(text, &ref, &err);
    if (s == RS_OK && ref.is_digest)
        check(strcmp(ref.digest.text, text) == 0 && strchr(text, '/') == NULL);
    else if (s == RS_OK)
        check(strcmp(ref.tag, text) == 0 && strpbrk(text, "/: \r\n") == NULL && text[0] != '.');
    else
        check(err.message[0] != '\0');
    /* with a ':' it is a digest or nothing */
    check(strchr(text, ':') == NULL || s == RS_OK || s == RS_DIGEST_INVALID);
    RS_AUTO(rs_buf) struct rs_buf encoded = RS_BUF_INIT(1U << 20);
    check(rs_link_encode(&encoded, text) == RS_OK);
    check(strpbrk(rs_buf_text(&encoded), "<>\"; \r\n&=?#/") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rs_str s = rs_str_n((const char *)data, n);
    struct rs_digest d;
    if (rs_name_is_valid(s)) {
        check(n > 0 && n <= RS_NAME_BYTES_MAX && data[0] != '/' && data[n - 1] != '/');
        check(memmem(data, n, "..", 2) == NULL && memmem(data, n, "//", 2) == NULL);
        check(memmem(data, n, "/_", 2) == NULL && memmem(data, n, "/.", 2) == NULL);
        check(memchr(data, '\0', n) == NULL && memchr(data, '%', n) == NULL);
    }
    if (rs_digest_parse(s, &d))
        check(strlen(d.text) == n && memcmp(d.text, data, n) == 0);
    if (rs_fallback_tag_parse(s, &d))
        check(rs_tag_is_valid(s) && d.algorithm == RS_DIGEST_SHA256 &&
              memcmp(rs_digest_hex(&d), data + 7, 64) == 0);
    if (memchr(data, '\0', n) != NULL)
        return 0;
    char *text = malloc(n + 1);
    check(text != NULL);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    check_text(text);
    free(text);
    return 0;
}
