#include "auth/access.h"

#include <string.h>

bool rs_access_has_check(const struct rs_access *a, const char *check)
{
    if ((a->perms & RS_PERM_CHECK_ANY) == 0 || a->checks == NULL || *check == '\0')
        return false;
    size_t wanted = strlen(check);
    for (const char *p = a->checks; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        if ((n == 1 && *p == '*') || (n == wanted && memcmp(p, check, n) == 0))
            return true;
        p += n + (p[n] == '\n');
    }
    return false;
}
