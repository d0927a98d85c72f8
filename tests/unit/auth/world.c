#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "../support/catalog.h"
#include "../support/scratch.h"
#include "catalog/access_grant.h"
#include "catalog/generation.h"
#include "crypto/password.h"

/* One change as a write job, as the use cases make it. */
struct job {
    enum { ADD, SECRET, DISABLE, DELETE, GRANT, REVOKE } what;
    enum rs_principal_kind kind;
    const char *name;
    const char *text;
    int64_t id;
    bool flag;
};

static enum rs_status run(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct job *j = arg;
    enum rs_status s = RS_INTERNAL;
    switch (j->what) {
    case ADD:
        s = rs_principal_add(conn, j->kind, j->name, j->text, 1, &j->id, reterr);
        break;
    case SECRET:
        s = rs_principal_set_secret(conn, j->id, j->text, reterr);
        break;
    case DISABLE:
        s = rs_principal_set_disabled(conn, j->id, j->flag, reterr);
        break;
    case DELETE:
        s = rs_principal_delete(conn, j->id, reterr);
        break;
    case GRANT:
        s = rs_access_grant_add(conn, j->id, j->name, j->text, 1, &j->id, &j->flag, reterr);
        break;
    case REVOKE:
        s = rs_access_grant_remove(conn, j->id, reterr);
        break;
    }
    if (s == RS_OK)
        rs_generation_touch_access(conn);
    return s;
}

static int64_t do_job(struct world *w, struct job j)
{
    catalog_write(w->db, run, &j);
    return j.id;
}

static enum rs_status add_anonymous(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    (void)arg;
    return rs_principal_add_anonymous(conn, 1, reterr);
}

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct rs_err err = RS_ERR_INIT;
    if (w == NULL || scratch_setup(&w->scratch) != 0)
        return -1;
    rs_arena_init(&w->arena, (size_t)64 << 20);
    w->db = catalog_open(scratch_path(&w->scratch, "catalog.db"));
    catalog_write(w->db, add_anonymous, NULL);
    struct rs_auth_options auth = {.db = w->db,
                                   .data_dir = scratch_path(&w->scratch, ""),
                                   .failures_burst = WORLD_BURST,
                                   .failure_refill_seconds = 3600};
    *state = w;
    return rs_auth_new(&auth, &w->auth, &err) == RS_OK ? 0 : -1;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    rs_auth_free(w->auth);
    rs_db_close(w->db);
    rs_arena_release(&w->arena);
    int result = scratch_teardown(&w->scratch);
    free(w);
    return result;
}

int64_t world_add_user(struct world *w, const char *name, const char *password)
{
    char stored[RS_PASSWORD_HASH_BYTES];
    assert_int_equal(rs_password_hash(password, stored, NULL), RS_OK);
    return do_job(
        w, (struct job){.what = ADD, .kind = RS_PRINCIPAL_USER, .name = name, .text = stored});
}

int64_t world_add_robot(struct world *w, const char *name, char secret[RS_SECRET_TEXT_BYTES])
{
    char stored[RS_SECRET_STORED_BYTES];
    rs_secret_text_new(secret);
    rs_secret_text_stored(secret, stored);
    return do_job(
        w, (struct job){.what = ADD, .kind = RS_PRINCIPAL_ROBOT, .name = name, .text = stored});
}

int64_t world_add_workload(struct world *w, const char *name)
{
    return do_job(
        w, (struct job){.what = ADD, .kind = RS_PRINCIPAL_WORKLOAD, .name = name, .text = "none"});
}

int64_t world_grant(struct world *w, int64_t principal_id, const char *what, const char *pattern)
{
    return do_job(w,
                  (struct job){.what = GRANT, .id = principal_id, .name = what, .text = pattern});
}

void world_revoke(struct world *w, int64_t grant_id)
{
    (void)do_job(w, (struct job){.what = REVOKE, .id = grant_id});
}

void world_set_password(struct world *w, int64_t id, const char *password)
{
    char stored[RS_PASSWORD_HASH_BYTES];
    assert_int_equal(rs_password_hash(password, stored, NULL), RS_OK);
    world_set_stored(w, id, stored);
}

void world_set_stored(struct world *w, int64_t id, const char *stored)
{
    (void)do_job(w, (struct job){.what = SECRET, .id = id, .text = stored});
}

void world_set_disabled(struct world *w, int64_t id, bool is_disabled)
{
    (void)do_job(w, (struct job){.what = DISABLE, .id = id, .flag = is_disabled});
}

void world_delete(struct world *w, int64_t id)
{
    (void)do_job(w, (struct job){.what = DELETE, .id = id});
}

const char *world_basic(struct world *w, const char *name, const char *password)
{
    const char *plain = rs_arena_printf(&w->arena, "%s:%s", name, password);
    size_t n = strlen(plain);
    char *text = rs_arena_alloc(&w->arena, 4 * ((n + 2) / 3) + 1);
    rs_base64_encode(plain, n, text);
    return rs_arena_printf(&w->arena, "Basic %s", text);
}

enum rs_status world_login(struct world *w, const char *authorization, enum rs_auth_mode mode,
                           struct rs_auth_result *ret)
{
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s =
        rs_auth_authenticate(w->auth, authorization, "192.0.2.1", &w->arena, mode, ret, &err);
    assert_int_equal(s, err.status);
    return s;
}

uint32_t world_perms(struct world *w, const struct rs_identity *who, const char *repository)
{
    struct rs_access access = {.perms = ~0U};
    assert_int_equal(rs_auth_access(w->auth, who, repository, &w->arena, &access, NULL), RS_OK);
    return access.perms;
}
