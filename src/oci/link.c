#include "oci/link.h"

#include <stdbool.h>
#include <string.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

enum rs_status rs_link_encode(struct rs_buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (is_unreserved(*p))
            (void)rs_buf_addc(out, *p);
        else
            (void)rs_buf_add(out, escaped, sizeof(escaped));
    }
    return (enum rs_status)out->failed;
}

enum rs_status rs_link_next(struct rs_buf *out, const char *path,
                            const struct rs_link_param *params, size_t n)
{
    char separator = '?';
    (void)rs_buf_addc(out, '<');
    (void)rs_buf_adds(out, path);
    for (size_t i = 0; i < n; i++) {
        if (params[i].value == NULL)
            continue;
        (void)rs_buf_addc(out, separator);
        (void)rs_buf_adds(out, params[i].key);
        (void)rs_buf_addc(out, '=');
        (void)rs_link_encode(out, params[i].value);
        separator = '&';
    }
    return rs_buf_adds(out, ">; rel=\"next\"");
}
