#include "quarantine/claim.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "json/write.h"
#include "quarantine/decide.h"
#include "quarantine/standing.h"

#define PAGE_ROWS 64

/* ---- what a change of a claim tells ---- */

static enum rs_status record(const struct rs_change *c, const char *action,
                             const struct rs_manifest_row *row, const struct rs_claim_row *claim,
                             struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT((size_t)1024);
    struct rs_jw w = RS_JW_INIT(&details);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "check", claim->check_name[0] == '\0' ? NULL : claim->check_name);
    rs_jw_member_text(&w, "claim", claim->id);
    rs_jw_member_int(&w, "leaseSeconds", claim->lease_ms / 1000);
    rs_jw_object_end(&w);
    if (rs_buf_status(&details) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&details), NULL);
    const struct rs_change_record entry = {
        .action = action,
        .manifest = row,
        .details = rs_buf_text(&details),
    };
    return rs_change_record(c, &entry, NULL, reterr);
}

static enum rs_status claimed_make(struct rs_arena *arena, const struct rs_claim_row *claim,
                                   const char *repository, const struct rs_manifest_row *row,
                                   struct rs_claimed **ret, struct rs_err *reterr)
{
    struct rs_claimed *out = rs_arena_alloc(arena, sizeof(*out));
    if (out == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    out->id = rs_arena_strdup(arena, claim->id);
    out->repository = rs_arena_strdup(arena, repository);
    out->digest = rs_arena_strdup(arena, row->digest);
    out->check = rs_arena_strdup(arena, claim->check_name);
    out->expires_ms = claim->expires_ms;
    if (out->id == NULL || out->repository == NULL || out->digest == NULL || out->check == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    *ret = out;
    return RS_OK;
}

/* ---- taking ---- */

struct take_job {
    const struct rs_claim_wish *wish;
    const char *check; /* "" for the decision */
    const char *repository;
    int64_t manifest_id;
    struct rs_arena *arena;
    struct rs_claimed *claimed;
    bool has_damaged; /* something could not be judged */
};

/* Does the policy ask for that work on it now?  check "" is the decision. */
static bool is_wanted(const struct rs_standing *st, const char *check)
{
    if (check[0] == '\0')
        return st->n_missing == 0;
    for (size_t i = 0; i < st->n_required; i++)
        if (strcmp(st->checks[i].name, check) == 0)
            return st->checks[i].report == NULL || st->checks[i].report->state != RS_CHECK_PASSED;
    return false;
}

/* Judged in the transaction: is it still work of that kind, free, and nothing that separate duties
 * keep from whoever asks?  He could not finish it, and would be handed it again and again. */
static enum rs_status is_free(const struct rs_change *c, const struct take_job *job,
                              struct rs_manifest_row *row, bool *ret, struct rs_err *reterr)
{
    struct rs_standing st;
    struct rs_claim_row *claim = NULL;
    const struct rs_manifest_row *own = NULL;
    *ret = false;
    if (row == NULL || row->state != RS_STATE_QUARANTINED || row->repository_id != c->repository_id)
        return RS_OK;
    enum rs_status s = rs_standing_load(c, row, &st, reterr);
    if (s == RS_OK)
        s = rs_catalog_claim_of(c->conn, c->arena, row->id, job->check, &claim, reterr);
    if (s == RS_OK)
        s = rs_decide_own(c, job->wish->identity->principal_id, &st, true, &own, reterr);
    if (s != RS_OK)
        return s;
    *ret = rs_standing_is_root(&st) && is_wanted(&st, job->check) && own == NULL &&
           (claim == NULL || !rs_lease_is_live(claim));
    return RS_OK;
}

static enum rs_status take_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct take_job *job = arg;
    const struct rs_claim_wish *wish = job->wish;
    struct rs_change c;
    struct rs_manifest_row *row = NULL;
    bool free_now = false;
    enum rs_status s = rs_change_begin(conn, job->arena, wish->actor, job->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_get(conn, job->arena, job->manifest_id, &row, reterr);
    if (s == RS_OK)
        s = is_free(&c, job, row, &free_now, reterr);
    if (s != RS_OK || !free_now)
        return s;
    struct rs_claim_row claim = {
        .manifest_id = row->id,
        .check_name = job->check,
        .principal_id = wish->identity->principal_id,
        .principal = wish->actor->name,
    };
    rs_id_new(claim.id);
    rs_lease_start(&claim, wish->lease_ms, c.now_ms);
    s = rs_catalog_claim_put(conn, &claim, reterr);
    if (s == RS_OK)
        s = record(&c, "claimed", row, &claim, reterr);
    return s == RS_OK
               ? claimed_make(job->arena, &claim, job->repository, row, &job->claimed, reterr)
               : s;
}

/* ---- finding ---- */

static bool matches(const struct rs_claim_wish *wish, const char *repository)
{
    for (size_t i = 0; i < wish->n_patterns; i++)
        if (rs_glob_match(wish->patterns[i], repository))
            return true;
    return wish->n_patterns == 0;
}

/* May the principal do that work there?  check "" is the decision. */
static enum rs_status is_permitted(struct rs_auth *auth, const struct rs_identity *identity,
                                   const char *repository, const char *check,
                                   struct rs_arena *arena, bool *ret, struct rs_err *reterr)
{
    struct rs_access access = {0};
    *ret = false;
    enum rs_status s = rs_auth_access(auth, identity, repository, arena, &access, reterr);
    if (s == RS_OK)
        *ret = check[0] == '\0' ? rs_access_has(&access, RS_PERM_QUARANTINE_DECIDE)
                                : rs_access_has_check(&access, check);
    return s;
}

/* Parts come before their index, without a tag: give it the time to take them in. */
static bool is_settled(const struct rs_claim_wish *wish, const struct rs_manifest_row *row)
{
    int64_t now_ms = rs_clock_unix_ms();
    return row->tagged || now_ms < row->pushed_ms || now_ms - row->pushed_ms >= wish->settle_ms;
}

static enum rs_status page_read(struct rs_db *db, const struct take_job *job, int64_t after_id,
                                struct rs_arena *arena, const struct rs_work_row **ret,
                                size_t *ret_n, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    const struct rs_work_free query = {
        .check_name = job->check,
        .boot_id = rs_lease_boot_id(),
        .now_mono_ms = rs_lease_now_ms(),
        .after_id = after_id,
        .n_max = PAGE_ROWS,
    };
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_work_free(read.conn, arena, &query, ret, ret_n, reterr) : s;
}

/* Does the policy there ask for this work, and for it from this principal? */
static enum rs_status is_asked_for(const struct rs_change *c, const struct take_job *job,
                                   struct rs_manifest_row *row, bool *ret, struct rs_err *reterr)
{
    struct rs_standing st;
    bool is_own = false;
    enum rs_status s = rs_standing_checks(c, row, &st, reterr);
    if (s == RS_OK && c->policy.separate_duties)
        s = rs_catalog_manifest_is_pusher(c->conn, row->id, job->wish->identity->principal_id,
                                          &is_own, reterr);
    *ret = s == RS_OK && !is_own && is_wanted(&st, job->check);
    return s;
}

/* Judged in a read first: all that wait for checks, when it is decisions that are asked for, would
 * be a job for the writer each. */
static enum rs_status is_worth_a_job(struct rs_db *db, const struct take_job *job,
                                     const struct rs_work_row *row, bool *ret,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_arena arena; /* of this row: reports have details */
    struct rs_change c;
    *ret = false;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    s = rs_change_begin(read.conn, &arena, NULL, row->repository, &c, reterr);
    if (s == RS_OK)
        s = is_asked_for(&c, job, row->manifest, ret, reterr);
    rs_arena_release(&arena);
    return s;
}

static enum rs_status row_take(struct rs_db *db, struct take_job *job,
                               const struct rs_work_row *row, struct rs_arena *arena,
                               struct rs_err *reterr)
{
    bool may = false;
    if (!matches(job->wish, row->repository) || !is_settled(job->wish, row->manifest))
        return RS_OK;
    enum rs_status s = is_permitted(job->wish->auth, job->wish->identity, row->repository,
                                    job->check, arena, &may, reterr);
    if (s == RS_OK && may)
        s = is_worth_a_job(db, job, row, &may, reterr);
    if (s != RS_OK || !may)
        return s;
    job->repository = row->repository;
    job->manifest_id = row->id;
    return rs_db_write(db, take_run, job, reterr);
}

/* A damaged row or policy keeps nobody from other work. */
static enum rs_status try_row(struct rs_db *db, struct take_job *job, const struct rs_work_row *row,
                              struct rs_arena *arena, struct rs_err *reterr)
{
    struct rs_err why = RS_ERR_INIT;
    enum rs_status s = row->manifest == NULL ? RS_CORRUPT : row_take(db, job, row, arena, &why);
    if (s == RS_CORRUPT) {
        job->has_damaged = true;
        rs_log(RS_LOG_ERROR,
               "an image in quarantine cannot be handed out: its row or the policy for it is"
               " damaged; run `roadstead fsck`, and look at the policies",
               RS_F("repository", row->repository), RS_N("manifest", row->id));
        return RS_OK;
    }
    if (s != RS_OK && reterr != NULL)
        *reterr = why;
    return s;
}

static enum rs_status try_page(struct rs_db *db, struct take_job *job, int64_t *after_id,
                               bool *ret_more, struct rs_err *reterr)
{
    struct rs_arena arena;
    const struct rs_work_row *rows = NULL;
    size_t n = 0;
    rs_arena_init(&arena, (size_t)16 << 20);
    enum rs_status s = page_read(db, job, *after_id, &arena, &rows, &n, reterr);
    for (size_t i = 0; s == RS_OK && job->claimed == NULL && i < n; i++) {
        *after_id = rows[i].id;
        s = try_row(db, job, &rows[i], &arena, reterr);
    }
    *ret_more = n == PAGE_ROWS;
    rs_arena_release(&arena);
    return s;
}

enum rs_status rs_claim_take(struct rs_db *db, const struct rs_claim_wish *wish,
                             struct rs_arena *arena, struct rs_claimed **ret, struct rs_err *reterr)
{
    struct take_job job = {
        .wish = wish,
        .check = wish->check == NULL ? "" : wish->check,
        .arena = arena,
    };
    int64_t after_id = 0;
    bool more = true;
    enum rs_status s = RS_OK;
    while (s == RS_OK && more && job.claimed == NULL)
        s = try_page(db, &job, &after_id, &more, reterr);
    /* "No work" is said only when everything was judged. */
    if (s == RS_OK && job.claimed == NULL && job.has_damaged)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    *ret = s == RS_OK ? job.claimed : NULL;
    return s;
}

/* ---- renewing and giving back ---- */

struct hold_job {
    const struct rs_claim_holder *holder;
    int64_t lease_ms; /* 0: give it back */
    struct rs_arena *arena;
    struct rs_claimed *claimed;
};

static enum rs_status hold_find(struct rs_db_conn *conn, const struct hold_job *job,
                                struct rs_claim_row **ret_claim, struct rs_manifest_row **ret_row,
                                struct rs_err *reterr)
{
    enum rs_status s =
        rs_catalog_claim_find(conn, job->arena, job->holder->claim, ret_claim, reterr);
    if (s == RS_OK &&
        (*ret_claim == NULL || (*ret_claim)->principal_id != job->holder->identity->principal_id))
        s = rs_fail(reterr, RS_NOT_FOUND,
                    "there is no such claim of yours (any more): claim again");
    if (s == RS_OK)
        s = rs_catalog_manifest_get(conn, job->arena, (*ret_claim)->manifest_id, ret_row, reterr);
    if (s == RS_OK && *ret_row == NULL)
        s = rs_fail(reterr, RS_CORRUPT, NULL);
    return s;
}

static enum rs_status hold_change(const struct rs_change *c, struct hold_job *job,
                                  struct rs_claim_row *claim, const struct rs_manifest_row *row,
                                  struct rs_err *reterr)
{
    if (job->lease_ms == 0) {
        enum rs_status s = rs_catalog_claim_remove(c->conn, claim->id, reterr);
        return s == RS_OK ? record(c, "claim-returned", row, claim, reterr) : s;
    }
    if (!rs_lease_is_live(claim))
        return rs_fail(reterr, RS_CONFLICT, "the lease of this claim has ended: claim again");
    rs_lease_start(claim, job->lease_ms, c->now_ms);
    enum rs_status s = rs_catalog_claim_put(c->conn, claim, reterr);
    if (s == RS_OK)
        s = record(c, "claim-renewed", row, claim, reterr);
    return s == RS_OK ? claimed_make(job->arena, claim, c->repository, row, &job->claimed, reterr)
                      : s;
}

static enum rs_status hold_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct hold_job *job = arg;
    struct rs_claim_row *claim = NULL;
    struct rs_manifest_row *row = NULL;
    const char *repository = NULL;
    struct rs_change c;
    enum rs_status s = hold_find(conn, job, &claim, &row, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_repository(conn, job->arena, row, &repository, reterr);
    if (s == RS_OK)
        s = rs_change_begin(conn, job->arena, job->holder->actor, repository, &c, reterr);
    return s == RS_OK ? hold_change(&c, job, claim, row, reterr) : s;
}

/* Whoever lost the permission for the work does not keep it from others. */
static enum rs_status renew_permit(struct rs_db *db, const struct hold_job *job,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    const struct rs_claim_holder *holder = job->holder;
    struct rs_claim_row *claim = NULL;
    struct rs_manifest_row *row = NULL;
    const char *repository = NULL;
    bool may = false;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = hold_find(read.conn, job, &claim, &row, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_repository(read.conn, job->arena, row, &repository, reterr);
    if (s == RS_OK)
        s = is_permitted(holder->auth, holder->identity, repository, claim->check_name, job->arena,
                         &may, reterr);
    if (s == RS_OK && !may)
        s = rs_fail(reterr, RS_NOT_FOUND,
                    "there is no such claim of yours (any more): claim again");
    return s;
}

enum rs_status rs_claim_renew(struct rs_db *db, const struct rs_claim_holder *holder,
                              int64_t lease_ms, struct rs_arena *arena, struct rs_claimed **ret,
                              struct rs_err *reterr)
{
    struct hold_job job = {.holder = holder, .lease_ms = lease_ms, .arena = arena};
    enum rs_status s = renew_permit(db, &job, reterr);
    if (s == RS_OK)
        s = rs_db_write(db, hold_run, &job, reterr);
    *ret = s == RS_OK ? job.claimed : NULL;
    return s;
}

enum rs_status rs_claim_return(struct rs_db *db, const struct rs_claim_holder *holder,
                               struct rs_arena *arena, struct rs_err *reterr)
{
    struct hold_job job = {.holder = holder, .arena = arena};
    return rs_db_write(db, hold_run, &job, reterr);
}
