#include "events/feed.h"

#include <inttypes.h>

#include "auth/active.h"
#include "base/arena.h"
#include "events/render.h"
#include "events/type.h"
#include "json/write.h"

/* Rows looked at for one page, so that a page that shows little still costs little. */
#define ROWS_PER_PAGE_MAX 2000
#define ARENA_BYTES_MAX ((size_t)4 << 20)

#define HELD_AUDIENCE \
    (RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_DECIDE | RS_PERM_CHECK_ANY | RS_PERM_AUDIT_READ)
#define DETAILS_AUDIENCE (RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_DECIDE | RS_PERM_AUDIT_READ)

bool rs_feed_shows(const struct rs_access *access, const char *type, bool is_held)
{
    if (rs_event_type_is_held(type, is_held))
        return rs_access_has_any(access, HELD_AUDIENCE);
    return access->perms != 0;
}

bool rs_feed_shows_details(const struct rs_access *access)
{
    return rs_access_has_any(access, DETAILS_AUDIENCE);
}

struct reader {
    const struct rs_auth_pattern *pattern;
    size_t n_patterns;
    unsigned n_max;
    size_t bytes_max;
    size_t bytes_before;
    enum rs_feed_form form;
    struct rs_buf *out;
    int64_t looked_at;
    struct rs_feed_page page;
};

/* What the reader's grants give in a repository, added up.  (Check names do not matter here.) */
static struct rs_access access_in(const struct reader *f, const char *repository)
{
    struct rs_access access = {.checks = ""};
    for (size_t i = 0; i < f->n_patterns; i++)
        if (rs_glob_match(f->pattern[i].pattern, repository))
            access.perms |= f->pattern[i].perms;
    return access;
}

static enum rs_status event_write(struct reader *f, const struct rs_event_row *row,
                                  bool with_details, struct rs_err *reterr)
{
    if (f->form == RS_FEED_PAGE) {
        if (f->page.n > 0)
            (void)rs_buf_addc(f->out, ',');
        return rs_event_render(row, with_details, f->out, reterr);
    }
    (void)rs_buf_addf(f->out, "id: %" PRId64 "\nevent: %s\ndata: ", row->seq, row->type);
    enum rs_status s = rs_event_render(row, with_details, f->out, reterr);
    if (s == RS_OK)
        s = rs_buf_adds(f->out, "\n\n");
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

static enum rs_status row_take(void *arg, const struct rs_event_row *row, bool *stop,
                               struct rs_err *reterr)
{
    struct reader *f = arg;
    if (row->repository == NULL || row->type == NULL)
        return rs_fail(reterr, RS_CORRUPT, "the stored event %" PRId64 " is damaged", row->seq);
    struct rs_access access = access_in(f, row->repository);
    f->looked_at++;
    if (rs_feed_shows(&access, row->type, row->is_held)) {
        if (f->page.n >= f->n_max ||
            (f->page.n > 0 && f->out->len - f->bytes_before >= f->bytes_max)) {
            f->page.has_more = *stop = true;
            return RS_OK;
        }
        enum rs_status s = event_write(f, row, rs_feed_shows_details(&access), reterr);
        if (s != RS_OK)
            return s;
        f->page.n++;
    }
    f->page.next = row->seq;
    return RS_OK;
}

static enum rs_status rows_read(struct rs_db *db, int64_t after, struct reader *f,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_event_each(r.conn, after, ROWS_PER_PAGE_MAX, row_take, f, reterr);
    if (s == RS_OK && f->looked_at >= ROWS_PER_PAGE_MAX)
        f->page.has_more = true;
    return s;
}

static enum rs_status page_write(struct rs_db *db, int64_t after, struct reader *f,
                                 struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(f->out);
    rs_jw_object(&w);
    rs_jw_key(&w, "events");
    rs_jw_array(&w);
    f->bytes_before = f->out->len;
    enum rs_status s = rows_read(db, after, f, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_array_end(&w);
    rs_jw_member_int(&w, "next", f->page.next);
    rs_jw_member_bool(&w, "more", f->page.has_more);
    rs_jw_object_end(&w);
    s = rs_buf_status(f->out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_feed_read(struct rs_db *db, struct rs_auth *auth,
                            const struct rs_identity *identity, int64_t after, unsigned n_max,
                            size_t bytes_max, enum rs_feed_form form, struct rs_buf *out,
                            struct rs_feed_page *ret, struct rs_err *reterr)
{
    struct rs_arena arena;
    struct reader f = {.n_max = n_max,
                       .bytes_max = bytes_max,
                       .bytes_before = out->len,
                       .form = form,
                       .out = out,
                       .page = {.next = after}};
    rs_arena_init(&arena, ARENA_BYTES_MAX);
    enum rs_status s = rs_auth_check_active(db, identity, reterr);
    if (s == RS_OK)
        s = rs_auth_patterns(auth, identity, &arena, &f.pattern, &f.n_patterns, reterr);
    if (s == RS_OK)
        s = form == RS_FEED_PAGE ? page_write(db, after, &f, reterr)
                                 : rows_read(db, after, &f, reterr);
    rs_arena_release(&arena);
    *ret = f.page;
    return s;
}

enum rs_status rs_feed_newest(struct rs_db *db, int64_t *ret_seq, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    return s == RS_OK ? rs_catalog_event_newest(r.conn, ret_seq, reterr) : s;
}
