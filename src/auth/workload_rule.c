#include "auth/workload_rule.h"

#include <string.h>

#include "net/url.h"

#define AUDIENCES_MAX 16U
#define AUDIENCE_BYTES_MAX 512U
#define RULE_DEPTH_MAX 4U

/* ---- reading ---- */

static enum rs_status check_issuer(const char *issuer, struct rs_err *reterr)
{
    struct rs_url url;
    if (!rs_url_parse(issuer, &url) || !url.is_https || url.has_user || url.has_query)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "issuer: the https:// URL of an OpenID Connect issuer is expected, as it "
                       "stands in its tokens: no user name, query or fragment");
    return RS_OK;
}

static bool is_audience(const struct rs_json *node)
{
    struct rs_str text = rs_json_str(node);
    return text.n > 0 && text.n <= AUDIENCE_BYTES_MAX;
}

static enum rs_status check_audience(const struct rs_json *audience, struct rs_err *reterr)
{
    size_t n = rs_json_kind(audience) == RS_JSON_ARRAY ? rs_json_len(audience) : 0;
    bool is_good = n == 0 ? is_audience(audience) : n <= AUDIENCES_MAX;
    for (size_t i = 0; i < n; i++)
        is_good = is_good && is_audience(rs_json_at(audience, i));
    return is_good ? RS_OK
                   : rs_fail(reterr, RS_BAD_REQUEST,
                             "audience: a text, or a list of 1 to %u texts, is expected, each of 1"
                             " to %u bytes: what the issuer's tokens are made out to",
                             AUDIENCES_MAX, AUDIENCE_BYTES_MAX);
}

static bool is_rule(const struct rs_json *node, unsigned depth);

static bool are_rules(const struct rs_json *node, unsigned depth)
{
    struct rs_json_iter it = {0};
    if (rs_json_len(node) == 0 || depth == RULE_DEPTH_MAX)
        return false;
    if (rs_json_kind(node) == RS_JSON_OBJECT) {
        while (rs_json_next(node, &it)) {
            if (!is_rule(it.value, depth + 1))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < rs_json_len(node); i++) {
        if (!is_rule(rs_json_at(node, i), depth + 1))
            return false;
    }
    return true;
}

static bool is_rule(const struct rs_json *node, unsigned depth)
{
    int64_t number;
    switch (rs_json_kind(node)) {
    case RS_JSON_STRING:
        return strstr(rs_json_text(node), "***") == NULL;
    case RS_JSON_INT:
        return rs_json_int(node, -RS_JSON_INT_MAX, RS_JSON_INT_MAX, &number);
    case RS_JSON_BOOL:
        return true;
    case RS_JSON_ARRAY:
    case RS_JSON_OBJECT:
        return are_rules(node, depth);
    case RS_JSON_ABSENT:
    case RS_JSON_NULL:
    case RS_JSON_REAL:
        return false;
    }
    return false;
}

enum rs_status rs_workload_rule_read(const struct rs_json *object, struct rs_workload_rule *ret,
                                     struct rs_err *reterr)
{
    struct rs_workload_rule rule = {.audience = rs_json_get(object, "audience")};
    enum rs_status s = rs_json_member_text(object, "issuer", RS_JSON_OPTIONAL,
                                           RS_WORKLOAD_ISSUER_BYTES_MAX, &rule.issuer, reterr);
    if (s == RS_OK && rule.issuer != NULL)
        s = check_issuer(rule.issuer, reterr);
    if (s == RS_OK && rule.audience != NULL)
        s = check_audience(rule.audience, reterr);
    if (s == RS_OK)
        s = rs_json_member_object(object, "claims", RS_JSON_OPTIONAL, &rule.claims, reterr);
    if (s == RS_OK && rule.claims != NULL && !are_rules(rule.claims, 0))
        s = rs_fail(reterr, RS_BAD_REQUEST,
                    "claims: an object with at least one member is expected, each a text (`*` "
                    "stands for anything but /, `**` for anything), an integer, true, false, or a "
                    "list or object of these");
    if (s == RS_OK)
        *ret = rule;
    return s;
}

enum rs_status rs_workload_rule_complete(struct rs_workload_rule *rule,
                                         const struct rs_workload_rule *old, struct rs_err *reterr)
{
    if (old != NULL) {
        rule->issuer = rule->issuer != NULL ? rule->issuer : old->issuer;
        rule->audience = rule->audience != NULL ? rule->audience : old->audience;
        rule->claims = rule->claims != NULL ? rule->claims : old->claims;
    }
    if (rule->issuer == NULL || rule->audience == NULL || rule->claims == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "a workload needs issuer, audience and claims: without all three, tokens "
                       "that were made for somebody else would be taken");
    return RS_OK;
}

/* ---- writing ---- */

enum rs_status rs_workload_rule_write(const struct rs_workload_rule *rule, struct rs_buf *out,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_WORKLOAD_RULE_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&text);
    bool is_list = rs_json_kind(rule->audience) == RS_JSON_ARRAY;
    rs_jw_object(&w); /* members sorted, as canonical texts have them */
    rs_jw_key(&w, "audience");
    if (!is_list)
        rs_jw_array(&w);
    rs_jw_node(&w, rule->audience);
    if (!is_list)
        rs_jw_array_end(&w);
    rs_jw_key(&w, "claims");
    rs_jw_node(&w, rule->claims);
    rs_jw_member_text(&w, "issuer", rule->issuer);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(&text);
    if (s == RS_TOO_LARGE)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the rule of a workload has at most %zu bytes as JSON: use patterns, or "
                       "several workloads",
                       RS_WORKLOAD_RULE_BYTES_MAX);
    if (s == RS_OK)
        s = rs_buf_add(out, text.data, text.len);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_workload_rule_write_members(const char *stored, struct rs_jw *w,
                                              struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *rule = NULL;
    struct rs_json_iter it = {0};
    enum rs_status s = rs_json_parse_text(stored, RS_CORRUPT, &rule, reterr);
    while (s == RS_OK && rs_json_next(rule, &it)) {
        rs_jw_key(w, it.key);
        rs_jw_node(w, it.value);
    }
    return s;
}

/* ---- matching ---- */

/* The recursion is bounded by the depth of the rule, and for a claim's lists by one level each. */
static bool meets(const struct rs_json *claim, const struct rs_json *rule);

static bool meets_any(const struct rs_json *claim, const struct rs_json *rules)
{
    for (size_t i = 0; i < rs_json_len(rules); i++) {
        if (meets(claim, rs_json_at(rules, i)))
            return true;
    }
    return false;
}

static bool any_meets(const struct rs_json *claims, const struct rs_json *rule)
{
    for (size_t i = 0; i < rs_json_len(claims); i++) {
        const struct rs_json *claim = rs_json_at(claims, i);
        if (rs_json_kind(claim) != RS_JSON_ARRAY && meets(claim, rule))
            return true;
    }
    return false;
}

static bool meets_all(const struct rs_json *claims, const struct rs_json *rules)
{
    struct rs_json_iter it = {0};
    if (rs_json_len(rules) == 0)
        return false;
    while (rs_json_next(rules, &it)) {
        if (!meets(rs_json_get(claims, it.key), it.value))
            return false;
    }
    return true;
}

static bool is_same_int(const struct rs_json *a, const struct rs_json *b)
{
    int64_t x = 0;
    int64_t y = 0;
    return rs_json_int(a, -RS_JSON_INT_MAX, RS_JSON_INT_MAX, &x) &&
           rs_json_int(b, -RS_JSON_INT_MAX, RS_JSON_INT_MAX, &y) && x == y;
}

static bool is_same_bool(const struct rs_json *a, const struct rs_json *b)
{
    bool x = false;
    bool y = false;
    return rs_json_bool(a, &x) && rs_json_bool(b, &y) && x == y;
}

static bool meets(const struct rs_json *claim, const struct rs_json *rule)
{
    if (rs_json_kind(rule) == RS_JSON_ARRAY)
        return meets_any(claim, rule);
    if (rs_json_kind(claim) == RS_JSON_ARRAY)
        return any_meets(claim, rule);
    switch (rs_json_kind(rule)) {
    case RS_JSON_STRING:
        return rs_json_text(claim) != NULL &&
               rs_glob_match(rs_json_text(rule), rs_json_text(claim));
    case RS_JSON_INT:
        return is_same_int(claim, rule);
    case RS_JSON_BOOL:
        return is_same_bool(claim, rule);
    case RS_JSON_OBJECT:
        return meets_all(claim, rule);
    case RS_JSON_ABSENT:
    case RS_JSON_NULL:
    case RS_JSON_REAL:
    case RS_JSON_ARRAY:
        return false;
    }
    return false;
}

static bool has_text(const struct rs_json *node, const char *text)
{
    if (rs_json_kind(node) != RS_JSON_ARRAY)
        return rs_json_text(node) != NULL && strcmp(rs_json_text(node), text) == 0;
    for (size_t i = 0; i < rs_json_len(node); i++) {
        const char *element = rs_json_text(rs_json_at(node, i));
        if (element != NULL && strcmp(element, text) == 0)
            return true;
    }
    return false;
}

/* Audiences are names, never patterns. */
static bool is_for(const struct rs_json *ours, const struct rs_json *theirs)
{
    if (rs_json_kind(ours) != RS_JSON_ARRAY)
        return rs_json_text(ours) != NULL && has_text(theirs, rs_json_text(ours));
    for (size_t i = 0; i < rs_json_len(ours); i++) {
        const char *element = rs_json_text(rs_json_at(ours, i));
        if (element != NULL && has_text(theirs, element))
            return true;
    }
    return false;
}

bool rs_workload_rule_is_met(const struct rs_workload_rule *rule,
                             const struct rs_json *token_claims)
{
    struct rs_str issuer = rs_json_str(rs_json_get(token_claims, "iss"));
    return rs_str_eq(issuer, rule->issuer) &&
           is_for(rule->audience, rs_json_get(token_claims, "aud")) &&
           meets_all(token_claims, rule->claims);
}
