/*
 * catalog/view_blob.h: read queries about one blob of a repository, from the visibility counters.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 4; DESIGN rule 5.
 * As in view.h: what is there, never who may see it.  Digests are canonical.
 */
#ifndef RS_CATALOG_VIEW_BLOB_H
#define RS_CATALOG_VIEW_BLOB_H

#include "catalog/view.h"

struct rs_view_blob {
    uint64_t size;
    bool is_present; /* uploaded or mounted there: without it nobody reads it */
    bool is_named;   /* by a manifest of the repository */
    bool is_open;    /* opened by a released manifest of the repository */
};

/* *ret_found is false as well when the registry has no bytes for it. */
RS_MUST_CHECK enum rs_status rs_view_blob(struct rs_db_conn *conn, const char *repository,
                                          const char *digest, bool *ret_found,
                                          struct rs_view_blob *ret, struct rs_err *reterr);

/* Did this principal upload it there itself? */
RS_MUST_CHECK enum rs_status rs_view_blob_is_uploader(struct rs_db_conn *conn,
                                                      const char *repository, const char *digest,
                                                      int64_t principal_id, bool *ret,
                                                      struct rs_err *reterr);

/* Did this principal push a manifest of the repository that names it? */
RS_MUST_CHECK enum rs_status rs_view_blob_is_pusher(struct rs_db_conn *conn, const char *repository,
                                                    const char *digest, int64_t principal_id,
                                                    bool *ret, struct rs_err *reterr);

/* Is it the image config of a manifest that this principal pushed there, one without `data`? */
RS_MUST_CHECK enum rs_status rs_view_blob_is_own_config(struct rs_db_conn *conn,
                                                        const char *repository, const char *digest,
                                                        int64_t principal_id, bool *ret,
                                                        struct rs_err *reterr);

/* The manifest in quarantine that keeps it closed: one in state quarantined before a failed one,
 * among them the latest.  Only for telling the reason: looks at the latest manifests that name it,
 * a bounded number of them, and may find none. */
RS_MUST_CHECK enum rs_status rs_view_blob_holder(struct rs_db_conn *conn, struct rs_arena *arena,
                                                 const char *repository, const char *digest,
                                                 bool *ret_found, struct rs_view_manifest *ret,
                                                 struct rs_err *reterr);

/* Names of repositories where it is present, at most n_max, those that open it first. */
RS_MUST_CHECK enum rs_status rs_view_blob_repositories(struct rs_db_conn *conn,
                                                       struct rs_arena *arena, const char *digest,
                                                       size_t n_max, const char ***ret,
                                                       size_t *ret_n, struct rs_err *reterr);

#endif
