/* Claims: work handed out under leases that end by elapsed time (SPEC section 5). */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "auth/auth.h"
#include "base/attr.h"
#include "quarantine/claim.h"
#include "quarantine/reaper.h"
#include "yard.h"

static struct yard y;
static struct rs_auth *auth;
static struct rs_arena results;
static const struct yard_thing *a;
static const struct yard_thing *b;

/* Principals with their grants in the catalog: here the use case asks for them itself. */
static const char grants[] =
    "INSERT INTO principal(id, kind, name, secret, created_ms) VALUES"
    " (3,'user','processor','!',0), (6,'user','scanner','!',0), (7,'user','signer','!',0),"
    " (9,'user','consumer','!',0), (20,'user','scanner2','!',0);"
    "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES"
    " (3,'processor','**',0), (6,'checker:scan','**',0), (20,'checker:scan','**',0),"
    " (7,'checker:sign','**',0), (9,'consumer','**',0)";
static const struct yard_who SCANNER2 = {20, "scanner2", 0, ""};

static int open_yard(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    yard_open(&y, scratch_path(state, "catalog.db"));
    yard_sql(&y, grants);
    struct rs_auth_options options = {.db = y.db, .data_dir = *state};
    rs_arena_init(&results, (size_t)16 << 20);
    a = yard_image(&y, "a");
    b = yard_image(&y, "b");
    yard_policy(&y, "{\"checks\":[\"scan\",\"sign\"]}");
    return rs_auth_new(&options, &auth, &y.err) == RS_OK ? 0 : -1;
}

static int close_yard(void **state)
{
    rs_auth_free(auth);
    rs_arena_release(&results);
    yard_close(&y);
    return scratch_teardown(state);
}

static struct rs_identity identity_of(const struct yard_who *who)
{
    struct rs_identity identity = {.principal_id = who->id, .has_credentials = true};
    (void)rs_text_copy(identity.name, sizeof(identity.name), who->name);
    return identity;
}

/* The next claim of a principal, or NULL. */
static struct rs_claimed *take(const struct yard_who *who, const char *check, int64_t settle_ms)
{
    const struct rs_identity identity = identity_of(who);
    const struct rs_actor actor = {
        .principal_id = who->id, .name = who->name, .request_id = "r", .source = ""};
    const struct rs_claim_wish wish = {
        .auth = auth,
        .identity = &identity,
        .actor = &actor,
        .check = check,
        .lease_ms = 3600000,
        .settle_ms = settle_ms,
    };
    struct rs_claimed *claimed = NULL;
    assert_int_equal(rs_claim_take(y.db, &wish, &results, &claimed, &y.err), RS_OK);
    return claimed;
}

static enum rs_status renew_or_return(const struct yard_who *who, const char *claim, bool renews)
{
    const struct rs_identity identity = identity_of(who);
    const struct rs_actor actor = {
        .principal_id = who->id, .name = who->name, .request_id = "r", .source = ""};
    const struct rs_claim_holder holder = {
        .auth = auth, .identity = &identity, .actor = &actor, .claim = claim};
    struct rs_claimed *claimed = NULL;
    rs_err_clear(&y.err);
    return renews ? rs_claim_renew(y.db, &holder, 1000, &results, &claimed, &y.err)
                  : rs_claim_return(y.db, &holder, &results, &y.err);
}

/* As if the lease had begun that long ago. */
static void let_pass(const char *claim)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql), "UPDATE claim SET expires_mono_ms = 0 WHERE id = '%s'", claim);
    yard_sql(&y, sql);
}

static void push_both(void)
{
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, b, "b"), RS_OK);
    (void)yard_records(&y);
}

static void test_each_image_once_for_each_check(void **state)
{
    (void)state;
    push_both();
    struct rs_claimed *first = take(&SCANNER, "scan", 0);
    struct rs_claimed *second = take(&SCANNER2, "scan", 0);
    struct rs_claimed *other = take(&SIGNER, "sign", 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(other);
    assert_string_equal(first->digest, a->digest); /* the oldest first */
    assert_string_equal(second->digest, b->digest);
    assert_string_equal(other->digest, a->digest);
    assert_null(take(&SCANNER, "scan", 0));
    assert_string_equal(yard_records(&y), "claimed:a[] claimed:b[] claimed:a[]");
    assert_null(take(&SIGNER, "scan", 0)); /* not his check */
    assert_null(take(&CONSUMER, "scan", 0));
    assert_null(take(&PROCESSOR, NULL, 0)); /* nothing waits for a decision */
}

static void test_a_report_under_its_claim(void **state)
{
    (void)state;
    push_both();
    struct rs_claimed *claim = take(&SCANNER, "scan", 0);
    /* Nobody else reports meanwhile, with or without a claim of his own. */
    struct yard_who other = {20, "scanner2", SCANNER.perms, "scan"};
    assert_status(&y, yard_report(&y, &other, a, "scan", RS_CHECK_PASSED, NULL), RS_CONFLICT);
    assert_status(&y, yard_report(&y, &other, a, "scan", RS_CHECK_PASSED, claim->id), RS_CONFLICT);
    assert_status(&y, yard_report(&y, &SCANNER, b, "scan", RS_CHECK_PASSED, claim->id),
                  RS_CONFLICT);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_RUNNING, claim->id), RS_OK);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, claim->id), RS_OK);
    /* The result ended the lease; the same report again is no news. */
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, claim->id), RS_OK);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_FAILED, claim->id),
                  RS_CONFLICT);
    assert_string_equal(yard_state(&y, a), "quarantined");
}

static void test_an_expired_lease_is_handed_out_again(void **state)
{
    (void)state;
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    struct rs_claimed *lost = take(&SCANNER, "scan", 0);
    let_pass(lost->id);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, lost->id), RS_CONFLICT);
    assert_int_equal(renew_or_return(&SCANNER, lost->id, true), RS_CONFLICT);
    struct rs_claimed *again = take(&SCANNER2, "scan", 0);
    assert_non_null(again);
    assert_string_not_equal(again->id, lost->id);
    assert_int_equal(renew_or_return(&SCANNER, lost->id, true), RS_NOT_FOUND);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, NULL), RS_CONFLICT);
    /* A lease that nobody holds any more binds nobody. */
    let_pass(again->id);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, NULL), RS_OK);
}

static void test_renewed_and_given_back(void **state)
{
    (void)state;
    push_both();
    struct rs_claimed *claim = take(&SCANNER, "scan", 0);
    assert_int_equal(renew_or_return(&SCANNER2, claim->id, true), RS_NOT_FOUND);
    assert_int_equal(renew_or_return(&SCANNER2, claim->id, false), RS_NOT_FOUND);
    assert_int_equal(renew_or_return(&SCANNER, claim->id, true), RS_OK);
    assert_int_equal(renew_or_return(&SCANNER, claim->id, false), RS_OK);
    assert_int_equal(renew_or_return(&SCANNER, claim->id, false), RS_NOT_FOUND);
    assert_string_equal(take(&SCANNER2, "scan", 0)->digest, a->digest);
    assert_string_equal(yard_records(&y), "claimed:a[] claim-renewed:a[] claim-returned:a[]"
                                          " claimed:a[]");
    /* Who lost the permission does not keep the work from others. */
    struct rs_claimed *mine = take(&SCANNER, "scan", 0);
    yard_sql(&y, "DELETE FROM access_grant WHERE principal_id = 6");
    yard_policy(&y, "{\"checks\":[\"scan\"]}"); /* any change of access is seen at once */
    assert_int_equal(renew_or_return(&SCANNER, mine->id, true), RS_NOT_FOUND);
}

static void test_a_lease_of_another_boot(void **state)
{
    struct rs_reaper reaper = {0};
    (void)state;
    assert_status(&y, yard_push(&y, &PUBLISHER, a, "a"), RS_OK);
    struct rs_claimed *claim = take(&SCANNER, "scan", 0);
    /* The machine was started anew: its clock began at zero.  Never early: the lease begins again.
     */
    yard_sql(&y, "UPDATE claim SET boot_id = 'another', expires_mono_ms = 1");
    assert_null(take(&SCANNER2, "scan", 0));
    struct yard_who other = {20, "scanner2", SCANNER.perms, "scan"};
    assert_status(&y, yard_report(&y, &other, a, "scan", RS_CHECK_PASSED, NULL), RS_CONFLICT);
    assert_int_equal(rs_reaper_tick(y.db, &reaper, &y.err), RS_OK);
    assert_null(take(&SCANNER2, "scan", 0));
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM claim WHERE boot_id = 'another'"), 0);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, claim->id), RS_OK);
}

static void test_for_the_decision(void **state)
{
    (void)state;
    push_both();
    assert_status(&y, yard_report(&y, &SIGNER, a, "sign", RS_CHECK_PASSED, NULL), RS_OK);
    yard_policy(&y, "{\"checks\":[\"sign\"]}");
    struct rs_claimed *claim = take(&PROCESSOR, NULL, 0);
    assert_string_equal(claim->digest, a->digest); /* lacks nothing; b does */
    assert_null(take(&PROCESSOR, NULL, 0));
    assert_null(take(&SCANNER, NULL, 0));
    struct rs_decision d = {.verdict = RS_VERDICT_RELEASE, .claim = claim->id};
    assert_status(&y, yard_decide(&y, &PROCESSOR2, a, &d), RS_CONFLICT);
    let_pass(claim->id);
    assert_status(&y, yard_decide(&y, &PROCESSOR, a, &d), RS_CONFLICT);
    d.claim = NULL; /* a decision that names no claim is not bound by claims */
    assert_status(&y, yard_decide(&y, &PROCESSOR2, a, &d), RS_OK);
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM claim"), 0);
}

/* ---- what waits for something else ---- */

#define HOLD_S 60

/* Keeps the writer busy until it is let go. */
struct hold {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool is_holding;
    bool is_let_go;
    bool was_too_long;
};

static enum rs_status hold_run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct hold *h = arg;
    struct timespec until;
    (void)conn;
    (void)reterr;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HOLD_S;
    (void)pthread_mutex_lock(&h->mu);
    h->is_holding = true;
    (void)pthread_cond_broadcast(&h->changed);
    while (!h->is_let_go && !h->was_too_long)
        h->was_too_long = pthread_cond_timedwait(&h->changed, &h->mu, &until) == ETIMEDOUT;
    (void)pthread_mutex_unlock(&h->mu);
    return RS_OK;
}

static void *hold_writer(void *arg)
{
    return rs_db_write(y.db, hold_run, arg, NULL) == RS_OK ? NULL : arg;
}

static void test_work_that_waits_for_checks_costs_no_write(void **state)
{
    (void)state;
    struct hold h = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    void *failed = NULL;
    push_both();
    assert_status(&y, yard_report(&y, &SIGNER, a, "sign", RS_CHECK_PASSED, NULL), RS_OK);
    assert_null(take(&PROCESSOR, NULL, 0)); /* his connection and his grants are there now */
    assert_int_equal(pthread_create(&thread, NULL, hold_writer, &h), 0);
    (void)pthread_mutex_lock(&h.mu);
    while (!h.is_holding)
        (void)pthread_cond_wait(&h.changed, &h.mu);
    (void)pthread_mutex_unlock(&h.mu);
    assert_null(take(&PROCESSOR, NULL, 0)); /* neither has passed all of its checks */
    assert_null(take(&SIGNER, "scan", 0));  /* not his */
    (void)pthread_mutex_lock(&h.mu);
    h.is_let_go = true;
    bool was_too_long = h.was_too_long;
    (void)pthread_cond_broadcast(&h.changed);
    (void)pthread_mutex_unlock(&h.mu);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_false(was_too_long);
}

static void test_roots_that_have_settled(void **state)
{
    (void)state;
    const struct yard_thing *i = yard_index(&y, "i", a, b, NULL);
    assert_status(&y, yard_push(&y, &PUBLISHER, a, NULL), RS_OK);
    assert_status(&y, yard_push(&y, &PUBLISHER, b, NULL), RS_OK);
    assert_null(take(&SCANNER, "scan", 3600000)); /* an index may still take them in */
    assert_status(&y, yard_push(&y, &PUBLISHER, i, "v1"), RS_OK);
    assert_status(&y, yard_push(&y, &PROCESSOR, yard_attachment(&y, "s", i), NULL), RS_OK);
    assert_string_equal(take(&SCANNER, "scan", 0)->digest, i->digest);
    assert_null(take(&SCANNER, "scan", 0)); /* neither parts nor joined attachments */
    /* A failed index' parts are roots again. */
    assert_status(&y, yard_fail(&y, &PROCESSOR, i), RS_OK);
    assert_string_equal(take(&SCANNER, "scan", 0)->digest, a->digest);
}

static void test_a_release_ends_every_lease(void **state)
{
    (void)state;
    push_both();
    struct rs_claimed *claim = take(&SCANNER, "scan", 0);
    struct rs_decision d = {.verdict = RS_VERDICT_RELEASE, .reason = "now"};
    assert_status(&y, yard_decide(&y, &OVERRIDER, a, &d), RS_OK);
    assert_status(&y, yard_report(&y, &SCANNER, a, "scan", RS_CHECK_PASSED, claim->id),
                  RS_CONFLICT);
    assert_string_equal(take(&SCANNER, "scan", 0)->digest, b->digest);
    assert_status(&y, yard_delete(&y, b), RS_OK);
    assert_int_equal(yard_number(&y, "SELECT COUNT(*) FROM claim"), 0);
}

/* ---- many processors at once ---- */

#define IMAGES 6
#define WORKERS 8

static atomic_int taken[IMAGES];

static void *work(void *arg)
{
    (void)arg;
    const struct rs_identity identity = identity_of(&SCANNER);
    const struct rs_actor actor = {
        .principal_id = SCANNER.id, .name = SCANNER.name, .request_id = "r", .source = ""};
    const struct rs_claim_wish wish = {
        .auth = auth, .identity = &identity, .actor = &actor, .check = "scan", .lease_ms = 3600000};
    for (;;) {
        struct rs_arena arena;
        struct rs_claimed *claimed = NULL;
        rs_arena_init(&arena, (size_t)16 << 20);
        enum rs_status s = rs_claim_take(y.db, &wish, &arena, &claimed, NULL);
        for (int i = 0; claimed != NULL && i < IMAGES; i++)
            if (strcmp(claimed->digest, y.things[2 + i].digest) == 0)
                (void)atomic_fetch_add(&taken[i], 1);
        bool done = s != RS_OK || claimed == NULL;
        rs_arena_release(&arena);
        if (done)
            return s == RS_OK ? NULL : arg;
    }
}

static void test_no_image_is_handed_out_twice_or_forgotten(void **state)
{
    pthread_t threads[WORKERS];
    static const char *const names[IMAGES] = {"m0", "m1", "m2", "m3", "m4", "m5"};
    (void)state;
    for (int i = 0; i < IMAGES; i++)
        assert_status(&y, yard_push(&y, &PUBLISHER, yard_image(&y, names[i]), names[i]), RS_OK);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &y), 0);
    for (int i = 0; i < WORKERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(atomic_load(&taken[i]), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_yard, close_yard)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_image_once_for_each_check),
        TEST(test_a_report_under_its_claim),
        TEST(test_an_expired_lease_is_handed_out_again),
        TEST(test_renewed_and_given_back),
        TEST(test_a_lease_of_another_boot),
        TEST(test_for_the_decision),
        TEST(test_work_that_waits_for_checks_costs_no_write),
        TEST(test_roots_that_have_settled),
        TEST(test_a_release_ends_every_lease),
        TEST(test_no_image_is_handed_out_twice_or_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
