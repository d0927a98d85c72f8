/* SPEC section 4, cell by cell: what each kind of viewer gets of each kind of content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "auth/auth.h"
#include "quarantine/resolver.h"
#include "scene.h"

/* ---- viewers ---- */

enum viewer {
    V_READER,   /* column Q: quarantine-reader, processor, checker */
    V_ALICE,    /* column W: the publisher of it all */
    V_BOB,      /* column W: another publisher */
    V_CONSUMER, /* column R */
    V_NOBODY,   /* no Authorization header; anonymous may pull */
    V_GUEST,    /* a token of anonymous, which may pull */
    V_PUBLIC,   /* a user that may pull only because anonymous may */
    V_RETIRED,  /* column R: alice after her push grant is gone */
    /* delete, quarantine-push, quarantine-decide, override, audit-read, admin: nothing that opens
       content */
    V_DELETER,
    V_SCOPED, /* column Q by grants, with a token that does not carry pull */
    N_VIEWERS
};

struct who {
    int64_t principal_id;
    uint32_t perms;
    uint32_t scope;
    bool has_credentials;
    bool is_public;
};
#define ALL_SCOPES (RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE)
static const struct who whos[N_VIEWERS] = {
    [V_READER] = {21, RS_PERM_PULL | RS_PERM_QUARANTINE_PULL, ALL_SCOPES, true, false},
    [V_ALICE] = {ALICE, RS_PERM_PULL | RS_PERM_PUSH, ALL_SCOPES, true, false},
    [V_BOB] = {BOB, RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE, ALL_SCOPES, true, false},
    [V_CONSUMER] = {22, RS_PERM_PULL, ALL_SCOPES, true, false},
    [V_NOBODY] = {RS_ANONYMOUS_ID, RS_PERM_PULL, ALL_SCOPES, false, true},
    [V_GUEST] = {RS_ANONYMOUS_ID, RS_PERM_PULL, RS_PERM_PULL, true, true},
    [V_PUBLIC] = {23, RS_PERM_PULL, ALL_SCOPES, true, true},
    [V_RETIRED] = {ALICE, RS_PERM_PULL, ALL_SCOPES, true, false},
    [V_DELETER] = {24, 0x3ffU & ~(uint32_t)(RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL),
                   ALL_SCOPES, true, false},
    [V_SCOPED] = {25, RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL,
                  RS_PERM_PUSH | RS_PERM_DELETE, true, false},
};

struct asker {
    struct rs_identity identity;
    struct rs_access access;
    struct rs_arena arena;
    struct rs_viewer viewer;
};

static void asker_init(struct asker *a, const struct who *who, const char *repository)
{
    *a = (struct asker){
        .identity = {.principal_id = who->principal_id, .has_credentials = who->has_credentials},
        .access = {.perms = who->perms,
                   .scope = who->scope,
                   .checks = "",
                   .is_public = who->is_public},
    };
    (void)snprintf(a->identity.name, sizeof(a->identity.name), "p%lld",
                   (long long)who->principal_id);
    rs_arena_init(&a->arena, 1 << 20);
    a->viewer = (struct rs_viewer){.identity = &a->identity,
                                   .access = &a->access,
                                   .repository = repository,
                                   .arena = &a->arena};
}

/* ---- outcomes: one letter a cell ---- */

/*  o  the released content           s  content in quarantine (the staged view, or the echo)
 *  D  403 with reason and detail     d  403 without detail
 *  u  404, the plain one             m  404 whose message says "your push"
 *  a  401                            ?  anything else */
static char denial_letter(enum rs_status s, const struct rs_err *err, enum rs_status unknown)
{
    if (s == RS_UNAUTHORIZED)
        return err->detail[0] == '\0' ? 'a' : '?';
    if (s == RS_DENIED && err->detail[0] == '\0')
        return 'd';
    if (s == RS_DENIED)
        return strstr(err->message, "is in quarantine since 2026-12-") != NULL ? 'D' : '?';
    if (s != unknown || err->detail[0] != '\0')
        return '?';
    if (strstr(err->message, "your push of") == err->message)
        return 'm';
    return strcmp(err->message, rs_status_text(unknown)) == 0 ? 'u' : '?';
}

static char ask_manifest_as(struct scene *scene, const struct who *who, const char *repository,
                            const char *reference, enum rs_want want, struct rs_err *err)
{
    RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
    struct asker a;
    char letter;
    asker_init(&a, who, repository);
    enum rs_status s = rs_resolve_manifest(scene->db, &a.viewer, reference, want, &view, err);
    if (s != RS_OK) {
        letter = denial_letter(s, err, RS_MANIFEST_UNKNOWN);
    } else {
        letter = view.held == NULL ? 'o' : 's';
        assert_int_equal(view.bytes.len, want == RS_WANT_GET ? view.size : 0);
        assert_true(view.is_fresh);
    }
    rs_arena_release(&a.arena);
    return letter;
}

static char ask_manifest(struct scene *scene, enum viewer v, const char *reference,
                         enum rs_want want)
{
    struct rs_err err = RS_ERR_INIT;
    return ask_manifest_as(scene, &whos[v], "team/app", reference, want, &err);
}

static char ask_blob_as(struct scene *scene, const struct who *who, const char *repository,
                        const char *digest, enum rs_want want)
{
    struct rs_blob_view view = {0};
    struct rs_err err = RS_ERR_INIT;
    struct asker a;
    char letter;
    asker_init(&a, who, repository);
    enum rs_status s = rs_resolve_blob(scene->db, &a.viewer, digest, want, &view, &err);
    if (s != RS_OK) {
        letter = denial_letter(s, &err, RS_BLOB_UNKNOWN);
        assert_null(view.grant);
    } else {
        letter = view.is_open ? 'o' : 's';
        assert_true(view.size >= 1000);
        assert_string_equal(view.digest, digest);
        assert_int_equal(view.grant != NULL, want == RS_WANT_GET);
        if (view.grant != NULL) {
            assert_string_equal(rs_grant_digest(view.grant), digest);
            assert_string_equal(rs_grant_repository(view.grant), repository);
            assert_int_equal(rs_grant_principal_id(view.grant), who->principal_id);
            assert_int_equal(rs_grant_size(view.grant), view.size);
        }
    }
    rs_arena_release(&a.arena);
    return letter;
}

static char ask_blob(struct scene *scene, enum viewer v, enum scene_blob b, enum rs_want want)
{
    return ask_blob_as(scene, &whos[v], "team/app", scene->blobs[b], want);
}

struct cells {
    const char *what;
    const char *reference; /* of a manifest */
    int blob;
    const char *head;
    const char *get; /* NULL: as head */
};

static void check_cell(const struct cells *row, const char *method, enum viewer v, char got,
                       char want)
{
    if (got != want)
        fail_msg("%s %s, viewer %d: got '%c', want '%c'", method, row->what, (int)v, got, want);
}

static void check_manifests(struct scene *scene, const struct cells *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *get = rows[i].get == NULL ? rows[i].head : rows[i].get;
        assert_int_equal(strlen(rows[i].head), N_VIEWERS);
        for (int v = 0; v < N_VIEWERS; v++) {
            const enum viewer viewer = (enum viewer)v;
            check_cell(&rows[i], "HEAD", viewer,
                       ask_manifest(scene, viewer, rows[i].reference, RS_WANT_HEAD),
                       rows[i].head[v]);
            check_cell(&rows[i], "GET", viewer,
                       ask_manifest(scene, viewer, rows[i].reference, RS_WANT_GET), get[v]);
        }
    }
}

static void check_blobs(struct scene *scene, const struct cells *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *get = rows[i].get == NULL ? rows[i].head : rows[i].get;
        assert_int_equal(strlen(rows[i].head), N_VIEWERS);
        assert_int_equal(strlen(get), N_VIEWERS);
        for (int v = 0; v < N_VIEWERS; v++) {
            const enum viewer viewer = (enum viewer)v;
            const enum scene_blob b = (enum scene_blob)rows[i].blob;
            check_cell(&rows[i], "HEAD", viewer, ask_blob(scene, viewer, b, RS_WANT_HEAD),
                       rows[i].head[v]);
            check_cell(&rows[i], "GET", viewer, ask_blob(scene, viewer, b, RS_WANT_GET), get[v]);
        }
    }
}

/* ---- the table: a letter for each viewer, in the order of enum viewer ---- */

static void open_scene(void **state, struct scene *scene)
{
    scene_open(scene, scratch_path(state, "catalog.db"), "team/app");
}

static void manifests_by_tag(void **state)
{
    struct scene s;
    open_scene(state, &s);
    /* clang-format off */
    const struct cells rows[] = {
        {.what = "a live tag", .reference = "live", .head = "ooooooooda"},
        {.what = "a staged tag", .reference = "staged", .head = "smuDauuDda"},
        {.what = "a tag live and staged", .reference = "both", .head = "soooooooda"},
        {.what = "a tag of a failed image", .reference = "failed", .head = "smuDauuDda"},
        {.what = "no tag", .reference = "none", .head = "uuuuauuuda"},
        {.what = "no possible tag", .reference = ".none", .head = "uuuuauuuda"},
    };
    /* clang-format on */
    check_manifests(&s, rows, RS_ARRAY_LEN(rows));
    scene_close(&s);
}

static void manifests_by_digest(void **state)
{
    struct scene s;
    open_scene(state, &s);
    /* clang-format off */
    const struct cells rows[] = {
        {.what = "released", .reference = s.manifests[M_RELEASED], .head = "ooooooooda"},
        {.what = "quarantined", .reference = s.manifests[M_HELD], .head = "ssuDauuDda"},
        {.what = "quarantined, by its alias", .reference = s.alias, .head = "ssuDauuDda"},
        {.what = "failed", .reference = s.manifests[M_FAILED], .head = "ssuDauuDda"},
        {.what = "with data: no echo", .reference = s.manifests[M_DATA], .head = "suuDauuDda"},
        {.what = "a part", .reference = s.manifests[M_PART], .head = "ssuDauuDda"},
        {.what = "unknown", .reference = s.unknown, .head = "uuuuauuuda"},
        {.what = "a blob's digest", .reference = s.blobs[B_RELEASED], .head = "uuuuauuuda"},
    };
    /* clang-format on */
    check_manifests(&s, rows, RS_ARRAY_LEN(rows));
    scene_close(&s);
}

static void blobs(void **state)
{
    struct scene s;
    open_scene(state, &s);
    /* clang-format off */
    const struct cells rows[] = {
        {.what = "opened by a released one", .blob = B_RELEASED, .head = "ooooooooda"},
        {.what = "shared with a released one", .blob = B_SHARED, .head = "ooooooooda"},
        {.what = "a layer in quarantine", .blob = B_LAYER, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "an own image config: echo", .blob = B_CONFIG, .head = "sssDauuDda", .get = "ssDDauuDda"},
        {.what = "a config that another uploaded", .blob = B_CONFIG_SKIPPED, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "a config above 1 MiB", .blob = B_CONFIG_LARGE, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "the config of one with data", .blob = B_CONFIG_DATA, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "a config that is no image's", .blob = B_CONFIG_OTHER, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "named by nothing", .blob = B_UNNAMED, .head = "sssdauudda", .get = "sdddauudda"},
        {.what = "arrived after the release", .blob = B_LATE, .head = "sssdauudda", .get = "sdddauudda"},
        {.what = "named, but not here", .blob = B_ABSENT, .head = "uuuuauuuda"},
        {.what = "in another repository", .blob = B_ELSEWHERE, .head = "uuuuauuuda"},
    };
    /* clang-format on */
    check_blobs(&s, rows, RS_ARRAY_LEN(rows));
    scene_close(&s);
}

/* ---- policies ---- */

static void without_disclosure_held_is_missing(void **state)
{
    struct scene s;
    open_scene(state, &s);
    scene_policy(&s, "team/**", "{\"disclose\":false}");
    /* clang-format off */
    const struct cells manifests[] = {
        {.what = "a live tag", .reference = "live", .head = "ooooooooda"},
        {.what = "a staged tag", .reference = "staged", .head = "smuuauuuda"},
        {.what = "a tag live and staged", .reference = "both", .head = "soooooooda"},
        {.what = "quarantined", .reference = s.manifests[M_HELD], .head = "ssuuauuuda"},
        {.what = "failed", .reference = s.manifests[M_FAILED], .head = "ssuuauuuda"},
    };
    /* clang-format on */
    check_manifests(&s, manifests, RS_ARRAY_LEN(manifests));
    /* clang-format off */
    const struct cells blobs_rows[] = {
        {.what = "opened", .blob = B_RELEASED, .head = "ooooooooda"},
        {.what = "an own layer", .blob = B_LAYER, .head = "ssuuauuuda", .get = "sDuuauuuda"},
        {.what = "an own image config", .blob = B_CONFIG, .head = "ssuuauuuda", .get = "ssuuauuuda"},
        {.what = "of an own push, uploaded by another", .blob = B_CONFIG_SKIPPED, .head = "ssuuauuuda", .get = "sDuuauuuda"},
        {.what = "named by nothing", .blob = B_UNNAMED, .head = "ssuuauuuda", .get = "sduuauuuda"},
    };
    /* clang-format on */
    check_blobs(&s, blobs_rows, RS_ARRAY_LEN(blobs_rows));
    scene_close(&s);
}

static void without_echo_a_publisher_reads_nothing_back(void **state)
{
    struct scene s;
    open_scene(state, &s);
    scene_policy(&s, "team/**", "{\"echo\":false}");
    /* clang-format off */
    const struct cells manifests[] = {
        {.what = "staged", .reference = "staged", .head = "smuDauuDda"},
        {.what = "quarantined", .reference = s.manifests[M_HELD], .head = "suuDauuDda"},
        {.what = "released", .reference = s.manifests[M_RELEASED], .head = "ooooooooda"},
    };
    /* clang-format on */
    check_manifests(&s, manifests, RS_ARRAY_LEN(manifests));
    /* clang-format off */
    const struct cells rows[] = {
        {.what = "an own image config", .blob = B_CONFIG, .head = "sssDauuDda", .get = "sDDDauuDda"},
    };
    /* clang-format on */
    check_blobs(&s, rows, RS_ARRAY_LEN(rows));
    scene_close(&s);
}

/* What a manifest in quarantine names stays closed whatever the policy says now; a blob that
 * nothing names goes back to its uploader. */
static void with_quarantine_off(void **state)
{
    static const char *const rules[] = {"{\"quarantine\":\"off\"}", "{\"quarantine\":\"observe\"}"};
    struct scene s;
    open_scene(state, &s);
    for (size_t i = 0; i < RS_ARRAY_LEN(rules); i++) {
        scene_policy(&s, i == 0 ? "team/**" : "team/app", rules[i]);
        /* clang-format off */
    const struct cells manifests[] = {
        {.what = "staged", .reference = "staged", .head = "smuDauuDda"},
        {.what = "quarantined", .reference = s.manifests[M_HELD], .head = "ssuDauuDda"},
    };
        /* clang-format on */
        check_manifests(&s, manifests, RS_ARRAY_LEN(manifests));
        /* clang-format off */
    const struct cells rows[] = {
        {.what = "a layer in quarantine", .blob = B_LAYER, .head = "sssDauuDda", .get = "sDDDauuDda"},
        {.what = "named by nothing", .blob = B_UNNAMED, .head = "sssdauudda", .get = "ssddauudda"},
        {.what = "arrived after the release", .blob = B_LATE, .head = "sssdauudda", .get = "sdddauudda"},
    };
        /* clang-format on */
        check_blobs(&s, rows, RS_ARRAY_LEN(rows));
    }
    scene_close(&s);
}

/* ---- without a grant ---- */

static void without_a_grant_nothing_tells_whether_it_exists(void **state)
{
    static const struct who strangers[] = {
        {31, 0, ALL_SCOPES, true, false},
        {RS_ANONYMOUS_ID, 0, ALL_SCOPES, false, false},
        {RS_ANONYMOUS_ID, 0, 0, true, false},
    };
    static const char want[] = {'d', 'a', 'u'};
    struct scene s;
    open_scene(state, &s);
    const char *references[] = {
        "live",    "staged",    "none", s.manifests[M_RELEASED], s.manifests[M_HELD],
        s.unknown, "sha256:bad"};
    for (size_t w = 0; w < RS_ARRAY_LEN(strangers); w++) {
        for (size_t i = 0; i < RS_ARRAY_LEN(references); i++) {
            struct rs_err here = RS_ERR_INIT;
            struct rs_err nowhere = RS_ERR_INIT;
            assert_int_equal(
                ask_manifest_as(&s, &strangers[w], "team/app", references[i], RS_WANT_GET, &here),
                want[w]);
            assert_int_equal(ask_manifest_as(&s, &strangers[w], "team/nop", references[i],
                                             RS_WANT_GET, &nowhere),
                             want[w]);
            /* alike but for the name */
            assert_int_equal(strlen(here.message), strlen(nowhere.message));
        }
        assert_int_equal(
            ask_blob_as(&s, &strangers[w], "team/app", s.blobs[B_RELEASED], RS_WANT_GET), want[w]);
        assert_int_equal(
            ask_blob_as(&s, &strangers[w], "team/nop", s.blobs[B_RELEASED], RS_WANT_GET), want[w]);
        assert_int_equal(
            ask_blob_as(&s, &strangers[w], "team/app", s.blobs[B_RELEASED], RS_WANT_HEAD), want[w]);
    }
    scene_close(&s);
}

/* ---- what is shown, and how ---- */

static void the_staged_view_names_state_and_live_digest(void **state)
{
    struct scene s;
    struct asker a;
    open_scene(state, &s);
    asker_init(&a, &whos[V_READER], "team/app");
    RS_AUTO(rs_manifest_view) struct rs_manifest_view both = {0};
    assert_int_equal(rs_resolve_manifest(s.db, &a.viewer, "both", RS_WANT_GET, &both, NULL), RS_OK);
    assert_string_equal(both.digest, s.manifests[M_HELD]);
    assert_string_equal(both.named, s.manifests[M_HELD]);
    assert_string_equal(both.held, "quarantined");
    assert_string_equal(both.live, s.manifests[M_RELEASED]);
    assert_true(both.is_tag);
    assert_memory_equal(both.bytes.data, scene_text(M_HELD), both.bytes.len);
    RS_AUTO(rs_manifest_view) struct rs_manifest_view failed = {0};
    assert_int_equal(rs_resolve_manifest(s.db, &a.viewer, "failed", RS_WANT_HEAD, &failed, NULL),
                     RS_OK);
    assert_string_equal(failed.held, "failed");
    assert_null(failed.live);
    RS_AUTO(rs_manifest_view) struct rs_manifest_view alias = {0};
    assert_int_equal(rs_resolve_manifest(s.db, &a.viewer, s.alias, RS_WANT_GET, &alias, NULL),
                     RS_OK);
    assert_string_equal(alias.digest, s.manifests[M_HELD]);
    assert_string_equal(alias.named, s.alias); /* in the client's algorithm */
    assert_false(alias.is_tag);
    rs_arena_release(&a.arena);
    scene_close(&s);
}

static void the_reason_is_for_people_and_for_programs(void **state)
{
    struct scene s;
    struct rs_err err = RS_ERR_INIT;
    char want[512];
    open_scene(state, &s);
    assert_int_equal(
        ask_manifest_as(&s, &whos[V_CONSUMER], "team/app", s.manifests[M_HELD], RS_WANT_GET, &err),
        'D');
    (void)snprintf(
        want, sizeof(want),
        "team/app@%s is in quarantine since 2026-12-01T00:00:00.000Z, waiting for a decision",
        s.manifests[M_HELD]);
    assert_string_equal(err.message, want);
    assert_string_equal(
        err.detail,
        "{\"state\":\"quarantined\",\"since\":\"2026-12-01T00:00:00.000Z\",\"checks\":[]}");

    scene_policy(&s, "team/**", "{\"checks\":[\"sign\",\"scan\"]}");
    scene_sql(
        &s, "INSERT INTO check_report(manifest_id, name, state, reporter_id, reporter, reported_ms)"
            " VALUES(2, 'scan', 'passed', 1, 's', 1), (2, 'extra', 'running', 1, 's', 1)");
    rs_err_clear(&err);
    assert_int_equal(
        ask_manifest_as(&s, &whos[V_CONSUMER], "team/app", "staged", RS_WANT_GET, &err), 'D');
    assert_string_equal(
        err.message,
        "team/app:staged is in quarantine since 2026-12-01T00:00:00.000Z, waiting for checks: sign");
    assert_string_equal(
        err.detail,
        "{\"state\":\"quarantined\",\"since\":\"2026-12-01T00:00:00.000Z\",\"checks\":["
        "{\"name\":\"scan\",\"state\":\"passed\"},{\"name\":\"sign\",\"state\":\"waiting\"},"
        "{\"name\":\"extra\",\"state\":\"running\"}]}");
    /* The digest that a tag stages is not told by the tag. */
    assert_null(strstr(err.message, "sha256"));

    rs_err_clear(&err);
    assert_int_equal(
        ask_manifest_as(&s, &whos[V_CONSUMER], "team/app", "failed", RS_WANT_GET, &err), 'D');
    assert_non_null(strstr(err.message, "it was judged to have failed"));
    assert_non_null(strstr(err.detail, "\"state\":\"failed\""));

    rs_err_clear(&err); /* a part waits for what its index waits for */
    assert_int_equal(
        ask_manifest_as(&s, &whos[V_CONSUMER], "team/app", s.manifests[M_PART], RS_WANT_GET, &err),
        'D');
    assert_non_null(strstr(err.message, "waiting for checks: sign"));
    assert_null(strstr(err.message, "scan"));
    scene_close(&s);
}

static void more_checks_than_the_detail_holds_are_cut(void **state)
{
    struct scene s;
    struct rs_err err = RS_ERR_INIT;
    char *sql = NULL;
    open_scene(state, &s);
    for (int i = 0; i < 64; i++) {
        assert_true(
            asprintf(
                &sql,
                "INSERT INTO check_report(manifest_id, name, state, reporter_id, reporter, reported_ms)"
                " VALUES(2, 'check-with-a-rather-long-name-%060d', 'passed', 1, 's', 1)",
                i) > 0);
        scene_sql(&s, sql);
        free(sql);
    }
    assert_int_equal(
        ask_manifest_as(&s, &whos[V_CONSUMER], "team/app", s.manifests[M_HELD], RS_WANT_GET, &err),
        'D');
    assert_non_null(strstr(err.detail, "\"checks\":[{"));
    assert_string_equal(err.detail + strlen(err.detail) - 2, "]}");
    scene_close(&s);
}

static void a_malformed_digest_is_no_tag(void **state)
{
    struct scene s;
    struct asker a;
    open_scene(state, &s);
    asker_init(&a, &whos[V_READER], "team/app");
    RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
    struct rs_blob_view blob = {0};
    assert_int_equal(rs_resolve_manifest(s.db, &a.viewer, "sha256:bad", RS_WANT_GET, &view, NULL),
                     RS_DIGEST_INVALID);
    assert_int_equal(rs_resolve_blob(s.db, &a.viewer, "sha256:bad", RS_WANT_GET, &blob, NULL),
                     RS_DIGEST_INVALID);
    assert_int_equal(rs_resolve_blob(s.db, &a.viewer, "live", RS_WANT_GET, &blob, NULL),
                     RS_DIGEST_INVALID);
    assert_null(blob.grant);
    rs_arena_release(&a.arena);
    scene_close(&s);
}

static void lists_need_the_same_grants(void **state)
{
    static const struct {
        enum viewer viewer;
        enum rs_status status;
        enum rs_sight sight;
    } rows[] = {
        {V_READER, RS_OK, RS_SIGHT_ALL},
        {V_ALICE, RS_OK, RS_SIGHT_OWN},
        {V_CONSUMER, RS_OK, RS_SIGHT_RELEASED},
        {V_NOBODY, RS_OK, RS_SIGHT_RELEASED},
        {V_GUEST, RS_OK, RS_SIGHT_RELEASED},
        {V_DELETER, RS_DENIED, RS_SIGHT_NONE},
        {V_SCOPED, RS_UNAUTHORIZED, RS_SIGHT_NONE},
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct asker a;
        enum rs_sight sight = RS_SIGHT_ALL;
        asker_init(&a, &whos[rows[i].viewer], "team/app");
        assert_int_equal(rs_resolve_lists(&a.viewer, &sight, NULL), rows[i].status);
        assert_int_equal(sight, rows[i].sight);
        rs_arena_release(&a.arena);
    }
}

/* ---- mounts ---- */

static void a_mount_reads_what_get_reads(void **state)
{
    struct scene s;
    open_scene(state, &s);
    for (int v = 0; v < N_VIEWERS; v++) {
        for (int b = 0; b < N_BLOBS; b++) {
            struct asker a;
            enum rs_readable got = RS_READABLE_YES;
            const char letter = ask_blob(&s, (enum viewer)v, (enum scene_blob)b, RS_WANT_GET);
            asker_init(&a, &whos[v], "team/app");
            assert_int_equal(rs_resolve_blob_readable(s.db, &a.viewer, s.blobs[b], &got, NULL),
                             RS_OK);
            if (v == V_SCOPED) /* the principal could, the token could not */
                assert_int_equal(got, b == B_ABSENT || b == B_ELSEWHERE ? RS_READABLE_NO
                                                                        : RS_READABLE_OUT_OF_SCOPE);
            else
                assert_int_equal(got,
                                 letter == 'o' || letter == 's' ? RS_READABLE_YES : RS_READABLE_NO);
            rs_arena_release(&a.arena);
        }
    }
    scene_close(&s);
}

static void a_mount_of_nonsense_is_a_no(void **state)
{
    struct scene s;
    struct asker a;
    enum rs_readable got = RS_READABLE_YES;
    open_scene(state, &s);
    asker_init(&a, &whos[V_READER], "team/app");
    assert_int_equal(rs_resolve_blob_readable(s.db, &a.viewer, "sha256:bad", &got, NULL), RS_OK);
    assert_int_equal(got, RS_READABLE_NO);
    rs_arena_release(&a.arena);
    scene_close(&s);
}

static void a_mount_without_source_looks_where_the_principal_reads(void **state)
{
    struct scene s;
    struct rs_auth *auth = NULL;
    struct rs_arena arena;
    const char *source = "?";
    enum rs_readable got = RS_READABLE_YES;
    open_scene(state, &s);
    scene_sql(
        &s,
        "INSERT INTO principal(id, kind, name, secret, created_ms) VALUES(41, 'user', 'reader', 'x', 1), (42, 'user', 'none', 'x', 1)");
    scene_sql(
        &s,
        "INSERT INTO access_grant(principal_id, what, pattern, created_ms) VALUES(41, 'consumer', 'team/' || '*', 1)");
    const struct rs_auth_options options = {.db = s.db, .data_dir = scratch_path(state, "")};
    assert_int_equal(rs_auth_new(&options, &auth, NULL), RS_OK);
    rs_arena_init(&arena, 1 << 20);
    struct rs_identity reader = {.principal_id = 41, .name = "reader", .has_credentials = true};
    struct rs_identity none = {.principal_id = 42, .name = "none", .has_credentials = true};
    assert_int_equal(rs_resolve_blob_readable_anywhere(s.db, auth, &reader, s.blobs[B_SHARED],
                                                       &arena, &got, &source, NULL),
                     RS_OK);
    assert_int_equal(got, RS_READABLE_YES);
    assert_string_equal(source, "team/app");
    static const enum scene_blob closed[] = {B_LAYER, B_UNNAMED, B_LATE, B_ABSENT, B_ELSEWHERE};
    for (size_t i = 0; i < RS_ARRAY_LEN(closed); i++) {
        got = RS_READABLE_YES;
        assert_int_equal(rs_resolve_blob_readable_anywhere(s.db, auth, &reader, s.blobs[closed[i]],
                                                           &arena, &got, &source, NULL),
                         RS_OK);
        assert_int_equal(got, RS_READABLE_NO);
        assert_null(source);
    }
    assert_int_equal(rs_resolve_blob_readable_anywhere(s.db, auth, &none, s.blobs[B_SHARED], &arena,
                                                       &got, &source, NULL),
                     RS_OK);
    assert_int_equal(got, RS_READABLE_NO);
    assert_int_equal(rs_resolve_blob_readable_anywhere(s.db, auth, &reader, s.unknown, &arena, &got,
                                                       &source, NULL),
                     RS_OK);
    assert_int_equal(got, RS_READABLE_NO);
    rs_arena_release(&arena);
    rs_auth_free(auth);
    scene_close(&s);
}

/* ---- fail closed ---- */

static void damage_opens_nothing(void **state)
{
    static const struct {
        const char *sql;
        const char *reference;
    } rows[] = {
        /* live, but held */
        {"UPDATE tag SET live_manifest_id = 2 WHERE name = 'live'", "live"},
        /* staged, but released */
        {"UPDATE tag SET staged_manifest_id = 1 WHERE name = 'staged'", "staged"},
        {"UPDATE manifest_bytes SET bytes = CAST('{\"manifest\":\"Released\"}' AS BLOB)", "both"},
        {"UPDATE manifest SET size = size + 1", "both"},
        {"DELETE FROM manifest_bytes", "both"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct scene s;
        struct asker a;
        char name[32];
        (void)snprintf(name, sizeof(name), "damaged-%zu.db", i);
        scene_open(&s, scratch_path(state, name), "team/app");
        scene_sql(&s, rows[i].sql);
        for (int v = 0; v < N_VIEWERS; v++) {
            RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
            struct rs_err err = RS_ERR_INIT;
            asker_init(&a, &whos[v], "team/app");
            const enum rs_status got =
                rs_resolve_manifest(s.db, &a.viewer, rows[i].reference, RS_WANT_GET, &view, &err);
            assert_int_not_equal(got, RS_OK);
            assert_null(view.bytes.data);
            if (v < V_DELETER)
                assert_int_equal(got, RS_CORRUPT);
            rs_arena_release(&a.arena);
        }
        scene_close(&s);
    }
}

static void a_policy_that_cannot_be_read_denies(void **state)
{
    struct scene s;
    open_scene(state, &s);
    scene_policy(&s, "team/**", "{}");
    scene_sql(
        &s,
        "UPDATE policy SET rules = '{\"disclose\":1}'; UPDATE fact SET value = 'x' WHERE key = 'policy_version'");
    static const enum viewer held_from[] = {V_ALICE, V_BOB, V_CONSUMER};
    for (size_t i = 0; i < RS_ARRAY_LEN(held_from); i++) {
        /* a fault, no bytes */
        assert_int_equal(ask_manifest(&s, held_from[i], s.manifests[M_HELD], RS_WANT_GET), '?');
        assert_int_equal(ask_blob(&s, held_from[i], B_CONFIG, RS_WANT_GET), '?');
        /* what is released needs no policy */
        assert_int_equal(ask_manifest(&s, held_from[i], "live", RS_WANT_GET), 'o');
    }
    scene_close(&s);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(manifests_by_tag),
        TEST(manifests_by_digest),
        TEST(blobs),
        TEST(without_disclosure_held_is_missing),
        TEST(without_echo_a_publisher_reads_nothing_back),
        TEST(with_quarantine_off),
        TEST(without_a_grant_nothing_tells_whether_it_exists),
        TEST(the_staged_view_names_state_and_live_digest),
        TEST(the_reason_is_for_people_and_for_programs),
        TEST(more_checks_than_the_detail_holds_are_cut),
        TEST(a_malformed_digest_is_no_tag),
        TEST(lists_need_the_same_grants),
        TEST(a_mount_reads_what_get_reads),
        TEST(a_mount_of_nonsense_is_a_no),
        TEST(a_mount_without_source_looks_where_the_principal_reads),
        TEST(damage_opens_nothing),
        TEST(a_policy_that_cannot_be_read_denies),
    };
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
