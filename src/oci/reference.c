#include "oci/reference.h"

#include <string.h>

/* How much of a text that a client chose goes into a message. */
#define SHOWN_BYTES 160

enum rs_status rs_reference_parse(const char *text, struct rs_reference *ret, struct rs_err *reterr)
{
    struct rs_str whole = rs_str_of(text);
    memset(ret, 0, sizeof(*ret));
    if (memchr(whole.p, ':', whole.n) != NULL) {
        ret->is_digest = true;
        if (rs_digest_parse(whole, &ret->digest))
            return RS_OK;
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "\"%.*s\" is no digest: sha256 or sha512, a colon, and its lower-case"
                       " hexadecimal digits are expected",
                       SHOWN_BYTES, text);
    }
    if (!rs_tag_is_valid(whole))
        return rs_fail(reterr, RS_MANIFEST_INVALID,
                       "\"%.*s\" cannot be a tag: letters, digits, '_', '.' and '-', at most 128,"
                       " the first one no '.' or '-'",
                       SHOWN_BYTES, text);
    (void)rs_text_copy(ret->tag, sizeof(ret->tag), text); /* fits: the grammar has bounded it */
    return RS_OK;
}
