#include "blob/grant_mint.h"

#include <stddef.h>

#include "base/assert.h"

#define GRANT_MAGIC 0x67726e74U

struct rs_grant {
    uint32_t magic;
    int64_t principal_id;
    const char *repository;
    const char *digest;
    uint64_t size;
};

const struct rs_grant *rs_grant_mint(struct rs_arena *arena, int64_t principal_id,
                                     const char *repository, const char *digest, uint64_t size)
{
    struct rs_grant *g = rs_arena_alloc(arena, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->magic = GRANT_MAGIC;
    g->principal_id = principal_id;
    g->repository = rs_arena_strdup(arena, repository);
    g->digest = rs_arena_strdup(arena, digest);
    g->size = size;
    return g->repository == NULL || g->digest == NULL ? NULL : g;
}

static const struct rs_grant *checked(const struct rs_grant *g)
{
    rs_assert(g != NULL && g->magic == GRANT_MAGIC);
    return g;
}

const char *rs_grant_digest(const struct rs_grant *g)
{
    return checked(g)->digest;
}

const char *rs_grant_repository(const struct rs_grant *g)
{
    return checked(g)->repository;
}

int64_t rs_grant_principal_id(const struct rs_grant *g)
{
    return checked(g)->principal_id;
}

uint64_t rs_grant_size(const struct rs_grant *g)
{
    return checked(g)->size;
}
