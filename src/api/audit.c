#include "api/audit.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_api.h"
#include "audit/keeper.h"
#include "audit/query.h"
#include "audit/verify.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "config/config.h"
#include "oci/link.h"
#include "registry/services.h"

#define PAGE_DEFAULT 100U
#define PAGE_BYTES_MAX ((size_t)4 << 20)
#define PART_RECORDS 100U
#define PART_BYTES ((size_t)65536)
#define BUFFER_BYTES_MAX ((size_t)32 << 20) /* a part and the largest record */
#define EXPORT_MAGIC 0x61756478U
#define TEXT_TYPE "text/plain; charset=utf-8"

/* ---- parameters ---- */

static enum rs_status moment(const struct rs_request *r, const char *key, int64_t *ret,
                             struct rs_err *reterr)
{
    const char *text = rs_request_query(r, key);
    if (text != NULL && !rs_clock_parse(text, ret))
        return rs_fail(reterr, RS_BAD_REQUEST, "%s is a time in UTC, like 2026-01-31T12:00:00Z",
                       key);
    return RS_OK;
}

/* `n` 0 in *ret_n: none was given. */
static enum rs_status parameters(const struct rs_request *r, struct rs_audit_filter *ret,
                                 uint64_t *ret_n, struct rs_err *reterr)
{
    uint64_t after = 0;
    *ret = (struct rs_audit_filter){
        .repository = rs_request_query(r, "repository"),
        .digest = rs_request_query(r, "digest"),
        .actor = rs_request_query(r, "actor"),
        .action = rs_request_query(r, "action"),
    };
    enum rs_status s = rs_json_api_number(r, "after", 0, &after, reterr);
    if (s == RS_OK)
        s = rs_json_api_number(r, "n", 0, ret_n, reterr);
    if (s == RS_OK && rs_request_query(r, "n") != NULL && *ret_n == 0)
        s = rs_fail(reterr, RS_BAD_REQUEST,
                    "n is the greatest number of records wanted, from 1 on");
    if (s == RS_OK)
        s = moment(r, "from", &ret->from_ms, reterr);
    if (s == RS_OK)
        s = moment(r, "to", &ret->to_ms, reterr);
    ret->after = (int64_t)after;
    return s;
}

/* ---- pages ---- */

/* The next page: the same filters, behind this one's last record. */
static enum rs_status link_next(struct rs_request *r, struct rs_reply *re, int64_t after,
                                uint64_t n, struct rs_err *reterr)
{
    const struct rs_link_param params[] = {
        {"after", rs_arena_printf(rs_request_arena(r), "%" PRId64, after)},
        {"n", rs_arena_printf(rs_request_arena(r), "%" PRIu64, n)},
        {"repository", rs_request_query(r, "repository")},
        {"digest", rs_request_query(r, "digest")},
        {"actor", rs_request_query(r, "actor")},
        {"action", rs_request_query(r, "action")},
        {"from", rs_request_query(r, "from")},
        {"to", rs_request_query(r, "to")},
    };
    if (params[0].value == NULL || params[1].value == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return rs_json_api_next(re, "/v2/_roadstead/audit", params, RS_ARRAY_LEN(params), reterr);
}

static enum rs_status page_reply(struct rs_request *r, struct rs_reply *re,
                                 const struct rs_audit_filter *filter, uint64_t n,
                                 struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(BUFFER_BYTES_MAX);
    struct rs_audit_page page;
    if (n == 0)
        n = PAGE_DEFAULT;
    if (n > RS_AUDIT_PAGE_MAX)
        n = RS_AUDIT_PAGE_MAX;
    enum rs_status s =
        rs_audit_query(services->db, services->auth, rs_request_identity(r), filter, (unsigned)n,
                       PAGE_BYTES_MAX, RS_AUDIT_PAGE, &json, &page, reterr);
    if (s == RS_OK && page.has_more)
        s = link_next(r, re, page.next, n, reterr);
    if (s != RS_OK)
        return s;
    return rs_json_api_answer(re, 200, &json, reterr);
}

/* ---- the export ---- */

struct export
{
    uint32_t magic;
    const struct rs_services *services;
    struct rs_identity identity;
    struct rs_audit_filter filter; /* its texts stand in `texts` */
    struct rs_arena texts;
    bool is_bounded;
    uint64_t left; /* when is_bounded */
    bool is_read;  /* to the end */
    struct rs_buf pending;
    size_t sent; /* of pending */
};

static void export_done(void *arg)
{
    struct export *x = arg;
    rs_assert(x->magic == EXPORT_MAGIC);
    rs_buf_release(&x->pending);
    rs_arena_release(&x->texts);
    x->magic = 0;
    free(x);
}

/* Fills `pending`; it stays empty when rows were passed over but none may be seen. */
static enum rs_status part_read(struct export *x)
{
    struct rs_audit_page page;
    unsigned n = x->is_bounded && x->left < PART_RECORDS ? (unsigned)x->left : PART_RECORDS;
    rs_buf_clear(&x->pending);
    x->sent = 0;
    enum rs_status s = rs_audit_query(x->services->db, x->services->auth, &x->identity, &x->filter,
                                      n, PART_BYTES, RS_AUDIT_LINES, &x->pending, &page, NULL);
    if (s != RS_OK)
        return s;
    x->filter.after = page.next;
    if (x->is_bounded)
        x->left -= page.n;
    x->is_read = !page.has_more || (x->is_bounded && x->left == 0);
    return RS_OK;
}

static enum rs_status export_pull(void *arg, char *out, size_t cap, size_t *ret_n, bool *ret_end)
{
    struct export *x = arg;
    rs_assert(x->magic == EXPORT_MAGIC);
    if (x->sent == x->pending.len && !x->is_read) {
        enum rs_status s = part_read(x);
        if (s != RS_OK)
            return s;
    }
    size_t n = x->pending.len - x->sent;
    if (n > cap)
        n = cap;
    if (n > 0)
        memcpy(out, x->pending.data + x->sent, n);
    x->sent += n;
    *ret_n = n;
    *ret_end = x->is_read && x->sent == x->pending.len;
    return RS_OK;
}

static bool text_keep(struct rs_arena *arena, const char **text)
{
    if (*text != NULL)
        *text = rs_arena_strdup(arena, *text);
    return *text != NULL;
}

static bool filter_keep(struct export *x, const struct rs_audit_filter *filter)
{
    x->filter = *filter;
    return (filter->repository == NULL || text_keep(&x->texts, &x->filter.repository)) &&
           (filter->digest == NULL || text_keep(&x->texts, &x->filter.digest)) &&
           (filter->actor == NULL || text_keep(&x->texts, &x->filter.actor)) &&
           (filter->action == NULL || text_keep(&x->texts, &x->filter.action));
}

static enum rs_status export_reply(struct rs_request *r, struct rs_reply *re,
                                   const struct rs_audit_filter *filter, uint64_t n,
                                   struct rs_err *reterr)
{
    struct export *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    x->magic = EXPORT_MAGIC;
    x->services = rs_request_services(r);
    x->identity = *rs_request_identity(r);
    x->identity.scope = NULL; /* the request's own; audit-read goes by the grants */
    x->is_bounded = n != 0;
    x->left = n;
    x->pending = (struct rs_buf)RS_BUF_INIT(BUFFER_BYTES_MAX);
    rs_arena_init(&x->texts, 65536);
    if (!filter_keep(x, filter)) {
        export_done(x);
        return rs_fail(reterr, RS_NOMEM, NULL);
    }
    rs_reply_header(re, "Cache-Control", "no-store");
    /* A part without a visible record is followed by the next one at once, or nearly: 1 ms is the
     * wait for "nothing yet". */
    if (rs_reply_stream(re, "application/x-ndjson", 1, export_pull, export_done, x) == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL); /* export_done() was called */
    return RS_OK;
}

enum rs_status rs_api_audit_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const char *accept = rs_request_header_list(r, "Accept");
    struct rs_audit_filter filter;
    uint64_t n = 0;
    enum rs_status s = parameters(r, &filter, &n, reterr);
    if (s != RS_OK)
        return s;
    if (accept != NULL && strcasestr(accept, "application/x-ndjson") != NULL)
        return export_reply(r, re, &filter, n, reterr);
    return page_reply(r, re, &filter, n, reterr);
}

/* ---- checkpoints and verification ---- */

static enum rs_status text_reply(struct rs_reply *re, struct rs_buf *text, struct rs_err *reterr)
{
    enum rs_status s = rs_buf_status(text);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_body(re, TEXT_TYPE, text);
    return RS_OK;
}

enum rs_status rs_api_audit_checkpoint(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
    enum rs_status s = rs_audit_checkpoint(rs_request_services(r)->audit, &note, reterr);
    return s == RS_OK ? text_reply(re, &note, reterr) : s;
}

enum rs_status rs_api_audit_key(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf key = RS_BUF_INIT(1024);
    (void)rs_note_key_write_public(rs_audit_key(rs_request_services(r)->audit), &key);
    (void)rs_buf_addc(&key, '\n');
    return text_reply(re, &key, reterr);
}

static enum rs_status verify_reply(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    const struct rs_note_key *key = rs_audit_key(services->audit);
    struct rs_str note = rs_request_body(r);
    struct rs_checkpoint checkpoint;
    struct rs_verify_options options = {.checkpoints = &checkpoint,
                                        .n_checkpoints = note.n > 0 ? 1 : 0};
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(65536);
    RS_AUTO_FREE struct rs_verify_result *result = calloc(1, sizeof(*result));
    if (result == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = note.n > 0 ? rs_checkpoint_open(note, key, &checkpoint, reterr) : RS_OK;
    if (s == RS_OK)
        s = rs_verify_catalog_in(services->config->data, services->db, &options, key, result,
                                 reterr);
    if (s != RS_OK)
        return s;
    (void)rs_verify_result_write(result, &json);
    return rs_json_api_answer(re, 200, &json, reterr);
}

enum rs_status rs_api_audit_verify(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    /* It reads the whole log: one at a time, so that a few impatient auditors do not take all
     * workers. */
    static atomic_flag is_running = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&is_running))
        return rs_fail(reterr, RS_BUSY, "the audit log is being verified already: try again");
    enum rs_status s = verify_reply(r, re, reterr);
    atomic_flag_clear(&is_running);
    return s;
}
