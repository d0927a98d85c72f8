#include "../support/catalog.h"
#include "../support/scratch.h"

#include "catalog/blob.h"
#include "catalog/generation.h"
#include "catalog/repository.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A512                                                                  \
    "sha512:0000000000000000000000000000000000000000000000000000000000000000" \
    "0000000000000000000000000000000000000000000000000000000000000000"

static void on_an_empty_catalog(void **state, rs_db_job job, void *arg)
{
    struct rs_db *db = catalog_open(scratch_path(state, "catalog.db"));
    catalog_write(db, job, arg);
    rs_db_close(db);
}

/* ---- repositories ---- */

static enum rs_status repositories(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    int64_t a = 0;
    int64_t b = 0;
    int64_t again = 0;
    assert_int_equal(rs_catalog_repository_find(conn, "team/app", &a, NULL), RS_NOT_FOUND);
    assert_int_equal(rs_catalog_repository_ensure(conn, "team/app", &a, reterr), RS_OK);
    assert_int_equal(rs_catalog_repository_ensure(conn, "team/app2", &b, reterr), RS_OK);
    assert_int_equal(rs_catalog_repository_ensure(conn, "team/app", &again, reterr), RS_OK);
    assert_true(a == again && a != b);
    assert_int_equal(rs_catalog_repository_find(conn, "team/app2", &again, reterr), RS_OK);
    assert_true(again == b);
    assert_int_equal(rs_catalog_repository_find(conn, "team", &again, NULL),
                     RS_NOT_FOUND); /* a prefix is another name */
    return RS_OK;
}

static void repositories_are_found_and_made(void **state)
{
    on_an_empty_catalog(state, repositories, NULL);
}

/* ---- aliases ---- */

static enum rs_status aliases(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    static const char *const bad[] = {"",
                                      "latest",
                                      "sha256:",
                                      "sha256:AA",
                                      "sha512:00",
                                      A "a",
                                      "md5:d41d8cd98f00b204e9800998ecf8427e"};
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    (void)arg;
    assert_int_equal(rs_catalog_alias_resolve(conn, A, canonical, reterr),
                     RS_OK); /* its own, known or not */
    assert_string_equal(canonical, A);
    assert_int_equal(rs_catalog_alias_resolve(conn, A512, canonical, NULL), RS_NOT_FOUND);
    assert_int_equal(rs_catalog_alias_add(conn, A512, A, reterr), RS_OK);
    assert_int_equal(rs_catalog_alias_add(conn, A512, A, reterr), RS_OK);
    assert_int_equal(rs_catalog_alias_add(conn, A512, B, NULL), RS_CORRUPT);
    assert_int_equal(rs_catalog_alias_resolve(conn, A512, canonical, reterr), RS_OK);
    assert_string_equal(canonical, A);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rs_catalog_alias_resolve(conn, bad[i], canonical, NULL),
                         RS_DIGEST_INVALID);
    /* What stands in the row is input: it may become a path. */
    assert_int_equal(
        rs_db_script(conn, "UPDATE digest_alias SET digest = 'sha256:../../etc/passwd'", reterr),
        RS_OK);
    assert_int_equal(rs_catalog_alias_resolve(conn, A512, canonical, NULL), RS_CORRUPT);
    return RS_OK;
}

static void aliases_lead_to_the_canonical_digest(void **state)
{
    on_an_empty_catalog(state, aliases, NULL);
}

/* ---- sizes ---- */

static enum rs_status sizes(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    uint64_t size = 0;
    (void)arg;
    assert_int_equal(rs_catalog_blob_size(conn, A, &size, NULL), RS_NOT_FOUND);
    assert_int_equal(rs_catalog_blob_add(conn, A, 10, reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_add(conn, A, 10, reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_size(conn, A, &size, reterr), RS_OK);
    assert_int_equal(size, 10);
    assert_int_equal(rs_db_script(conn, "UPDATE blob SET size = -1", reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_size(conn, A, &size, NULL), RS_CORRUPT);
    assert_int_equal(rs_catalog_blob_add(conn, A, 11, reterr),
                     RS_OK); /* a re-push puts the row right */
    assert_int_equal(rs_catalog_blob_size(conn, A, &size, reterr), RS_OK);
    assert_int_equal(size, 11);
    return RS_OK;
}

static void sizes_are_kept_and_healed(void **state)
{
    on_an_empty_catalog(state, sizes, NULL);
}

/* ---- links and counters ---- */

static int64_t repository(struct rs_db_conn *conn)
{
    int64_t id = 0;
    assert_int_equal(rs_catalog_repository_ensure(conn, "team/app", &id, NULL), RS_OK);
    return id;
}

/* Is the row just so?  refs < 0: there is none. */
static void expect(struct rs_db_conn *conn, const char *digest, bool is_present, bool is_withdrawn,
                   int refs, int opens)
{
    struct rs_catalog_blob_link link = {0};
    enum rs_status s = rs_catalog_blob_link_get(conn, repository(conn), digest, &link, NULL);
    assert_int_equal(s, refs < 0 ? RS_NOT_FOUND : RS_OK);
    if (refs < 0)
        return;
    assert_int_equal(link.is_present, is_present);
    assert_int_equal(link.is_withdrawn, is_withdrawn);
    assert_int_equal(link.refs, refs);
    assert_int_equal(link.opens, opens);
}

static bool is_uploader(struct rs_db_conn *conn, const char *digest, int64_t principal_id)
{
    bool is = true;
    assert_int_equal(
        rs_catalog_blob_is_uploader(conn, repository(conn), digest, principal_id, &is, NULL),
        RS_OK);
    return is;
}

static bool unlink_blob(struct rs_db_conn *conn, const char *digest)
{
    bool was_there = false;
    assert_int_equal(rs_catalog_blob_unlink(conn, repository(conn), digest, &was_there, NULL),
                     RS_OK);
    return was_there;
}

static void count(struct rs_db_conn *conn, const char *digest, int refs, int opens)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_catalog_blob_count(conn, repository(conn), digest, refs, opens, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
}

static enum rs_status links(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    int64_t id = repository(conn);
    (void)arg;
    expect(conn, A, false, false, -1, 0);
    assert_false(is_uploader(conn, A, 7));
    assert_int_equal(rs_catalog_blob_add(conn, A, 1, reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 7, reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 7, reterr), RS_OK);
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 8, reterr), RS_OK);
    expect(conn, A, true, false, 0, 0);
    assert_true(is_uploader(conn, A, 7) && is_uploader(conn, A, 8));
    assert_false(is_uploader(conn, A, 9));
    assert_true(
        unlink_blob(conn, A)); /* nobody names it: gone at once, and who uploaded it is forgotten */
    expect(conn, A, false, false, -1, 0);
    assert_false(is_uploader(conn, A, 7));
    assert_false(unlink_blob(conn, A));
    /* A mount puts it there, and nobody uploaded it. */
    assert_int_equal(rs_catalog_blob_link(conn, id, A, RS_CATALOG_NO_UPLOADER, reterr), RS_OK);
    expect(conn, A, true, false, 0, 0);
    assert_false(is_uploader(conn, A, 7) || is_uploader(conn, A, RS_CATALOG_NO_UPLOADER));
    return RS_OK;
}

static void blobs_are_linked_and_unlinked(void **state)
{
    on_an_empty_catalog(state, links, NULL);
}

static enum rs_status counters(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    int64_t id = repository(conn);
    (void)arg;
    /* Named before it is there: the row does not put it there. */
    count(conn, A, 1, 0);
    expect(conn, A, false, false, 1, 0);
    assert_false(unlink_blob(conn, A));
    expect(conn, A, false, false, 1, 0);
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 7, reterr), RS_OK);
    expect(conn, A, true, false, 1, 0);
    count(conn, A, 1, 1); /* a released manifest opens it */
    count(conn, A, 0, 1); /* the first one is released */
    expect(conn, A, true, false, 2, 2);
    count(conn, A, -1, -1);
    count(conn, A, -1, -1);
    expect(conn, A, true, false, 0, 0); /* it stays: it was uploaded */
    assert_true(is_uploader(conn, A, 7));
    /* A row that nothing names and that is not there goes away. */
    count(conn, B, 2, 1);
    count(conn, B, -2, -1);
    expect(conn, B, false, false, -1, 0);
    return RS_OK;
}

static void manifests_are_counted(void **state)
{
    on_an_empty_catalog(state, counters, NULL);
}

/* Counters that do not add up are damage, and stop the change. */
static enum rs_status impossible_counters(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    static const int deltas[][2] = {{-1, 0}, {0, -1}, {0, 1}, {1, 2}, {-2, 0}};
    (void)arg;
    int64_t id = repository(conn);
    for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++) {
        assert_int_equal(rs_db_script(conn, "SAVEPOINT here", reterr), RS_OK);
        assert_int_equal(rs_catalog_blob_count(conn, id, A, deltas[i][0], deltas[i][1], NULL),
                         RS_CORRUPT);
        assert_int_equal(rs_db_script(conn, "ROLLBACK TO here; RELEASE here", reterr), RS_OK);
    }
    count(conn, A, 1, 1);
    assert_int_equal(rs_catalog_blob_count(conn, id, A, 0, -2, NULL), RS_CORRUPT);
    return RS_OK;
}

static void impossible_counters_are_refused(void **state)
{
    on_an_empty_catalog(state, impossible_counters, NULL);
}

/* A deleted blob that manifests name goes with the last of them, whatever the order. */
static enum rs_status withdrawal(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    int64_t id = repository(conn);
    (void)arg;
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 7, reterr), RS_OK);
    count(conn, A, 1, 1);
    count(conn, A, 1, 0);
    assert_true(unlink_blob(conn, A));
    assert_true(unlink_blob(conn, A));
    expect(conn, A, true, true, 2, 1); /* the images keep it */
    count(conn, A, -1, -1);
    expect(conn, A, true, true, 1, 0);
    count(conn, A, -1, 0);
    expect(conn, A, false, false, -1, 0);
    assert_false(is_uploader(conn, A, 7));
    /* Pushed again meanwhile: it stays. */
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 7, reterr), RS_OK);
    count(conn, A, 1, 0);
    assert_true(unlink_blob(conn, A));
    assert_int_equal(rs_catalog_blob_link(conn, id, A, 8, reterr), RS_OK);
    expect(conn, A, true, false, 1, 0);
    count(conn, A, -1, 0);
    expect(conn, A, true, false, 0, 0);
    return RS_OK;
}

static void a_deleted_blob_outlives_its_manifests_not(void **state)
{
    on_an_empty_catalog(state, withdrawal, NULL);
}

/* ---- caches ---- */

static enum rs_status link_into(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    enum rs_status s = rs_catalog_blob_link_into(conn, "team/other", A, 7, reterr);
    return s == RS_OK && arg != NULL ? rs_fail(reterr, RS_PRECONDITION, NULL) : s;
}

static void a_link_is_told_to_caches_when_it_is_durable(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "catalog.db"));
    uint64_t before = rs_generation_repository("team/other");
    assert_int_equal(rs_db_write(db, link_into, db, NULL), RS_PRECONDITION);
    assert_true(rs_generation_repository("team/other") == before);
    assert_int_equal(rs_db_write(db, link_into, NULL, NULL), RS_OK);
    assert_true(rs_generation_repository("team/other") != before);
    rs_db_close(db);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repositories_are_found_and_made),
        TEST(aliases_lead_to_the_canonical_digest),
        TEST(sizes_are_kept_and_healed),
        TEST(blobs_are_linked_and_unlinked),
        TEST(manifests_are_counted),
        TEST(impossible_counters_are_refused),
        TEST(a_deleted_blob_outlives_its_manifests_not),
        TEST(a_link_is_told_to_caches_when_it_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
