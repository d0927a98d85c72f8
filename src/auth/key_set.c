#include "auth/key_set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

#define KID_BYTES_MAX 512U
/* Base64url of the largest number that a key has. */
#define NUMBER_TEXT_MAX ((size_t)4 * (RS_RSA_BITS_MAX / 8 + 3) / 3)
#define NUMBER_BYTES (RS_RSA_BITS_MAX / 8 + 8)

struct key {
    char *kid; /* NULL = it has none */
    bool has_algorithm;
    enum rs_signature_algorithm algorithm; /* the only one, if has_algorithm */
    struct rs_public_key *public_key;
};

struct rs_key_set {
    _Atomic unsigned refs;
    size_t n;
    struct key keys[RS_KEY_SET_KEYS_MAX];
};

/* ---- one key ---- */

/* A member that is base64url of a number, or of bytes. */
struct number {
    unsigned char bytes[NUMBER_BYTES];
    size_t n;
};

static bool read_number(const struct rs_json *jwk, const char *member, struct number *ret)
{
    struct rs_str text = rs_json_str(rs_json_get(jwk, member));
    return text.n > 0 && text.n <= NUMBER_TEXT_MAX &&
           rs_base64url_decode(text, ret->bytes, &ret->n) && ret->n > 0;
}

static struct rs_str str_of(const struct number *number)
{
    return rs_str_n((const char *)number->bytes, number->n);
}

/* RS_BAD_REQUEST when it is no key for signatures that we know. */
static enum rs_status read_public_key(const struct rs_json *jwk, struct rs_public_key **ret)
{
    struct number a;
    struct number b;
    struct rs_str kty = rs_json_str(rs_json_get(jwk, "kty"));
    const char *curve = rs_json_text(rs_json_get(jwk, "crv"));
    if (rs_str_eq(kty, "RSA") && read_number(jwk, "n", &a) && read_number(jwk, "e", &b))
        return rs_public_key_rsa(str_of(&a), str_of(&b), ret, NULL);
    if (rs_str_eq(kty, "EC") && curve != NULL && read_number(jwk, "x", &a) &&
        read_number(jwk, "y", &b))
        return rs_public_key_ec(curve, str_of(&a), str_of(&b), ret, NULL);
    if (rs_str_eq(kty, "OKP") && curve != NULL && strcmp(curve, "Ed25519") == 0 &&
        read_number(jwk, "x", &a))
        return rs_public_key_ed25519(str_of(&a), ret, NULL);
    return RS_BAD_REQUEST;
}

/* Made for checking signatures, as far as it tells?  A key whose private half is published serves
 * for nothing. */
static bool is_for_signatures(const struct rs_json *jwk)
{
    const struct rs_json *use = rs_json_get(jwk, "use");
    const struct rs_json *ops = rs_json_get(jwk, "key_ops");
    if (rs_json_get(jwk, "d") != NULL)
        return false;
    if (use != NULL && !rs_str_eq(rs_json_str(use), "sig"))
        return false;
    if (ops == NULL)
        return true;
    for (size_t i = 0; i < rs_json_len(ops); i++) {
        if (rs_str_eq(rs_json_str(rs_json_at(ops, i)), "verify"))
            return true;
    }
    return false;
}

static void key_release(struct key *key)
{
    free(key->kid);
    rs_public_key_free(key->public_key);
    *key = (struct key){0};
}

/* RS_BAD_REQUEST: to be passed over. */
static enum rs_status read_key(const struct rs_json *jwk, struct key *key)
{
    const struct rs_json *kid = rs_json_get(jwk, "kid");
    const struct rs_json *algorithm = rs_json_get(jwk, "alg");
    if (rs_json_kind(jwk) != RS_JSON_OBJECT || !is_for_signatures(jwk) ||
        (kid != NULL && (rs_json_text(kid) == NULL || rs_json_str(kid).n > KID_BYTES_MAX)))
        return RS_BAD_REQUEST;
    enum rs_status s = read_public_key(jwk, &key->public_key);
    if (s != RS_OK)
        return s;
    key->has_algorithm = algorithm != NULL;
    if (algorithm != NULL &&
        (rs_json_text(algorithm) == NULL ||
         !rs_signature_algorithm_parse(rs_json_text(algorithm), &key->algorithm) ||
         !rs_public_key_serves(key->public_key, key->algorithm)))
        return RS_BAD_REQUEST;
    key->kid = kid == NULL ? NULL : strdup(rs_json_text(kid));
    return kid != NULL && key->kid == NULL ? RS_NOMEM : RS_OK;
}

/* ---- the set ---- */

static enum rs_status read_keys(const struct rs_json *list, struct rs_key_set *set,
                                struct rs_err *reterr)
{
    for (size_t i = 0; i < rs_json_len(list); i++) {
        struct key *key = &set->keys[set->n];
        enum rs_status s = read_key(rs_json_at(list, i), key);
        if (s == RS_OK) {
            set->n++;
            continue;
        }
        key_release(key);
        if (s != RS_BAD_REQUEST)
            return rs_fail(reterr, s, NULL);
    }
    return set->n > 0 ? RS_OK
                      : rs_fail(reterr, RS_BAD_REQUEST,
                                "the key set holds no key that can verify signatures here");
}

enum rs_status rs_key_set_parse(struct rs_str json, struct rs_key_set **ret, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_json_limits limits = RS_JSON_LIMITS(RS_KEY_SET_BYTES_MAX);
    enum rs_status s = rs_json_parse(json.p, json.n, &limits, &root, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_json *list = rs_json_get(root, "keys");
    if (rs_json_kind(list) != RS_JSON_ARRAY || rs_json_len(list) > RS_KEY_SET_KEYS_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "no key set of at most %u keys",
                       RS_KEY_SET_KEYS_MAX);
    struct rs_key_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    atomic_init(&set->refs, 1);
    s = read_keys(list, set, reterr);
    if (s == RS_OK)
        *ret = set;
    else
        rs_key_set_unref(set);
    return s;
}

struct rs_key_set *rs_key_set_ref(struct rs_key_set *set)
{
    (void)atomic_fetch_add(&set->refs, 1);
    return set;
}

void rs_key_set_unref(struct rs_key_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        key_release(&set->keys[i]);
    free(set);
}

static bool fits(const struct rs_key_set *set, const struct key *key, const char *kid)
{
    if (kid == NULL)
        return set->n == 1;
    return key->kid != NULL && strcmp(key->kid, kid) == 0;
}

bool rs_key_set_has(const struct rs_key_set *set, const char *kid)
{
    for (size_t i = 0; i < set->n; i++) {
        if (fits(set, &set->keys[i], kid))
            return true;
    }
    return false;
}

bool rs_key_set_verify(const struct rs_key_set *set, const char *kid,
                       enum rs_signature_algorithm algorithm, struct rs_str message,
                       struct rs_str signature)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct key *key = &set->keys[i];
        if (fits(set, key, kid) && (!key->has_algorithm || key->algorithm == algorithm) &&
            rs_public_key_verify(key->public_key, algorithm, message, signature))
            return true;
    }
    return false;
}
