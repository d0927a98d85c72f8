#include "oci/digest.h"

#include <string.h>

#include "base/assert.h"
#include "crypto/hash.h"

_Static_assert(RS_DIGEST_TEXT_BYTES == RS_HASH_TEXT_BYTES, "both are the same text");

/* "sha256:" and "sha512:" are equally long. */
#define PREFIX_BYTES 7U

struct algorithm {
    const char *name;
    size_t hex_bytes;
};
static const struct algorithm algorithms[] = {
    [RS_DIGEST_SHA256] = {"sha256", 64},
    [RS_DIGEST_SHA512] = {"sha512", 128},
};

const char *rs_digest_algorithm_name(enum rs_digest_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

bool rs_digest_algorithm_parse(struct rs_str word, enum rs_digest_algorithm *ret)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(algorithms); i++) {
        if (rs_str_eq(word, algorithms[i].name)) {
            *ret = (enum rs_digest_algorithm)i;
            return true;
        }
    }
    return false;
}

static bool is_lower_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    return true;
}

bool rs_digest_parse(struct rs_str text, struct rs_digest *ret)
{
    enum rs_digest_algorithm algorithm;
    if (text.n <= PREFIX_BYTES || text.p[PREFIX_BYTES - 1] != ':' ||
        !rs_digest_algorithm_parse(rs_str_n(text.p, PREFIX_BYTES - 1), &algorithm) ||
        text.n != PREFIX_BYTES + algorithms[algorithm].hex_bytes ||
        !is_lower_hex(text.p + PREFIX_BYTES, text.n - PREFIX_BYTES))
        return false;
    ret->algorithm = algorithm;
    memcpy(ret->text, text.p, text.n);
    ret->text[text.n] = '\0';
    return true;
}

bool rs_digest_is_valid(struct rs_str text)
{
    struct rs_digest digest;
    return rs_digest_parse(text, &digest);
}

const char *rs_digest_hex(const struct rs_digest *d)
{
    return d->text + PREFIX_BYTES;
}

bool rs_digest_matches(const char *digest, const void *bytes, size_t n)
{
    struct rs_digest d;
    bool valid = rs_digest_parse(rs_str_of(digest), &d);
    rs_assert(valid);
    char text[RS_HASH_TEXT_BYTES];
    rs_hash_text(d.algorithm == RS_DIGEST_SHA512 ? RS_HASH_SHA512 : RS_HASH_SHA256, bytes, n, text);
    return strcmp(text, d.text) == 0;
}
