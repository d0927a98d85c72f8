/*
 * api/reply_cache.h: a bounded cache of prebuilt answers with released content.
 * Layer: api.  Threads: any; short critical sections under striped locks, no I/O.
 * Spec: DESIGN "read path".
 *
 * It is asked only after the resolver let the viewer in, and holds only what is the same for every
 * viewer with the same sight (registry/pull.h).  An entry is good exactly while the repository's
 * generation is the one that was taken before it was made.
 */
#ifndef RS_API_REPLY_CACHE_H
#define RS_API_REPLY_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/reply.h"

struct rs_reply_cache;

/* @bytes_max  of all answers together; 0 = 32 MiB.  One answer may take a 64th of it. */
RS_MUST_CHECK enum rs_status rs_reply_cache_new(size_t bytes_max, struct rs_reply_cache **ret,
                                                struct rs_err *reterr);
void rs_reply_cache_free(struct rs_reply_cache *cache); /* NULL-safe */

struct rs_reply_key {
    unsigned sight;
    const char *repository; /* borrowed, as the next */
    const char *reference;
    uint64_t generation;
};

/* The answer, with a reference for the caller; NULL when there is none that is good.
 * `cache` may be NULL. */
struct rs_cached_reply *rs_reply_cache_get(struct rs_reply_cache *cache,
                                           const struct rs_reply_key *key);
/* Keep an answer (takes a reference of its own), or not: memory and bounds decide.
 * `cache` may be NULL. */
void rs_reply_cache_put(struct rs_reply_cache *cache, const struct rs_reply_key *key,
                        struct rs_cached_reply *reply);
/* Memory of the answers held. */
size_t rs_reply_cache_bytes(const struct rs_reply_cache *cache);

#endif
