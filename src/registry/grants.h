/*
 * registry/grants.h: who holds which role or permission where: add, remove, list.
 * Layer: registry.  Threads: changes block on a durable commit; lists are reads.  Spec: SPEC
 * section 3.
 *
 * The rules that no grant may break:
 *  - nobody holds admin and a quarantine permission (a check is one of them);
 *  - `anonymous` holds pull, nothing else;
 *  - admin is held everywhere ("**") or not at all;
 *  - the last admin stays.
 */
#ifndef RS_REGISTRY_GRANTS_H
#define RS_REGISTRY_GRANTS_H

#include <stdbool.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/buf.h"
#include "db/db.h"
#include "json/json.h"
#include "json/write.h"
#include "registry/services.h"

#define RS_GRANTS_PER_PRINCIPAL_MAX 1000U

struct rs_new_grant {
    const char *principal;
    const char *what; /* a role or a permission */
    const char *pattern;
};
/* {"principal", "role" or "permission", "pattern"}.  Errors: RS_BAD_REQUEST. */
RS_MUST_CHECK enum rs_status rs_grants_read(const struct rs_json *body, struct rs_new_grant *ret,
                                            struct rs_err *reterr);

/**
 * rs_grants_add(): *ret_added is false when it was there already (nothing is written then).
 * Errors: RS_NOT_FOUND (principal), RS_CONFLICT (a rule above), those of rs_db_write().
 */
RS_MUST_CHECK enum rs_status rs_grants_add(const struct rs_services *services,
                                           const struct rs_actor *actor,
                                           const struct rs_new_grant *grant, int64_t *ret_id,
                                           bool *ret_added, struct rs_err *reterr);
/* The same within a write job. */
RS_MUST_CHECK enum rs_status rs_grants_add_in(struct rs_db_conn *conn, const struct rs_actor *actor,
                                              const struct rs_new_grant *grant, int64_t *ret_id,
                                              bool *ret_added, struct rs_err *reterr);
/* Errors: RS_NOT_FOUND, RS_CONFLICT (the last admin). */
RS_MUST_CHECK enum rs_status rs_grants_remove(const struct rs_services *services,
                                              const struct rs_actor *actor, int64_t id,
                                              struct rs_err *reterr);

/* {"grants":[{"id","principal","role" or "permission","pattern","created"}...]}: those of
 * `principal` (all of them, in one page), or (NULL) everybody's after id `last`, at most n;
 * *ret_next is the next `last`, or 0. */
RS_MUST_CHECK enum rs_status rs_grants_list(const struct rs_services *services,
                                            const char *principal, int64_t last, unsigned n,
                                            struct rs_buf *out, int64_t *ret_next,
                                            struct rs_err *reterr);
/* The objects alone, of one principal. */
RS_MUST_CHECK enum rs_status rs_grants_write(struct rs_db_conn *conn, int64_t principal_id,
                                             struct rs_jw *w, struct rs_err *reterr);

/* Within a write job: how many can administer now; a change that lets it fall to none is refused by
 * rs_grants_keep_admin(). */
RS_MUST_CHECK enum rs_status rs_grants_count_admins(struct rs_db_conn *conn, int64_t *ret_n,
                                                    struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_grants_keep_admin(struct rs_db_conn *conn, int64_t before,
                                                  struct rs_err *reterr);

#endif
