/*
 * registry/lists.h: lists of tags and of repositories, as far as the viewer sees them.
 * Layer: registry.  Threads: any; reads one snapshot of the catalog, which may take milliseconds.
 * Spec: distribution-spec "Listing Tags"; Docker's `_catalog`; SPEC section 4.
 */
#ifndef RS_REGISTRY_LISTS_H
#define RS_REGISTRY_LISTS_H

#include "quarantine/resolver.h"
#include "registry/services.h"

/* Which page. */
struct rs_page {
    unsigned n;       /* at most so many entries; 0 gives an empty list without a next page */
    const char *last; /* entries after this one, which need not exist; "" from the start */
};

/* A page as the body of an answer. */
struct rs_list {
    struct rs_buf json; /* owned */
    const char *next;   /* `last` of the next page, in the arena; NULL when this is the last one */
    enum rs_sight sight;
};
static inline void rs_list_release(struct rs_list *list)
{
    rs_buf_release(&list->json);
}
RS_DEFINE_AUTO(rs_list, struct rs_list, rs_list_release)

#define RS_LIST_N_MAX 10000U

/**
 * rs_registry_tags(): {"name": ..., "tags": [...]}: all tags for column Q, live ones for W and R.
 * A repository that does not exist has none.
 * Errors: those of rs_resolve_lists(), faults.
 */
RS_MUST_CHECK enum rs_status rs_registry_tags(const struct rs_services *services,
                                              const struct rs_viewer *viewer,
                                              const struct rs_page *page, struct rs_list *ret,
                                              struct rs_err *reterr);

/**
 * rs_registry_catalog(): {"repositories": [...]}: where the principal sees something: all for
 * column Q, those with something released or own pushes for W, those with something released for R.
 * By the principal's grants, whatever a token's scope.
 */
RS_MUST_CHECK enum rs_status rs_registry_catalog(const struct rs_services *services,
                                                 const struct rs_identity *identity,
                                                 struct rs_arena *arena, const struct rs_page *page,
                                                 struct rs_list *ret, struct rs_err *reterr);

#endif
