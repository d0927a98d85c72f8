#include "api/admin.h"

#include "api/json_api.h"
#include "auth/auth.h"
#include "auth/role.h"
#include "auth/scope.h"
#include "crypto/secret.h"
#include "json/write.h"
#include "registry/grants.h"
#include "registry/keys.h"

#define PAGE_DEFAULT 100U
#define PAGE_MAX 1000U
#define ANSWER_BYTES_MAX ((size_t)8 << 20)
#define GRANTS "/v2/_roadstead/admin/grants"

/* ---- shared ---- */

static enum rs_status read_body(struct rs_request *r, struct rs_json **ret, struct rs_err *reterr)
{
    return rs_json_api_body(r, RS_API_ADMIN_BODY_BYTES_MAX, ret, reterr);
}

static enum rs_status read_page_n(struct rs_request *r, unsigned *ret, struct rs_err *reterr)
{
    return rs_json_api_page_n(r, "entries", PAGE_DEFAULT, PAGE_MAX, ret, reterr);
}

/* Link: rel="next" of a page. */
static enum rs_status link_next(struct rs_request *r, struct rs_reply *re, const char *path,
                                unsigned n, const char *last, struct rs_err *reterr)
{
    const char *n_text = rs_arena_printf(rs_request_arena(r), "%u", n);
    if (n_text == NULL || last == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {{"n", n_text}, {"last", last}};
    return rs_json_api_next(re, path, params, RS_ARRAY_LEN(params), reterr);
}

/* ---- users, robots and workloads: the same but for what they log in with ---- */

static const struct {
    const char *path;
    const char *param;  /* of the route: the name */
    const char *secret; /* what a generated one is called */
} kinds[] = {
    [RS_PRINCIPAL_USER] = {"/v2/_roadstead/admin/users", "user", "password"},
    [RS_PRINCIPAL_ROBOT] = {"/v2/_roadstead/admin/robots", "robot", "secret"},
    [RS_PRINCIPAL_WORKLOAD] = {"/v2/_roadstead/admin/workloads", "workload", NULL},
};

static enum rs_principal_kind kind_of(const struct rs_request *r)
{
    return (enum rs_principal_kind)rs_request_subject(r);
}

static const char *name_of(const struct rs_request *r)
{
    return rs_request_param(r, kinds[kind_of(r)].param);
}

/* {"name", and the generated secret, which is never shown again}. */
static enum rs_status answer_secret(struct rs_reply *re, unsigned http_status,
                                    enum rs_principal_kind kind, const char *name,
                                    const struct rs_identity_credential *secret,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", name);
    if (secret->shown[0] != '\0')
        rs_jw_member_text(&w, kinds[kind].secret, secret->shown);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, http_status, &json, reterr);
}

enum rs_status rs_api_admin_identities_list(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr)
{
    enum rs_principal_kind kind = kind_of(r);
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const char *last = rs_request_query(r, "last");
    const char *next = NULL;
    unsigned n = 0;
    enum rs_status s = read_page_n(r, &n, reterr);
    if (s == RS_OK)
        s = rs_identities_list(rs_request_services(r), kind, last == NULL ? "" : last, n,
                               rs_request_arena(r), &json, &next, reterr);
    if (s == RS_OK && next != NULL)
        s = link_next(r, re, kinds[kind].path, n, next, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_admin_identities_add(struct rs_request *r, struct rs_reply *re,
                                           struct rs_err *reterr)
{
    enum rs_principal_kind kind = kind_of(r);
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    struct rs_new_identity identity;
    struct rs_identity_credential secret;
    enum rs_status s = read_body(r, &body, reterr);
    if (s == RS_OK)
        s = rs_identities_read(body, kind, &identity, reterr);
    if (s == RS_OK)
        s = rs_identities_add(rs_request_services(r), rs_request_actor(r), &identity, &secret,
                              reterr);
    if (s == RS_OK) {
        rs_reply_headerf(re, "Location", "%s/%s", kinds[kind].path, identity.name);
        s = answer_secret(re, 201, kind, identity.name, &secret, reterr);
    }
    rs_secret_wipe(&secret, sizeof secret);
    return s;
}

enum rs_status rs_api_admin_identities_show(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    enum rs_status s =
        rs_identities_show(rs_request_services(r), kind_of(r), name_of(r), &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

/* {"disabled"} and, for a user, {"password"}, for a workload any part of its rule. */
static enum rs_status read_change(const struct rs_json *body, struct rs_identity_change *c,
                                  struct rs_err *reterr)
{
    static const char *const of_user[] = {"disabled", "password", NULL};
    static const char *const of_robot[] = {"disabled", NULL};
    static const char *const of_workload[] = {"disabled", RS_WORKLOAD_RULE_KEYS, NULL};
    bool is_workload = c->kind == RS_PRINCIPAL_WORKLOAD;
    bool is_user = c->kind == RS_PRINCIPAL_USER;
    enum rs_status s = rs_json_only(body,
                                    is_workload ? of_workload
                                    : is_user   ? of_user
                                                : of_robot,
                                    reterr);
    if (s == RS_OK)
        s = rs_json_member_bool(body, "disabled", RS_JSON_OPTIONAL, &c->is_disabled, reterr);
    if (s == RS_OK && is_user)
        s = rs_json_member_text(body, "password", RS_JSON_OPTIONAL, 4096, &c->password, reterr);
    if (s == RS_OK && is_workload)
        s = rs_workload_rule_read(body, &c->rule, reterr);
    if (s != RS_OK)
        return s;
    c->sets_disabled = rs_json_get(body, "disabled") != NULL;
    c->sets_secret = c->password != NULL;
    if (rs_json_len(body) == 0)
        return rs_fail(reterr, RS_BAD_REQUEST, "nothing to change: set disabled%s",
                       is_workload ? ", issuer, audience or claims"
                       : is_user   ? ", password, or both"
                                   : "");
    return RS_OK;
}

enum rs_status rs_api_admin_identities_change(struct rs_request *r, struct rs_reply *re,
                                              struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    struct rs_identity_change c = {.kind = kind_of(r), .name = name_of(r)};
    struct rs_identity_credential secret;
    enum rs_status s = read_body(r, &body, reterr);
    if (s == RS_OK)
        s = read_change(body, &c, reterr);
    if (s == RS_OK)
        s = rs_identities_change(rs_request_services(r), rs_request_actor(r), &c, &secret, reterr);
    rs_secret_wipe(&secret, sizeof secret);
    return s == RS_OK ? rs_api_admin_identities_show(r, re, reterr) : s;
}

enum rs_status rs_api_admin_identities_delete(struct rs_request *r, struct rs_reply *re,
                                              struct rs_err *reterr)
{
    enum rs_status s = rs_identities_delete(rs_request_services(r), rs_request_actor(r), kind_of(r),
                                            name_of(r), reterr);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}

enum rs_status rs_api_admin_robots_rotate(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr)
{
    struct rs_identity_change c = {
        .kind = RS_PRINCIPAL_ROBOT, .name = rs_request_param(r, "robot"), .sets_secret = true};
    struct rs_identity_credential secret;
    enum rs_status s =
        rs_identities_change(rs_request_services(r), rs_request_actor(r), &c, &secret, reterr);
    if (s == RS_OK)
        s = answer_secret(re, 200, c.kind, c.name, &secret, reterr);
    rs_secret_wipe(&secret, sizeof secret);
    return s;
}

/* ---- grants ---- */

enum rs_status rs_api_admin_grants_list(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const char *last_text = rs_request_query(r, "last");
    uint64_t last = 0;
    int64_t next = 0;
    unsigned n = 0;
    enum rs_status s = read_page_n(r, &n, reterr);
    if (s == RS_OK && last_text != NULL && !rs_parse_u64(rs_str_of(last_text), INT64_MAX, &last))
        s = rs_fail(reterr, RS_BAD_REQUEST, "last is the id of a grant");
    if (s == RS_OK)
        s = rs_grants_list(rs_request_services(r), rs_request_query(r, "principal"), (int64_t)last,
                           n, &json, &next, reterr);
    if (s == RS_OK && next != 0)
        s = link_next(r, re, GRANTS, n,
                      rs_arena_printf(rs_request_arena(r), "%lld", (long long)next), reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_admin_grants_add(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_new_grant grant;
    int64_t id = 0;
    bool added = false;
    enum rs_status s = read_body(r, &body, reterr);
    if (s == RS_OK)
        s = rs_grants_read(body, &grant, reterr);
    if (s == RS_OK)
        s = rs_grants_add(rs_request_services(r), rs_request_actor(r), &grant, &id, &added, reterr);
    if (s != RS_OK)
        return s;
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "id", id);
    rs_jw_member_text(&w, "principal", grant.principal);
    rs_jw_member_text(&w, rs_role_is_permission(grant.what) ? "permission" : "role", grant.what);
    rs_jw_member_text(&w, "pattern", grant.pattern);
    rs_jw_object_end(&w);
    if (added)
        rs_reply_headerf(re, "Location", "%s/%lld", GRANTS, (long long)id);
    return rs_json_api_answer(re, added ? 201 : 200, &json, reterr);
}

enum rs_status rs_api_admin_grants_remove(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr)
{
    uint64_t id = 0;
    if (!rs_parse_u64(rs_str_of(rs_request_param(r, "grant")), INT64_MAX, &id))
        return rs_fail(reterr, RS_NOT_FOUND, "there is no such grant");
    enum rs_status s =
        rs_grants_remove(rs_request_services(r), rs_request_actor(r), (int64_t)id, reterr);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}

enum rs_status rs_api_admin_keys_rotate(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    enum rs_status s = rs_keys_rotate_audited(rs_request_services(r), rs_request_actor(r), reterr);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}

/* ---- who one is ---- */

static void write_pattern(struct rs_jw *w, const struct rs_auth_pattern *p)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "pattern", p->pattern);
    rs_jw_key(w, "permissions");
    rs_jw_array(w);
    for (uint32_t bit = 1; bit != 0 && bit <= p->perms; bit <<= 1) {
        const char *word = (p->perms & bit) != 0 ? rs_perm_name(bit) : NULL;
        if (word != NULL)
            rs_jw_text(w, word);
    }
    rs_jw_array_end(w);
    if (p->checks[0] != '\0')
        rs_jw_member_text(w, "check", p->checks);
    if (p->is_public)
        rs_jw_member_bool(w, "public", true);
    rs_jw_object_end(w);
}

enum rs_status rs_api_admin_whoami(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_identity *who = rs_request_identity(r);
    struct rs_arena *arena = rs_request_arena(r);
    const struct rs_auth_pattern *list = NULL;
    size_t n = 0;
    enum rs_status s =
        rs_auth_patterns(rs_request_services(r)->auth, who, arena, &list, &n, reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", who->name);
    rs_jw_member_text(&w, "credentials",
                      !who->has_credentials ? "none"
                      : who->is_token       ? "token"
                                            : "secret");
    if (who->scope != NULL)
        rs_jw_member_text(&w, "scope", rs_scope_text(who->scope, arena));
    rs_jw_key(&w, "grants");
    rs_jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_pattern(&w, &list[i]);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}
