/*
 * registry/identities.h: users, robots and workloads: add, change, delete, list.
 * Layer: registry.  Threads: any but a loop's: every change waits for a durable commit, and a
 * password is hashed for tens of milliseconds.  Spec: SPEC sections 3, 7 and 9.
 *
 * Every change is one transaction with its audit record, and is effective for the next request:
 * older passwords, secrets and tokens end with it.  Who may do this is the route's part
 * (RS_NEED_ADMIN).
 */
#ifndef RS_REGISTRY_IDENTITIES_H
#define RS_REGISTRY_IDENTITIES_H

#include <stdbool.h>

#include "auth/access.h"
#include "auth/secret_text.h"
#include "auth/workload_rule.h"
#include "base/arena.h"
#include "base/buf.h"
#include "catalog/principal.h"
#include "json/json.h"
#include "registry/services.h"

#define RS_PASSWORD_BYTES_MIN 8U

/* A new identity, as the API and the configuration file describe it: {"name", "password"} (user),
 * {"name"} (robot) or {"name", "issuer", "audience", "claims"} (workload).  Borrowed from the JSON
 * tree. */
struct rs_new_identity {
    enum rs_principal_kind kind; /* any but anonymous */
    const char *name;
    const char *password;         /* users only; NULL = make one */
    struct rs_workload_rule rule; /* workloads only; complete */
};
/* Errors: RS_BAD_REQUEST (an unknown or missing member, a name or password outside the rules). */
RS_MUST_CHECK enum rs_status rs_identities_read(const struct rs_json *body,
                                                enum rs_principal_kind kind,
                                                struct rs_new_identity *ret, struct rs_err *reterr);

/* What an identity is stored with: made outside the write job, because a password hash is slow.
 * Wipe it after use. */
struct rs_identity_credential {
    /* the generated secret, to be shown once; "" when it was given, and for workloads */
    char shown[RS_SECRET_TEXT_BYTES];
    char stored[RS_PRINCIPAL_SECRET_BYTES];
    /* of a workload: canonical; "" for others */
    char rule[RS_WORKLOAD_RULE_BYTES_MAX + 1];
};
RS_MUST_CHECK enum rs_status rs_identities_make_credential(const struct rs_new_identity *identity,
                                                           struct rs_identity_credential *ret,
                                                           struct rs_err *reterr);

/**
 * rs_identities_add(): *ret holds the generated secret, if one was made.
 * Errors: RS_CONFLICT (the name is taken), those of rs_db_write().
 */
RS_MUST_CHECK enum rs_status rs_identities_add(const struct rs_services *services,
                                               const struct rs_actor *actor,
                                               const struct rs_new_identity *identity,
                                               struct rs_identity_credential *ret,
                                               struct rs_err *reterr);
/* The same within a write job, with a secret made before. */
RS_MUST_CHECK enum rs_status rs_identities_add_in(struct rs_db_conn *conn,
                                                  const struct rs_actor *actor,
                                                  const struct rs_new_identity *identity,
                                                  const struct rs_identity_credential *credential,
                                                  struct rs_err *reterr);

/* What to change; what is not set stays. */
struct rs_identity_change {
    enum rs_principal_kind kind;
    const char *name;
    bool sets_disabled;
    bool is_disabled;
    bool sets_secret;     /* a new password (user), or a new generated secret (robot) */
    const char *password; /* users; NULL = make one */
    /* workloads; what is not set in it stays; all of it not set = the rule stays */
    struct rs_workload_rule rule;
};
/**
 * rs_identities_change(): what is the same already changes nothing and writes no record.
 * Errors: RS_NOT_FOUND, RS_BAD_REQUEST (password), RS_CONFLICT (it would leave no admin).
 */
RS_MUST_CHECK enum rs_status rs_identities_change(const struct rs_services *services,
                                                  const struct rs_actor *actor,
                                                  const struct rs_identity_change *change,
                                                  struct rs_identity_credential *ret,
                                                  struct rs_err *reterr);
/* With all grants; the name is free afterwards, for somebody else.  Errors: RS_NOT_FOUND,
 * RS_CONFLICT (it would leave no admin). */
RS_MUST_CHECK enum rs_status rs_identities_delete(const struct rs_services *services,
                                                  const struct rs_actor *actor,
                                                  enum rs_principal_kind kind, const char *name,
                                                  struct rs_err *reterr);

/* {"users":[{"name","disabled","created"}...]}, {"robots":...} or {"workloads":...} (with their
 * rules' members), names after `last`, at most n;
 * *ret_next (arena) is the next `last`, or NULL. */
RS_MUST_CHECK enum rs_status rs_identities_list(const struct rs_services *services,
                                                enum rs_principal_kind kind, const char *last,
                                                unsigned n, struct rs_arena *arena,
                                                struct rs_buf *out, const char **ret_next,
                                                struct rs_err *reterr);
/* One, with its grants: {"name","disabled","created",...,"grants":[...]}.  RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_identities_show(const struct rs_services *services,
                                                enum rs_principal_kind kind, const char *name,
                                                struct rs_buf *out, struct rs_err *reterr);

#endif
