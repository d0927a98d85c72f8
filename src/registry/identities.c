#include "registry/identities.h"

#include <string.h>

#include "audit/append.h"
#include "base/clock.h"
#include "base/text.h"
#include "catalog/generation.h"
#include "catalog/workload.h"
#include "crypto/password.h"
#include "crypto/secret.h"
#include "json/write.h"
#include "registry/grants.h"

/* ---- bodies and secrets ---- */

static enum rs_status check_password(const char *password, struct rs_err *reterr)
{
    size_t n = strlen(password);
    if (n < RS_PASSWORD_BYTES_MIN || n > RS_PASSWORD_BYTES_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "a password has %u to %u bytes",
                       RS_PASSWORD_BYTES_MIN, RS_PASSWORD_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)password[i] < ' ' || password[i] == 0x7f)
            return rs_fail(reterr, RS_BAD_REQUEST, "a password holds no control characters");
    }
    return RS_OK;
}

static const char *const *members_of(enum rs_principal_kind kind)
{
    static const char *const of_user[] = {"name", "password", NULL};
    static const char *const of_robot[] = {"name", NULL};
    static const char *const of_workload[] = {"name", RS_WORKLOAD_RULE_KEYS, NULL};
    if (kind == RS_PRINCIPAL_WORKLOAD)
        return of_workload;
    return kind == RS_PRINCIPAL_USER ? of_user : of_robot;
}

enum rs_status rs_identities_read(const struct rs_json *body, enum rs_principal_kind kind,
                                  struct rs_new_identity *ret, struct rs_err *reterr)
{
    struct rs_new_identity new = {.kind = kind};
    enum rs_status s = rs_json_only(body, members_of(kind), reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "name", RS_JSON_REQUIRED, RS_PRINCIPAL_NAME_MAX, &new.name,
                                reterr);
    if (s == RS_OK && kind == RS_PRINCIPAL_USER)
        s = rs_json_member_text(body, "password", RS_JSON_OPTIONAL, RS_PASSWORD_BYTES_MAX,
                                &new.password, reterr);
    if (s == RS_OK && kind == RS_PRINCIPAL_WORKLOAD)
        s = rs_workload_rule_read(body, &new.rule, reterr);
    if (s == RS_OK && kind == RS_PRINCIPAL_WORKLOAD)
        s = rs_workload_rule_complete(&new.rule, NULL, reterr);
    if (s == RS_OK && !rs_principal_name_is_valid(new.name))
        s = rs_fail(
            reterr, RS_BAD_REQUEST,
            "a name has 1 to %u of a-z 0-9 . _ @ + -, begins and ends with a letter or digit, "
            "and is neither anonymous nor roadstead",
            RS_PRINCIPAL_NAME_MAX);
    if (s == RS_OK && new.password != NULL)
        s = check_password(new.password, reterr);
    if (s == RS_OK)
        *ret = new;
    return s;
}

/* A rule and what stands for it in the principal's row. */
static enum rs_status describe_rule(const struct rs_workload_rule *rule,
                                    struct rs_identity_credential *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_WORKLOAD_RULE_BYTES_MAX);
    enum rs_status s = rs_workload_rule_write(rule, &text, reterr);
    if (s != RS_OK)
        return s;
    (void)rs_text_copy(ret->rule, sizeof ret->rule, rs_buf_text(&text));
    char unshown[RS_SECRET_TEXT_BYTES]; /* nobody logs in with it; it differs, that is all */
    rs_secret_text_new(unshown);
    rs_secret_text_stored(unshown, ret->stored);
    rs_secret_wipe(unshown, sizeof unshown);
    return RS_OK;
}

enum rs_status rs_identities_make_credential(const struct rs_new_identity *identity,
                                             struct rs_identity_credential *ret,
                                             struct rs_err *reterr)
{
    *ret = (struct rs_identity_credential){0};
    if (identity->kind == RS_PRINCIPAL_WORKLOAD)
        return describe_rule(&identity->rule, ret, reterr);
    if (identity->kind == RS_PRINCIPAL_ROBOT) {
        rs_secret_text_new(ret->shown);
        rs_secret_text_stored(ret->shown, ret->stored);
        return RS_OK;
    }
    if (identity->password != NULL)
        return rs_password_hash(identity->password, ret->stored, reterr);
    rs_secret_password_new(ret->shown);
    return rs_password_hash(ret->shown, ret->stored, reterr);
}

/* ---- changes ---- */

/* One record about an identity, and every cache learns of the change. */
static enum rs_status record(struct rs_db_conn *conn, const struct rs_actor *actor,
                             enum rs_principal_kind kind, const char *verb, struct rs_buf *details,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf action = RS_BUF_INIT(64);
    int64_t seq = 0;
    (void)rs_buf_addf(&action, "%s-%s", rs_principal_kind_word(kind), verb);
    enum rs_status s = rs_buf_status(details);
    if (s == RS_OK)
        s = rs_buf_status(&action);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    struct rs_audit_entry entry = {
        .action = rs_buf_text(&action), .actor = actor, .details = rs_buf_text(details)};
    s = rs_audit_append(conn, &entry, &seq, reterr);
    if (s == RS_OK)
        rs_generation_touch_access(conn);
    return s;
}

static enum rs_status record_added(struct rs_db_conn *conn, const struct rs_actor *actor,
                                   const struct rs_new_identity *identity,
                                   const struct rs_identity_credential *credential,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    enum rs_status s = RS_OK;
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", identity->name);
    if (identity->kind == RS_PRINCIPAL_WORKLOAD)
        s = rs_workload_rule_write_members(credential->rule, &w, reterr);
    rs_jw_object_end(&w);
    return s == RS_OK ? record(conn, actor, identity->kind, "added", &details, reterr) : s;
}

enum rs_status rs_identities_add_in(struct rs_db_conn *conn, const struct rs_actor *actor,
                                    const struct rs_new_identity *identity,
                                    const struct rs_identity_credential *credential,
                                    struct rs_err *reterr)
{
    int64_t id = 0;
    enum rs_status s = rs_principal_add(conn, identity->kind, identity->name, credential->stored,
                                        rs_clock_unix_ms(), &id, reterr);
    if (s == RS_OK && identity->kind == RS_PRINCIPAL_WORKLOAD)
        s = rs_workload_put(conn, id, identity->rule.issuer, credential->rule, reterr);
    return s == RS_OK ? record_added(conn, actor, identity, credential, reterr) : s;
}

struct add_job {
    const struct rs_actor *actor;
    const struct rs_new_identity *identity;
    const struct rs_identity_credential *credential;
};

static enum rs_status add(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct add_job *job = arg;
    return rs_identities_add_in(conn, job->actor, job->identity, job->credential, reterr);
}

enum rs_status rs_identities_add(const struct rs_services *services, const struct rs_actor *actor,
                                 const struct rs_new_identity *identity,
                                 struct rs_identity_credential *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_identities_make_credential(identity, ret, reterr);
    if (s != RS_OK)
        return s;
    struct add_job job = {.actor = actor, .identity = identity, .credential = ret};
    return rs_db_write(services->db, add, &job, reterr);
}

struct change_job {
    const struct rs_actor *actor;
    const struct rs_identity_change *change;
    struct rs_identity_credential *credential;
};

/* What differs from what is there. */
struct difference {
    bool disables;
    bool secret; /* or the rule */
};

/* Overlay the rule that is there with what the change sets of it; into the credential. */
static enum rs_status change_rule(struct rs_db_conn *conn, const struct rs_principal *p,
                                  const struct change_job *job, struct difference *d,
                                  struct rs_err *reterr)
{
    struct rs_arena arena;
    RS_AUTO(rs_json) struct rs_json *json = NULL;
    struct rs_workload_rule rule = job->change->rule;
    struct rs_workload_rule old = {0};
    const char *text = NULL;
    rs_arena_init(&arena, RS_WORKLOAD_RULE_BYTES_MAX * 2);
    enum rs_status s = rs_workload_rule_of(conn, p->id, &arena, &text, reterr);
    if (s == RS_OK)
        s = rs_json_parse_text(text, RS_CORRUPT, &json, reterr);
    if (s == RS_OK)
        s = rs_workload_rule_read(json, &old, reterr);
    if (s == RS_OK)
        s = rs_workload_rule_complete(&rule, &old, reterr);
    if (s == RS_OK)
        s = describe_rule(&rule, job->credential, reterr);
    d->secret = s == RS_OK && strcmp(text, job->credential->rule) != 0;
    if (d->secret)
        s = rs_workload_put(conn, p->id, rule.issuer, job->credential->rule, reterr);
    rs_arena_release(&arena);
    return s;
}

static enum rs_status apply(struct rs_db_conn *conn, const struct rs_principal *p,
                            const struct change_job *job, struct difference *ret,
                            struct rs_err *reterr)
{
    const struct rs_identity_change *c = job->change;
    struct difference d = {.disables = c->sets_disabled && c->is_disabled != p->is_disabled,
                           .secret = c->sets_secret};
    enum rs_status s = RS_OK;
    if (c->rule.issuer != NULL || c->rule.audience != NULL || c->rule.claims != NULL)
        s = change_rule(conn, p, job, &d, reterr);
    if (s == RS_OK && d.disables)
        s = rs_principal_set_disabled(conn, p->id, c->is_disabled, reterr);
    if (s == RS_OK && d.secret)
        s = rs_principal_set_secret(conn, p->id, job->credential->stored, reterr);
    *ret = d;
    return s;
}

static enum rs_status record_changed(struct rs_db_conn *conn, const struct change_job *job,
                                     const struct difference *d, struct rs_err *reterr)
{
    const struct rs_identity_change *c = job->change;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    enum rs_status s = RS_OK;
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", c->name);
    if (d->disables)
        rs_jw_member_bool(&w, "disabled", c->is_disabled);
    if (d->secret && c->kind == RS_PRINCIPAL_WORKLOAD)
        s = rs_workload_rule_write_members(job->credential->rule, &w, reterr);
    else if (d->secret)
        rs_jw_member_bool(&w, c->kind == RS_PRINCIPAL_USER ? "password" : "secret", true);
    rs_jw_object_end(&w);
    return s == RS_OK ? record(conn, job->actor, c->kind, "changed", &details, reterr) : s;
}

/* A request that sets several things is one change, and one record. */
static enum rs_status change_in(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct change_job *job = arg;
    struct difference d = {0};
    struct rs_principal p;
    int64_t before = 0;
    enum rs_status s = rs_principal_of_kind(conn, job->change->kind, job->change->name, &p, reterr);
    if (s == RS_OK)
        s = rs_grants_count_admins(conn, &before, reterr);
    if (s == RS_OK)
        s = apply(conn, &p, job, &d, reterr);
    if (s == RS_OK)
        s = rs_grants_keep_admin(conn, before, reterr);
    return s == RS_OK && (d.disables || d.secret) ? record_changed(conn, job, &d, reterr) : s;
}

enum rs_status rs_identities_change(const struct rs_services *services,
                                    const struct rs_actor *actor,
                                    const struct rs_identity_change *change,
                                    struct rs_identity_credential *ret, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    *ret = (struct rs_identity_credential){0};
    if (change->sets_secret) {
        struct rs_new_identity like = {.kind = change->kind, .password = change->password};
        if (change->password != NULL)
            s = check_password(change->password, reterr);
        if (s == RS_OK)
            s = rs_identities_make_credential(&like, ret, reterr);
    }
    if (s != RS_OK)
        return s;
    struct change_job job = {.actor = actor, .change = change, .credential = ret};
    return rs_db_write(services->db, change_in, &job, reterr);
}

struct delete_job {
    const struct rs_actor *actor;
    enum rs_principal_kind kind;
    const char *name;
};

/* The grants that go with it stand in the same record; so many that they do not fit are counted. */
static enum rs_status describe_deleted(struct rs_db_conn *conn, const struct rs_principal *p,
                                       struct rs_buf *details, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", p->name);
    rs_jw_key(&w, "grants");
    rs_jw_array(&w);
    enum rs_status s = rs_grants_write(conn, p->id, &w, reterr);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    if (s != RS_OK || rs_buf_status(details) != RS_TOO_LARGE)
        return s;
    rs_buf_release(details);
    w = (struct rs_jw)RS_JW_INIT(details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", p->name);
    rs_jw_member_text(&w, "grants", "too many to be listed here");
    rs_jw_object_end(&w);
    return RS_OK;
}

static enum rs_status delete_in(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct delete_job *job = arg;
    struct rs_principal p;
    int64_t before = 0;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    enum rs_status s = rs_principal_of_kind(conn, job->kind, job->name, &p, reterr);
    if (s == RS_OK)
        s = rs_grants_count_admins(conn, &before, reterr);
    if (s == RS_OK)
        s = describe_deleted(conn, &p, &details, reterr);
    if (s == RS_OK)
        s = rs_principal_delete(conn, p.id, reterr);
    if (s == RS_OK)
        s = rs_grants_keep_admin(conn, before, reterr);
    return s == RS_OK ? record(conn, job->actor, job->kind, "deleted", &details, reterr) : s;
}

enum rs_status rs_identities_delete(const struct rs_services *services,
                                    const struct rs_actor *actor, enum rs_principal_kind kind,
                                    const char *name, struct rs_err *reterr)
{
    struct delete_job job = {.actor = actor, .kind = kind, .name = name};
    return rs_db_write(services->db, delete_in, &job, reterr);
}
