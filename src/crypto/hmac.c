#include "crypto/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* A fresh context for each call: nothing of a key stays behind. */
static bool compute(EVP_MAC_CTX *ctx, const void *key, size_t key_n, const struct rs_str *parts,
                    size_t n_parts, unsigned char out[RS_HMAC_BYTES])
{
    char name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    /* NULL would mean "the key of before", also with length 0. */
    const void *some_key = key_n == 0 ? (const void *)"" : key;
    if (EVP_MAC_init(ctx, some_key, key_n, params) != 1)
        return false;
    for (size_t i = 0; i < n_parts; i++)
        if (EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].n) != 1)
            return false;
    size_t n = 0;
    return EVP_MAC_final(ctx, out, &n, RS_HMAC_BYTES) == 1 && n == RS_HMAC_BYTES;
}

enum rs_status rs_hmac_sha256(const void *key, size_t key_n, const struct rs_str *parts,
                              size_t n_parts, unsigned char out[RS_HMAC_BYTES],
                              struct rs_err *reterr)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    bool ok = ctx != NULL && compute(ctx, key, key_n, parts, n_parts, out);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return ok ? RS_OK : rs_fail(reterr, ctx == NULL ? RS_NOMEM : RS_INTERNAL, NULL);
}
