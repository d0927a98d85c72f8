#include "api/token.h"

#include <string.h>

#include "api/form.h"
#include "auth/auth.h"
#include "auth/issue.h"
#include "auth/scope.h"
#include "auth/token.h"
#include "json/write.h"
#include "registry/services.h"

#define ANSWER_BYTES_MAX ((size_t)65536)
/* Docker's word in ?offline_token=, and the OAuth2 form's access_type=. */
#define WANTS_REFRESH_QUERY "true"
#define WANTS_REFRESH_FORM "offline"

/* ---- answers ---- */

static enum rs_status answer(struct rs_reply *re, struct rs_buf *json, struct rs_err *reterr)
{
    enum rs_status s = rs_buf_status(json);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_body(re, "application/json", json);
    return RS_OK;
}

/* The granted scope in words, as OAuth2 wants it told. */
static void write_scope(struct rs_jw *w, const struct rs_scope *scope, struct rs_arena *arena)
{
    const char *text = rs_scope_text(scope, arena);
    rs_jw_member_text(w, "scope", text == NULL ? "" : text);
}

static enum rs_status issue(struct rs_request *r, struct rs_reply *re,
                            const struct rs_identity *identity, struct rs_scope *asked,
                            bool wants_refresh, struct rs_err *reterr)
{
    struct rs_auth *auth = rs_request_services(r)->auth;
    struct rs_arena *arena = rs_request_arena(r);
    struct rs_issued access;
    struct rs_issued refresh = {0};
    enum rs_status s = rs_issue_access(auth, identity, asked, arena, &access, reterr);
    if (s == RS_OK && wants_refresh)
        s = rs_issue_refresh(auth, identity, arena, &refresh, reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "token", access.token);
    rs_jw_member_text(&w, "access_token", access.token);
    rs_jw_member_text(&w, "token_type", "Bearer");
    rs_jw_member_int(&w, "expires_in", access.expires_in_s);
    rs_jw_member_time(&w, "issued_at", access.issued_unix_s * 1000);
    write_scope(&w, access.scope, arena);
    if (refresh.token != NULL)
        rs_jw_member_text(&w, "refresh_token", refresh.token);
    rs_jw_object_end(&w);
    return answer(re, &json, reterr);
}

/* ---- who asks ---- */

static enum rs_status by_header(struct rs_request *r, struct rs_reply *re, struct rs_identity *ret,
                                struct rs_err *reterr)
{
    struct rs_auth_result result;
    enum rs_status s = rs_auth_authenticate(
        rs_request_services(r)->auth, rs_request_header(r, "Authorization"), rs_request_source(r),
        rs_request_arena(r), RS_AUTH_FOR_TOKENS, &result, reterr);
    rs_reply_retry_after(re, result.retry_after_s);
    *ret = result.identity;
    return s;
}

static enum rs_status by_password(struct rs_request *r, struct rs_reply *re,
                                  const struct rs_form *form, struct rs_identity *ret,
                                  struct rs_err *reterr)
{
    struct rs_auth *auth = rs_request_services(r)->auth;
    const char *name = rs_form_get(form, "username");
    const char *password = rs_form_get(form, "password");
    const char *source = rs_request_source(r);
    struct rs_arena *arena = rs_request_arena(r);
    struct rs_auth_result result;
    enum rs_status s;
    /* Azure's clients without a credential ask so, as Docker's do with a GET without a header. */
    if (name == NULL && password == NULL)
        s = rs_auth_authenticate(auth, NULL, source, arena, RS_AUTH_FOR_TOKENS, &result, reterr);
    else if (name == NULL || password == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "grant_type=password needs the fields username and password, or neither for"
                       " a token of anonymous");
    else
        s = rs_auth_password(auth, name, password, source, arena, RS_AUTH_FOR_TOKENS, &result,
                             reterr);
    rs_reply_retry_after(re, result.retry_after_s);
    *ret = result.identity;
    return s;
}

static enum rs_status by_refresh_token(struct rs_request *r, const struct rs_form *form,
                                       struct rs_identity *ret, struct rs_err *reterr)
{
    const char *token = rs_form_get(form, "refresh_token");
    if (token == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "this grant_type needs the field refresh_token");
    return rs_auth_token(rs_request_services(r)->auth, token, RS_TOKEN_REFRESH, rs_request_arena(r),
                         ret, reterr);
}

/* Azure's SDK has one place for the credential's token, whatever it is: one of ours of either kind,
 * or one of a workload's issuer. */
static enum rs_status by_access_token(struct rs_request *r, struct rs_reply *re,
                                      const struct rs_form *form, struct rs_identity *ret,
                                      struct rs_err *reterr)
{
    struct rs_auth_result result;
    const char *token = rs_form_get(form, "access_token");
    if (token == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "this grant_type needs the field access_token");
    enum rs_status s = rs_auth_exchange(rs_request_services(r)->auth, token,
                                        RS_TOKEN_ACCESS | RS_TOKEN_REFRESH, rs_request_source(r),
                                        rs_request_arena(r), RS_AUTH_FOR_TOKENS, &result, reterr);
    rs_reply_retry_after(re, result.retry_after_s);
    *ret = result.identity;
    return s;
}

static enum rs_status read_form(struct rs_request *r, struct rs_form *ret, struct rs_err *reterr)
{
    return rs_form_parse(rs_request_body(r), rs_request_arena(r), ret, reterr);
}

static bool is(const char *given, const char *word)
{
    return given != NULL && strcmp(given, word) == 0;
}

/* ---- routes ---- */

enum rs_status rs_api_token_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    struct rs_arena *arena = rs_request_arena(r);
    struct rs_identity identity;
    struct rs_scope *asked = rs_scope_new(arena);
    if (asked == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = by_header(r, re, &identity, reterr);
    for (unsigned i = 0; s == RS_OK; i++) {
        const char *text = rs_request_query_at(r, "scope", i);
        if (text == NULL)
            break;
        s = rs_scope_parse(asked, text, arena, reterr);
    }
    if (s != RS_OK)
        return s;
    bool wants_refresh = identity.principal_id != RS_ANONYMOUS_ID &&
                         is(rs_request_query(r, "offline_token"), WANTS_REFRESH_QUERY);
    return issue(r, re, &identity, asked, wants_refresh, reterr);
}

enum rs_status rs_api_token_post(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    struct rs_arena *arena = rs_request_arena(r);
    struct rs_identity identity;
    struct rs_form form;
    struct rs_scope *asked = rs_scope_new(arena);
    enum rs_status s =
        asked == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : read_form(r, &form, reterr);
    if (s != RS_OK)
        return s;
    const char *grant_type = rs_form_get(&form, "grant_type");
    const char *scope = rs_form_get(&form, "scope");
    if (is(grant_type, "password"))
        s = by_password(r, re, &form, &identity, reterr);
    else if (is(grant_type, "refresh_token"))
        s = by_refresh_token(r, &form, &identity, reterr);
    else
        s = rs_fail(reterr, RS_BAD_REQUEST,
                    "grant_type must be password or refresh_token, in a form "
                    "(application/x-www-form-urlencoded)");
    if (s == RS_OK && scope != NULL)
        s = rs_scope_parse(asked, scope, arena, reterr);
    if (s != RS_OK)
        return s;
    bool wants_refresh = identity.principal_id != RS_ANONYMOUS_ID &&
                         is(rs_form_get(&form, "access_type"), WANTS_REFRESH_FORM);
    return issue(r, re, &identity, asked, wants_refresh, reterr);
}

enum rs_status rs_api_token_exchange(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr)
{
    struct rs_identity identity;
    struct rs_issued refresh;
    struct rs_form form;
    enum rs_status s = read_form(r, &form, reterr);
    if (s != RS_OK)
        return s;
    const char *grant_type = rs_form_get(&form, "grant_type");
    if (is(grant_type, "access_token"))
        s = by_access_token(r, re, &form, &identity, reterr);
    else if (is(grant_type, "refresh_token"))
        s = by_refresh_token(r, &form, &identity, reterr);
    else
        s = rs_fail(reterr, RS_BAD_REQUEST,
                    "grant_type must be access_token or refresh_token, with a token of this "
                    "registry or of the issuer of a workload");
    if (s == RS_OK)
        s = rs_issue_refresh(rs_request_services(r)->auth, &identity, rs_request_arena(r), &refresh,
                             reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "refresh_token", refresh.token);
    rs_jw_object_end(&w);
    return answer(re, &json, reterr);
}
