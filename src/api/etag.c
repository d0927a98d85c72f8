#include "api/etag.h"

#include <string.h>

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t,");
}

bool rs_api_etag_is_listed(const char *header, const char *digest)
{
    if (header == NULL)
        return false;
    const size_t n = strlen(digest);
    const char *p = skip_blanks(header);
    if (*p == '*')
        return true;
    while (*p != '\0') {
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (*p != '"')
            return false;
        const char *end = strchr(p + 1, '"');
        if (end == NULL)
            return false;
        if ((size_t)(end - p - 1) == n && memcmp(p + 1, digest, n) == 0)
            return true;
        p = skip_blanks(end + 1);
    }
    return false;
}
