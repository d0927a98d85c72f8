#include "quarantine/reaper.h"

#include "base/attr.h"
#include "base/clock.h"
#include "catalog/claim.h"
#include "json/write.h"
#include "quarantine/lease.h"
#include "quarantine/remove.h"
#include "quarantine/standing.h"

#define PAGE_ROWS 128
#define TICK_PAGES_MAX 64U

static const struct rs_actor daemon_itself = {.name = "roadstead", .request_id = "", .source = ""};

static int64_t after_of(enum rs_reaper_due due, const struct rs_policy *policy)
{
    switch (due) {
    case RS_REAPER_OVERDUE:
        return policy->overdue_after_ms;
    case RS_REAPER_EXPIRE_QUARANTINED:
        return policy->expire_quarantined_after_ms;
    case RS_REAPER_EXPIRE_FAILED:
    case RS_REAPER_DUES:
        break;
    }
    return policy->expire_failed_after_ms;
}

static enum rs_state state_of(enum rs_reaper_due due)
{
    return due == RS_REAPER_EXPIRE_FAILED ? RS_STATE_FAILED : RS_STATE_QUARANTINED;
}

static bool is_due(enum rs_reaper_due due, const struct rs_policy *policy,
                   const struct rs_manifest_row *row, int64_t now_ms)
{
    int64_t after_ms = after_of(due, policy);
    return after_ms > 0 && row->state == state_of(due) && now_ms - row->state_ms >= after_ms &&
           (due != RS_REAPER_OVERDUE || row->overdue_ms == 0);
}

struct job {
    enum rs_reaper_due due;
    const char *repository;
    int64_t manifest_id;
    struct rs_arena *arena;
    bool done;
};

static enum rs_status overdue(const struct rs_change *c, struct rs_manifest_row *row,
                              struct rs_err *reterr)
{
    const struct rs_pushed_tag *tags = NULL;
    size_t n = 0;
    row->overdue_ms = c->now_ms;
    enum rs_status s = rs_catalog_manifest_save_marks(c->conn, row, reterr);
    if (s == RS_OK)
        s = rs_catalog_tag_list_pushed(c->conn, c->arena, row->id, &tags, &n, reterr);
    const char **names = s == RS_OK ? rs_arena_alloc(c->arena, (n + 1) * sizeof(*names)) : NULL;
    if (names == NULL)
        return s != RS_OK ? s : rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++)
        names[i] = tags[i].tag;
    const struct rs_change_record record = {
        .action = "overdue",
        .manifest = row,
        .tags = names,
        .n_tags = n,
    };
    const struct rs_change_event event = {
        .type = RS_EVENT_QUARANTINE_OVERDUE,
        .manifest = row,
        .tag = n == 1 ? names[0] : NULL,
        .is_held = true,
    };
    s = rs_change_record(c, &record, NULL, reterr);
    return s == RS_OK ? rs_change_emit(c, &event, NULL, reterr) : s;
}

/* Is it decided about by itself?  An attachment whose subject is not there expires by itself too.
 */
static enum rs_status is_alone(const struct rs_change *c, const struct rs_standing *st,
                               enum rs_reaper_due due, bool *ret, struct rs_err *reterr)
{
    struct rs_manifest_row *subject = NULL;
    *ret = rs_standing_is_root(st);
    if (*ret || due == RS_REAPER_OVERDUE || !st->row->joined || st->row->subject_digest == NULL)
        return RS_OK;
    enum rs_status s = rs_change_find(c, st->row->subject_digest, &subject, reterr);
    *ret = s == RS_OK && subject == NULL;
    return s;
}

/* Judged again in the transaction, by the state and the policy of this moment. */
static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *job = arg;
    struct rs_change c;
    struct rs_standing st;
    struct rs_manifest_row *row = NULL;
    bool alone = false;
    enum rs_status s =
        rs_change_begin(conn, job->arena, &daemon_itself, job->repository, &c, reterr);
    if (s == RS_OK)
        s = rs_catalog_manifest_get(conn, job->arena, job->manifest_id, &row, reterr);
    if (s != RS_OK || row == NULL || row->repository_id != c.repository_id ||
        !is_due(job->due, &c.policy, row, c.now_ms))
        return s;
    s = rs_standing_load(&c, row, &st, reterr);
    if (s == RS_OK)
        s = is_alone(&c, &st, job->due, &alone, reterr);
    if (s != RS_OK || !alone)
        return s;
    job->done = true;
    if (job->due == RS_REAPER_OVERDUE)
        return overdue(&c, row, reterr);
    return rs_remove_manifest(&c, row,
                              job->due == RS_REAPER_EXPIRE_FAILED ? "{\"expired\":\"failed\"}"
                                                                  : "{\"expired\":\"quarantined\"}",
                              NULL, reterr);
}

/* The shortest time that any policy names, 0 when none does: nothing younger has to be looked at.
 */
static enum rs_status shortest(struct rs_db *db, enum rs_reaper_due due, int64_t *ret_ms,
                               struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_policy_times times = {0};
    *ret_ms = 0;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_policy_shortest(read.conn, &times, reterr);
    if (s == RS_OK) {
        const struct rs_policy policy = {
            .overdue_after_ms = times.overdue_after_ms,
            .expire_failed_after_ms = times.expire_failed_after_ms,
            .expire_quarantined_after_ms = times.expire_quarantined_after_ms,
        };
        *ret_ms = after_of(due, &policy);
    }
    return s;
}

/* One step of a round. */
struct step {
    enum rs_reaper_due due;
    int64_t now_ms;
    int64_t after_ms; /* the shortest time of any policy */
    int64_t last_ms;
    int64_t last_id;
    unsigned done;
    enum rs_status damaged; /* a row that could not be judged, and was left out */
};

static enum rs_status page_read(struct rs_db *db, const struct step *step, struct rs_arena *arena,
                                const struct rs_work_row **ret, size_t *ret_n,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    const struct rs_work_since query = {
        .state = state_of(step->due),
        .not_overdue = step->due == RS_REAPER_OVERDUE,
        .until_ms = step->now_ms - step->after_ms,
        .after_ms = step->last_ms,
        .after_id = step->last_id,
        .n_max = PAGE_ROWS,
    };
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_work_since(read.conn, arena, &query, ret, ret_n, reterr) : s;
}

static enum rs_status row_reap(struct rs_db *db, struct step *step, const struct rs_work_row *row,
                               struct rs_arena *arena, struct rs_err *reterr)
{
    struct rs_policy policy;
    struct job job = {
        .due = step->due,
        .repository = row->repository,
        .manifest_id = row->id,
        .arena = arena,
    };
    if (row->manifest == NULL) {
        step->damaged = RS_CORRUPT;
        return RS_OK;
    }
    step->last_ms = row->manifest->state_ms;
    step->last_id = row->id;
    enum rs_status s = rs_policy_for_db(db, row->repository, &policy, reterr);
    if (s == RS_OK && is_due(step->due, &policy, row->manifest, step->now_ms))
        s = rs_db_write(db, run, &job, reterr);
    step->done += s == RS_OK && job.done ? 1 : 0;
    if (s != RS_CORRUPT)
        return s;
    step->damaged = s;
    return RS_OK;
}

static enum rs_status page_reap(struct rs_db *db, struct step *step, bool *ret_more,
                                struct rs_err *reterr)
{
    struct rs_arena arena;
    const struct rs_work_row *rows = NULL;
    size_t n = 0;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = page_read(db, step, &arena, &rows, &n, reterr);
    for (size_t i = 0; s == RS_OK && i < n; i++)
        s = row_reap(db, step, &rows[i], &arena, reterr);
    *ret_more = n == PAGE_ROWS;
    rs_arena_release(&arena);
    return s;
}

/* Goes on where the last tick stopped, and from the start when that one came to the end. */
static enum rs_status step_go(struct rs_db *db, struct rs_reaper *reaper, enum rs_reaper_due due,
                              unsigned *done, struct rs_err *reterr)
{
    struct step step = {
        .due = due,
        .now_ms = rs_clock_unix_ms(),
        .last_ms = reaper->at[due].last_ms,
        .last_id = reaper->at[due].last_id,
    };
    enum rs_status s = shortest(db, due, &step.after_ms, reterr);
    bool more = s == RS_OK && step.after_ms > 0;
    for (unsigned i = 0; s == RS_OK && more && i < TICK_PAGES_MAX; i++)
        s = page_reap(db, &step, &more, reterr);
    reaper->at[due].last_ms = more ? step.last_ms : 0;
    reaper->at[due].last_id = more ? step.last_id : 0;
    *done += step.done;
    return s == RS_OK ? step.damaged : s;
}

/* ---- leases of an earlier boot ---- */

static enum rs_status adopt(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_catalog_claim_adopt(conn, rs_lease_boot_id(), rs_lease_now_ms(), rs_clock_unix_ms(),
                                  reterr);
}

static enum rs_status leases_adopt(struct rs_db *db, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    bool found = false;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_claim_has_other_boot(read.conn, rs_lease_boot_id(), &found, reterr);
    rs_db_read_release(&read);
    return s == RS_OK && found ? rs_db_write(db, adopt, NULL, reterr) : s;
}

enum rs_status rs_reaper_tick(struct rs_db *db, struct rs_reaper *reaper, struct rs_err *reterr)
{
    reaper->overdue = 0;
    reaper->expired = 0;
    enum rs_status s = leases_adopt(db, reterr);
    if (s == RS_OK)
        s = step_go(db, reaper, RS_REAPER_OVERDUE, &reaper->overdue, reterr);
    if (s == RS_OK || s == RS_CORRUPT)
        s = step_go(db, reaper, RS_REAPER_EXPIRE_QUARANTINED, &reaper->expired, reterr);
    if (s == RS_OK || s == RS_CORRUPT)
        s = step_go(db, reaper, RS_REAPER_EXPIRE_FAILED, &reaper->expired, reterr);
    return s;
}
