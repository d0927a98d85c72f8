/*
 * catalog/view_list.h: read queries for lists: tags, repositories, referrers.
 * Layer: catalog.  Threads: as the connection.  Spec: distribution-spec "Listing Tags", "Listing
 * Referrers"; SPEC section 4.  Names and digests sort by their bytes.
 */
#ifndef RS_CATALOG_VIEW_LIST_H
#define RS_CATALOG_VIEW_LIST_H

#include "catalog/view.h"

/* Which rows of a list. */
enum rs_view_rows {
    RS_VIEW_ROWS_RELEASED, /* live tags, released manifests */
    RS_VIEW_ROWS_ALL,
};

/* A visitor gets each row while it is borrowed; false stops. */
typedef bool (*rs_view_name_visit)(const char *name, void *arg);

/* Tags after `after` ("" for the first), in order, at most n_max. */
RS_MUST_CHECK enum rs_status rs_view_list_tags(struct rs_db_conn *conn, const char *repository,
                                               enum rs_view_rows rows, const char *after,
                                               unsigned n_max, rs_view_name_visit visit, void *arg,
                                               struct rs_err *reterr);

/* All repositories that have a manifest or a blob, after `after` and from `from` on, in order. */
RS_MUST_CHECK enum rs_status rs_view_list_repositories(struct rs_db_conn *conn, const char *after,
                                                       const char *from, rs_view_name_visit visit,
                                                       void *arg, struct rs_err *reterr);

/* Does a repository have something released? */
RS_MUST_CHECK enum rs_status rs_view_list_has_released(struct rs_db_conn *conn,
                                                       const char *repository, bool *ret,
                                                       struct rs_err *reterr);
/* Did the principal push a manifest there? */
RS_MUST_CHECK enum rs_status rs_view_list_has_pushed(struct rs_db_conn *conn,
                                                     const char *repository, int64_t principal_id,
                                                     bool *ret, struct rs_err *reterr);

/* A manifest that names a subject: what its descriptor is computed from. */
struct rs_view_referrer {
    const char *digest; /* canonical */
    const char *media_type;
    uint64_t size;
    const char *artifact_type; /* NULL when it has none */
    const char *annotations;   /* canonical JSON object, NULL when it has none */
    bool is_tagged;            /* it was pushed under a tag at least once */
};
typedef bool (*rs_view_referrer_visit)(const struct rs_view_referrer *row, void *arg);

struct rs_view_referrers_of {
    const char *repository;
    const char *subject;       /* canonical, or as the client sent it when no bytes are known */
    const char *artifact_type; /* NULL for all */
    const char *after;         /* a digest; "" for the first page */
    enum rs_view_rows rows;
    unsigned n_max;
};
/* Manifests of the repository that name the subject, ordered by digest. */
RS_MUST_CHECK enum rs_status rs_view_list_referrers(struct rs_db_conn *conn,
                                                    const struct rs_view_referrers_of *of,
                                                    rs_view_referrer_visit visit, void *arg,
                                                    struct rs_err *reterr);

#endif
