/*
 * auth/verified.h: credentials that were verified a moment ago.
 * Layer: auth.  Threads: any.  Spec: SPEC section 9.
 *
 * The key is a hash under a secret of this process, so that the memory holds no password and no
 * token.  An entry is found only while the access generation it was judged at is unchanged; after a
 * change its owner judges the principal again and renews it, or drops it.
 */
#ifndef RS_AUTH_VERIFIED_H
#define RS_AUTH_VERIFIED_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

struct rs_verified_cache;

#define RS_VERIFIED_KEY_BYTES 32U
struct rs_verified_key {
    unsigned char bytes[RS_VERIFIED_KEY_BYTES];
};

RS_MUST_CHECK enum rs_status rs_verified_cache_new(struct rs_verified_cache **ret,
                                                   struct rs_err *reterr);
void rs_verified_cache_free(struct rs_verified_cache *cache); /* NULL-safe */

/* `kind` keeps the kinds of credentials apart; `a` and `b` are its parts. */
void rs_verified_key(const struct rs_verified_cache *cache, char kind, struct rs_str a,
                     struct rs_str b, struct rs_verified_key *ret);

struct rs_verified {
    struct rs_identity identity; /* scope borrowed: from the caller (put), from the arena (get) */
    uint64_t generation;         /* of access, taken before the principal was read */
    uint64_t expires_mono_ms;    /* whatever the wall clock does */
    /* each use moves the expiry so far from then on (a password; else busy clients would all have
     * to be verified again at the same moment); 0 = never (a token) */
    uint64_t extend_ms;
    int64_t expires_unix_s; /* INT64_MAX for a password */
};

/**
 * rs_verified_get(): the entry, if it has not expired.  It is for the caller to compare the
 * generation.  The scope is copied into the arena; without memory nothing is found.
 */
RS_MUST_CHECK bool rs_verified_get(struct rs_verified_cache *cache,
                                   const struct rs_verified_key *key, uint64_t now_mono_ms,
                                   int64_t now_unix_s, struct rs_arena *arena,
                                   struct rs_verified *ret);
/* Remember (or renew); copies.  Without memory it is not remembered, which is no error. */
void rs_verified_put(struct rs_verified_cache *cache, const struct rs_verified_key *key,
                     const struct rs_verified *v);
void rs_verified_drop(struct rs_verified_cache *cache, const struct rs_verified_key *key);

#endif
