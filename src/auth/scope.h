/*
 * auth/scope.h: what a token may be used for: a list of repositories, each with the actions asked
 * for or granted there. Layer: auth.  Threads: any (values without hidden state).  Spec: SPEC
 * section 9; the scope grammar of Docker's token service.
 *
 * A scope never permits anything by itself: it only narrows what the principal's grants permit.
 */
#ifndef RS_AUTH_SCOPE_H
#define RS_AUTH_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/arena.h"
#include "base/err.h"
#include "json/json.h"
#include "json/write.h"

#define RS_SCOPE_REPOSITORIES_MAX 32U
#define RS_SCOPE_TEXT_BYTES_MAX ((size_t)8192)
/* Every action that a scope can carry for a repository; `*` means all of them. */
#define RS_SCOPE_ACTIONS                                                               \
    ((uint32_t)RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE | RS_SCOPE_METADATA_READ | \
     RS_SCOPE_METADATA_WRITE)

struct rs_scope_repository {
    const char *name;
    uint32_t actions; /* bits out of RS_SCOPE_ACTIONS */
};

/* Texts belong to the arena that the scope was made in.  A repository stands there once. */
struct rs_scope {
    size_t n;
    /* RS_SCOPE_REPOSITORIES_MAX places when made by rs_scope_new() */
    struct rs_scope_repository *repositories;
    bool catalog; /* registry:catalog:* */
};

/* An empty scope to parse into; NULL without memory. */
struct rs_scope *rs_scope_new(struct rs_arena *arena);

/**
 * rs_scope_parse(): add what `text` asks for: "repository:<name>:<action>,...",
 * "registry:catalog:*", several separated by spaces. Other resource types, unknown actions and
 * names that no repository can have are left out: nobody holds anything there. Errors:
 * RS_BAD_REQUEST (not <type>:<name>:<actions>, too long, more than RS_SCOPE_REPOSITORIES_MAX
 * repositories), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_scope_parse(struct rs_scope *scope, const char *text,
                                            struct rs_arena *arena, struct rs_err *reterr);

/* The actions for exactly this repository; 0 when it does not stand there. */
uint32_t rs_scope_actions(const struct rs_scope *scope, const char *repository);
/* Keep only what `cap` has too (a token never does more than the credential it was got with).  NULL
 * cap changes nothing. */
void rs_scope_narrow(struct rs_scope *scope, const struct rs_scope *cap);

/* The `access` list of a token, as Docker's token specification has it; entries without an action
 * are left out. */
void rs_scope_write(const struct rs_scope *scope, struct rs_jw *w);
/* Read such a list back, strictly.  Errors: RS_UNAUTHORIZED (anything that rs_scope_write() does
 * not write), RS_NOMEM. */
RS_MUST_CHECK enum rs_status rs_scope_read(const struct rs_json *access, struct rs_arena *arena,
                                           struct rs_scope **ret, struct rs_err *reterr);
/* "repository:team/app:pull,push registry:catalog:*" of what it carries; NULL without memory. */
const char *rs_scope_text(const struct rs_scope *scope, struct rs_arena *arena);
/* A copy in another arena; NULL without memory. */
struct rs_scope *rs_scope_copy(const struct rs_scope *scope, struct rs_arena *arena);

#endif
