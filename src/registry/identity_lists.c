/* Identities as people and programs see them: lists, and one with its grants. */
#include "registry/identities.h"

#include <stdio.h>

#include "base/text.h"
#include "catalog/workload.h"
#include "json/write.h"
#include "registry/grants.h"

static enum rs_status write_rule(struct rs_db_conn *conn, const struct rs_principal *p,
                                 struct rs_jw *w, struct rs_err *reterr)
{
    struct rs_arena arena;
    const char *rule = NULL;
    rs_arena_init(&arena, RS_WORKLOAD_RULE_BYTES_MAX * 2);
    enum rs_status s = rs_workload_rule_of(conn, p->id, &arena, &rule, reterr);
    if (s == RS_OK)
        s = rs_workload_rule_write_members(rule, w, reterr);
    rs_arena_release(&arena);
    return s;
}

static enum rs_status write_members(struct rs_db_conn *conn, const struct rs_principal *p,
                                    struct rs_jw *w, struct rs_err *reterr)
{
    rs_jw_member_text(w, "name", p->name);
    rs_jw_member_bool(w, "disabled", p->is_disabled);
    rs_jw_member_time(w, "created", p->created_ms);
    return p->kind == RS_PRINCIPAL_WORKLOAD ? write_rule(conn, p, w, reterr) : RS_OK;
}

struct listing {
    struct rs_db_conn *conn;
    struct rs_jw *w;
    unsigned n;
    unsigned n_max;
    char last[RS_PRINCIPAL_NAME_MAX + 1];
    bool has_more;
};

static enum rs_status write_one(const struct rs_principal *p, void *arg, struct rs_err *reterr)
{
    struct listing *l = arg;
    if (l->n == l->n_max) {
        l->has_more = true;
        return RS_OK;
    }
    l->n++;
    (void)rs_text_copy(l->last, sizeof l->last, p->name);
    rs_jw_object(l->w);
    enum rs_status s = write_members(l->conn, p, l->w, reterr);
    rs_jw_object_end(l->w);
    return s;
}

enum rs_status rs_identities_list(const struct rs_services *services, enum rs_principal_kind kind,
                                  const char *last, unsigned n, struct rs_arena *arena,
                                  struct rs_buf *out, const char **ret_next, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    struct listing l = {.w = &w, .n_max = n};
    char plural[16];
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(services->db, &r.conn, reterr);
    rs_jw_object(&w);
    (void)snprintf(plural, sizeof plural, "%ss", rs_principal_kind_word(kind));
    rs_jw_key(&w, plural);
    rs_jw_array(&w);
    l.conn = r.conn;
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
        s = rs_principal_of_kind(r.conn, kind, name, &p, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    s = write_members(r.conn, &p, &w, reterr);
    rs_jw_key(&w, "grants");
    rs_jw_array(&w);
    if (s == RS_OK)
        s = rs_grants_write(r.conn, p.id, &w, reterr);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    if (s == RS_OK && rs_buf_status(out) != RS_OK)
        s = rs_fail(reterr, rs_buf_status(out), NULL);
    return s;
}
