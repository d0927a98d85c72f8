/*
 * catalog/repository.h: the rows of repositories.
 * Layer: catalog.  Threads: as the connection.
 */
#ifndef RS_CATALOG_REPOSITORY_H
#define RS_CATALOG_REPOSITORY_H

#include <stdint.h>

#include "db/db.h"

/**
 * rs_catalog_repository_find(): the id of a repository.  Errors: RS_NOT_FOUND (no such row), and
 * the faults of the database.
 * @name  a valid repository name (oci/name.h), as in every function here
 */
RS_MUST_CHECK enum rs_status rs_catalog_repository_find(struct rs_db_conn *conn, const char *name,
                                                        int64_t *ret_id, struct rs_err *reterr);

/**
 * rs_catalog_repository_ensure(): the id of a repository, created if need be.  Within a write job.
 * A row alone shows nothing to anybody: what a repository has decides who sees it.
 */
RS_MUST_CHECK enum rs_status rs_catalog_repository_ensure(struct rs_db_conn *conn, const char *name,
                                                          int64_t *ret_id, struct rs_err *reterr);

/* Its own quota in bytes; 0 = none of its own.  Errors: RS_NOT_FOUND, RS_CORRUPT, and the faults of
 * the database. */
RS_MUST_CHECK enum rs_status rs_catalog_repository_quota(struct rs_db_conn *conn, const char *name,
                                                         uint64_t *ret_bytes,
                                                         struct rs_err *reterr);
/* Bytes of the blobs that are in it, each counted once, wherever else they are.  The cost grows
 * with their number.  A name that no repository has takes 0. */
RS_MUST_CHECK enum rs_status rs_catalog_repository_used(struct rs_db_conn *conn, const char *name,
                                                        uint64_t *ret_bytes, struct rs_err *reterr);

/* Within a write job; 0 takes its own quota away.  RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_catalog_repository_set_quota(struct rs_db_conn *conn,
                                                             const char *name, uint64_t quota_bytes,
                                                             struct rs_err *reterr);

#endif
