#include "registry/grants.h"

#include <string.h>

#include "audit/append.h"
#include "auth/role.h"
#include "base/clock.h"
#include "base/text.h"
#include "catalog/access_grant.h"
#include "catalog/generation.h"
#include "catalog/principal.h"

#define EVERYWHERE "**"
#define WHAT_BYTES_MAX 128U
#define PATTERN_BYTES_MAX 255U

enum rs_status rs_grants_read(const struct rs_json *body, struct rs_new_grant *ret,
                              struct rs_err *reterr)
{
    struct rs_new_grant g = {0};
    const char *permission = NULL;
    struct rs_role_gives gives;
    enum rs_status s =
        rs_json_only(body, RS_JSON_KEYS("principal", "role", "permission", "pattern"), reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "principal", RS_JSON_REQUIRED, RS_PRINCIPAL_NAME_MAX,
                                &g.principal, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "role", RS_JSON_OPTIONAL, WHAT_BYTES_MAX, &g.what, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "permission", RS_JSON_OPTIONAL, WHAT_BYTES_MAX, &permission,
                                reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "pattern", RS_JSON_REQUIRED, PATTERN_BYTES_MAX, &g.pattern,
                                reterr);
    if (s != RS_OK)
        return s;
    if ((g.what == NULL) == (permission == NULL))
        return rs_fail(reterr, RS_BAD_REQUEST, "a grant has either a role or a permission");
    if (g.what == NULL)
        g.what = permission;
    if (!rs_role_gives(g.what, &gives))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "there is no such role or permission: roles are consumer, publisher, "
                       "quarantine-reader, processor, checker:<name>, maintainer, auditor, admin");
    if (!rs_glob_is_valid(g.pattern))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the pattern is no repository pattern: use a name, * within one component, "
                       "** across several");
    if ((gives.perms & RS_PERM_ADMIN) != 0 && strcmp(g.pattern, EVERYWHERE) != 0)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "admin is about the whole registry: its pattern is " EVERYWHERE);
    *ret = g;
    return RS_OK;
}

/* ---- the rules ---- */

struct held {
    bool has_admin;
    bool has_quarantine;
    size_t n;
};

static enum rs_status see(const struct rs_access_grant *g, void *arg, struct rs_err *reterr)
{
    struct held *held = arg;
    struct rs_role_gives gives;
    if (!rs_role_gives(g->what, &gives))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    held->has_admin = held->has_admin || (gives.perms & RS_PERM_ADMIN) != 0;
    held->has_quarantine = held->has_quarantine || rs_role_is_quarantine(&gives);
    held->n++;
    return RS_OK;
}

static enum rs_status judge(struct rs_db_conn *conn, const struct rs_principal *p,
                            const struct rs_role_gives *gives, struct rs_err *reterr)
{
    struct held held = {0};
    enum rs_status s = rs_access_grant_each(conn, p->id, see, &held, reterr);
    if (s != RS_OK)
        return s;
    if (p->kind == RS_PRINCIPAL_ANONYMOUS && !rs_role_is_for_anonymous(gives))
        return rs_fail(reterr, RS_CONFLICT, "anonymous can hold pull (consumer) and nothing else");
    if ((held.has_admin && rs_role_is_quarantine(gives)) ||
        (held.has_quarantine && (gives->perms & RS_PERM_ADMIN) != 0))
        return rs_fail(
            reterr, RS_CONFLICT,
            "nobody may hold admin and a permission of the quarantine: use two accounts");
    if (held.n >= RS_GRANTS_PER_PRINCIPAL_MAX)
        return rs_fail(reterr, RS_CONFLICT, "%s holds %u grants already: use wider patterns",
                       p->name, RS_GRANTS_PER_PRINCIPAL_MAX);
    return RS_OK;
}

enum rs_status rs_grants_count_admins(struct rs_db_conn *conn, int64_t *ret_n,
                                      struct rs_err *reterr)
{
    return rs_access_grant_holders(conn, "admin", EVERYWHERE, ret_n, reterr);
}

enum rs_status rs_grants_keep_admin(struct rs_db_conn *conn, int64_t before, struct rs_err *reterr)
{
    int64_t now = 0;
    enum rs_status s = rs_grants_count_admins(conn, &now, reterr);
    if (s == RS_OK && before > 0 && now == 0)
        s = rs_fail(reterr, RS_CONFLICT,
                    "this is the last admin: give admin to somebody else before");
    return s;
}

/* ---- changes ---- */

static const char *member_of(const char *what)
{
    return rs_role_is_permission(what) ? "permission" : "role";
}

/* Giving or taking a quarantine permission is an audit record of its own kind. */
static enum rs_status record(struct rs_db_conn *conn, const struct rs_actor *actor,
                             const char *verb, const struct rs_new_grant *g, struct rs_err *reterr)
{
    struct rs_role_gives gives;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf action = RS_BUF_INIT(64);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "principal", g->principal);
    rs_jw_member_text(&w, member_of(g->what), g->what);
    rs_jw_member_text(&w, "pattern", g->pattern);
    rs_jw_object_end(&w);
    bool is_quarantine = rs_role_gives(g->what, &gives) && rs_role_is_quarantine(&gives);
    (void)rs_buf_addf(&action, "%sgrant-%s", is_quarantine ? "quarantine-" : "", verb);
    enum rs_status s = rs_buf_status(&details);
    if (s == RS_OK)
        s = rs_buf_status(&action);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    int64_t seq = 0;
    struct rs_audit_entry entry = {
        .action = rs_buf_text(&action), .actor = actor, .details = rs_buf_text(&details)};
    s = rs_audit_append(conn, &entry, &seq, reterr);
    if (s == RS_OK)
        rs_generation_touch_access(conn);
    return s;
}

enum rs_status rs_grants_add_in(struct rs_db_conn *conn, const struct rs_actor *actor,
                                const struct rs_new_grant *grant, int64_t *ret_id, bool *ret_added,
                                struct rs_err *reterr)
{
    struct rs_principal p;
    struct rs_role_gives gives;
    if (!rs_role_gives(grant->what, &gives))
        return rs_fail(reterr, RS_BAD_REQUEST, "there is no such role or permission");
    enum rs_status s = rs_principal_by_name(conn, grant->principal, &p, reterr);
    if (s == RS_OK)
        s = judge(conn, &p, &gives, reterr);
    if (s == RS_OK)
        s = rs_access_grant_add(conn, p.id, grant->what, grant->pattern, rs_clock_unix_ms(), ret_id,
                                ret_added, reterr);
    if (s == RS_OK && *ret_added)
        s = record(conn, actor, "added", grant, reterr);
    return s;
}

struct add_job {
    const struct rs_actor *actor;
    const struct rs_new_grant *grant;
    int64_t id;
    bool added;
};

static enum rs_status add(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct add_job *job = arg;
    return rs_grants_add_in(conn, job->actor, job->grant, &job->id, &job->added, reterr);
}

enum rs_status rs_grants_add(const struct rs_services *services, const struct rs_actor *actor,
                             const struct rs_new_grant *grant, int64_t *ret_id, bool *ret_added,
                             struct rs_err *reterr)
{
    struct add_job job = {.actor = actor, .grant = grant};
    enum rs_status s = rs_db_write(services->db, add, &job, reterr);
    if (s == RS_OK) {
        *ret_id = job.id;
        *ret_added = job.added;
    }
    return s;
}

struct remove_job {
    struct rs_db_conn *conn;
    const struct rs_actor *actor;
    int64_t id;
};

/* Runs while the row is read, so its texts are still there for the record. */
static enum rs_status record_removal(const struct rs_access_grant *g, void *arg,
                                     struct rs_err *reterr)
{
    struct remove_job *job = arg;
    struct rs_new_grant was = {.principal = g->principal, .what = g->what, .pattern = g->pattern};
    return record(job->conn, job->actor, "removed", &was, reterr);
}

static enum rs_status remove_grant(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct remove_job *job = arg;
    int64_t before = 0;
    job->conn = conn;
    enum rs_status s = rs_grants_count_admins(conn, &before, reterr);
    if (s == RS_OK)
        s = rs_access_grant_by_id(conn, job->id, record_removal, job, reterr);
    if (s == RS_OK)
        s = rs_access_grant_remove(conn, job->id, reterr);
    return s == RS_OK ? rs_grants_keep_admin(conn, before, reterr) : s;
}

enum rs_status rs_grants_remove(const struct rs_services *services, const struct rs_actor *actor,
                                int64_t id, struct rs_err *reterr)
{
    struct remove_job job = {.actor = actor, .id = id};
    return rs_db_write(services->db, remove_grant, &job, reterr);
}

/* ---- lists ---- */

struct listing {
    struct rs_jw *w;
    int64_t last;
    unsigned n;
    unsigned n_max; /* 0 = all */
    bool has_more;
};

static enum rs_status write_one(const struct rs_access_grant *g, void *arg, struct rs_err *reterr)
{
    (void)reterr;
    struct listing *l = arg;
    if (l->n_max > 0 && l->n == l->n_max) {
        l->has_more = true;
        return RS_OK;
    }
    l->n++;
    l->last = g->id;
    rs_jw_object(l->w);
    rs_jw_member_int(l->w, "id", g->id);
    rs_jw_member_text(l->w, "principal", g->principal);
    rs_jw_member_text(l->w, member_of(g->what), g->what);
    rs_jw_member_text(l->w, "pattern", g->pattern);
    rs_jw_member_time(l->w, "created", g->created_ms);
    rs_jw_object_end(l->w);
    return RS_OK;
}

enum rs_status rs_grants_write(struct rs_db_conn *conn, int64_t principal_id, struct rs_jw *w,
                               struct rs_err *reterr)
{
    struct listing l = {.w = w};
    return rs_access_grant_each(conn, principal_id, write_one, &l, reterr);
}

enum rs_status rs_grants_list(const struct rs_services *services, const char *principal,
                              int64_t last, unsigned n, struct rs_buf *out, int64_t *ret_next,
                              struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    struct listing l = {.w = &w, .n_max = n};
    struct rs_principal p;
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(services->db, &r.conn, reterr);
    rs_jw_object(&w);
    rs_jw_key(&w, "grants");
    rs_jw_array(&w);
    if (s == RS_OK && principal == NULL) {
        s = rs_access_grant_list(r.conn, last, n + 1, write_one, &l, reterr);
    } else if (s == RS_OK) {
        s = rs_principal_by_name(r.conn, principal, &p, reterr);
        if (s == RS_OK)
            s = rs_grants_write(r.conn, p.id, &w, reterr);
    }
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    *ret_next = l.has_more ? l.last : 0;
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}
