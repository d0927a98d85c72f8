/*
 * catalog/access_grant.h: which principal holds which role or permission under which repository
 * pattern. Layer: catalog.  Threads: as the connection.  Spec: SPEC section 3. What a role gives is
 * not known here (auth/role.h).  Writers run inside a write job; touching the access generation and
 * the audit record are the caller's part.
 */
#ifndef RS_CATALOG_ACCESS_GRANT_H
#define RS_CATALOG_ACCESS_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"

/* A row; texts are borrowed until the visitor returns. */
struct rs_access_grant {
    int64_t id;
    int64_t principal_id;
    const char *principal; /* its name */
    const char *what;      /* a role or a permission */
    const char *pattern;
    int64_t created_ms;
};

typedef enum rs_status (*rs_access_grant_visit)(const struct rs_access_grant *g, void *arg,
                                                struct rs_err *reterr);

/* What one principal holds, oldest first. */
RS_MUST_CHECK enum rs_status rs_access_grant_each(struct rs_db_conn *conn, int64_t principal_id,
                                                  rs_access_grant_visit fn, void *arg,
                                                  struct rs_err *reterr);
/* Everybody's, with an id after `last`, at most n, oldest first. */
RS_MUST_CHECK enum rs_status rs_access_grant_list(struct rs_db_conn *conn, int64_t last, unsigned n,
                                                  rs_access_grant_visit fn, void *arg,
                                                  struct rs_err *reterr);
/* One by its id: fn is called once.  RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_access_grant_by_id(struct rs_db_conn *conn, int64_t id,
                                                   rs_access_grant_visit fn, void *arg,
                                                   struct rs_err *reterr);

/* *ret_added is false when exactly this grant was there already; *ret_id is its id either way. */
RS_MUST_CHECK enum rs_status rs_access_grant_add(struct rs_db_conn *conn, int64_t principal_id,
                                                 const char *what, const char *pattern,
                                                 int64_t now_ms, int64_t *ret_id, bool *ret_added,
                                                 struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_access_grant_remove(struct rs_db_conn *conn, int64_t id,
                                                    struct rs_err *reterr);

/* How many principals that are not disabled hold exactly `what` on exactly `pattern`. */
RS_MUST_CHECK enum rs_status rs_access_grant_holders(struct rs_db_conn *conn, const char *what,
                                                     const char *pattern, int64_t *ret_n,
                                                     struct rs_err *reterr);

#endif
