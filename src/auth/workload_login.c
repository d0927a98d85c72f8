#include "auth/workload_login.h"

#include <stdatomic.h>
#include <string.h>

#include "auth/id_token.h"
#include "auth/secret_text.h"
#include "auth/workload_rule.h"
#include "base/clock.h"
#include "base/log.h"
#include "catalog/workload.h"
#include "crypto/secret.h"

struct login {
    struct rs_auth *auth;
    const char *name; /* NULL = whoever the token fits */
    struct rs_arena *arena;
    struct rs_id_token token;
    bool is_signed; /* by its issuer, who is one of a workload's */
    int64_t expires_unix_s;
    /* the workloads whose rules are met */
    size_t n_met;
    int64_t principal_id;                /* the last one's */
    char stored[RS_SECRET_STORED_BYTES]; /* what its principal's row held with this rule */
    const char *names;                   /* of all, for a message */
};

/* Nothing is told to somebody whose token was signed by nobody that we know. */
static enum rs_status refuse(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_UNAUTHORIZED,
                   "the token is none that a workload of this registry can log in with: its issuer"
                   " is unknown here, or did not sign it");
}

bool rs_workload_token_is_one(const char *token)
{
    RS_AUTO(rs_id_token) struct rs_id_token t = RS_ID_TOKEN_INIT;
    return rs_id_token_parse(token, &t, NULL) == RS_OK;
}

/* ---- is it the issuer's? ---- */

/* Nobody is asked for keys because a stranger's token says so. */
static enum rs_status check_issuer(const struct login *l, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    bool is_known = false;
    enum rs_status s = rs_db_read_begin(l->auth->db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_workload_has_issuer(r.conn, l->token.issuer, l->name, &is_known, reterr);
    return s == RS_OK && !is_known ? refuse(reterr) : s;
}

static enum rs_status verify(struct login *l, unsigned *ret_retry_after_s, struct rs_err *reterr)
{
    RS_AUTO(rs_key_set) struct rs_key_set *set = NULL;
    const struct rs_id_token *t = &l->token;
    enum rs_status s = check_issuer(l, reterr);
    if (s == RS_OK)
        s = rs_issuer_keys_get(l->auth->issuer_keys, t->issuer, t->kid, &set, ret_retry_after_s,
                               reterr);
    if (s != RS_OK)
        return s;
    if (!rs_key_set_verify(set, t->kid, t->algorithm, t->message, t->signature))
        return refuse(reterr);
    l->is_signed = true;
    return rs_id_token_check_time(t, rs_clock_unix_s(), &l->expires_unix_s, reterr);
}

/* ---- whose is it? ---- */

static enum rs_status try_rule(const struct rs_workload *w, void *arg, struct rs_err *reterr)
{
    struct login *l = arg;
    RS_AUTO(rs_json) struct rs_json *json = NULL;
    struct rs_workload_rule rule;
    enum rs_status s = rs_json_parse_text(w->rule, RS_CORRUPT, &json, reterr);
    if (s != RS_OK)
        return s;
    if (rs_workload_rule_read(json, &rule, NULL) != RS_OK ||
        rs_workload_rule_complete(&rule, NULL, NULL) != RS_OK)
        return rs_fail(reterr, RS_CORRUPT, NULL);
    if (!rs_workload_rule_is_met(&rule, l->token.claims))
        return RS_OK;
    l->n_met++;
    l->principal_id = w->principal_id;
    (void)rs_text_copy(l->stored, sizeof l->stored, w->secret);
    l->names = l->n_met == 1 ? rs_arena_strdup(l->arena, w->name)
                             : rs_arena_printf(l->arena, "%.300s, %s", l->names, w->name);
    return l->names == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static enum rs_status find_workload(struct login *l, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(l->auth->db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_workload_each(r.conn, l->token.issuer, l->name, try_rule, l, reterr);
    if (s == RS_OK && l->n_met == 0)
        s = rs_fail(reterr, RS_UNAUTHORIZED,
                    "the token is good, but its audience or its claims do not meet the rule of %s",
                    l->name == NULL ? "any workload" : "this workload");
    if (s == RS_OK && l->n_met > 1)
        s = rs_fail(reterr, RS_UNAUTHORIZED,
                    "the token meets the rules of several workloads (%.300s): log in with the name"
                    " of one of them",
                    l->names);
    return s;
}

/* As the catalog has it now: a rule that changed since it was read does not let anybody in. */
static enum rs_status accept(struct login *l, const struct rs_verified_key *key,
                             struct rs_identity *ret, struct rs_err *reterr)
{
    struct rs_known k = {0};
    enum rs_status s = rs_known_find(l->auth, NULL, l->principal_id, &k, reterr);
    if (s == RS_OK && (!k.is_there || k.row.is_disabled || k.row.kind != RS_PRINCIPAL_WORKLOAD ||
                       strcmp(k.row.secret, l->stored) != 0))
        s = rs_fail(reterr, RS_UNAUTHORIZED, "the workload was changed just now: log in again");
    if (s == RS_OK) {
        rs_known_identify(&k, ret);
        ret->proved_unix_s = rs_clock_unix_s();
        rs_known_remember(l->auth, key, &k, ret, l->expires_unix_s);
        const char *subject = rs_json_text(rs_json_get(l->token.claims, "sub"));
        rs_log(RS_LOG_INFO, "a workload logged in", RS_F("workload", k.row.name),
               RS_F("issuer", l->token.issuer), RS_F("subject", subject == NULL ? "" : subject));
    }
    rs_secret_wipe(k.row.secret, sizeof k.row.secret);
    return s;
}

static enum rs_status judge(struct login *l, const char *token, const struct rs_verified_key *key,
                            struct rs_auth_result *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_id_token_parse(token, &l->token, NULL);
    if (s != RS_OK)
        return s == RS_NOMEM ? rs_fail(reterr, s, NULL) : refuse(reterr);
    s = verify(l, &ret->retry_after_s, reterr);
    if (s == RS_OK)
        s = find_workload(l, reterr);
    if (s == RS_OK)
        s = accept(l, key, &ret->identity, reterr);
    return s;
}

/* ---- the way in ---- */

enum rs_status rs_workload_login(struct rs_auth *auth, const char *name, const char *token,
                                 const char *source, struct rs_arena *arena, enum rs_auth_mode mode,
                                 struct rs_auth_result *ret, bool *ret_is_signed,
                                 struct rs_err *reterr)
{
    struct rs_verified_key key;
    const char *said = name == NULL ? "" : name;
    *ret_is_signed = false;
    /* With a name it is a password like any other ('B' in authenticate.c). */
    rs_verified_key(auth->verified, name == NULL ? 'W' : 'B', rs_str_of(name), rs_str_of(token),
                    &key);
    enum rs_status s = rs_known_recall(auth, &key, arena, &ret->identity, reterr);
    if (s == RS_OK)
        ret->identity.proved_unix_s = rs_clock_unix_s(); /* remembered or not, it was shown now */
    if (s != RS_NOT_FOUND)
        return s;
    if (!rs_throttle_allows(auth->throttle, RS_THROTTLE_TOKEN, source, said, rs_clock_mono_ms(),
                            &ret->retry_after_s)) {
        (void)atomic_fetch_add(&auth->throttled, 1);
        return rs_fail(reterr, RS_TOO_MANY, "too many failed logins: try again in %u s",
                       ret->retry_after_s);
    }
    if (mode == RS_AUTH_INLINE) {
        ret->must_block = true;
        return RS_OK;
    }
    struct login l = {.auth = auth, .name = name, .arena = arena, .token = RS_ID_TOKEN_INIT};
    s = judge(&l, token, &key, ret, reterr);
    rs_id_token_release(&l.token);
    *ret_is_signed = l.is_signed;
    /* With a name and a signature of nobody's it is a wrong password, and counted as that. */
    if (s == RS_UNAUTHORIZED && (name == NULL || l.is_signed)) {
        (void)atomic_fetch_add(&auth->failed, 1);
        rs_throttle_failed(auth->throttle, RS_THROTTLE_TOKEN, source, said, rs_clock_mono_ms());
    }
    return s;
}
