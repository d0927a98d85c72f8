#include "registry/identities.h"

#include <string.h>

#include "audit/append.h"
#include "base/clock.h"
#include "base/text.h"
#include "catalog/generation.h"
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

enum rs_status rs_identities_read(const struct rs_json *body, enum rs_principal_kind kind,
                                  struct rs_new_identity *ret, struct rs_err *reterr)
{
    struct rs_new_identity new = {.kind = kind};
    enum rs_status s = kind == RS_PRINCIPAL_USER
                           ? rs_json_only(body, RS_JSON_KEYS("name", "password"), reterr)
                           : rs_json_only(body, RS_JSON_KEYS("name"), reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "name", RS_JSON_REQUIRED, RS_PRINCIPAL_NAME_MAX, &new.name,
                                reterr);
    if (s == RS_OK && kind == RS_PRINCIPAL_USER)
        s = rs_json_member_text(body, "password", RS_JSON_OPTIONAL, RS_PASSWORD_BYTES_MAX,
                                &new.password, reterr);
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

enum rs_status rs_identities_make_secret(const struct rs_new_identity *identity,
                                         struct rs_identity_secret *ret, struct rs_err *reterr)
{
    *ret = (struct rs_identity_secret){0};
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

static enum rs_status record_name(struct rs_db_conn *conn, const struct rs_actor *actor,
                                  enum rs_principal_kind kind, const char *verb, const char *name,
                                  struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", name);
    rs_jw_object_end(&w);
    return record(conn, actor, kind, verb, &details, reterr);
}

enum rs_status rs_identities_add_in(struct rs_db_conn *conn, const struct rs_actor *actor,
                                    const struct rs_new_identity *identity,
                                    const struct rs_identity_secret *secret, struct rs_err *reterr)
{
    int64_t id = 0;
    enum rs_status s = rs_principal_add(conn, identity->kind, identity->name, secret->stored,
                                        rs_clock_unix_ms(), &id, reterr);
    return s == RS_OK ? record_name(conn, actor, identity->kind, "added", identity->name, reterr)
                      : s;
}

struct add_job {
    const struct rs_actor *actor;
    const struct rs_new_identity *identity;
    const struct rs_identity_secret *secret;
};

static enum rs_status add(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct add_job *job = arg;
    return rs_identities_add_in(conn, job->actor, job->identity, job->secret, reterr);
}

enum rs_status rs_identities_add(const struct rs_services *services, const struct rs_actor *actor,
                                 const struct rs_new_identity *identity,
                                 struct rs_identity_secret *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_identities_make_secret(identity, ret, reterr);
    if (s != RS_OK)
        return s;
    struct add_job job = {.actor = actor, .identity = identity, .secret = ret};
    return rs_db_write(services->db, add, &job, reterr);
}

static enum rs_status find(struct rs_db_conn *conn, enum rs_principal_kind kind, const char *name,
                           struct rs_principal *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_principal_by_name(conn, name, ret, reterr);
    if (s == RS_OK && ret->kind != kind)
        s = rs_fail(reterr, RS_NOT_FOUND, "there is no such user or robot");
    return s;
}

struct change_job {
    const struct rs_actor *actor;
    const struct rs_identity_change *change;
    const struct rs_identity_secret *secret;
};

/* A request that sets both is one change, and one record. */
static enum rs_status change_in(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct change_job *job = arg;
    const struct rs_identity_change *c = job->change;
    struct rs_principal p;
    int64_t before = 0;
    enum rs_status s = find(conn, c->kind, c->name, &p, reterr);
    if (s == RS_OK)
        s = rs_grants_count_admins(conn, &before, reterr);
    if (s != RS_OK)
        return s;
    bool disables = c->sets_disabled && c->is_disabled != p.is_disabled;
    if (!disables && !c->sets_secret)
        return RS_OK;
    if (disables)
        s = rs_principal_set_disabled(conn, p.id, c->is_disabled, reterr);
    if (s == RS_OK && c->sets_secret)
        s = rs_principal_set_secret(conn, p.id, job->secret->stored, reterr);
    if (s == RS_OK)
        s = rs_grants_keep_admin(conn, before, reterr);
    if (s != RS_OK)
        return s;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", p.name);
    if (disables)
        rs_jw_member_bool(&w, "disabled", c->is_disabled);
    if (c->sets_secret)
        rs_jw_member_bool(&w, c->kind == RS_PRINCIPAL_USER ? "password" : "secret", true);
    rs_jw_object_end(&w);
    return record(conn, job->actor, c->kind, "changed", &details, reterr);
}

enum rs_status rs_identities_change(const struct rs_services *services,
                                    const struct rs_actor *actor,
                                    const struct rs_identity_change *change,
                                    struct rs_identity_secret *ret, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    *ret = (struct rs_identity_secret){0};
    if (change->sets_secret) {
        struct rs_new_identity like = {.kind = change->kind, .password = change->password};
        if (change->password != NULL)
            s = check_password(change->password, reterr);
        if (s == RS_OK)
            s = rs_identities_make_secret(&like, ret, reterr);
    }
    if (s != RS_OK)
        return s;
    struct change_job job = {.actor = actor, .change = change, .secret = ret};
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
    enum rs_status s = find(conn, job->kind, job->name, &p, reterr);
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

/* ---- lists ---- */

static void write_members(const struct rs_principal *p, struct rs_jw *w)
{
    rs_jw_member_text(w, "name", p->name);
    rs_jw_member_bool(w, "disabled", p->is_disabled);
    rs_jw_member_time(w, "created", p->created_ms);
}

struct listing {
    struct rs_jw *w;
    unsigned n;
    unsigned n_max;
    char last[RS_PRINCIPAL_NAME_MAX + 1];
    bool has_more;
};

static enum rs_status write_one(const struct rs_principal *p, void *arg, struct rs_err *reterr)
{
    (void)reterr;
    struct listing *l = arg;
    if (l->n == l->n_max) {
        l->has_more = true;
        return RS_OK;
    }
    l->n++;
    (void)rs_text_copy(l->last, sizeof l->last, p->name);
    rs_jw_object(l->w);
    write_members(p, l->w);
    rs_jw_object_end(l->w);
    return RS_OK;
}

enum rs_status rs_identities_list(const struct rs_services *services, enum rs_principal_kind kind,
                                  const char *last, unsigned n, struct rs_arena *arena,
                                  struct rs_buf *out, const char **ret_next, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    struct listing l = {.w = &w, .n_max = n};
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(services->db, &r.conn, reterr);
    rs_jw_object(&w);
    rs_jw_key(&w, kind == RS_PRINCIPAL_USER ? "users" : "robots");
    rs_jw_array(&w);
    if (s == RS_OK)
        s = rs_principal_list(r.conn, kind, last, n + 1, write_one, &l, reterr);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    *ret_next = NULL;
    if (s == RS_OK && l.has_more) {
        *ret_next = rs_arena_strdup(arena, l.last);
        if (*ret_next == NULL)
            s = rs_fail(reterr, RS_NOMEM, NULL);
    }
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}

enum rs_status rs_identities_show(const struct rs_services *services, enum rs_principal_kind kind,
                                  const char *name, struct rs_buf *out, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    struct rs_principal p;
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(services->db, &r.conn, reterr);
    if (s == RS_OK)
        s = find(r.conn, kind, name, &p, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    write_members(&p, &w);
    rs_jw_key(&w, "grants");
    rs_jw_array(&w);
    s = rs_grants_write(r.conn, p.id, &w, reterr);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}
