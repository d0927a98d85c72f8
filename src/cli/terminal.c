#include "cli/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Decode the character at p; returns its bytes, 0 when there is no valid one. */
static size_t decode(struct rs_str s, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (n > s.n || !rs_utf8_is_valid(s.p, n))
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fU);
    *ret = c;
    return n;
}

struct span {
    uint32_t first;
    uint32_t last;
};

static bool is_in(const struct span *spans, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= spans[i].first && c <= spans[i].last)
            return true;
    return false;
}

/* Characters that are not seen but change how others are: direction marks and overrides, line and
 * paragraph separators, the byte order mark, tags. */
static bool is_treacherous(uint32_t c)
{
    static const struct span spans[] = {{0x061c, 0x061c},  {0x200b, 0x200f}, {0x2028, 0x202e},
                                        {0x2060, 0x206f},  {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
                                        {0xe0000, 0xe007f}};
    return is_in(spans, RS_ARRAY_LEN(spans), c);
}

static bool is_wide(uint32_t c)
{
    static const struct span spans[] = {{0x1100, 0x115f},  {0x2e80, 0x303e}, {0x3041, 0xa4cf},
                                        {0xac00, 0xd7a3},  {0xf900, 0xfaff}, {0xfe30, 0xfe4f},
                                        {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1faff},
                                        {0x20000, 0x3fffd}};
    return is_in(spans, RS_ARRAY_LEN(spans), c);
}

static bool is_combining(uint32_t c)
{
    static const struct span spans[] = {
        {0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    return is_in(spans, RS_ARRAY_LEN(spans), c);
}

static void add_byte(struct rs_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    const char text[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
    (void)rs_buf_add(out, text, sizeof(text));
}

enum rs_status rs_terminal_add(struct rs_buf *out, struct rs_str text)
{
    while (text.n > 0) {
        uint32_t c = 0;
        size_t n = decode(text, &c);
        if (n == 0) {
            add_byte(out, (unsigned char)text.p[0]);
            n = 1;
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            add_byte(out, (unsigned char)c);
        } else if (is_treacherous(c)) {
            (void)rs_buf_addf(out, "\\u{%x}", (unsigned)c);
        } else {
            (void)rs_buf_add(out, text.p, n);
        }
        text = rs_str_n(text.p + n, text.n - n);
    }
    return (enum rs_status)out->failed;
}

size_t rs_terminal_width(struct rs_str text)
{
    size_t width = 0;
    while (text.n > 0) {
        uint32_t c = 0;
        size_t n = decode(text, &c);
        width += n == 0 ? 1 : is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
        n = n == 0 ? 1 : n;
        text = rs_str_n(text.p + n, text.n - n);
    }
    return width;
}

const char *rs_terminal_text(const char *text, char out[RS_TERMINAL_TEXT_BYTES])
{
    RS_AUTO(rs_buf) struct rs_buf safe = RS_BUF_INIT(RS_TERMINAL_TEXT_BYTES - 1);
    (void)rs_terminal_add(&safe, rs_str_of(text)); /* what does not fit is left out */
    (void)rs_text_copy(out, RS_TERMINAL_TEXT_BYTES, rs_buf_text(&safe));
    return out;
}
