/*
 * catalog/principal.h: users, robots, workloads and `anonymous`.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 3.
 * Ids are never used twice: whoever gets an old name is somebody else.  Every function that writes
 * runs inside a write job; touching the access generation and the audit record are the caller's
 * part.
 */
#ifndef RS_CATALOG_PRINCIPAL_H
#define RS_CATALOG_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"

enum rs_principal_kind {
    RS_PRINCIPAL_USER,
    RS_PRINCIPAL_ROBOT,
    RS_PRINCIPAL_WORKLOAD, /* see catalog/workload.h for its other half */
    RS_PRINCIPAL_ANONYMOUS,
};

#define RS_PRINCIPAL_NAME_MAX 128U
#define RS_PRINCIPAL_SECRET_BYTES 384

/* A row, by value.  `secret` is never sent to anybody. */
struct rs_principal {
    int64_t id;
    enum rs_principal_kind kind;
    char name[RS_PRINCIPAL_NAME_MAX + 1];
    /* a user's crypt(5) hash; "sha256:<hex>" of a robot's secret, or of what each change of a
     * workload's rule makes anew; "" for anonymous */
    char secret[RS_PRINCIPAL_SECRET_BYTES];
    bool is_disabled;
    int64_t created_ms;
};

/* The word in the catalog and in the API: "user", "robot", "workload", "anonymous".
 */
const char *rs_principal_kind_word(enum rs_principal_kind kind);
/* A name that a user, robot or workload may have: 1..128 of [a-z0-9._@+-], a letter or digit at
 * both ends, neither "anonymous" nor "roadstead" (the daemon itself, in the audit log). */
bool rs_principal_name_is_valid(const char *name);

/* Errors: RS_NOT_FOUND, RS_CORRUPT (a row that cannot be), RS_IO, RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_principal_by_name(struct rs_db_conn *conn, const char *name,
                                                  struct rs_principal *ret, struct rs_err *reterr);
/* By name, and of this kind: another kind's is RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_principal_of_kind(struct rs_db_conn *conn,
                                                  enum rs_principal_kind kind, const char *name,
                                                  struct rs_principal *ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_principal_by_id(struct rs_db_conn *conn, int64_t id,
                                                struct rs_principal *ret, struct rs_err *reterr);

/* Called for each row, in the order of names; `p` is borrowed until return.  An error ends the walk
 * with that error. */
typedef enum rs_status (*rs_principal_visit)(const struct rs_principal *p, void *arg,
                                             struct rs_err *reterr);
/* Principals of one kind with a name after `last` ("" = from the start), at most n. */
RS_MUST_CHECK enum rs_status rs_principal_list(struct rs_db_conn *conn, enum rs_principal_kind kind,
                                               const char *last, unsigned n, rs_principal_visit fn,
                                               void *arg, struct rs_err *reterr);
/* Has anybody but `anonymous` ever been added (and not been deleted)? */
RS_MUST_CHECK enum rs_status rs_principal_exists_any(struct rs_db_conn *conn, bool *ret,
                                                     struct rs_err *reterr);

/* RS_CONFLICT when the name is taken. */
RS_MUST_CHECK enum rs_status rs_principal_add(struct rs_db_conn *conn, enum rs_principal_kind kind,
                                              const char *name, const char *secret, int64_t now_ms,
                                              int64_t *ret_id, struct rs_err *reterr);
/* The one row with id 0; does nothing when it is there. */
RS_MUST_CHECK enum rs_status rs_principal_add_anonymous(struct rs_db_conn *conn, int64_t now_ms,
                                                        struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_principal_set_secret(struct rs_db_conn *conn, int64_t id,
                                                     const char *secret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_principal_set_disabled(struct rs_db_conn *conn, int64_t id,
                                                       bool is_disabled, struct rs_err *reterr);
/* With its grants. */
RS_MUST_CHECK enum rs_status rs_principal_delete(struct rs_db_conn *conn, int64_t id,
                                                 struct rs_err *reterr);

#endif
