#include "crypto/ed25519.h"

#include <openssl/evp.h>

#include "base/id.h"

void rs_ed25519_generate(unsigned char private_key[RS_ED25519_KEY_BYTES])
{
    /* Any 32 bytes are a private key (RFC 8032 section 5.1.5). */
    rs_random_bytes(private_key, RS_ED25519_KEY_BYTES);
}

enum rs_status rs_ed25519_public(const unsigned char private_key[RS_ED25519_KEY_BYTES],
                                 unsigned char ret_public_key[RS_ED25519_KEY_BYTES],
                                 struct rs_err *reterr)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, RS_ED25519_KEY_BYTES);
    if (key == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    size_t n = RS_ED25519_KEY_BYTES;
    int ok = EVP_PKEY_get_raw_public_key(key, ret_public_key, &n);
    EVP_PKEY_free(key);
    return ok == 1 && n == RS_ED25519_KEY_BYTES ? RS_OK : rs_fail(reterr, RS_INTERNAL, NULL);
}

enum rs_status rs_ed25519_sign(const unsigned char private_key[RS_ED25519_KEY_BYTES],
                               const void *message, size_t n,
                               unsigned char ret_signature[RS_ED25519_SIGNATURE_BYTES],
                               struct rs_err *reterr)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, RS_ED25519_KEY_BYTES);
    EVP_MD_CTX *ctx = key == NULL ? NULL : EVP_MD_CTX_new();
    size_t signature_n = RS_ED25519_SIGNATURE_BYTES;
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, ret_signature, &signature_n, message, n) == 1 &&
              signature_n == RS_ED25519_SIGNATURE_BYTES;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? RS_OK : rs_fail(reterr, ctx == NULL ? RS_NOMEM : RS_INTERNAL, NULL);
}

bool rs_ed25519_verify(const unsigned char public_key[RS_ED25519_KEY_BYTES], const void *message,
                       size_t n, const unsigned char signature[RS_ED25519_SIGNATURE_BYTES])
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, RS_ED25519_KEY_BYTES);
    EVP_MD_CTX *ctx = key == NULL ? NULL : EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, RS_ED25519_SIGNATURE_BYTES, message, n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
