#include "oci/range.h"

#include <string.h>
#include <strings.h>

/* Digits at the front of *s as a number; past 64 bits it stays at the largest one.  False: no
 * digit. */
static bool take_number(struct rs_str *s, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s->p[i] - '0'), &value))
            value = UINT64_MAX; /* the next digit overflows again */
    *ret = value;
    *s = rs_str_n(s->p + i, s->n - i);
    return i > 0;
}

static bool take_dash(struct rs_str *s)
{
    if (s->n == 0 || s->p[0] != '-')
        return false;
    *s = rs_str_n(s->p + 1, s->n - 1);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct rs_str trim(struct rs_str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = rs_str_n(s.p + 1, s.n - 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The last `length` bytes. */
static enum rs_range_verdict suffix(uint64_t length, uint64_t size, struct rs_range *ret)
{
    if (length == 0 || size == 0)
        return RS_RANGE_UNSATISFIABLE;
    ret->first = length < size ? size - length : 0;
    ret->last = size - 1;
    return RS_RANGE_PART;
}

enum rs_range_verdict rs_range_parse(const char *header, uint64_t size, struct rs_range *ret)
{
    static const char unit[] = "bytes=";
    if (header == NULL || strncasecmp(header, unit, sizeof(unit) - 1) != 0)
        return RS_RANGE_WHOLE;
    struct rs_str s = trim(rs_str_of(header + sizeof(unit) - 1));
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    bool has_first = take_number(&s, &first);
    if (!take_dash(&s))
        return RS_RANGE_WHOLE;
    bool has_last = take_number(&s, &last);
    if (s.n > 0 || (!has_first && !has_last)) /* a list, or no range at all */
        return RS_RANGE_WHOLE;
    if (!has_first)
        return suffix(last, size, ret);
    if (!has_last)
        last = UINT64_MAX;
    if (first >= size || last < first)
        return RS_RANGE_UNSATISFIABLE;
    ret->first = first;
    ret->last = last < size ? last : size - 1;
    return RS_RANGE_PART;
}

bool rs_range_parse_chunk(const char *header, struct rs_range *ret)
{
    struct rs_str s = rs_str_of(header);
    uint64_t first = 0;
    uint64_t last = 0;
    if (!take_number(&s, &first) || !take_dash(&s) || !take_number(&s, &last) || s.n > 0)
        return false;
    if (first > last || last > INT64_MAX)
        return false;
    ret->first = first;
    ret->last = last;
    return true;
}
