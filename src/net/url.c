#include "net/url.h"

#include <string.h>

/* Behind "scheme://"; NULL for another scheme. */
static const char *after_scheme(const char *url, struct rs_url *ret)
{
    ret->is_https = strncmp(url, "https://", 8) == 0;
    if (ret->is_https)
        return url + 8;
    return strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

bool rs_url_parse(const char *url, struct rs_url *ret)
{
    *ret = (struct rs_url){0};
    const char *rest = after_scheme(url, ret);
    /* No host: strchr() finds the end of the text too. */
    if (rest == NULL || strchr("/?#:", *rest) != NULL)
        return false;
    ret->has_user = memchr(rest, '@', strcspn(rest, "/?#")) != NULL;
    ret->has_query = strchr(rest, '?') != NULL;
    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '#')
            return false;
    }
    return true;
}
