#include "base/text.h"

#include <string.h>

struct rs_str rs_str_of(const char *text)
{
    return text == NULL ? rs_str_n("", 0) : rs_str_n(text, strlen(text));
}

bool rs_str_eq(struct rs_str a, const char *text)
{
    return strlen(text) == a.n && memcmp(a.p, text, a.n) == 0;
}

bool rs_parse_u64(struct rs_str text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value) || value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

void rs_hex_encode(const unsigned char *src, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[src[i] >> 4];
        out[2 * i + 1] = digits[src[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool rs_hex_decode(struct rs_str hex, unsigned char *out, size_t n)
{
    if (hex.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_value(hex.p[2 * i]);
        int lo = hex_value(hex.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

int rs_percent_byte(const char *p, size_t n)
{
    if (n < 3 || p[0] != '%')
        return -1;
    int hi = hex_value(ascii_lower(p[1]));
    int lo = hex_value(ascii_lower(p[2]));
    return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64_encode(const char *alphabet, bool pad, const unsigned char *src, size_t n,
                          char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned v = (unsigned)src[i] << 16;
        if (left > 1)
            v |= (unsigned)src[i + 1] << 8;
        if (left > 2)
            v |= src[i + 2];
        out[o++] = alphabet[v >> 18 & 63];
        out[o++] = alphabet[v >> 12 & 63];
        if (left > 1)
            out[o++] = alphabet[v >> 6 & 63];
        else if (pad)
            out[o++] = '=';
        if (left > 2)
            out[o++] = alphabet[v & 63];
        else if (pad)
            out[o++] = '=';
    }
    out[o] = '\0';
}

void rs_base64_encode(const void *src, size_t n, char *out)
{
    base64_encode(base64_std, true, src, n, out);
}

void rs_base64url_encode(const void *src, size_t n, char *out)
{
    base64_encode(base64_url, false, src, n, out);
}

static int base64_value(const char *alphabet, char c)
{
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

/* `text` without padding. */
static bool base64_decode(const char *alphabet, struct rs_str text, unsigned char *out,
                          size_t *ret_n)
{
    size_t o = 0;
    unsigned v = 0;
    unsigned bits = 0;
    if (text.n % 4 == 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int d = base64_value(alphabet, text.p[i]);
        if (d < 0)
            return false;
        v = (v << 6 | (unsigned)d) & 0xffffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[o++] = (unsigned char)(v >> bits & 255U);
        }
    }
    if ((v & ((1U << bits) - 1U)) != 0) /* one byte string has one encoding only */
        return false;
    *ret_n = o;
    return true;
}

bool rs_base64_decode(struct rs_str text, unsigned char *out, size_t *ret_n)
{
    if (text.n % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
        text.n--;
    return base64_decode(base64_std, text, out, ret_n);
}

bool rs_base64url_decode(struct rs_str text, unsigned char *out, size_t *ret_n)
{
    return base64_decode(base64_url, text, out, ret_n);
}

/* Length of the valid UTF-8 sequence at p (n > 0 bytes left), 0 when invalid. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : len;
}

bool rs_utf8_is_valid(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence(u + i, n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/*
 * Two-level backtracking: the newest `*` is tried first; when its component ends, the newest `**`
 * takes over.  A later `**` makes every earlier star irrelevant, so two resume points are enough
 * and the work is bounded by n*n*m.
 */
bool rs_glob_match(const char *pattern, const char *name)
{
    const char *star_p = NULL;
    const char *star_n = NULL;
    const char *deep_p = NULL;
    const char *deep_n = NULL;
    for (;;) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            pattern += 2;
            deep_p = pattern;
            deep_n = name;
            star_p = NULL;
        } else if (pattern[0] == '*') {
            pattern++;
            star_p = pattern;
            star_n = name;
        } else if (pattern[0] != '\0' && pattern[0] == name[0]) {
            pattern++;
            name++;
        } else if (pattern[0] == '\0' && name[0] == '\0') {
            return true;
        } else if (star_p != NULL && star_n[0] != '\0' && star_n[0] != '/') {
            name = ++star_n;
            pattern = star_p;
        } else if (deep_p != NULL && deep_n[0] != '\0') {
            name = ++deep_n;
            pattern = deep_p;
            star_p = NULL;
        } else {
            return false;
        }
    }
}

bool rs_glob_is_valid(const char *pattern)
{
    size_t n = strlen(pattern);
    if (n == 0 || n > 255 || pattern[0] == '/' || pattern[n - 1] == '/')
        return false;
    if (strstr(pattern, "***") != NULL || strstr(pattern, "//") != NULL)
        return false;
    return strspn(pattern, "abcdefghijklmnopqrstuvwxyz0123456789._-/*") == n;
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t rs_text_distance(struct rs_str a, struct rs_str b)
{
    size_t row[RS_WORD_BYTES_MAX + 1];
    if (a.n > RS_WORD_BYTES_MAX || b.n > RS_WORD_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a.p[i - 1] == b.p[j - 1] ? 0 : 1);
            row[j] = least_of(replaced, above + 1, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[b.n];
}

bool rs_text_copy(char *out, size_t cap, const char *src)
{
    size_t n = strlen(src);
    bool whole = n < cap;
    if (!whole)
        n = cap - 1;
    memcpy(out, src, n);
    out[n] = '\0';
    return whole;
}
