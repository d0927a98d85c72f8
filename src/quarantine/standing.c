#include "quarantine/standing.h"

#include <string.h>

#include "base/attr.h"
#include "catalog/claim.h"
#include "crypto/hash.h"
#include "base/text.h"

#define ROOTS_MAX ((size_t)16)
/* Indexes that are looked at on the way up to them. */
#define CLIMBED_MAX ((size_t)4096)

/* ---- checks ---- */

static const struct rs_check_row *report_of(const struct rs_check_row *reports, size_t n,
                                            const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(reports[i].name, name) == 0)
            return &reports[i];
    return NULL;
}

static enum rs_status checks_load(const struct rs_change *c, struct rs_standing *st,
                                  struct rs_err *reterr)
{
    const struct rs_check_row *reports = NULL;
    size_t n = 0;
    enum rs_status s = rs_catalog_check_list(c->conn, c->arena, st->row->id, &reports, &n, reterr);
    if (s != RS_OK)
        return s;
    st->n_required = c->policy.n_checks;
    struct rs_standing_check *checks =
        rs_arena_alloc(c->arena, (st->n_required + n + 1) * sizeof(*checks));
    if (checks == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < st->n_required; i++) {
        const struct rs_check_row *report = report_of(reports, n, c->policy.checks[i]);
        checks[st->n_checks++] = (struct rs_standing_check){
            .name = rs_arena_strdup(c->arena, c->policy.checks[i]),
            .report = report,
            .is_required = true,
        };
        if (checks[i].name == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        if (report == NULL || report->state != RS_CHECK_PASSED)
            st->n_missing++;
    }
    for (size_t i = 0; i < n; i++)
        if (!rs_policy_requires_check(&c->policy, reports[i].name))
            checks[st->n_checks++] =
                (struct rs_standing_check){reports[i].name, &reports[i], false};
    st->checks = checks;
    return RS_OK;
}

enum rs_status rs_standing_print_missing(const struct rs_standing *st, struct rs_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < st->n_checks; i++) {
        const struct rs_standing_check *check = &st->checks[i];
        if (!check->is_required ||
            (check->report != NULL && check->report->state == RS_CHECK_PASSED))
            continue;
        if (!first)
            (void)rs_buf_adds(out, ", "); /* sticky: the caller looks once */
        first = false;
        (void)rs_buf_adds(out, check->name);
    }
    return rs_buf_status(out);
}

/* ---- roots of a part ---- */

/* Upwards through the held indexes that name it, until those that nobody names. */
static enum rs_status roots_load(const struct rs_change *c, struct rs_standing *st,
                                 struct rs_err *reterr)
{
    struct rs_idset seen = {0};
    struct rs_manifest_list queue = {0};
    enum rs_status s = rs_manifest_list_add(&queue, c->arena, st->row, reterr);
    for (size_t i = 0; s == RS_OK && i < queue.n && st->roots.n < ROOTS_MAX; i++) {
        struct rs_manifest_list parents = {0};
        bool is_part = false;
        s = rs_catalog_work_is_part(c->conn, queue.rows[i], &is_part, reterr);
        if (s == RS_OK && !is_part)
            s = rs_manifest_list_add(&st->roots, c->arena, queue.rows[i], reterr);
        if (s == RS_OK && is_part)
            s = rs_catalog_manifest_parents(c->conn, c->arena, c->repository_id,
                                            queue.rows[i]->digest, ROOTS_MAX, &parents, reterr);
        for (size_t k = 0; s == RS_OK && k < parents.n && seen.n < CLIMBED_MAX; k++) {
            bool is_new = false;
            s = rs_idset_add(&seen, c->arena, parents.rows[k]->id, &is_new);
            if (s != RS_OK)
                return rs_fail(reterr, s, NULL);
            if (is_new)
                s = rs_manifest_list_add(&queue, c->arena, parents.rows[k], reterr);
        }
    }
    return s;
}

enum rs_status rs_standing_checks(const struct rs_change *c, struct rs_manifest_row *row,
                                  struct rs_standing *ret, struct rs_err *reterr)
{
    *ret = (struct rs_standing){.row = row};
    return checks_load(c, ret, reterr);
}

enum rs_status rs_standing_load(const struct rs_change *c, struct rs_manifest_row *row,
                                struct rs_standing *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_standing_checks(c, row, ret, reterr);
    if (s == RS_OK)
        s = rs_catalog_work_is_part(c->conn, row, &ret->is_part, reterr);
    if (s == RS_OK && ret->is_part)
        s = roots_load(c, ret, reterr);
    if (s == RS_OK && rs_manifest_is_held(row))
        s = rs_release_plan(c, row, &ret->plan, reterr);
    return s;
}

/* ---- the entity tag ---- */

static enum rs_status feed(struct rs_hasher *h, const char *text, struct rs_err *reterr)
{
    /* With its NUL, so that two texts never run into one. */
    return rs_hasher_update(h, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1,
                            reterr);
}

static enum rs_status feed_manifest(struct rs_hasher *h, const struct rs_manifest_row *m,
                                    struct rs_err *reterr)
{
    char facts[96];
    (void)snprintf(facts, sizeof(facts), "%lld %d %d %lld", (long long)m->id, (int)m->state,
                   (int)m->failed_by, (long long)m->state_ms);
    enum rs_status s = feed(h, m->digest, reterr);
    if (s == RS_OK)
        s = feed(h, facts, reterr);
    return s == RS_OK ? feed(h, m->decision_details, reterr) : s;
}

static enum rs_status feed_checks(struct rs_hasher *h, const struct rs_standing *st,
                                  struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < st->n_checks; i++) {
        const struct rs_check_row *report = st->checks[i].report;
        char facts[64];
        (void)snprintf(facts, sizeof(facts), "%d %d %lld", (int)st->checks[i].is_required,
                       report == NULL ? -1 : (int)report->state,
                       report == NULL ? 0LL : (long long)report->reported_ms);
        s = feed(h, st->checks[i].name, reterr);
        if (s == RS_OK)
            s = feed(h, facts, reterr);
        if (s == RS_OK && report != NULL)
            s = feed(h, report->details, reterr);
    }
    return s;
}

/* A walk down from a manifest. */
struct below {
    const struct rs_change *c;
    struct rs_idset seen;
    struct rs_manifest_list queue;
    size_t n_links;
};

/* Queue a manifest that is met for the first time; its row is read unless it is given. */
static enum rs_status below_add(struct below *b, int64_t id, struct rs_manifest_row *row,
                                struct rs_err *reterr)
{
    bool is_new = false;
    enum rs_status s = rs_idset_add(&b->seen, b->c->arena, id, &is_new);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    if (is_new && row == NULL)
        s = rs_catalog_manifest_get(b->c->conn, b->c->arena, id, &row, reterr);
    return s == RS_OK && is_new && row != NULL
               ? rs_manifest_list_add(&b->queue, b->c->arena, row, reterr)
               : s;
}

static enum rs_status below_children(struct below *b, int64_t id, struct rs_err *reterr)
{
    struct rs_arena arena;
    const int64_t *ids = NULL;
    size_t n = 0;
    rs_arena_init(&arena, RS_CHANGE_IDS_BYTES);
    enum rs_status s = rs_catalog_manifest_children(b->c->conn, &arena, id, &ids, &n, reterr);
    b->n_links += n;
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = below_add(b, ids[i], NULL, reterr);
    rs_arena_release(&arena);
    return s;
}

static enum rs_status below_attachments(struct below *b, const char *digest, struct rs_err *reterr)
{
    struct rs_manifest_list found = {0};
    enum rs_status s =
        rs_catalog_manifest_attachments(b->c->conn, b->c->arena, b->c->repository_id, digest,
                                        RS_CHANGE_MANIFESTS_MAX, &found, reterr);
    for (size_t i = 0; s == RS_OK && i < found.n; i++)
        s = below_add(b, found.rows[i]->id, found.rows[i], reterr);
    return s;
}

/* Everything below an index and everything attached to any of it, whatever its state; past the
 * limits nothing more, as nothing is released then. */
static enum rs_status feed_below(struct rs_hasher *h, const struct rs_change *c,
                                 struct rs_manifest_row *row, struct rs_err *reterr)
{
    struct below b = {.c = c};
    enum rs_status s = below_add(&b, row->id, row, reterr);
    for (size_t i = 0; s == RS_OK && i < b.queue.n && b.seen.n < RS_CHANGE_MANIFESTS_MAX; i++) {
        const struct rs_manifest_row *m = b.queue.rows[i];
        s = feed_manifest(h, m, reterr);
        if (s == RS_OK && m->shape == RS_SHAPE_INDEX && b.n_links < RS_CHANGE_LINKS_MAX)
            s = below_children(&b, m->id, reterr);
        if (s == RS_OK)
            s = below_attachments(&b, m->digest, reterr);
    }
    return s;
}

enum rs_status rs_standing_etag(const struct rs_change *c, const struct rs_standing *st,
                                char ret[RS_ETAG_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_hasher) struct rs_hasher *h = NULL;
    unsigned char hash[RS_HASH_BYTES_MAX];
    char hex[2 * RS_SHA256_BYTES + 1];
    enum rs_status s = rs_hasher_new(RS_HASH_SHA256, &h, reterr);
    if (s == RS_OK)
        s = feed_checks(h, st, reterr);
    if (s == RS_OK)
        s = feed_below(h, c, st->row, reterr);
    if (s == RS_OK)
        s = rs_hasher_final(h, hash, reterr);
    if (s != RS_OK)
        return s;
    rs_hex_encode(hash, RS_SHA256_BYTES, hex);
    (void)snprintf(ret, RS_ETAG_BYTES, "\"%s\"", hex);
    return RS_OK;
}

bool rs_standing_etag_matches(const char *header, const char *etag)
{
    size_t n = strlen(etag);
    for (const char *p = header; *p != '\0';) {
        p += strspn(p, " \t,");
        size_t len = strcspn(p, " \t,");
        if ((len == n && memcmp(p, etag, n) == 0) || (len == 1 && p[0] == '*'))
            return true;
        p += len;
    }
    return false;
}
