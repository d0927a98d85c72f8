#include "quarantine/alias.h"

#include "base/attr.h"
#include "catalog/blob.h"
#include "catalog/generation.h"
#include "quarantine/release.h"

/* Detach one attachment that is joined to a released subject; *ret_more false when none is left. */
static enum rs_status detach_one(struct rs_db_conn *conn, struct rs_arena *arena,
                                 const struct rs_actor *actor, const char *digest, bool *ret_more,
                                 struct rs_err *reterr)
{
    struct rs_change c;
    struct rs_manifest_row *row = NULL;
    const char *repository = NULL;
    enum rs_status s = rs_catalog_manifest_left_behind(conn, arena, digest, &row, reterr);
    *ret_more = s == RS_OK && row != NULL;
    if (!*ret_more)
        return s;
    s = rs_catalog_manifest_repository(conn, arena, row, &repository, reterr);
    if (s == RS_OK)
        s = rs_change_begin(conn, arena, actor, repository, &c, reterr);
    if (s == RS_OK)
        s = rs_release_detach(&c, row, reterr);
    if (s == RS_OK)
        rs_generation_touch_repository(conn, repository);
    return s;
}

enum rs_status rs_alias_learn(struct rs_db_conn *conn, const struct rs_actor *actor,
                              const char *alias, const char *digest, struct rs_err *reterr)
{
    enum rs_status s = rs_catalog_alias_add(conn, alias, digest, reterr);
    for (bool more = true; s == RS_OK && more;) {
        struct rs_arena arena;
        rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
        s = detach_one(conn, &arena, actor, digest, &more, reterr);
        rs_arena_release(&arena);
    }
    return s;
}
