#include "crypto/hash.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/text.h"

#define HASHER_MAGIC 0x68617368U

struct rs_hasher {
    unsigned magic;
    enum rs_hash_algorithm algorithm;
    EVP_MD_CTX *ctx;
};

static const EVP_MD *evp_of(enum rs_hash_algorithm algorithm)
{
    return algorithm == RS_HASH_SHA512 ? EVP_sha512() : EVP_sha256();
}

static size_t bytes_of(enum rs_hash_algorithm algorithm)
{
    return algorithm == RS_HASH_SHA512 ? RS_SHA512_BYTES : RS_SHA256_BYTES;
}

static struct rs_hasher *hasher_alloc(enum rs_hash_algorithm algorithm)
{
    struct rs_hasher *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->magic = HASHER_MAGIC;
    h->algorithm = algorithm;
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL) {
        free(h);
        return NULL;
    }
    return h;
}

void rs_hasher_free(struct rs_hasher *h)
{
    if (h == NULL)
        return;
    rs_assert(h->magic == HASHER_MAGIC);
    h->magic = 0;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

enum rs_status rs_hasher_new(enum rs_hash_algorithm algorithm, struct rs_hasher **ret,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_hasher) struct rs_hasher *h = hasher_alloc(algorithm);
    if (h == NULL || EVP_DigestInit_ex(h->ctx, evp_of(algorithm), NULL) != 1)
        return rs_fail(reterr, RS_NOMEM, NULL);
    *ret = RS_TAKE(h);
    return RS_OK;
}

enum rs_status rs_hasher_clone(const struct rs_hasher *h, struct rs_hasher **ret,
                               struct rs_err *reterr)
{
    rs_assert(h->magic == HASHER_MAGIC);
    RS_AUTO(rs_hasher) struct rs_hasher *copy = hasher_alloc(h->algorithm);
    if (copy == NULL || EVP_MD_CTX_copy_ex(copy->ctx, h->ctx) != 1)
        return rs_fail(reterr, RS_NOMEM, NULL);
    *ret = RS_TAKE(copy);
    return RS_OK;
}

enum rs_status rs_hasher_update(struct rs_hasher *h, const void *src, size_t n,
                                struct rs_err *reterr)
{
    rs_assert(h->magic == HASHER_MAGIC);
    if (EVP_DigestUpdate(h->ctx, src, n) != 1)
        return rs_fail(reterr, RS_INTERNAL, NULL);
    return RS_OK;
}

enum rs_status rs_hasher_final(struct rs_hasher *h, unsigned char out[RS_HASH_BYTES_MAX],
                               struct rs_err *reterr)
{
    rs_assert(h->magic == HASHER_MAGIC);
    unsigned n = 0;
    if (EVP_DigestFinal_ex(h->ctx, out, &n) != 1 || n != bytes_of(h->algorithm))
        return rs_fail(reterr, RS_INTERNAL, NULL);
    return RS_OK;
}

static void render(enum rs_hash_algorithm algorithm, const unsigned char *raw,
                   char out[RS_HASH_TEXT_BYTES])
{
    memcpy(out, algorithm == RS_HASH_SHA512 ? "sha512:" : "sha256:", 7);
    rs_hex_encode(raw, bytes_of(algorithm), out + 7);
}

enum rs_status rs_hasher_final_text(struct rs_hasher *h, char out[RS_HASH_TEXT_BYTES],
                                    struct rs_err *reterr)
{
    unsigned char raw[RS_HASH_BYTES_MAX];
    enum rs_status s = rs_hasher_final(h, raw, reterr);
    if (s == RS_OK)
        render(h->algorithm, raw, out);
    return s;
}

/* Without a digest nothing can be decided safely, and these have no way to say so. */
static void hash_at_once(enum rs_hash_algorithm algorithm, const void *src, size_t n,
                         unsigned char *out)
{
    unsigned len = 0;
    int ok = EVP_Digest(src, n, out, &len, evp_of(algorithm), NULL);
    rs_assert(ok == 1 && len == bytes_of(algorithm));
}

void rs_hash_sha256(const void *src, size_t n, unsigned char out[RS_SHA256_BYTES])
{
    hash_at_once(RS_HASH_SHA256, src, n, out);
}

void rs_hash_sha512(const void *src, size_t n, unsigned char out[RS_SHA512_BYTES])
{
    hash_at_once(RS_HASH_SHA512, src, n, out);
}

void rs_hash_text(enum rs_hash_algorithm algorithm, const void *src, size_t n,
                  char out[RS_HASH_TEXT_BYTES])
{
    unsigned char raw[RS_HASH_BYTES_MAX];
    hash_at_once(algorithm, src, n, raw);
    render(algorithm, raw, out);
}
