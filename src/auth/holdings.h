/*
 * auth/holdings.h: what a principal holds, pattern by pattern, cached until an identity, grant or
 * policy changes.
 * Layer: auth.  Threads: any.  Spec: SPEC section 3.
 */
#ifndef RS_AUTH_HOLDINGS_H
#define RS_AUTH_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"

struct rs_holdings_cache;

/* One grant, expanded. */
struct rs_holding {
    const char *pattern;
    uint32_t perms;
    const char *check; /* one check's name or "*"; NULL for none */
    bool is_public;    /* it is anonymous' grant, which everybody has */
};

/* Immutable once made, shared by reference. */
struct rs_holdings {
    size_t n;
    struct rs_holding *list;
    /* private */
    int64_t principal_id;
    uint64_t generation;
    _Atomic unsigned refs;
    struct rs_arena memory;
};

RS_MUST_CHECK enum rs_status rs_holdings_cache_new(struct rs_db *db, struct rs_holdings_cache **ret,
                                                   struct rs_err *reterr);
/* NULL-safe; no reference may be out */
void rs_holdings_cache_free(struct rs_holdings_cache *cache);

/**
 * rs_holdings_get(): what this principal holds now, its own grants first, then the public ones.
 * *ret is a reference that the caller gives back with rs_holdings_unref().
 * Errors: RS_IO, RS_NOMEM; RS_CORRUPT for a stored grant that means nothing: it denies everything
 * rather than guess.  Blocks: a read of the catalog when something has changed.
 */
RS_MUST_CHECK enum rs_status rs_holdings_get(struct rs_holdings_cache *cache, int64_t principal_id,
                                             struct rs_holdings **ret, struct rs_err *reterr);
void rs_holdings_unref(struct rs_holdings *h); /* NULL-safe */
RS_DEFINE_AUTO_PTR(rs_holdings, rs_holdings_unref)

#endif
