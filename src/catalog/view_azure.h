/*
 * catalog/view_azure.h: read queries behind Azure's lists and attributes.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 4 ("lists and attributes under
 * /acr/v1/").  As in view.h: what is there, never who may see it.
 */
#ifndef RS_CATALOG_VIEW_AZURE_H
#define RS_CATALOG_VIEW_AZURE_H

#include "catalog/view_list.h"

enum rs_azure_order {
    RS_AZURE_BY_NAME, /* tags by name, manifests by digest */
    RS_AZURE_OLDEST_FIRST,
    RS_AZURE_NEWEST_FIRST,
};
/* One page.  `last` is the tag or digest of the last entry of the page before; one that does not
 * exist is a place in the order of names, and the start in the other orders. */
struct rs_azure_page {
    const char *repository;
    enum rs_view_rows rows;
    enum rs_azure_order order;
    const char *last;   /* "" for the first page */
    const char *digest; /* tags of this manifest only; NULL for all */
    int64_t n_max;
};

struct rs_azure_repository {
    int64_t created_ms;
    int64_t updated_ms; /* the last push or decision */
    int64_t n_manifests;
    int64_t n_tags;
};
/* *ret_found is false when there is no manifest of these rows; for RS_VIEW_ROWS_ALL a blob is
 * enough, so that whatever a list of repositories names is found. */
RS_MUST_CHECK enum rs_status
rs_view_azure_repository(struct rs_db_conn *conn, const char *repository, enum rs_view_rows rows,
                         bool *ret_found, struct rs_azure_repository *ret, struct rs_err *reterr);

struct rs_azure_tag {
    const char *name;
    const char *digest; /* the staged manifest (RS_VIEW_ROWS_ALL), else the live one */
    int64_t pushed_ms;  /* of that manifest */
    int64_t changed_ms;
};
/* One tag; *ret_found is false when these rows do not show it. */
RS_MUST_CHECK enum rs_status rs_view_azure_tag(struct rs_db_conn *conn, struct rs_arena *arena,
                                               const char *repository, const char *tag,
                                               enum rs_view_rows rows, bool *ret_found,
                                               struct rs_azure_tag *ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_view_azure_tags(struct rs_db_conn *conn, struct rs_arena *arena,
                                                const struct rs_azure_page *page,
                                                const struct rs_azure_tag **ret, size_t *ret_n,
                                                struct rs_err *reterr);
/* Ids of the newest manifests of a repository with an id below `before`, newest first, at most
 * n_max; in the arena. */
RS_MUST_CHECK enum rs_status rs_view_azure_newest(struct rs_db_conn *conn, struct rs_arena *arena,
                                                  const char *repository, int64_t before,
                                                  size_t n_max, const int64_t **ret, size_t *ret_n,
                                                  struct rs_err *reterr);
/* Ids of manifests. */
RS_MUST_CHECK enum rs_status rs_view_azure_manifests(struct rs_db_conn *conn,
                                                     struct rs_arena *arena,
                                                     const struct rs_azure_page *page,
                                                     const int64_t **ret, size_t *ret_n,
                                                     struct rs_err *reterr);

#endif
