/*
 * catalog/generation.h: how caches learn that what they hold is old.
 * Layer: catalog.  Threads: any (atomic counters).
 *
 * A reader takes the generation BEFORE it reads the database and keeps it with what it caches; a
 * cached value is good exactly while the generation is unchanged.  The writer bumps after the
 * commit and before the change is acknowledged (rs_db_after_commit), so an acknowledged change is
 * seen by the very next request.
 */
#ifndef RS_CATALOG_GENERATION_H
#define RS_CATALOG_GENERATION_H

#include <stdint.h>

#include "db/db.h"

/* Of a repository's content (manifests, tags, states, blobs).  Repositories may share a counter: a
 * needless miss, never a stale hit. */
uint64_t rs_generation_repository(const char *repository);
/* Of identities, grants and policies. */
uint64_t rs_generation_access(void);

/* Within a write job: bump after the commit. */
void rs_generation_touch_repository(struct rs_db_conn *conn, const char *repository);
/* Of every repository: for repairs. */
void rs_generation_touch_all(struct rs_db_conn *conn);
void rs_generation_touch_access(struct rs_db_conn *conn);

#endif
