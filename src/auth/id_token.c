#include "auth/id_token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"

#define DEPTH_MAX 16U
#define NODES_MAX 4096U
#define APPLICATION "application/"

static enum rs_status refuse(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_UNAUTHORIZED, "this is no token of an OpenID Connect issuer");
}

void rs_id_token_release(struct rs_id_token *token)
{
    rs_json_free(token->header);
    rs_json_free(token->claims);
    free(token->bytes);
    *token = (struct rs_id_token)RS_ID_TOKEN_INIT;
}

/* ---- the three parts ---- */

static enum rs_status decode(struct rs_str text, unsigned char **ret, size_t *ret_n,
                             struct rs_err *reterr)
{
    RS_AUTO_FREE unsigned char *bytes = malloc(3 * (text.n / 4) + 3);
    if (bytes == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (!rs_base64url_decode(text, bytes, ret_n))
        return refuse(reterr);
    *ret = RS_TAKE(bytes);
    return RS_OK;
}

static enum rs_status decode_object(struct rs_str text, struct rs_json **ret, struct rs_err *reterr)
{
    RS_AUTO_FREE unsigned char *bytes = NULL;
    size_t n = 0;
    enum rs_status s = decode(text, &bytes, &n, reterr);
    if (s != RS_OK)
        return s;
    struct rs_json_limits limits = {
        .bytes_max = RS_ID_TOKEN_BYTES_MAX, .depth_max = DEPTH_MAX, .nodes_max = NODES_MAX};
    s = rs_json_parse(bytes, n, &limits, ret, NULL);
    if (s == RS_NOMEM)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return s == RS_OK && rs_json_kind(*ret) == RS_JSON_OBJECT ? RS_OK : refuse(reterr);
}

static enum rs_status split(const char *text, struct rs_id_token *t, struct rs_err *reterr)
{
    size_t n = strlen(text);
    const char *first = strchr(text, '.');
    const char *last = strrchr(text, '.');
    size_t signature_n = 0;
    if (n > RS_ID_TOKEN_BYTES_MAX || first == NULL || first == last)
        return refuse(reterr);
    enum rs_status s = decode_object(rs_str_n(text, (size_t)(first - text)), &t->header, reterr);
    if (s == RS_OK)
        s = decode_object(rs_str_n(first + 1, (size_t)(last - first - 1)), &t->claims, reterr);
    if (s == RS_OK)
        s = decode(rs_str_of(last + 1), &t->bytes, &signature_n, reterr);
    t->message = rs_str_n(text, (size_t)(last - text));
    t->signature = rs_str_n((const char *)t->bytes, signature_n);
    return s;
}

/* ---- the header ---- */

/* Other types of token may be signed with the same keys (RFC 8725 section 3.11). */
static bool is_type_of_ours(const struct rs_json *typ)
{
    const char *text = rs_json_text(typ);
    if (typ == NULL)
        return true;
    if (text == NULL)
        return false;
    if (strncasecmp(text, APPLICATION, sizeof APPLICATION - 1) == 0)
        text += sizeof APPLICATION - 1;
    return strcasecmp(text, "JWT") == 0 || strcasecmp(text, "at+jwt") == 0;
}

static bool read_header(struct rs_id_token *t)
{
    const char *algorithm = rs_json_text(rs_json_get(t->header, "alg"));
    const struct rs_json *kid = rs_json_get(t->header, "kid");
    t->kid = rs_json_text(kid);
    return algorithm != NULL && rs_signature_algorithm_parse(algorithm, &t->algorithm) &&
           (kid == NULL || t->kid != NULL) && rs_json_get(t->header, "crit") == NULL &&
           is_type_of_ours(rs_json_get(t->header, "typ"));
}

enum rs_status rs_id_token_parse(const char *text, struct rs_id_token *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
    struct rs_url url;
    enum rs_status s = split(text, &t, reterr);
    if (s != RS_OK)
        return s;
    t.issuer = rs_json_text(rs_json_get(t.claims, "iss"));
    if (!read_header(&t) || t.issuer == NULL || !rs_url_parse(t.issuer, &url) || !url.is_https)
        return refuse(reterr);
    *ret = t;
    t = (struct rs_id_token)RS_ID_TOKEN_INIT; /* it is the caller's now */
    return RS_OK;
}

/* ---- its time ---- */

/* A time that the token may leave out; false when it is there and no time. */
static bool read_optional(const struct rs_json *claims, const char *name, int64_t *ret)
{
    const struct rs_json *node = rs_json_get(claims, name);
    *ret = 0;
    return node == NULL || rs_json_floor(node, 0, RS_JSON_INT_MAX, ret);
}

enum rs_status rs_id_token_check_time(const struct rs_id_token *token, int64_t now_unix_s,
                                      int64_t *ret_expires_unix_s, struct rs_err *reterr)
{
    int64_t exp = 0;
    int64_t nbf = 0;
    int64_t iat = 0;
    if (!rs_json_floor(rs_json_get(token->claims, "exp"), 0, RS_JSON_INT_MAX, &exp) ||
        !read_optional(token->claims, "nbf", &nbf) || !read_optional(token->claims, "iat", &iat))
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the issuer's token has no expiry, or a time that is none");
    if (now_unix_s >= exp)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the issuer's token has expired: get a new one from the issuer");
    if (nbf > now_unix_s + RS_ID_TOKEN_SKEW_S || iat > now_unix_s + RS_ID_TOKEN_SKEW_S)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the issuer's token is not valid yet: compare the clocks of both machines");
    *ret_expires_unix_s = exp;
    return RS_OK;
}
