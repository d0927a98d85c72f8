#include "oci/name.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of the separator at p (0: none): one '.', one or two '_', any number of '-'. */
static size_t separator_bytes(const char *p, size_t n)
{
    if (p[0] == '.')
        return 1;
    if (p[0] == '_')
        return n > 1 && p[1] == '_' ? 2 : 1;
    size_t len = 0;
    while (len < n && p[len] == '-')
        len++;
    return len;
}

bool rs_name_is_valid(struct rs_str name)
{
    if (name.n == 0 || name.n > RS_NAME_BYTES_MAX)
        return false;
    size_t i = 0;
    for (;;) {
        size_t run = i;
        while (run < name.n && is_alnum(name.p[run]))
            run++;
        if (run == i)
            return false; /* every run between separators and slashes holds something */
        if (run == name.n)
            return true;
        size_t separator = name.p[run] == '/' ? 1 : separator_bytes(name.p + run, name.n - run);
        if (separator == 0)
            return false;
        i = run + separator;
    }
}
