#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth_internal.h"
#include "auth/issue.h"
#include "auth/token.h"
#include "base/clock.h"

#define GOOD "a good password"
#define BAD "a bad password"

static struct rs_identity identity_of(struct world *w, const char *authorization)
{
    struct rs_auth_result r;
    assert_int_equal(world_login(w, authorization, RS_AUTH_MAY_BLOCK, &r), RS_OK);
    assert_false(r.must_block);
    return r.identity;
}

static const char *token_for(struct world *w, const struct rs_identity *who, const char *scope)
{
    struct rs_issued issued;
    struct rs_scope *asked = rs_scope_new(&w->arena);
    assert_int_equal(rs_scope_parse(asked, scope, &w->arena, NULL), RS_OK);
    assert_int_equal(rs_issue_access(w->auth, who, asked, &w->arena, &issued, NULL), RS_OK);
    assert_int_equal(issued.expires_in_s, rs_auth_token_seconds(w->auth));
    return rs_arena_printf(&w->arena, "Bearer %s", issued.token);
}

static void refused(struct world *w, const char *authorization)
{
    struct rs_auth_result r;
    assert_int_equal(world_login(w, authorization, RS_AUTH_MAY_BLOCK, &r), RS_UNAUTHORIZED);
}

/* ---- who ---- */

static void without_a_header_one_is_anonymous(void **state)
{
    struct world *w = *state;
    struct rs_auth_result r;
    assert_int_equal(world_login(w, NULL, RS_AUTH_INLINE, &r), RS_OK);
    assert_int_equal(r.identity.principal_id, RS_ANONYMOUS_ID);
    assert_string_equal(r.identity.name, "anonymous");
    assert_false(r.identity.has_credentials);
    assert_false(r.identity.is_token);
}

static void a_password_is_verified_on_a_worker_and_then_remembered(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    const char *basic = world_basic(w, "alice", GOOD);
    struct rs_auth_result r;
    assert_int_equal(world_login(w, basic, RS_AUTH_INLINE, &r), RS_OK);
    assert_true(r.must_block);
    assert_int_equal(world_login(w, basic, RS_AUTH_MAY_BLOCK, &r), RS_OK);
    assert_false(r.must_block);
    assert_int_equal(r.identity.principal_id, id);
    assert_true(r.identity.has_credentials);
    assert_false(r.identity.is_token);
    assert_int_equal(world_login(w, basic, RS_AUTH_INLINE, &r), RS_OK);
    assert_false(r.must_block);
    assert_string_equal(r.identity.name, "alice");
    /* what is remembered is this password, not this name */
    assert_int_equal(world_login(w, world_basic(w, "alice", BAD), RS_AUTH_INLINE, &r), RS_OK);
    assert_true(r.must_block);
    refused(w, world_basic(w, "alice", BAD));
}

static void a_robots_secret_is_verified_at_once(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    char other[RS_SECRET_TEXT_BYTES];
    int64_t id = world_add_robot(w, "ci", secret);
    struct rs_auth_result r;
    assert_int_equal(world_login(w, world_basic(w, "ci", secret), RS_AUTH_INLINE, &r), RS_OK);
    assert_false(r.must_block);
    assert_int_equal(r.identity.principal_id, id);
    rs_secret_text_new(other);
    /* a wrong one goes the way of every wrong password */
    assert_int_equal(world_login(w, world_basic(w, "ci", other), RS_AUTH_INLINE, &r), RS_OK);
    assert_true(r.must_block);
    refused(w, world_basic(w, "ci", other));
    refused(w, world_basic(w, "ci", "password"));
}

/* The answer does not tell which of them it was. */
static void wrong_names_and_wrong_passwords_look_alike(void **state)
{
    struct world *w = *state;
    (void)world_add_user(w, "alice", GOOD);
    world_set_disabled(w, world_add_user(w, "off", GOOD), true);
    static const char *const names[] = {"alice", "nobody", "off", "anonymous"};
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++) {
        struct rs_auth_result r;
        struct rs_err err = RS_ERR_INIT;
        const char *password = strcmp(names[i], "off") == 0 ? GOOD : BAD;
        assert_int_equal(rs_auth_authenticate(w->auth, world_basic(w, names[i], password),
                                              "192.0.2.1", &w->arena, RS_AUTH_INLINE, &r, &err),
                         RS_OK);
        assert_true(r.must_block);
        assert_int_equal(rs_auth_authenticate(w->auth, world_basic(w, names[i], password),
                                              "192.0.2.1", &w->arena, RS_AUTH_MAY_BLOCK, &r, &err),
                         RS_UNAUTHORIZED);
        assert_string_equal(err.message, "the name or the password is wrong, or the account is "
                                         "disabled: log in again");
        assert_string_equal(err.detail, "");
        assert_int_equal(r.identity.principal_id, 0);
        assert_false(r.identity.has_credentials);
    }
}

static void headers_that_are_no_credentials(void **state)
{
    struct world *w = *state;
    (void)world_add_user(w, "alice", GOOD);
    static const char *const bad[] = {
        "",
        " ",
        "Basic",
        "Basic ",
        "Basic =",
        "Basic !!!!",
        "Basic YQ",
        "Basic YWxpY2U=", /* alice, no colon */
        "Basic Og==",     /* : */
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Digest x",
        "Negotiate YQ==",
        "BasicYWxpY2U6cA==",
        "Basic YWxpY2U6AGE=", /* a NUL */
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(bad); i++)
        refused(w, bad[i]);
    static char large[20000];
    memset(large, 'A', sizeof large - 1);
    memcpy(large, "Basic ", 6);
    refused(w, large);
    memcpy(large, "Bearer ", 7);
    refused(w, large);
    /* the scheme's name may be written in any case */
    const char *basic = world_basic(w, "alice", GOOD);
    (void)identity_of(w, rs_arena_printf(&w->arena, "bAsIc  %s", basic + 6));
}

/* ---- changes are effective at once ---- */

static void a_changed_password_ends_the_old_one(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    const char *old = world_basic(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, old);
    const char *token = token_for(w, &who, "");
    (void)identity_of(w, token);
    world_set_password(w, id, "another password");
    refused(w, token);
    refused(w, old);
    (void)identity_of(w, world_basic(w, "alice", "another password"));
    /* back to the old password: the old token stays ended, it was another secret */
    world_set_password(w, id, GOOD);
    (void)identity_of(w, old);
    refused(w, token);
}

static void a_rotated_secret_ends_the_old_one(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    char stored[RS_SECRET_STORED_BYTES];
    char next[RS_SECRET_TEXT_BYTES];
    int64_t id = world_add_robot(w, "ci", secret);
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    const char *token = token_for(w, &who, "");
    rs_secret_text_new(next);
    rs_secret_text_stored(next, stored);
    world_set_stored(w, id, stored);
    refused(w, world_basic(w, "ci", secret));
    refused(w, token);
    (void)identity_of(w, world_basic(w, "ci", next));
}

static void a_disabled_or_deleted_principal_is_out(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    const char *basic = world_basic(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, basic);
    const char *token = token_for(w, &who, "");
    world_set_disabled(w, id, true);
    refused(w, basic);
    refused(w, token);
    world_set_disabled(w, id, false);
    (void)identity_of(w, basic);
    (void)identity_of(w, token);
    world_delete(w, id);
    refused(w, token);
    refused(w, basic);
    /* the same name and password again: somebody else, whom the old token does not speak for */
    int64_t next = world_add_user(w, "alice", GOOD);
    assert_int_not_equal(next, id);
    refused(w, token);
    assert_int_equal(identity_of(w, basic).principal_id, next);
}

static void a_grant_counts_from_and_until_it_is_there(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    assert_int_equal(world_perms(w, &who, "team/app"), 0);
    int64_t grant = world_grant(w, id, "processor", "team/*");
    assert_true((world_perms(w, &who, "team/app") & RS_PERM_QUARANTINE_DECIDE) != 0);
    assert_int_equal(world_perms(w, &who, "team"), 0);
    assert_int_equal(world_perms(w, &who, "team/a/b"), 0);
    world_revoke(w, grant);
    assert_int_equal(world_perms(w, &who, "team/app"), 0);
}

/* ---- what ---- */

static void grants_add_up_where_their_patterns_match(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    struct rs_access a;
    (void)world_grant(w, id, "consumer", "**");
    (void)world_grant(w, id, "push", "team/**");
    (void)world_grant(w, id, "checker:scan", "team/app");
    (void)world_grant(w, id, "check:sign", "team/app");
    assert_int_equal(world_perms(w, &who, "other"), RS_PERM_PULL);
    assert_int_equal(world_perms(w, &who, "team/x/y"), RS_PERM_PULL | RS_PERM_PUSH);
    assert_int_equal(rs_auth_access(w->auth, &who, "team/app", &w->arena, &a, NULL), RS_OK);
    assert_true(rs_access_has(&a, RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL |
                                      RS_PERM_QUARANTINE_PUSH | RS_PERM_CHECK_ANY));
    assert_false(rs_access_has_any(&a, RS_PERM_QUARANTINE_DECIDE | RS_PERM_ADMIN | RS_PERM_DELETE));
    assert_true(rs_access_has_check(&a, "scan"));
    assert_true(rs_access_has_check(&a, "sign"));
    assert_false(rs_access_has_check(&a, "other"));
    assert_true((a.scope & RS_PERM_DELETE) != 0); /* Basic limits nothing */
    assert_false(a.is_public);
}

static void what_anonymous_may_pull_everybody_may(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    struct rs_identity nobody = identity_of(w, NULL);
    struct rs_access a;
    (void)world_grant(w, RS_ANONYMOUS_ID, "consumer", "public/**");
    assert_int_equal(world_perms(w, &nobody, "public/x"), RS_PERM_PULL);
    assert_int_equal(world_perms(w, &nobody, "team/x"), 0);
    assert_int_equal(rs_auth_access(w->auth, &who, "public/x", &w->arena, &a, NULL), RS_OK);
    assert_int_equal(a.perms, RS_PERM_PULL);
    assert_true(a.is_public);
    (void)world_grant(w, id, "consumer", "public/x");
    assert_int_equal(rs_auth_access(w->auth, &who, "public/x", &w->arena, &a, NULL), RS_OK);
    assert_false(a.is_public);
}

/* Even if the catalog said so. */
static void anonymous_never_holds_more_than_pull(void **state)
{
    struct world *w = *state;
    struct rs_identity nobody = identity_of(w, NULL);
    struct rs_identity who;
    static const char *const roles[] = {"publisher", "processor", "admin",           "auditor",
                                        "check:*",   "push",      "quarantine-pull", "delete"};
    (void)world_add_user(w, "alice", GOOD);
    who = identity_of(w, world_basic(w, "alice", GOOD));
    for (size_t i = 0; i < RS_ARRAY_LEN(roles); i++)
        (void)world_grant(w, RS_ANONYMOUS_ID, roles[i], "**");
    assert_int_equal(world_perms(w, &nobody, "team/x"), 0);
    assert_int_equal(world_perms(w, &who, "team/x"), 0);
    bool is_admin = true;
    assert_int_equal(rs_auth_is_admin(w->auth, &nobody, &is_admin, NULL), RS_OK);
    assert_false(is_admin);
}

static void a_grant_that_means_nothing_denies(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    (void)world_grant(w, id, "consumer", "**");
    int64_t strange = world_grant(w, id, "superuser", "**");
    struct rs_access a = {.perms = ~0U};
    assert_int_equal(rs_auth_access(w->auth, &who, "x", &w->arena, &a, NULL), RS_CORRUPT);
    assert_int_equal(a.perms, 0);
    bool has = true;
    assert_int_equal(rs_auth_has_any(w->auth, &who, ~0U, &has, NULL), RS_CORRUPT);
    assert_false(has);
    world_revoke(w, strange);
    assert_int_equal(world_perms(w, &who, "x"), RS_PERM_PULL);
}

static void admin_counts_everywhere_or_not_at_all(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    bool is_admin = true;
    (void)world_grant(w, id, "admin", "team/**");
    assert_int_equal(rs_auth_is_admin(w->auth, &who, &is_admin, NULL), RS_OK);
    assert_false(is_admin);
    (void)world_grant(w, id, "admin", "**");
    assert_int_equal(rs_auth_is_admin(w->auth, &who, &is_admin, NULL), RS_OK);
    assert_true(is_admin);
}

static void patterns_are_listed(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, world_basic(w, "alice", GOOD));
    const struct rs_auth_pattern *list = NULL;
    size_t n = 0;
    (void)world_grant(w, id, "auditor", "team/**");
    (void)world_grant(w, id, "check:scan", "x");
    (void)world_grant(w, RS_ANONYMOUS_ID, "pull", "public/*");
    assert_int_equal(rs_auth_patterns(w->auth, &who, &w->arena, &list, &n, NULL), RS_OK);
    assert_int_equal(n, 3);
    assert_string_equal(list[0].pattern, "team/**");
    assert_int_equal(list[0].perms, RS_PERM_AUDIT_READ);
    assert_string_equal(list[0].checks, "");
    assert_string_equal(list[1].checks, "scan");
    assert_string_equal(list[2].pattern, "public/*");
    bool has = false;
    assert_int_equal(rs_auth_has_any(w->auth, &who, RS_PERM_AUDIT_READ, &has, NULL), RS_OK);
    assert_true(has);
    assert_int_equal(rs_auth_has_any(w->auth, &who, RS_PERM_PUSH | RS_PERM_ADMIN, &has, NULL),
                     RS_OK);
    assert_false(has);
}

static void somebody_elses_access_can_be_explained(void **state)
{
    struct world *w = *state;
    int64_t id = world_add_user(w, "alice", GOOD);
    struct rs_identity who;
    struct rs_access a;
    (void)world_grant(w, id, "publisher", "team/**");
    assert_int_equal(rs_auth_access_of(w->auth, "alice", "team/x", &w->arena, &who, &a, NULL),
                     RS_OK);
    assert_int_equal(who.principal_id, id);
    assert_int_equal(a.perms, RS_PERM_PULL | RS_PERM_PUSH);
    assert_int_equal(rs_auth_access_of(w->auth, "bob", "team/x", &w->arena, &who, &a, NULL),
                     RS_NOT_FOUND);
    assert_int_equal(a.perms, 0);
    world_set_disabled(w, id, true);
    assert_int_equal(rs_auth_access_of(w->auth, "alice", "team/x", &w->arena, &who, &a, NULL),
                     RS_OK);
    assert_int_equal(a.perms, 0);
}

/* ---- tokens ---- */

static uint32_t scope_at(struct world *w, const char *token, const char *repository)
{
    struct rs_identity who = identity_of(w, token);
    struct rs_access a;
    assert_true(who.is_token);
    assert_int_equal(rs_auth_access(w->auth, &who, repository, &w->arena, &a, NULL), RS_OK);
    return a.scope;
}

/* SPEC section 9: what /token grants for what is held. */
static void a_token_gets_what_is_asked_and_held(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *held;
        const char *asked;
        uint32_t granted;
    } rows[] = {
        {"pull", "pull", RS_PERM_PULL},
        {"pull", "push", 0},
        {"pull", "pull,push,delete", RS_PERM_PULL},
        {"push", "pull,push", RS_PERM_PUSH},
        {"delete", "pull,push,delete", RS_PERM_DELETE},
        {"quarantine-pull", "pull", RS_PERM_PULL},
        {"quarantine-pull", "push", 0},
        {"quarantine-push", "push", RS_PERM_PUSH},
        {"quarantine-push", "pull", 0},
        {"quarantine-decide", "pull,push,delete", 0},
        {"check:scan", "pull,push,delete", 0},
        {"audit-read", "pull,push,delete", 0},
        {"admin", "pull,push,delete", 0},
        {"maintainer", "pull,push,delete", RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE},
        {"maintainer", "*",
         RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE | RS_SCOPE_METADATA_READ |
             RS_SCOPE_METADATA_WRITE},
        {"consumer", "*", RS_PERM_PULL | RS_SCOPE_METADATA_READ},
        {"consumer", "metadata_read,metadata_write", RS_SCOPE_METADATA_READ},
        {"processor", "pull,push,delete", RS_PERM_PULL | RS_PERM_PUSH},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char name[16];
        char secret[RS_SECRET_TEXT_BYTES];
        (void)snprintf(name, sizeof name, "robot%zu", i);
        (void)world_grant(w, world_add_robot(w, name, secret), rows[i].held, "team/*");
        struct rs_identity who = identity_of(w, world_basic(w, name, secret));
        const char *token =
            token_for(w, &who, rs_arena_printf(&w->arena, "repository:team/app:%s", rows[i].asked));
        assert_int_equal(scope_at(w, token, "team/app"), rows[i].granted);
        assert_int_equal(scope_at(w, token, "team/other"), 0);
        /* nothing outside the pattern */
        token =
            token_for(w, &who, rs_arena_printf(&w->arena, "repository:other:%s", rows[i].asked));
        assert_int_equal(scope_at(w, token, "other"), 0);
    }
}

/* The grants are read at use, whatever the token was given. */
static void a_token_does_not_outlive_its_grants(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    int64_t grant = world_grant(w, world_add_robot(w, "ci", secret), "processor", "**");
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    const char *token = token_for(w, &who, "repository:x:pull,push");
    who = identity_of(w, token);
    assert_true((world_perms(w, &who, "x") & RS_PERM_QUARANTINE_PULL) != 0);
    world_revoke(w, grant);
    who = identity_of(w, token);
    assert_int_equal(world_perms(w, &who, "x"), 0);
}

static void a_token_got_with_a_token_does_no_more_than_that(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    (void)world_grant(w, world_add_robot(w, "ci", secret), "maintainer", "**");
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    struct rs_identity narrow = identity_of(w, token_for(w, &who, "repository:a:pull"));
    const char *token =
        token_for(w, &narrow, "repository:a:pull,push,delete repository:b:pull registry:catalog:*");
    assert_int_equal(scope_at(w, token, "a"), RS_PERM_PULL);
    assert_int_equal(scope_at(w, token, "b"), 0);
    assert_false(identity_of(w, token).scope->catalog);
    /* by way of a refresh token, too */
    struct rs_issued refresh;
    struct rs_identity again;
    assert_int_equal(rs_issue_refresh(w->auth, &narrow, &w->arena, &refresh, NULL), RS_OK);
    assert_int_equal(
        rs_auth_token(w->auth, refresh.token, RS_TOKEN_REFRESH, &w->arena, &again, NULL), RS_OK);
    token = token_for(w, &again, "repository:a:pull,push repository:b:pull");
    assert_int_equal(scope_at(w, token, "a"), RS_PERM_PULL);
    assert_int_equal(scope_at(w, token, "b"), 0);
    /* one got with the secret itself is whole */
    assert_int_equal(rs_issue_refresh(w->auth, &who, &w->arena, &refresh, NULL), RS_OK);
    assert_int_equal(
        rs_auth_token(w->auth, refresh.token, RS_TOKEN_REFRESH, &w->arena, &again, NULL), RS_OK);
    token = token_for(w, &again, "repository:b:push");
    assert_int_equal(scope_at(w, token, "b"), RS_PERM_PUSH);
}

/* However long a password has been remembered: whoever shows it now may start a new chain of
 * tokens. */
static void a_remembered_password_is_shown_anew(void **state)
{
    struct world *w = *state;
    (void)world_add_user(w, "alice", GOOD);
    const char *basic = world_basic(w, "alice", GOOD);
    struct rs_identity who = identity_of(w, basic);
    struct rs_verified_key key;
    struct rs_verified v;
    rs_verified_key(w->auth->verified, 'B', rs_str_of("alice"), rs_str_of(GOOD), &key);
    assert_true(rs_verified_get(w->auth->verified, &key, rs_clock_mono_ms(), 0, &w->arena, &v));
    v.identity.proved_unix_s = 1; /* as if it was long ago */
    rs_verified_put(w->auth->verified, &key, &v);
    who = identity_of(w, basic);
    assert_true(who.proved_unix_s > 1);
    struct rs_issued refresh;
    assert_int_equal(rs_issue_refresh(w->auth, &who, &w->arena, &refresh, NULL), RS_OK);
    /* a token's chain goes back to when the password was shown, and ends */
    who.proved_unix_s = rs_clock_unix_s() - RS_ISSUE_REFRESH_SECONDS + 60;
    struct rs_identity narrow = identity_of(w, token_for(w, &who, ""));
    assert_int_equal(rs_issue_refresh(w->auth, &narrow, &w->arena, &refresh, NULL), RS_OK);
    assert_true(refresh.expires_in_s <= 60);
    who.proved_unix_s -= 60;
    narrow = identity_of(w, token_for(w, &who, ""));
    assert_int_equal(rs_issue_refresh(w->auth, &narrow, &w->arena, &refresh, NULL),
                     RS_UNAUTHORIZED);
    struct rs_issued access;
    struct rs_scope *asked = rs_scope_new(&w->arena);
    assert_int_equal(rs_issue_access(w->auth, &narrow, asked, &w->arena, &access, NULL),
                     RS_UNAUTHORIZED);
}

static void a_refresh_token_opens_nothing_itself(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    (void)world_grant(w, world_add_robot(w, "ci", secret), "maintainer", "**");
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    struct rs_issued refresh;
    struct rs_auth_result r;
    assert_int_equal(rs_issue_refresh(w->auth, &who, &w->arena, &refresh, NULL), RS_OK);
    refused(w, rs_arena_printf(&w->arena, "Bearer %s", refresh.token));
    const char *basic = world_basic(w, "00000000-0000-0000-0000-000000000000", refresh.token);
    refused(w, basic);
    /* but it may be shown to the token service in the place of a password */
    assert_int_equal(world_login(w, basic, RS_AUTH_FOR_TOKENS, &r), RS_OK);
    assert_int_equal(r.identity.principal_id, who.principal_id);
    assert_true(r.identity.is_token);
    struct rs_identity nobody = identity_of(w, NULL);
    assert_int_equal(rs_issue_refresh(w->auth, &nobody, &w->arena, &refresh, NULL),
                     RS_UNAUTHORIZED);
}

static void an_access_token_may_stand_for_a_password(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    (void)world_grant(w, world_add_robot(w, "ci", secret), "maintainer", "**");
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    const char *token = token_for(w, &who, "repository:a:pull") + sizeof "Bearer";
    who = identity_of(w, world_basic(w, "00000000-0000-0000-0000-000000000000", token));
    assert_true(who.is_token); /* with its scope, no more */
    assert_int_equal(rs_scope_actions(who.scope, "a"), RS_PERM_PULL);
    assert_int_equal(rs_scope_actions(who.scope, "b"), 0);
}

static void anonymous_gets_tokens_too(void **state)
{
    struct world *w = *state;
    struct rs_identity nobody = identity_of(w, NULL);
    (void)world_grant(w, RS_ANONYMOUS_ID, "consumer", "public/*");
    const char *token =
        token_for(w, &nobody, "repository:public/x:pull,push repository:team/x:pull");
    struct rs_identity who = identity_of(w, token);
    assert_int_equal(who.principal_id, RS_ANONYMOUS_ID);
    assert_true(who.has_credentials);
    assert_int_equal(scope_at(w, token, "public/x"), RS_PERM_PULL);
    assert_int_equal(scope_at(w, token, "team/x"), 0);
}

static void a_new_key_does_not_end_the_tokens(void **state)
{
    struct world *w = *state;
    struct rs_identity nobody = identity_of(w, NULL);
    const char *old = token_for(w, &nobody, "");
    assert_int_equal(rs_auth_rotate_keys(w->auth, NULL), RS_OK);
    (void)identity_of(w, old);
    const char *new = token_for(w, &nobody, "");
    (void)identity_of(w, new);
    assert_memory_not_equal(old, new, strcspn(old, "."));
}

/* ---- throttling ---- */

static void failures_are_slowed_down_and_the_right_password_comes_through(void **state)
{
    struct world *w = *state;
    char secret[RS_SECRET_TEXT_BYTES];
    struct rs_auth_result r;
    (void)world_add_user(w, "alice", GOOD);
    (void)world_add_user(w, "bob", GOOD);
    (void)world_add_robot(w, "ci", secret);
    (void)identity_of(w, world_basic(w, "bob", GOOD));
    for (unsigned i = 0; i < WORLD_BURST; i++) {
        refused(w, world_basic(w, "alice", BAD));
        refused(w, world_basic(w, "bob", BAD));
        refused(w, world_basic(w, "ci", BAD));
        refused(w, world_basic(w, "nobody", BAD));
    }
    static const char *const names[] = {"alice", "bob", "ci", "nobody"};
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++) {
        /* refused at once, on the loop's thread, without a hash */
        assert_int_equal(world_login(w, world_basic(w, names[i], BAD), RS_AUTH_INLINE, &r),
                         RS_TOO_MANY);
        assert_true(r.retry_after_s > 0);
    }
    /* who was verified before, and a robot's real secret, are let in all the same */
    (void)identity_of(w, world_basic(w, "bob", GOOD));
    (void)identity_of(w, world_basic(w, "ci", secret));
    /* alice is not, from here; from elsewhere she is */
    assert_int_equal(world_login(w, world_basic(w, "alice", GOOD), RS_AUTH_MAY_BLOCK, &r),
                     RS_TOO_MANY);
    assert_int_equal(rs_auth_authenticate(w->auth, world_basic(w, "alice", GOOD), "192.0.2.99",
                                          &w->arena, RS_AUTH_MAY_BLOCK, &r, NULL),
                     RS_OK);
    /* and once verified, from here too */
    (void)identity_of(w, world_basic(w, "alice", GOOD));
}

/* A token that nobody signed: for a stranger it must not matter whether the name is a workload's,
 * neither in the answer nor in how often he may ask. */
static void a_forged_token_is_one_wrong_password(void **state)
{
    static const char forged[] =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.AAAA";
    static const char *const names[] = {"ci", "nobody"};
    struct world *w = *state;
    struct rs_auth_stats stats;
    struct rs_auth_result r;
    (void)world_add_workload(w, "ci");
    for (size_t i = 0; i < RS_ARRAY_LEN(names); i++) {
        for (unsigned n = 1; n <= WORLD_BURST; n++) {
            refused(w, world_basic(w, names[i], forged));
            rs_auth_stats(w->auth, &stats);
            assert_int_equal(stats.failed, i * WORLD_BURST + n);
        }
        assert_int_equal(world_login(w, world_basic(w, names[i], forged), RS_AUTH_INLINE, &r),
                         RS_TOO_MANY);
    }
}

/* ---- threads ---- */

struct race {
    struct world *w;
    const char *authorization;
    unsigned good;
};

static void *log_in_often(void *arg)
{
    struct race *race = arg;
    struct rs_arena arena;
    rs_arena_init(&arena, (size_t)4 << 20);
    for (unsigned i = 0; i < 200; i++) {
        struct rs_auth_result r;
        struct rs_access a;
        if (rs_auth_authenticate(race->w->auth, race->authorization, "192.0.2.1", &arena,
                                 RS_AUTH_MAY_BLOCK, &r, NULL) == RS_OK &&
            rs_auth_access(race->w->auth, &r.identity, "team/app", &arena, &a, NULL) == RS_OK)
            race->good++;
    }
    rs_arena_release(&arena);
    return NULL;
}

static void threads_share_the_caches(void **state)
{
    struct world *w = *state;
    int64_t alice = world_add_user(w, "alice", GOOD);
    char secret[RS_SECRET_TEXT_BYTES];
    (void)world_add_robot(w, "ci", secret);
    struct rs_identity who = identity_of(w, world_basic(w, "ci", secret));
    struct race races[3] = {{w, world_basic(w, "alice", GOOD), 0},
                            {w, world_basic(w, "ci", secret), 0},
                            {w, token_for(w, &who, "repository:a:pull"), 0}};
    pthread_t threads[6];
    struct race copies[6];
    for (size_t i = 0; i < RS_ARRAY_LEN(threads); i++) {
        copies[i] = races[i % 3];
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, &copies[i]), 0);
    }
    for (unsigned i = 0; i < 20; i++)
        world_revoke(w, world_grant(w, alice, "consumer", "**"));
    for (size_t i = 0; i < RS_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(copies[i].good, 200);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_a_header_one_is_anonymous),
        T(a_password_is_verified_on_a_worker_and_then_remembered),
        T(a_robots_secret_is_verified_at_once),
        T(wrong_names_and_wrong_passwords_look_alike),
        T(headers_that_are_no_credentials),
        T(a_changed_password_ends_the_old_one),
        T(a_rotated_secret_ends_the_old_one),
        T(a_disabled_or_deleted_principal_is_out),
        T(a_grant_counts_from_and_until_it_is_there),
        T(grants_add_up_where_their_patterns_match),
        T(what_anonymous_may_pull_everybody_may),
        T(anonymous_never_holds_more_than_pull),
        T(a_grant_that_means_nothing_denies),
        T(admin_counts_everywhere_or_not_at_all),
        T(patterns_are_listed),
        T(somebody_elses_access_can_be_explained),
        T(a_token_gets_what_is_asked_and_held),
        T(a_token_does_not_outlive_its_grants),
        T(a_token_got_with_a_token_does_no_more_than_that),
        T(a_remembered_password_is_shown_anew),
        T(a_refresh_token_opens_nothing_itself),
        T(an_access_token_may_stand_for_a_password),
        T(anonymous_gets_tokens_too),
        T(a_new_key_does_not_end_the_tokens),
        T(failures_are_slowed_down_and_the_right_password_comes_through),
        T(a_forged_token_is_one_wrong_password),
        T(threads_share_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
