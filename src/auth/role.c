#include "auth/role.h"

#include <string.h>

#include "auth/access.h"

struct row {
    const char *what;
    uint32_t perms;
};

/* SPEC section 3, row by row. */
static const struct row roles[] = {
    {"consumer", RS_PERM_PULL},
    {"publisher", RS_PERM_PULL | RS_PERM_PUSH},
    {"quarantine-reader", RS_PERM_PULL | RS_PERM_QUARANTINE_PULL},
    {"processor", RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH |
                      RS_PERM_QUARANTINE_DECIDE},
    {"maintainer", RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE},
    {"auditor", RS_PERM_AUDIT_READ},
    /* `admin` is a role and a permission alike, and stands below. */
};

static const struct row permissions[] = {
    {"pull", RS_PERM_PULL},
    {"push", RS_PERM_PUSH},
    {"delete", RS_PERM_DELETE},
    {"quarantine-pull", RS_PERM_QUARANTINE_PULL},
    {"quarantine-push", RS_PERM_QUARANTINE_PUSH},
    {"quarantine-decide", RS_PERM_QUARANTINE_DECIDE},
    {"quarantine-override", RS_PERM_QUARANTINE_OVERRIDE},
    {"audit-read", RS_PERM_AUDIT_READ},
    {"admin", RS_PERM_ADMIN},
};

#define CHECKER "checker:"
#define CHECK "check:"
#define CHECKER_PERMS \
    (RS_PERM_PULL | RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH | RS_PERM_CHECK_ANY)
#define QUARANTINE_PERMS                                                             \
    (RS_PERM_QUARANTINE_PULL | RS_PERM_QUARANTINE_PUSH | RS_PERM_QUARANTINE_DECIDE | \
     RS_PERM_QUARANTINE_OVERRIDE | RS_PERM_CHECK_ANY)

static bool find(const struct row *rows, size_t n, const char *what, uint32_t *ret_perms)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].what, what) == 0) {
            *ret_perms = rows[i].perms;
            return true;
        }
    }
    return false;
}

bool rs_role_gives(const char *what, struct rs_role_gives *ret)
{
    *ret = (struct rs_role_gives){0};
    if (find(roles, RS_ARRAY_LEN(roles), what, &ret->perms) ||
        find(permissions, RS_ARRAY_LEN(permissions), what, &ret->perms))
        return true;
    const char *check = NULL;
    uint32_t perms = 0;
    bool may_be_all = false;
    if (strncmp(what, CHECKER, sizeof CHECKER - 1) == 0) {
        check = what + sizeof CHECKER - 1;
        perms = CHECKER_PERMS;
    } else if (strncmp(what, CHECK, sizeof CHECK - 1) == 0) {
        check = what + sizeof CHECK - 1;
        perms = RS_PERM_CHECK_ANY;
        may_be_all = strcmp(check, "*") == 0;
    }
    if (check == NULL || (!may_be_all && !rs_role_check_is_valid(check)))
        return false;
    *ret = (struct rs_role_gives){.perms = perms, .check = check};
    return true;
}

bool rs_role_is_permission(const char *what)
{
    uint32_t perms = 0;
    if (strncmp(what, CHECK, sizeof CHECK - 1) == 0)
        return true;
    return find(permissions, RS_ARRAY_LEN(permissions), what, &perms) && perms != RS_PERM_ADMIN;
}

bool rs_role_is_quarantine(const struct rs_role_gives *gives)
{
    return (gives->perms & QUARANTINE_PERMS) != 0;
}

bool rs_role_is_for_anonymous(const struct rs_role_gives *gives)
{
    return gives->perms == RS_PERM_PULL;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool rs_role_check_is_valid(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > RS_ROLE_CHECK_BYTES_MAX || !is_alnum(name[0]))
        return false;
    for (size_t i = 1; i < n; i++) {
        if (!is_alnum(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-')
            return false;
    }
    return true;
}

const char *rs_perm_name(uint32_t perm)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(permissions); i++) {
        if (permissions[i].perms == perm)
            return permissions[i].what;
    }
    return NULL;
}
