/*
 * auth/role.h: what a grant gives.  The one table of roles and permissions.
 * Layer: auth.  Threads: any (pure functions).  Spec: SPEC section 3.
 */
#ifndef RS_AUTH_ROLE_H
#define RS_AUTH_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define RS_ROLE_CHECK_BYTES_MAX 64

struct rs_role_gives {
    uint32_t perms;    /* bits of enum rs_perm; RS_PERM_CHECK_ANY with every check */
    const char *check; /* the check's name or "*", inside `what`; NULL for none */
};

/**
 * rs_role_gives(): expand a role ("processor", "checker:<name>") or a permission
 * ("quarantine-override", "check:<name>", "check:*"). False, and nothing given, for everything
 * else: an unknown word never permits anything.
 */
RS_MUST_CHECK bool rs_role_gives(const char *what, struct rs_role_gives *ret);

/* Is `what` one permission ("check:scan", "quarantine-override") rather than a role?  `admin`,
 * which is both, is called a role. */
bool rs_role_is_permission(const char *what);
/* quarantine-pull, -push, -decide, -override or a check: what an admin may not hold, and what is
 * audited in its own kind. */
bool rs_role_is_quarantine(const struct rs_role_gives *gives);
/* May everybody without credentials hold it?  Only pull. */
bool rs_role_is_for_anonymous(const struct rs_role_gives *gives);

/* The name of a check: 1..64 of [a-z0-9._-], starting with a letter or digit. */
bool rs_role_check_is_valid(const char *name);

/* The word for one permission bit ("quarantine-pull"); NULL for RS_PERM_CHECK_ANY and what is no
 * single permission. */
const char *rs_perm_name(uint32_t perm);

#endif
