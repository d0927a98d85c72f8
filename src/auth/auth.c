#include "auth/auth.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "auth/known.h"
#include "auth/role.h"
#include "auth/scope.h"
#include "base/clock.h"
#include "base/text.h"
#include "catalog/principal.h"

#define TOKEN_SECONDS 300U
#define TOKEN_SECONDS_MAX 86400U
#define PASSWORDS_AT_ONCE 2U
#define PASSWORDS_WAITING_MAX 48U
#define FAILURES_BURST 10U
#define FAILURE_REFILL_SECONDS 5U
/* How long a replaced key goes on verifying: longer than any token of it lives. */
#define VERIFY_SECONDS ((int64_t)25 * 3600)

static unsigned or_preset(unsigned value, unsigned preset)
{
    return value == 0 ? preset : value;
}

static enum rs_status set_up(struct rs_auth *auth, const struct rs_auth_options *o,
                             struct rs_err *reterr)
{
    unsigned seconds = or_preset(o->token_seconds, TOKEN_SECONDS);
    auth->db = o->db;
    auth->token_seconds = seconds > TOKEN_SECONDS_MAX ? TOKEN_SECONDS_MAX : seconds;
    auth->service = strdup(o->service == NULL || *o->service == '\0' ? "roadstead" : o->service);
    if (auth->service == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (char *p = auth->service; *p != '\0'; p++) { /* it stands in a quoted string of a header */
        if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ' || *p == 0x7f)
            *p = '_';
    }
    rs_auth_mark_credential(RS_ANONYMOUS_ID, "", auth->anonymous_credential);
    enum rs_status s =
        rs_keys_open(o->data_dir, rs_clock_unix_s(), VERIFY_SECONDS, &auth->keys, reterr);
    if (s == RS_OK)
        s = rs_throttle_new(or_preset(o->failures_burst, FAILURES_BURST),
                            (uint64_t)or_preset(o->failure_refill_seconds, FAILURE_REFILL_SECONDS) *
                                1000,
                            &auth->throttle, reterr);
    if (s == RS_OK)
        s = rs_turns_new(or_preset(o->passwords_at_once, PASSWORDS_AT_ONCE),
                         or_preset(o->passwords_waiting_max, PASSWORDS_WAITING_MAX), &auth->turns,
                         reterr);
    if (s == RS_OK)
        s = rs_issuer_keys_new(&o->issuer_keys, &auth->issuer_keys, reterr);
    if (s == RS_OK)
        s = rs_verified_cache_new(&auth->verified, reterr);
    if (s == RS_OK)
        s = rs_holdings_cache_new(o->db, &auth->holdings, reterr);
    return s;
}

enum rs_status rs_auth_new(const struct rs_auth_options *options, struct rs_auth **ret,
                           struct rs_err *reterr)
{
    struct rs_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = set_up(auth, options, reterr);
    if (s != RS_OK) {
        rs_auth_free(auth);
        return s;
    }
    *ret = auth;
    return RS_OK;
}

void rs_auth_free(struct rs_auth *auth)
{
    if (auth == NULL)
        return;
    rs_holdings_cache_free(auth->holdings);
    rs_verified_cache_free(auth->verified);
    rs_issuer_keys_free(auth->issuer_keys);
    rs_turns_free(auth->turns);
    rs_throttle_free(auth->throttle);
    rs_keys_free(auth->keys);
    free(auth->service);
    free(auth);
}

void rs_auth_cancel(struct rs_auth *auth)
{
    rs_issuer_keys_cancel(auth->issuer_keys);
}

const char *rs_auth_service(const struct rs_auth *auth)
{
    return auth->service;
}

unsigned rs_auth_token_seconds(const struct rs_auth *auth)
{
    return auth->token_seconds;
}

void rs_auth_stats(struct rs_auth *auth, struct rs_auth_stats *ret)
{
    ret->failed = atomic_load(&auth->failed);
    ret->throttled = atomic_load(&auth->throttled);
}

enum rs_status rs_auth_rotate_keys(struct rs_auth *auth, struct rs_err *reterr)
{
    return rs_keys_rotate(auth->keys, rs_clock_unix_s(), reterr);
}

/* ---- permissions ---- */

/* '\n'-separated, each name once is not promised: a name that is held twice stands there twice. */
static enum rs_status add_check(const char **checks, const char *check, struct rs_arena *arena,
                                struct rs_err *reterr)
{
    const char *joined = **checks == '\0' ? rs_arena_strdup(arena, check)
                                          : rs_arena_printf(arena, "%s\n%s", *checks, check);
    if (joined == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    *checks = joined;
    return RS_OK;
}

static enum rs_status add_up(const struct rs_holdings *h, const char *repository,
                             struct rs_arena *arena, struct rs_access *ret, struct rs_err *reterr)
{
    struct rs_access a = {.checks = ""};
    for (size_t i = 0; i < h->n; i++) {
        const struct rs_holding *held = &h->list[i];
        if (!rs_glob_match(held->pattern, repository))
            continue;
        if (held->is_public && (a.perms & RS_PERM_PULL) == 0)
            a.is_public = true; /* the public ones come last: nothing of one's own gave pull */
        a.perms |= held->perms;
        if (held->check == NULL)
            continue;
        enum rs_status s = add_check(&a.checks, held->check, arena, reterr);
        if (s != RS_OK)
            return s;
    }
    *ret = a;
    return RS_OK;
}

static uint32_t scope_of(const struct rs_identity *identity, const char *repository)
{
    if (!identity->is_token)
        return RS_SCOPE_ACTIONS;
    return identity->scope == NULL ? 0 : rs_scope_actions(identity->scope, repository);
}

enum rs_status rs_auth_access(struct rs_auth *auth, const struct rs_identity *identity,
                              const char *repository, struct rs_arena *arena, struct rs_access *ret,
                              struct rs_err *reterr)
{
    *ret = (struct rs_access){.checks = ""};
    RS_AUTO(rs_holdings) struct rs_holdings *h = NULL;
    enum rs_status s = rs_holdings_get(auth->holdings, identity->principal_id, &h, reterr);
    if (s == RS_OK)
        s = add_up(h, repository, arena, ret, reterr);
    if (s == RS_OK)
        ret->scope = scope_of(identity, repository);
    return s;
}

enum rs_status rs_auth_has_any(struct rs_auth *auth, const struct rs_identity *identity,
                               uint32_t perms, bool *ret_has, struct rs_err *reterr)
{
    *ret_has = false;
    RS_AUTO(rs_holdings) struct rs_holdings *h = NULL;
    enum rs_status s = rs_holdings_get(auth->holdings, identity->principal_id, &h, reterr);
    for (size_t i = 0; s == RS_OK && !*ret_has && i < h->n; i++)
        *ret_has = (h->list[i].perms & perms) != 0;
    return s;
}

enum rs_status rs_auth_is_admin(struct rs_auth *auth, const struct rs_identity *identity,
                                bool *ret_is_admin, struct rs_err *reterr)
{
    *ret_is_admin = false;
    RS_AUTO(rs_holdings) struct rs_holdings *h = NULL;
    enum rs_status s = rs_holdings_get(auth->holdings, identity->principal_id, &h, reterr);
    for (size_t i = 0; s == RS_OK && !*ret_is_admin && i < h->n; i++)
        *ret_is_admin =
            (h->list[i].perms & RS_PERM_ADMIN) != 0 && strcmp(h->list[i].pattern, "**") == 0;
    return s;
}

enum rs_status rs_auth_patterns(struct rs_auth *auth, const struct rs_identity *identity,
                                struct rs_arena *arena, const struct rs_auth_pattern **ret,
                                size_t *ret_n, struct rs_err *reterr)
{
    RS_AUTO(rs_holdings) struct rs_holdings *h = NULL;
    enum rs_status s = rs_holdings_get(auth->holdings, identity->principal_id, &h, reterr);
    if (s != RS_OK)
        return s;
    struct rs_auth_pattern *list = rs_arena_alloc(arena, h->n * sizeof *list);
    if (list == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < h->n; i++) {
        const struct rs_holding *held = &h->list[i];
        list[i].perms = held->perms;
        list[i].is_public = held->is_public;
        list[i].pattern = rs_arena_strdup(arena, held->pattern);
        list[i].checks = held->check == NULL ? "" : rs_arena_strdup(arena, held->check);
        if (list[i].pattern == NULL || list[i].checks == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
    }
    *ret = list;
    *ret_n = h->n;
    return RS_OK;
}

enum rs_status rs_auth_access_of(struct rs_auth *auth, const char *principal,
                                 const char *repository, struct rs_arena *arena,
                                 struct rs_identity *ret_identity, struct rs_access *ret,
                                 struct rs_err *reterr)
{
    *ret = (struct rs_access){.checks = ""};
    struct rs_principal p;
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(auth->db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_principal_by_name(r.conn, principal, &p, reterr);
    rs_db_read_release(&r);
    if (s != RS_OK)
        return s;
    *ret_identity =
        (struct rs_identity){.principal_id = p.id, .has_credentials = p.id != RS_ANONYMOUS_ID};
    (void)rs_text_copy(ret_identity->name, sizeof ret_identity->name, p.name);
    if (p.is_disabled)
        return RS_OK; /* nothing: it cannot even log in */
    return rs_auth_access(auth, ret_identity, repository, arena, ret, reterr);
}
