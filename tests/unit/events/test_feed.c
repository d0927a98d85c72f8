/* Who sees which events, and which of their details. */
#include "events.h"

#include "auth/auth.h"
#include "auth/known.h"
#include "events/feed.h"
#include "json/json.h"

/* ---- the rules ---- */

static void who_sees_what(void **state)
{
    static const struct {
        uint32_t perms;
        bool push;
        bool held;
        bool details;
    } rows[] = {
        {0, false, false, false},
        {RS_PERM_PULL, true, false, false},
        {RS_PERM_PULL | RS_PERM_PUSH, true, false, false},
        {RS_PERM_PUSH | RS_PERM_DELETE, true, false, false},
        {RS_PERM_QUARANTINE_PUSH, true, false, false},
        {RS_PERM_ADMIN, true, false, false},
        {RS_PERM_QUARANTINE_OVERRIDE, true, false, false},
        {RS_PERM_CHECK_ANY, true, true, false},
        {RS_PERM_QUARANTINE_PULL, true, true, true},
        {RS_PERM_QUARANTINE_DECIDE, true, true, true},
        {RS_PERM_AUDIT_READ, true, true, true},
    };
    static const struct {
        const char *type;
        bool is_held; /* as stored */
        bool is_for_few;
    } events[] = {
        {"push", false, false},
        {"push", true, false},
        {"delete", false, false},
        {"delete", true, true},
        {"quarantine", true, true},
        {"quarantine", false, true},
        {"quarantine_failed", false, true},
        {"quarantine_overdue", false, true},
        {"something new", false, true},
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_access access = {.perms = rows[i].perms, .checks = ""};
        for (size_t e = 0; e < RS_ARRAY_LEN(events); e++)
            assert_int_equal(rs_feed_shows(&access, events[e].type, events[e].is_held),
                             events[e].is_for_few ? rows[i].held : rows[i].push);
        assert_int_equal(rs_feed_shows_details(&access), rows[i].details);
    }
}

/* ---- the feed ---- */

static const char principals[] =
    "INSERT INTO principal(id, kind, name, secret, created_ms) VALUES"
    " (11, 'user', 'consumer', '', 0), (12, 'user', 'reader', '', 0), (13, 'user', 'stranger', '', 0),"
    " (14, 'user', 'scanner', '', 0), (15, 'user', 'auditor', '', 0), (16, 'user', 'partly', '', 0);"
    "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES"
    " (11, 'consumer', '**', 0), (12, 'quarantine-reader', '**', 0), (14, 'check:scan', '**', 0),"
    " (15, 'auditor', '**', 0), (16, 'consumer', '**', 0), (16, 'quarantine-reader', 'team/*', 0);";

struct fixture {
    struct rs_db *db;
    struct rs_auth *auth;
};

static struct fixture fixture_open(void **state)
{
    struct fixture f = {.db = catalog_open(scratch_path(state, "c.db"))};
    struct rs_auth_options options = {.db = f.db, .data_dir = *state};
    struct rs_err err = RS_ERR_INIT;
    catalog_script(f.db, principals);
    if (rs_auth_new(&options, &f.auth, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    events_append(f.db, (struct rs_event){.type = RS_EVENT_QUARANTINE,
                                          .repository = "team/app",
                                          .tag = "v1",
                                          .is_held = true});
    events_append(f.db, (struct rs_event){.type = RS_EVENT_PUSH,
                                          .repository = "team/app",
                                          .tag = "v1",
                                          .decision = "\"secret finding\"",
                                          .quarantine_event_id = "q"});
    events_append(f.db, (struct rs_event){.type = RS_EVENT_QUARANTINE_FAILED,
                                          .repository = "other",
                                          .decision = "\"secret finding\"",
                                          .is_held = true});
    events_append(
        f.db, (struct rs_event){.type = RS_EVENT_DELETE, .repository = "other", .is_held = true});
    events_append(f.db, (struct rs_event){.type = RS_EVENT_DELETE, .repository = "other"});
    return f;
}

static void fixture_close(struct fixture *f)
{
    rs_auth_free(f->auth);
    rs_db_close(f->db);
}

/* As one of them is after a login: all have the empty secret. */
static struct rs_identity logged_in(int64_t principal)
{
    struct rs_identity who = {.principal_id = principal, .has_credentials = true};
    rs_auth_mark_credential(principal, "", who.credential);
    return who;
}

static void sees(const struct fixture *f, int64_t principal, const char *sequences,
                 unsigned details)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    struct rs_identity who = logged_in(principal);
    struct rs_feed_page page;
    struct rs_err err = RS_ERR_INIT;
    char seen[64] = "";
    unsigned n_details = 0;
    if (rs_feed_read(f->db, f->auth, &who, 0, 100, 1 << 20, RS_FEED_PAGE, &out, &page, &err) !=
        RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    assert_int_equal(rs_json_parse_text(rs_buf_text(&out), RS_CORRUPT, &root, NULL), RS_OK);
    const struct rs_json *events = rs_json_get(root, "events");
    for (size_t i = 0; i < rs_json_len(events); i++) {
        const struct rs_json *e = rs_json_at(events, i);
        int64_t seq = 0;
        assert_true(rs_json_int(rs_json_get(e, "sequence"), 1, 9, &seq));
        seen[strlen(seen)] = (char)('0' + seq);
        n_details +=
            rs_json_kind(rs_json_get(rs_json_get(e, "decision"), "details")) == RS_JSON_STRING;
    }
    assert_string_equal(seen, sequences);
    assert_int_equal(n_details, details);
    assert_int_equal(strstr(rs_buf_text(&out), "secret finding") != NULL, details > 0);
    assert_true(page.next == 5 && !page.has_more); /* past what may not be seen, too */
}

static void each_reader_sees_its_part(void **state)
{
    struct fixture f = fixture_open(state);
    sees(&f, 11, "25", 0);
    sees(&f, 12, "12345", 2);
    sees(&f, 13, "", 0);
    sees(&f, 14, "12345", 0);
    sees(&f, 15, "12345", 2);
    sees(&f, 16, "125", 1); /* quarantine-pull in team/app only */
    sees(&f, 0, "", 0);     /* anonymous without a grant */
    fixture_close(&f);
}

static void who_was_disabled_or_changed_sees_nothing(void **state)
{
    struct fixture f = fixture_open(state);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
    struct rs_identity who = logged_in(12);
    struct rs_feed_page page;
    sees(&f, 12, "12345", 2);
    catalog_script(f.db, "UPDATE principal SET disabled = 1 WHERE id = 12");
    assert_int_equal(
        rs_feed_read(f.db, f.auth, &who, 0, 100, 1 << 20, RS_FEED_PAGE, &out, &page, NULL),
        RS_UNAUTHORIZED);
    catalog_script(f.db, "UPDATE principal SET disabled = 0, secret = 'new' WHERE id = 12");
    assert_int_equal(
        rs_feed_read(f.db, f.auth, &who, 0, 100, 1 << 20, RS_FEED_PAGE, &out, &page, NULL),
        RS_UNAUTHORIZED);
    who = logged_in(999);
    assert_int_equal(
        rs_feed_read(f.db, f.auth, &who, 0, 100, 1 << 20, RS_FEED_PAGE, &out, &page, NULL),
        RS_UNAUTHORIZED);
    assert_int_equal(out.len, 0);
    fixture_close(&f);
}

/* Pages of every size give the same events in the same order, each once. */
static void pages_fit_together(void **state)
{
    struct fixture f = fixture_open(state);
    struct rs_identity who = logged_in(11);
    for (unsigned i = 0; i < 40; i++)
        events_append(f.db,
                      (struct rs_event){.type = i % 3 == 0 ? RS_EVENT_PUSH : RS_EVENT_QUARANTINE,
                                        .repository = "team/app"});
    for (unsigned n = 1; n <= 20; n++) {
        unsigned seen = 0;
        struct rs_feed_page page = {.has_more = true};
        int64_t after = 0;
        while (page.has_more) {
            RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
            assert_int_equal(rs_feed_read(f.db, f.auth, &who, after, n, n % 2 == 0 ? 1 : 1 << 20,
                                          RS_FEED_PAGE, &out, &page, NULL),
                             RS_OK);
            assert_true(page.n <= n && (page.n > 0 || !page.has_more));
            seen += page.n;
            assert_true(page.next > after || !page.has_more);
            after = page.next;
        }
        assert_int_equal(seen, 2 + 14);
    }
    fixture_close(&f);
}

/* Many events that the reader may not see: the page ends, says so, and leads on. */
static void a_page_looks_at_a_bounded_number_of_rows(void **state)
{
    struct fixture f = fixture_open(state);
    struct rs_identity who = logged_in(11);
    catalog_script(f.db,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)"
                   " INSERT INTO event(id, type, repository, digest, is_held, created_ms, payload)"
                   " SELECT 'x' || i, 'quarantine', 'team/app', 'sha256:aa', 1, 0, '{}' FROM n");
    events_append(
        f.db, (struct rs_event){.type = RS_EVENT_PUSH, .repository = "team/app", .tag = "last"});
    struct rs_feed_page page = {.has_more = true};
    int64_t after = 5;
    unsigned pages = 0;
    unsigned seen = 0;
    for (; page.has_more; pages++, after = page.next) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
        assert_int_equal(
            rs_feed_read(f.db, f.auth, &who, after, 10, 1 << 20, RS_FEED_STREAM, &out, &page, NULL),
            RS_OK);
        seen += page.n;
        if (page.n == 1)
            assert_int_equal(
                strncmp(rs_buf_text(&out), "id: 4506\nevent: push\ndata: {\"sequence\":4506,", 44),
                0);
    }
    assert_int_equal(seen, 1);
    assert_int_equal(pages, 3);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sees_what),
        cmocka_unit_test_setup_teardown(each_reader_sees_its_part, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(who_was_disabled_or_changed_sees_nothing, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(pages_fit_together, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_page_looks_at_a_bounded_number_of_rows, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
