#include "api/claim.h"

#include "api/json_api.h"
#include "config/config.h"
#include "db/db.h"
#include "json/write.h"
#include "quarantine/claim.h"
#include "registry/services.h"

#define ARENA_BYTES RS_CHANGE_ARENA_BYTES
#define ANSWER_BYTES_MAX ((size_t)4096)

static enum rs_status answer(struct rs_reply *re, const struct rs_claimed *claimed,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "claim", claimed->id);
    rs_jw_member_text(&w, "repository", claimed->repository);
    rs_jw_member_text(&w, "digest", claimed->digest);
    rs_jw_member_text(&w, "check", claimed->check[0] == '\0' ? NULL : claimed->check);
    rs_jw_member_time(&w, "expires", claimed->expires_ms);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}

static enum rs_status lease_read(const struct rs_json *body, int64_t *ret_ms, struct rs_err *reterr)
{
    int64_t seconds = RS_LEASE_S_DEFAULT;
    enum rs_status s = rs_json_member_int(body, "leaseSeconds", RS_JSON_OPTIONAL, RS_LEASE_S_MIN,
                                          RS_LEASE_S_MAX, &seconds, reterr);
    *ret_ms = seconds * 1000;
    return s;
}

static enum rs_status patterns_read(const struct rs_json *body, struct rs_arena *arena,
                                    struct rs_claim_wish *wish, struct rs_err *reterr)
{
    const struct rs_json *list = NULL;
    enum rs_status s = rs_json_member_array(body, "repositories", RS_JSON_OPTIONAL,
                                            RS_CLAIM_PATTERNS_MAX, &list, reterr);
    size_t n = rs_json_len(list);
    const char **patterns = s == RS_OK ? rs_arena_alloc(arena, (n + 1) * sizeof(*patterns)) : NULL;
    if (patterns == NULL)
        return s != RS_OK ? s : rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) {
        patterns[i] = rs_json_text(rs_json_at(list, i));
        if (patterns[i] == NULL || !rs_glob_is_valid(patterns[i]))
            return rs_fail(reterr, RS_BAD_REQUEST,
                           "\"repositories\" must be an array of repository names or patterns");
    }
    wish->patterns = patterns;
    wish->n_patterns = n;
    return RS_OK;
}

static enum rs_status wish_read(const struct rs_json *body, struct rs_arena *arena,
                                struct rs_claim_wish *wish, struct rs_err *reterr)
{
    enum rs_status s =
        rs_json_only(body, RS_JSON_KEYS("check", "repositories", "leaseSeconds"), reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "check", RS_JSON_OPTIONAL, RS_CHECK_NAME_BYTES - 1,
                                &wish->check, reterr);
    if (s == RS_OK && wish->check != NULL && !rs_check_name_is_valid(wish->check))
        s = rs_fail(reterr, RS_BAD_REQUEST, "\"check\" must be the name of a check");
    if (s == RS_OK)
        s = lease_read(body, &wish->lease_ms, reterr);
    return s == RS_OK ? patterns_read(body, arena, wish, reterr) : s;
}

static enum rs_status take(struct rs_request *r, struct rs_reply *re,
                           const struct rs_claim_wish *wish, struct rs_arena *arena,
                           struct rs_err *reterr)
{
    struct rs_claimed *claimed = NULL;
    enum rs_status s = rs_claim_take(rs_request_services(r)->db, wish, arena, &claimed, reterr);
    if (s != RS_OK)
        return s;
    if (claimed != NULL)
        return answer(re, claimed, reterr);
    rs_json_api_nothing(re);
    return RS_OK;
}

enum rs_status rs_api_claim_take(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    struct rs_arena arena;
    struct rs_claim_wish wish = {
        .auth = rs_request_services(r)->auth,
        .identity = rs_request_identity(r),
        .actor = rs_request_actor(r),
        .settle_ms = rs_request_services(r)->config->quarantine_settle_ms,
    };
    enum rs_status s = rs_json_api_body(r, (size_t)RS_API_CLAIM_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = wish_read(body, rs_request_arena(r), &wish, reterr);
    if (s != RS_OK)
        return s;
    rs_arena_init(&arena, ARENA_BYTES);
    s = take(r, re, &wish, &arena, reterr);
    rs_arena_release(&arena);
    return s;
}

static struct rs_claim_holder holder_of(const struct rs_request *r)
{
    return (struct rs_claim_holder){
        .auth = rs_request_services(r)->auth,
        .identity = rs_request_identity(r),
        .actor = rs_request_actor(r),
        .claim = rs_request_param(r, "claim"),
    };
}

enum rs_status rs_api_claim_renew(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    const struct rs_claim_holder holder = holder_of(r);
    struct rs_claimed *claimed = NULL;
    struct rs_arena arena;
    int64_t lease_ms = 0;
    enum rs_status s = rs_json_api_body(r, (size_t)RS_API_CLAIM_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_json_only(body, RS_JSON_KEYS("leaseSeconds"), reterr);
    if (s == RS_OK)
        s = lease_read(body, &lease_ms, reterr);
    if (s != RS_OK)
        return s;
    rs_arena_init(&arena, ARENA_BYTES);
    s = rs_claim_renew(rs_request_services(r)->db, &holder, lease_ms, &arena, &claimed, reterr);
    if (s == RS_OK)
        s = answer(re, claimed, reterr);
    rs_arena_release(&arena);
    return s;
}

enum rs_status rs_api_claim_return(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_claim_holder holder = holder_of(r);
    struct rs_arena arena;
    rs_arena_init(&arena, ARENA_BYTES);
    enum rs_status s = rs_claim_return(rs_request_services(r)->db, &holder, &arena, reterr);
    rs_arena_release(&arena);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}
