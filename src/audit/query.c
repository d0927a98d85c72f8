#include "audit/query.h"

#include <string.h>

#include "audit/record.h"
#include "auth/active.h"
#include "base/arena.h"
#include "json/write.h"

/* Rows looked at for one page, so that a page that shows little still costs little. */
#define ROWS_PER_PAGE_MAX 4000U
#define PATTERNS_BYTES_MAX ((size_t)4 << 20)

struct query {
    const struct rs_auth_pattern *pattern;
    size_t n_patterns;
    const char *repository_pattern; /* NULL: the statement compared the repository already */
    unsigned n_max;
    size_t bytes_max;
    size_t bytes_before;
    enum rs_audit_form form;
    struct rs_buf *out;
    unsigned looked_at;
    struct rs_audit_page page;
};

static bool may_read(const struct query *q, const char *repository)
{
    for (size_t i = 0; i < q->n_patterns; i++) {
        const struct rs_auth_pattern *p = &q->pattern[i];
        if ((p->perms & RS_PERM_AUDIT_READ) == 0)
            continue;
        if (repository == NULL ? strcmp(p->pattern, "**") == 0
                               : rs_glob_match(p->pattern, repository))
            return true;
    }
    return false;
}

static bool is_wanted(const struct query *q, const char *repository)
{
    return q->repository_pattern == NULL ||
           (repository != NULL && rs_glob_match(q->repository_pattern, repository));
}

static enum rs_status row_show(void *arg, const struct rs_audit_row *row, bool *stop,
                               struct rs_err *reterr)
{
    struct query *q = arg;
    if (is_wanted(q, row->repository) && may_read(q, row->repository)) {
        if (q->page.n >= q->n_max ||
            (q->page.n > 0 && q->out->len - q->bytes_before >= q->bytes_max)) {
            q->page.has_more = *stop = true;
            return RS_OK;
        }
        if (q->form == RS_AUDIT_PAGE && q->page.n > 0)
            (void)rs_buf_addc(q->out, ',');
        enum rs_status s = rs_audit_record_show(row, q->out);
        if (s == RS_OK && q->form == RS_AUDIT_LINES)
            s = rs_buf_addc(q->out, '\n');
        if (s != RS_OK)
            return rs_fail(reterr, s, NULL);
        q->page.n++;
    }
    q->page.next = row->seq;
    if (++q->looked_at >= ROWS_PER_PAGE_MAX)
        q->page.has_more = *stop = true;
    return RS_OK;
}

static enum rs_status rows_read(struct rs_db *db, const struct rs_audit_filter *filter,
                                struct query *q, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    return s == RS_OK ? rs_catalog_audit_each(r.conn, filter, row_show, q, reterr) : s;
}

static enum rs_status page_write(struct rs_db *db, const struct rs_audit_filter *filter,
                                 struct query *q, struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(q->out);
    rs_jw_object(&w);
    rs_jw_key(&w, "records");
    rs_jw_array(&w);
    q->bytes_before = q->out->len;
    enum rs_status s = rows_read(db, filter, q, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_array_end(&w);
    rs_jw_member_int(&w, "next", q->page.next);
    rs_jw_member_bool(&w, "more", q->page.has_more);
    rs_jw_object_end(&w);
    s = rs_buf_status(q->out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_audit_query(struct rs_db *db, struct rs_auth *auth,
                              const struct rs_identity *identity,
                              const struct rs_audit_filter *filter, unsigned n_max,
                              size_t bytes_max, enum rs_audit_form form, struct rs_buf *out,
                              struct rs_audit_page *ret, struct rs_err *reterr)
{
    struct rs_arena arena;
    struct rs_audit_filter narrowed = *filter;
    struct query q = {.n_max = n_max,
                      .bytes_max = bytes_max,
                      .bytes_before = out->len,
                      .form = form,
                      .out = out,
                      .page = {.next = filter->after}};
    if (filter->repository != NULL && strchr(filter->repository, '*') != NULL) {
        q.repository_pattern = filter->repository;
        narrowed.repository = NULL;
    }
    rs_arena_init(&arena, PATTERNS_BYTES_MAX);
    enum rs_status s = rs_auth_check_active(db, identity, reterr);
    if (s == RS_OK)
        s = rs_auth_patterns(auth, identity, &arena, &q.pattern, &q.n_patterns, reterr);
    if (s == RS_OK)
        s = form == RS_AUDIT_PAGE ? page_write(db, &narrowed, &q, reterr)
                                  : rows_read(db, &narrowed, &q, reterr);
    rs_arena_release(&arena);
    *ret = q.page;
    return s;
}
