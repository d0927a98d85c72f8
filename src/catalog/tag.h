/*
 * catalog/tag.h: the rows of tags, and under which tags manifests were pushed.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 1 ("live tag", "staged tag");
 * invariant I4 of schema.c.  Functions that change something run within a write job.
 */
#ifndef RS_CATALOG_TAG_H
#define RS_CATALOG_TAG_H

#include "base/arena.h"
#include "db/db.h"

struct rs_tag_row {
    int64_t live_id; /* 0 = none, in both */
    int64_t live_seq;
    int64_t staged_id;
    int64_t staged_seq;
};

/* A tag that does not exist is all zero. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_get(struct rs_db_conn *conn, int64_t repository_id,
                                                const char *tag, struct rs_tag_row *ret,
                                                struct rs_err *reterr);
/* Store it.  With neither pointer the tag is gone, and so is the memory of who was pushed under it
 * before live_seq. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_put(struct rs_db_conn *conn, int64_t repository_id,
                                                const char *tag, const struct rs_tag_row *row,
                                                int64_t now_ms, struct rs_err *reterr);
/* The next number in the order of all pushes of tags. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_next_seq(struct rs_db_conn *conn, int64_t *ret,
                                                     struct rs_err *reterr);
/* Nothing was ever pushed under this tag: a later release brings it not back. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_forget(struct rs_db_conn *conn, int64_t repository_id,
                                                   const char *tag, struct rs_err *reterr);

/* A tag that a manifest was pushed under since the tag was last deleted. */
struct rs_pushed_tag {
    const char *tag;
    int64_t seq;                     /* of the latest such push */
    const char *quarantine_event_id; /* NULL: that push made none */
    const char *named; /* the digest of another algorithm that the client named; NULL: it did not */
};
RS_MUST_CHECK enum rs_status rs_catalog_tag_pushed(struct rs_db_conn *conn, int64_t repository_id,
                                                   int64_t manifest_id,
                                                   const struct rs_pushed_tag *tag,
                                                   struct rs_err *reterr);
/* In push order. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_list_pushed(struct rs_db_conn *conn,
                                                        struct rs_arena *arena, int64_t manifest_id,
                                                        const struct rs_pushed_tag **ret,
                                                        size_t *ret_n, struct rs_err *reterr);
/* How many of them there are. */
RS_MUST_CHECK enum rs_status rs_catalog_tag_count_pushed(struct rs_db_conn *conn,
                                                         int64_t manifest_id, int64_t *ret,
                                                         struct rs_err *reterr);
/* Names of the tags that point to a manifest, sorted. */
enum rs_tag_pointer { RS_TAG_LIVE, RS_TAG_STAGED };
RS_MUST_CHECK enum rs_status
rs_catalog_tag_list_pointing(struct rs_db_conn *conn, struct rs_arena *arena, int64_t repository_id,
                             int64_t manifest_id, enum rs_tag_pointer which,
                             const char *const **ret, size_t *ret_n, struct rs_err *reterr);

#endif
