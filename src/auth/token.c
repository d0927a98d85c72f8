#include "auth/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "crypto/hmac.h"
#include "crypto/secret.h"
#include "json/json.h"
#include "json/write.h"

#define ISSUER "roadstead"
#define SIGNATURE_TEXT_BYTES 43U /* base64url of 32 bytes */
#define PAYLOAD_BYTES_MAX ((size_t)6144)
#define MEMBERS 12U

static const char *use_word(enum rs_token_use use)
{
    return use == RS_TOKEN_ACCESS ? "access" : "refresh";
}

static void write_payload(struct rs_buf *out, const char *service, const struct rs_token_claims *c)
{
    char jti[RS_ID_TEXT_BYTES];
    char credential[4 * ((RS_CREDENTIAL_BYTES + 2) / 3) + 1];
    char subject[24];
    struct rs_jw w = RS_JW_INIT(out);
    rs_id_new(jti);
    rs_base64url_encode(c->credential, sizeof c->credential, credential);
    (void)snprintf(subject, sizeof subject, "%lld", (long long)c->principal_id);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "iss", ISSUER);
    rs_jw_member_text(&w, "sub", subject);
    rs_jw_member_text(&w, "aud", service);
    rs_jw_member_int(&w, "exp", c->expires_unix_s);
    rs_jw_member_int(&w, "nbf", c->issued_unix_s);
    rs_jw_member_int(&w, "iat", c->issued_unix_s);
    rs_jw_member_text(&w, "jti", jti);
    rs_jw_member_text(&w, "use", use_word(c->use));
    rs_jw_member_text(&w, "cred", credential);
    rs_jw_member_int(&w, "auth_time", c->proved_unix_s);
    rs_jw_member_bool(&w, "whole", c->scope == NULL);
    rs_jw_key(&w, "access");
    if (c->scope != NULL) {
        rs_scope_write(c->scope, &w);
    } else {
        rs_jw_array(&w);
        rs_jw_array_end(&w);
    }
    rs_jw_object_end(&w);
}

static enum rs_status sign(const struct rs_key *key, struct rs_str payload,
                           char out[SIGNATURE_TEXT_BYTES + 1], struct rs_err *reterr)
{
    unsigned char mac[RS_HMAC_BYTES];
    struct rs_str parts[] = {rs_str_of(key->header), rs_str_of("."), payload};
    enum rs_status s =
        rs_hmac_sha256(key->secret, sizeof key->secret, parts, RS_ARRAY_LEN(parts), mac, reterr);
    if (s == RS_OK)
        rs_base64url_encode(mac, sizeof mac, out);
    return s;
}

enum rs_status rs_token_write(struct rs_keys *keys, const char *service,
                              const struct rs_token_claims *claims, struct rs_buf *out,
                              struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(PAYLOAD_BYTES_MAX);
    write_payload(&json, service, claims);
    enum rs_status s = rs_buf_status(&json);
    if (s == RS_TOO_LARGE)
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "a token for so many repositories would be too long: ask for several tokens");
    RS_AUTO_FREE char *payload = s == RS_OK ? malloc(4 * ((json.len + 2) / 3) + 1) : NULL;
    if (payload == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    rs_base64url_encode(json.data, json.len, payload);
    struct rs_key key;
    char signature[SIGNATURE_TEXT_BYTES + 1];
    rs_keys_signing(keys, &key);
    s = sign(&key, rs_str_of(payload), signature, reterr);
    if (s == RS_OK) {
        (void)rs_buf_adds(out, key.header);
        (void)rs_buf_addc(out, '.');
        (void)rs_buf_adds(out, payload);
        (void)rs_buf_addc(out, '.');
        (void)rs_buf_adds(out, signature);
        s = rs_buf_status(out);
        if (s != RS_OK)
            s = rs_fail(reterr, s, NULL);
    }
    rs_secret_wipe(&key, sizeof key);
    return s;
}

static enum rs_status refuse(struct rs_err *reterr, const char *why)
{
    return rs_fail(reterr, RS_UNAUTHORIZED, "%s", why);
}

static enum rs_status not_ours(struct rs_err *reterr)
{
    return refuse(reterr, "the token is not one of this registry: get a new one");
}

/* The payload's text once the signature is found good. */
static enum rs_status verify(struct rs_keys *keys, struct rs_str text, struct rs_str *ret_payload,
                             struct rs_err *reterr)
{
    if (text.n > RS_TOKEN_BYTES_MAX)
        return not_ours(reterr);
    const char *first = memchr(text.p, '.', text.n);
    const char *last = memrchr(text.p, '.', text.n);
    if (first == NULL || first == last)
        return not_ours(reterr);
    struct rs_str header = rs_str_n(text.p, (size_t)(first - text.p));
    struct rs_str payload = rs_str_n(first + 1, (size_t)(last - first - 1));
    struct rs_str signature = rs_str_n(last + 1, (size_t)(text.p + text.n - last - 1));
    struct rs_key key;
    if (signature.n != SIGNATURE_TEXT_BYTES || !rs_keys_find(keys, header, &key))
        return not_ours(reterr);
    /* Texts are compared: one signature has one spelling. */
    char expected[SIGNATURE_TEXT_BYTES + 1];
    enum rs_status s = sign(&key, payload, expected, reterr);
    rs_secret_wipe(&key, sizeof key);
    if (s != RS_OK)
        return s;
    if (!rs_secret_equal(signature.p, expected, SIGNATURE_TEXT_BYTES))
        return not_ours(reterr);
    *ret_payload = payload;
    return RS_OK;
}

static bool read_use(const struct rs_json *json, unsigned uses, enum rs_token_use *ret)
{
    struct rs_str word = rs_json_str(rs_json_get(json, "use"));
    if (rs_str_eq(word, use_word(RS_TOKEN_ACCESS)))
        *ret = RS_TOKEN_ACCESS;
    else if (rs_str_eq(word, use_word(RS_TOKEN_REFRESH)))
        *ret = RS_TOKEN_REFRESH;
    else
        return false;
    return ((unsigned)*ret & uses) != 0;
}

static bool read_times(const struct rs_json *json, struct rs_token_claims *ret)
{
    int64_t nbf = 0;
    return rs_json_int(rs_json_get(json, "exp"), 0, RS_JSON_INT_MAX, &ret->expires_unix_s) &&
           rs_json_int(rs_json_get(json, "nbf"), 0, RS_JSON_INT_MAX, &nbf) &&
           rs_json_int(rs_json_get(json, "iat"), 0, RS_JSON_INT_MAX, &ret->issued_unix_s) &&
           rs_json_int(rs_json_get(json, "auth_time"), 0, RS_JSON_INT_MAX, &ret->proved_unix_s) &&
           nbf == ret->issued_unix_s && ret->proved_unix_s <= ret->issued_unix_s &&
           ret->expires_unix_s > ret->issued_unix_s;
}

static bool read_subject(const struct rs_json *json, struct rs_token_claims *ret)
{
    uint64_t id = 0;
    size_t n = 0;
    unsigned char credential[3 * (32 / 4) + 3];
    struct rs_str text = rs_json_str(rs_json_get(json, "cred"));
    if (!rs_parse_u64(rs_json_str(rs_json_get(json, "sub")), INT64_MAX, &id) || text.n > 32 ||
        !rs_base64url_decode(text, credential, &n) || n != RS_CREDENTIAL_BYTES)
        return false;
    ret->principal_id = (int64_t)id;
    memcpy(ret->credential, credential, RS_CREDENTIAL_BYTES);
    return true;
}

/* Only now is anything of the payload believed; it is still read as strictly as a stranger's. */
static enum rs_status read_claims(const struct rs_json *json, const char *service, unsigned uses,
                                  struct rs_arena *arena, struct rs_token_claims *ret,
                                  struct rs_err *reterr)
{
    bool is_whole = false;
    if (rs_json_kind(json) != RS_JSON_OBJECT || rs_json_len(json) != MEMBERS ||
        rs_json_text(rs_json_get(json, "jti")) == NULL ||
        !rs_str_eq(rs_json_str(rs_json_get(json, "iss")), ISSUER) ||
        !rs_str_eq(rs_json_str(rs_json_get(json, "aud")), service) ||
        !rs_json_bool(rs_json_get(json, "whole"), &is_whole) || !read_use(json, uses, &ret->use) ||
        !read_times(json, ret) || !read_subject(json, ret))
        return not_ours(reterr);
    struct rs_scope *scope = NULL;
    enum rs_status s = rs_scope_read(rs_json_get(json, "access"), arena, &scope, reterr);
    if (s != RS_OK)
        return s;
    if (is_whole && (ret->use != RS_TOKEN_REFRESH || scope->n > 0 || scope->catalog))
        return not_ours(reterr);
    ret->scope = is_whole ? NULL : scope;
    return RS_OK;
}

static enum rs_status read_payload(struct rs_str text, struct rs_json **ret, struct rs_err *reterr)
{
    RS_AUTO_FREE unsigned char *json = malloc(3 * (text.n / 4) + 3);
    if (json == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    size_t n = 0;
    if (!rs_base64url_decode(text, json, &n))
        return not_ours(reterr);
    struct rs_json_limits limits = {.bytes_max = PAYLOAD_BYTES_MAX,
                                    .depth_max = 8,
                                    .nodes_max = 4096,
                                    .invalid_as = RS_UNAUTHORIZED};
    struct rs_err local = RS_ERR_INIT; /* what a parser finds in a token is nobody's business */
    enum rs_status s = rs_json_parse(json, n, &limits, ret, &local);
    if (s == RS_NOMEM)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return s == RS_OK ? RS_OK : not_ours(reterr);
}

enum rs_status rs_token_read(struct rs_keys *keys, const char *service, struct rs_str text,
                             unsigned uses, int64_t now_unix_s, struct rs_arena *arena,
                             struct rs_token_claims *ret, struct rs_err *reterr)
{
    struct rs_str payload = {0};
    RS_AUTO(rs_json) struct rs_json *json = NULL;
    struct rs_token_claims claims = {0};
    enum rs_status s = verify(keys, text, &payload, reterr);
    if (s == RS_OK)
        s = read_payload(payload, &json, reterr);
    if (s == RS_OK)
        s = read_claims(json, service, uses, arena, &claims, reterr);
    if (s != RS_OK)
        return s;
    if (now_unix_s >= claims.expires_unix_s)
        return refuse(reterr, "the token has expired: get a new one");
    if (claims.issued_unix_s > now_unix_s + RS_TOKEN_SKEW_S)
        return refuse(reterr, "the token is not valid yet: the registry's clock went back");
    *ret = claims;
    return RS_OK;
}
