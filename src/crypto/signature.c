#include "crypto/signature.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define COORDINATE_BYTES_MAX 66U /* P-521 */
#define ED25519_BYTES 32U
/* Longer exponents are not in use, and slow. */
#define EXPONENT_BYTES_MAX 8U

enum family { FAMILY_RSA, FAMILY_RSA_PSS, FAMILY_EC, FAMILY_ED25519 };

struct curve {
    const char *name;  /* in a JWK */
    const char *group; /* OpenSSL's */
    size_t bytes;      /* of a coordinate, and of each half of a signature */
};
static const struct curve p256 = {.name = "P-256", .group = "prime256v1", .bytes = 32};
static const struct curve p384 = {.name = "P-384", .group = "secp384r1", .bytes = 48};
static const struct curve p521 = {.name = "P-521", .group = "secp521r1", .bytes = 66};
static const struct curve *const curves[] = {&p256, &p384, &p521};

static const struct {
    const char *name;
    enum family family;
    const char *hash; /* NULL: the algorithm has its own */
    const struct curve *curve;
} algorithms[] = {
    [RS_SIGNATURE_RS256] = {"RS256", FAMILY_RSA, "SHA256", NULL},
    [RS_SIGNATURE_RS384] = {"RS384", FAMILY_RSA, "SHA384", NULL},
    [RS_SIGNATURE_RS512] = {"RS512", FAMILY_RSA, "SHA512", NULL},
    [RS_SIGNATURE_PS256] = {"PS256", FAMILY_RSA_PSS, "SHA256", NULL},
    [RS_SIGNATURE_PS384] = {"PS384", FAMILY_RSA_PSS, "SHA384", NULL},
    [RS_SIGNATURE_PS512] = {"PS512", FAMILY_RSA_PSS, "SHA512", NULL},
    [RS_SIGNATURE_ES256] = {"ES256", FAMILY_EC, "SHA256", &p256},
    [RS_SIGNATURE_ES384] = {"ES384", FAMILY_EC, "SHA384", &p384},
    [RS_SIGNATURE_ES512] = {"ES512", FAMILY_EC, "SHA512", &p521},
    [RS_SIGNATURE_EDDSA] = {"EdDSA", FAMILY_ED25519, NULL, NULL},
};

struct rs_public_key {
    EVP_PKEY *pkey;
    enum family family; /* FAMILY_RSA stands for both of RSA's */
    const struct curve *curve;
};

bool rs_signature_algorithm_parse(const char *name, enum rs_signature_algorithm *ret)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(algorithms); i++) {
        if (strcmp(algorithms[i].name, name) == 0) {
            *ret = (enum rs_signature_algorithm)i;
            return true;
        }
    }
    return false;
}

/* ---- keys ---- */

static enum rs_status unusable(struct rs_err *reterr)
{
    ERR_clear_error();
    return rs_fail(reterr, RS_BAD_REQUEST, "this is no public key that can be used");
}

/* Takes the EVP key. */
static enum rs_status wrap(EVP_PKEY *pkey, enum family family, const struct curve *curve,
                           struct rs_public_key **ret, struct rs_err *reterr)
{
    struct rs_public_key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return rs_fail(reterr, RS_NOMEM, NULL);
    }
    *key = (struct rs_public_key){.pkey = pkey, .family = family, .curve = curve};
    *ret = key;
    return RS_OK;
}

/* A key of the type that `type` names; NULL when the numbers are no such key. */
static EVP_PKEY *make(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *make_rsa(struct rs_str modulus, struct rs_str exponent)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.p, (int)modulus.n, NULL);
    BIGNUM *e = BN_bin2bn((const unsigned char *)exponent.p, (int)exponent.n, NULL);
    bool is_sound = n != NULL && e != NULL && BN_num_bits(n) >= RS_RSA_BITS_MIN &&
                    BN_num_bits(n) <= RS_RSA_BITS_MAX && BN_is_odd(n) && BN_is_odd(e) &&
                    !BN_is_one(e);
    if (is_sound && build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params != NULL)
        pkey = make("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return pkey;
}

enum rs_status rs_public_key_rsa(struct rs_str modulus, struct rs_str exponent,
                                 struct rs_public_key **ret, struct rs_err *reterr)
{
    if (modulus.n > RS_RSA_BITS_MAX / CHAR_BIT + 1 || exponent.n > EXPONENT_BYTES_MAX)
        return unusable(reterr);
    EVP_PKEY *pkey = make_rsa(modulus, exponent);
    return pkey == NULL ? unusable(reterr) : wrap(pkey, FAMILY_RSA, NULL, ret, reterr);
}

static const struct curve *find_curve(const char *name)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(curves); i++) {
        if (strcmp(curves[i]->name, name) == 0)
            return curves[i];
    }
    return NULL;
}

enum rs_status rs_public_key_ec(const char *curve_name, struct rs_str x, struct rs_str y,
                                struct rs_public_key **ret, struct rs_err *reterr)
{
    const struct curve *curve = find_curve(curve_name);
    if (curve == NULL || x.n != curve->bytes || y.n != curve->bytes)
        return unusable(reterr);
    unsigned char point[1 + 2 * COORDINATE_BYTES_MAX];
    char group[16];
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    (void)rs_text_copy(group, sizeof group, curve->group);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->bytes),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = make("EC", params);
    return pkey == NULL ? unusable(reterr) : wrap(pkey, FAMILY_EC, curve, ret, reterr);
}

enum rs_status rs_public_key_ed25519(struct rs_str x, struct rs_public_key **ret,
                                     struct rs_err *reterr)
{
    EVP_PKEY *pkey =
        x.n != ED25519_BYTES
            ? NULL
            : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p, x.n);
    return pkey == NULL ? unusable(reterr) : wrap(pkey, FAMILY_ED25519, NULL, ret, reterr);
}

void rs_public_key_free(struct rs_public_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

/* ---- signatures ---- */

bool rs_public_key_serves(const struct rs_public_key *key, enum rs_signature_algorithm algorithm)
{
    enum family family = algorithms[algorithm].family;
    if (family == FAMILY_RSA_PSS)
        family = FAMILY_RSA;
    return key->family == family && key->curve == algorithms[algorithm].curve;
}

/* The two numbers of a JWS side by side, as the DER that OpenSSL wants; *ret is OpenSSL's. */
static int ecdsa_der(const struct curve *curve, struct rs_str signature, unsigned char **ret)
{
    if (signature.n != 2 * curve->bytes)
        return -1;
    const unsigned char *halves = (const unsigned char *)signature.p;
    ECDSA_SIG *both = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(halves, (int)curve->bytes, NULL);
    BIGNUM *s = BN_bin2bn(halves + curve->bytes, (int)curve->bytes, NULL);
    int n = -1;
    if (both != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(both, r, s) == 1) {
        r = NULL; /* `both` has them */
        s = NULL;
        n = i2d_ECDSA_SIG(both, ret);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(both);
    return n;
}

static bool begin(EVP_MD_CTX *ctx, const struct rs_public_key *key,
                  enum rs_signature_algorithm algorithm)
{
    EVP_PKEY_CTX *pctx = NULL;
    if (EVP_DigestVerifyInit_ex(ctx, &pctx, algorithms[algorithm].hash, NULL, NULL, key->pkey,
                                NULL) != 1)
        return false;
    if (algorithms[algorithm].family != FAMILY_RSA_PSS)
        return true;
    /* The mask's hash is the message's unless somebody says otherwise (RFC 7518 section 3.5). */
    return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool rs_public_key_verify(const struct rs_public_key *key, enum rs_signature_algorithm algorithm,
                          struct rs_str message, struct rs_str signature)
{
    if (!rs_public_key_serves(key, algorithm))
        return false;
    unsigned char *der = NULL;
    const unsigned char *bytes = (const unsigned char *)signature.p;
    size_t n = signature.n;
    if (key->family == FAMILY_EC) {
        int der_n = ecdsa_der(key->curve, signature, &der);
        if (der_n <= 0)
            return false;
        bytes = der;
        n = (size_t)der_n;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good =
        ctx != NULL && begin(ctx, key, algorithm) &&
        EVP_DigestVerify(ctx, bytes, n, (const unsigned char *)message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return is_good;
}
