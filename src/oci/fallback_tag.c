#include "oci/fallback_tag.h"

#include <string.h>

#include "base/assert.h"

#define HEX_BYTES 64U
#define PREFIX_BYTES 7U /* "sha256-" */

bool rs_fallback_tag_parse(struct rs_str tag, struct rs_digest *ret_subject)
{
    static const char *const suffixes[] = {"", ".sig", ".att", ".sbom"};
    if (tag.n < PREFIX_BYTES + HEX_BYTES || memcmp(tag.p, "sha256-", PREFIX_BYTES) != 0)
        return false;
    struct rs_str suffix =
        rs_str_n(tag.p + PREFIX_BYTES + HEX_BYTES, tag.n - PREFIX_BYTES - HEX_BYTES);
    char digest[PREFIX_BYTES + HEX_BYTES];
    memcpy(digest, "sha256:", PREFIX_BYTES);
    memcpy(digest + PREFIX_BYTES, tag.p + PREFIX_BYTES, HEX_BYTES);
    for (size_t i = 0; i < RS_ARRAY_LEN(suffixes); i++)
        if (rs_str_eq(suffix, suffixes[i]))
            return rs_digest_parse(rs_str_n(digest, sizeof(digest)), ret_subject);
    return false;
}

void rs_fallback_tag_make(const char *sha256_digest, char out[RS_FALLBACK_TAG_BYTES])
{
    struct rs_digest d;
    bool ok = rs_digest_parse(rs_str_of(sha256_digest), &d) && d.algorithm == RS_DIGEST_SHA256;
    rs_assert(ok);
    memcpy(out, "sha256-", PREFIX_BYTES);
    memcpy(out + PREFIX_BYTES, rs_digest_hex(&d), HEX_BYTES + 1);
}
