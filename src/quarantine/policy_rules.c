/* The part of quarantine/policy.h about the text of a policy: reading, checking, writing. */
#include <string.h>

#include "base/attr.h"
#include "json/json.h"
#include "json/write.h"
#include "quarantine/policy.h"

/* A hundred years: no duration is longer, so that sums of times cannot overflow. */
#define DURATION_S_MAX ((int64_t)3155760000)

static const char *const modes[] = {
    [RS_QUARANTINE_ON] = "on",
    [RS_QUARANTINE_OFF] = "off",
    [RS_QUARANTINE_OBSERVE] = "observe",
};

static const struct unit {
    char letter;
    int64_t seconds;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool rs_check_name_is_valid(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= RS_CHECK_NAME_BYTES || strchr("._-", name[0]) != NULL)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool tag_pattern_is_valid(const char *pattern)
{
    size_t n = strlen(pattern);
    return n > 0 && n < RS_POLICY_TAG_PATTERN_BYTES &&
           strspn(pattern, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*") ==
               n;
}

static enum rs_status bad_key(const char *key, const char *what, struct rs_err *reterr)
{
    return rs_fail(reterr, RS_BAD_REQUEST, "policy: \"%s\" must be %s", key, what);
}

static enum rs_status mode_read(const struct rs_json *object, struct rs_policy *ret,
                                struct rs_err *reterr)
{
    const struct rs_json *node = rs_json_get(object, "quarantine");
    const char *text = rs_json_text(node);
    if (node == NULL)
        return RS_OK;
    for (size_t i = 0; text != NULL && i < RS_ARRAY_LEN(modes); i++) {
        if (strcmp(modes[i], text) == 0) {
            ret->quarantine = (enum rs_quarantine_mode)i;
            return RS_OK;
        }
    }
    return bad_key("quarantine", "\"on\", \"off\" or \"observe\"", reterr);
}

/* "<digits><unit>" in seconds. */
static bool duration_parse(const char *text, int64_t *ret_s)
{
    size_t n = strlen(text);
    uint64_t number = 0;
    if (n < 2 || !rs_parse_u64(rs_str_n(text, n - 1), (uint64_t)DURATION_S_MAX, &number))
        return false;
    for (size_t i = 0; i < RS_ARRAY_LEN(units); i++) {
        if (units[i].letter != text[n - 1])
            continue;
        *ret_s = (int64_t)number * units[i].seconds; /* below 2^32 * 2^17 */
        return *ret_s <= DURATION_S_MAX;
    }
    return false;
}

static enum rs_status duration_read(const struct rs_json *object, const char *key, int64_t *ret_ms,
                                    struct rs_err *reterr)
{
    const struct rs_json *node = rs_json_get(object, key);
    int64_t seconds = 0;
    if (node == NULL)
        return RS_OK;
    const char *text = rs_json_text(node);
    bool good = text != NULL ? duration_parse(text, &seconds)
                             : rs_json_int(node, 0, DURATION_S_MAX, &seconds);
    if (!good)
        return bad_key(key, "a number of seconds or text like \"90m\", \"12h\", \"7d\"", reterr);
    *ret_ms = seconds * 1000;
    return RS_OK;
}

static enum rs_status bool_read(const struct rs_json *object, const char *key, bool *ret,
                                struct rs_err *reterr)
{
    const struct rs_json *node = rs_json_get(object, key);
    if (node != NULL && !rs_json_bool(node, ret))
        return bad_key(key, "true or false", reterr);
    return RS_OK;
}

static int check_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum rs_status checks_read(const struct rs_json *object, struct rs_policy *ret,
                                  struct rs_err *reterr)
{
    const struct rs_json *node = rs_json_get(object, "checks");
    size_t n = rs_json_len(node);
    if (node == NULL)
        return RS_OK;
    if (rs_json_kind(node) != RS_JSON_ARRAY || n > RS_POLICY_CHECKS_MAX)
        return bad_key("checks", "an array of at most 16 names", reterr);
    for (size_t i = 0; i < n; i++) {
        const char *name = rs_json_text(rs_json_at(node, i));
        if (name == NULL || !rs_check_name_is_valid(name) || rs_policy_requires_check(ret, name))
            return bad_key("checks",
                           "different names of a-z, 0-9, '.', '_', '-', at most 64 characters",
                           reterr);
        (void)rs_text_copy(ret->checks[ret->n_checks++], RS_CHECK_NAME_BYTES, name);
    }
    qsort(ret->checks, ret->n_checks, sizeof(ret->checks[0]), check_compare);
    return RS_OK;
}

static enum rs_status immutable_read(const struct rs_json *object, struct rs_policy *ret,
                                     struct rs_err *reterr)
{
    const struct rs_json *node = rs_json_get(object, "immutable_tags");
    size_t n = rs_json_len(node);
    if (node == NULL)
        return RS_OK;
    if (rs_json_kind(node) != RS_JSON_ARRAY || n > RS_POLICY_IMMUTABLE_MAX)
        return bad_key("immutable_tags", "an array of at most 16 patterns", reterr);
    for (size_t i = 0; i < n; i++) {
        const char *pattern = rs_json_text(rs_json_at(node, i));
        if (pattern == NULL || !tag_pattern_is_valid(pattern))
            return bad_key("immutable_tags", "tags, in which '*' stands for any characters",
                           reterr);
        (void)rs_text_copy(ret->immutable_tags[ret->n_immutable_tags++],
                           RS_POLICY_TAG_PATTERN_BYTES, pattern);
    }
    return RS_OK;
}

static enum rs_status rules_read(const struct rs_json *object, struct rs_policy *ret,
                                 struct rs_err *reterr)
{
    enum rs_status s =
        rs_json_only(object,
                     RS_JSON_KEYS("pattern", "position", "quarantine", "checks", "overdue_after",
                                  "expire_failed_after", "expire_quarantined_after",
                                  "immutable_tags", "echo", "disclose", "separate_duties"),
                     reterr);
    if (s == RS_OK)
        s = mode_read(object, ret, reterr);
    if (s == RS_OK)
        s = checks_read(object, ret, reterr);
    if (s == RS_OK)
        s = duration_read(object, "overdue_after", &ret->overdue_after_ms, reterr);
    if (s == RS_OK)
        s = duration_read(object, "expire_failed_after", &ret->expire_failed_after_ms, reterr);
    if (s == RS_OK)
        s = duration_read(object, "expire_quarantined_after", &ret->expire_quarantined_after_ms,
                          reterr);
    if (s == RS_OK)
        s = immutable_read(object, ret, reterr);
    if (s == RS_OK)
        s = bool_read(object, "echo", &ret->echo, reterr);
    if (s == RS_OK)
        s = bool_read(object, "disclose", &ret->disclose, reterr);
    if (s == RS_OK)
        s = bool_read(object, "separate_duties", &ret->separate_duties, reterr);
    return s;
}

enum rs_status rs_policy_parse(const struct rs_json *object, const char *pattern,
                               struct rs_policy *ret, struct rs_err *reterr)
{
    struct rs_policy policy = {.quarantine = RS_QUARANTINE_ON, .echo = true, .disclose = true};
    rs_policy_deny(ret);
    if (!rs_glob_is_valid(pattern) ||
        !rs_text_copy(policy.pattern, sizeof(policy.pattern), pattern))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "policy: the pattern must be a repository name in which '*' stands for"
                       " anything inside a path component and '**' for anything");
    enum rs_status s = rules_read(object, &policy, reterr);
    if (s == RS_OK)
        *ret = policy;
    return s;
}

enum rs_status rs_policy_parse_body(const struct rs_json *object, struct rs_policy *ret,
                                    int64_t *ret_position, struct rs_err *reterr)
{
    const char *pattern = NULL;
    rs_policy_deny(ret);
    *ret_position = -1;
    enum rs_status s = rs_json_member_text(object, "pattern", RS_JSON_REQUIRED,
                                           RS_POLICY_PATTERN_BYTES - 1, &pattern, reterr);
    if (s == RS_OK)
        s = rs_json_member_int(object, "position", RS_JSON_OPTIONAL, 0, RS_POLICIES_MAX,
                               ret_position, reterr);
    return s == RS_OK ? rs_policy_parse(object, pattern, ret, reterr) : s;
}

static void duration_write(struct rs_jw *w, const char *key, int64_t ms)
{
    int64_t seconds = ms / 1000;
    char text[24];
    for (size_t i = 0; i < RS_ARRAY_LEN(units); i++) {
        if (units[i].seconds != 1 && (seconds == 0 || seconds % units[i].seconds != 0))
            continue;
        (void)snprintf(text, sizeof(text), "%lld%c", (long long)(seconds / units[i].seconds),
                       units[i].letter);
        break;
    }
    rs_jw_member_text(w, key, text);
}

/* Members in the order of their names, as canonical JSON wants. */
static void rules_write(const struct rs_policy *policy, struct rs_jw *w)
{
    rs_jw_key(w, "checks");
    rs_jw_array(w);
    for (size_t i = 0; i < policy->n_checks; i++)
        rs_jw_text(w, policy->checks[i]);
    rs_jw_array_end(w);
    rs_jw_member_bool(w, "disclose", policy->disclose);
    rs_jw_member_bool(w, "echo", policy->echo);
    duration_write(w, "expire_failed_after", policy->expire_failed_after_ms);
    duration_write(w, "expire_quarantined_after", policy->expire_quarantined_after_ms);
    rs_jw_key(w, "immutable_tags");
    rs_jw_array(w);
    for (size_t i = 0; i < policy->n_immutable_tags; i++)
        rs_jw_text(w, policy->immutable_tags[i]);
    rs_jw_array_end(w);
    duration_write(w, "overdue_after", policy->overdue_after_ms);
    rs_jw_member_text(w, "quarantine", modes[policy->quarantine]);
    rs_jw_member_bool(w, "separate_duties", policy->separate_duties);
}

enum rs_status rs_policy_write(const struct rs_policy *policy, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rules_write(policy, &w);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}
