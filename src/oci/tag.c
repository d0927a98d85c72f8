#include "oci/tag.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool rs_tag_is_valid(struct rs_str tag)
{
    if (tag.n == 0 || tag.n > RS_TAG_BYTES_MAX || !is_word(tag.p[0]))
        return false;
    for (size_t i = 1; i < tag.n; i++)
        if (!is_word(tag.p[i]) && tag.p[i] != '.' && tag.p[i] != '-')
            return false;
    return true;
}
