/* A catalog with principals, and an rs_auth over it, for the tests of auth/. */
#ifndef RS_TESTS_AUTH_WORLD_H
#define RS_TESTS_AUTH_WORLD_H

#include "../cm.h"

#include "auth/auth.h"
#include "auth/secret_text.h"
#include "catalog/principal.h"
#include "db/db.h"

#define WORLD_BURST 4U

struct world {
    struct rs_db *db;
    struct rs_auth *auth;
    struct rs_arena arena;
    void *scratch;
};

/* cmocka fixtures: *state is the world. */
int world_setup(void **state);
int world_teardown(void **state);

int64_t world_add_user(struct world *w, const char *name, const char *password);
/* *secret is what it logs in with. */
int64_t world_add_robot(struct world *w, const char *name, char secret[RS_SECRET_TEXT_BYTES]);
/* Of no issuer: whatever token it is shown, nobody signed it. */
int64_t world_add_workload(struct world *w, const char *name);
int64_t world_grant(struct world *w, int64_t principal_id, const char *what, const char *pattern);
void world_revoke(struct world *w, int64_t grant_id);
void world_set_password(struct world *w, int64_t id, const char *password);
void world_set_stored(struct world *w, int64_t id, const char *stored);
void world_set_disabled(struct world *w, int64_t id, bool is_disabled);
void world_delete(struct world *w, int64_t id);

/* "Basic ..." in the world's arena. */
const char *world_basic(struct world *w, const char *name, const char *password);
/* Authenticate; the status. */
enum rs_status world_login(struct world *w, const char *authorization, enum rs_auth_mode mode,
                           struct rs_auth_result *ret);
/* What the principal may do there. */
uint32_t world_perms(struct world *w, const struct rs_identity *who, const char *repository);

#endif
