/* Lists that come in pages. */
#include <string.h>
#include <strings.h>

#include "cli/client.h"
#include "cli/table.h"

#define OUTPUT_BYTES_MAX ((size_t)256 << 20)
#define PAGES_MAX 1000000U

struct listing_state {
    struct rs_client *client;
    const struct rs_listing *listing;
    struct rs_table *table; /* for people */
    struct rs_buf *json;    /* for programs: the elements so far */
    uint64_t n;
};

static bool is_full(const struct listing_state *st)
{
    return st->listing->limit != 0 && st->n >= st->listing->limit;
}

static enum rs_status take_page(struct listing_state *st, const struct rs_json *page)
{
    const struct rs_json *elements = rs_json_get(page, st->listing->member);
    for (size_t i = 0; i < rs_json_len(elements) && !is_full(st); i++) {
        const struct rs_json *element = rs_json_at(elements, i);
        enum rs_status s = RS_OK;
        if (rs_client_wants_json(st->client)) {
            (void)rs_buf_addc(st->json, st->n == 0 ? '[' : ',');
            s = rs_json_dump_canonical(element, st->json);
        } else {
            s = rs_table_add(st->table, element);
        }
        if (s != RS_OK)
            return s;
        st->n++;
    }
    return RS_OK;
}

/* The target of `<...>; rel="next"`, as a path; an absolute URL loses its origin, so that
 * credentials go to no other server. */
static bool next_by_link(const struct rs_answer *a, struct rs_buf *path)
{
    char link[4096];
    if (!rs_http_response_header(&a->http, "link", link, sizeof(link)) || link[0] != '<' ||
        strcasestr(link, "rel=\"next\"") == NULL)
        return false;
    char *end = strchr(link, '>');
    if (end == NULL)
        return false;
    *end = '\0';
    const char *target = link + 1;
    const char *host = strstr(target, "://");
    if (target[0] != '/')
        target = host == NULL ? NULL : strchr(host + 3, '/');
    if (target == NULL)
        return false;
    rs_buf_clear(path);
    return rs_buf_adds(path, target) == RS_OK;
}

/* {"next": sequence, "more": true} in the page itself: the same path with `after`. */
static bool next_by_member(const struct rs_listing *listing, const struct rs_answer *a,
                           struct rs_buf *path)
{
    int64_t next = 0;
    bool more = false;
    if (!rs_json_bool(rs_json_get(a->json, "more"), &more) || !more ||
        !rs_json_int(rs_json_get(a->json, "next"), 1, RS_JSON_INT_MAX, &next))
        return false;
    rs_buf_clear(path);
    const char *after = strstr(listing->path, "after=");
    if (after == NULL) {
        (void)rs_buf_adds(path, listing->path);
        rs_query_add_number(path, "after", (uint64_t)next);
        return rs_buf_status(path) == RS_OK;
    }
    (void)rs_buf_add(path, listing->path, (size_t)(after - listing->path));
    (void)rs_buf_addf(path, "after=%lld", (long long)next);
    (void)rs_buf_adds(path, after + strcspn(after, "&"));
    return rs_buf_status(path) == RS_OK;
}

static enum rs_exit fetch(struct listing_state *st)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    (void)rs_buf_adds(&path, st->listing->path);
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
        struct rs_call call = {.method = "GET", .path = rs_buf_text(&path)};
        enum rs_exit e = rs_client_send(st->client, &call, &a);
        if (e != RS_EXIT_OK)
            return e;
        struct rs_err err = RS_ERR_INIT;
        enum rs_status s = take_page(st, a.json);
        if (s != RS_OK) {
            (void)rs_fail(&err, s, NULL);
            return rs_tell_err(&err);
        }
        if (is_full(st) || (!next_by_link(&a, &path) && !next_by_member(st->listing, &a, &path)))
            return RS_EXIT_OK;
    }
    rs_tell("the list does not end");
    return RS_EXIT_SERVER;
}

enum rs_exit rs_client_list(const struct rs_args *args, const struct rs_listing *listing)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_table) struct rs_table *table = rs_table_new(listing->columns);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    struct listing_state st = {.listing = listing, .table = table, .json = &out};
    if (table == NULL)
        return rs_tell_err(&(struct rs_err){.status = RS_NOMEM});
    enum rs_exit e = rs_client_open(args, &c);
    st.client = c;
    if (e == RS_EXIT_OK)
        e = fetch(&st);
    if (e != RS_EXIT_OK)
        return e;
    if (rs_client_wants_json(c))
        (void)rs_buf_adds(&out, st.n == 0 ? "[]\n" : "]\n");
    else
        (void)rs_table_write(table, &out);
    if (st.n == 0 && !rs_client_wants_json(c))
        rs_tell("%s", listing->nothing);
    return rs_print(&out);
}
