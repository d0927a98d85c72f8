#include "json/write.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"

/* Errors of single appends are sticky in the buffer and judged once by the caller. */

static void separate(struct rs_jw *w)
{
    if (w->comma)
        (void)rs_buf_addc(w->buf, ',');
    w->comma = true;
}

static void open_bracket(struct rs_jw *w, char bracket)
{
    separate(w);
    (void)rs_buf_addc(w->buf, bracket);
    w->depth++;
    w->comma = false;
}

static void close_bracket(struct rs_jw *w, char bracket)
{
    rs_assert(w->depth > 0);
    (void)rs_buf_addc(w->buf, bracket);
    w->depth--;
    w->comma = true;
}

void rs_jw_object(struct rs_jw *w)
{
    open_bracket(w, '{');
}

void rs_jw_object_end(struct rs_jw *w)
{
    close_bracket(w, '}');
}

void rs_jw_array(struct rs_jw *w)
{
    open_bracket(w, '[');
}

void rs_jw_array_end(struct rs_jw *w)
{
    close_bracket(w, ']');
}

void rs_jw_key(struct rs_jw *w, const char *key)
{
    rs_assert(w->depth > 0);
    rs_jw_text(w, key);
    (void)rs_buf_addc(w->buf, ':');
    w->comma = false;
}

/* Append the escape of an ASCII byte or C1 control that may not stand as it is. */
static void add_escape(struct rs_buf *out, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    const char *at = code == 0 ? NULL : memchr(plain, (int)code, sizeof(plain) - 1);
    if (at != NULL) {
        (void)rs_buf_addc(out, '\\');
        (void)rs_buf_addc(out, letter[at - plain]);
        return;
    }
    char text[6] = {'\\', 'u', '0', '0', digits[code >> 4 & 15], digits[code & 15]};
    (void)rs_buf_add(out, text, sizeof(text));
}

/* Length of the valid UTF-8 sequence at p, 0 when there is none. */
static size_t sequence_bytes(const char *p, size_t n)
{
    for (size_t len = 1; len <= 4 && len <= n; len++)
        if (rs_utf8_is_valid(p, len))
            return len;
    return 0;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

enum rs_status rs_jw_quote(struct rs_buf *out, struct rs_str text)
{
    (void)rs_buf_addc(out, '"');
    for (size_t i = 0; i < text.n;) {
        size_t run = i;
        while (run < text.n && is_plain((unsigned char)text.p[run]))
            run++;
        (void)rs_buf_add(out, text.p + i, run - i);
        i = run;
        if (i == text.n)
            break;
        unsigned char c = (unsigned char)text.p[i];
        size_t len = sequence_bytes(text.p + i, text.n - i);
        if (len == 0) {
            (void)rs_buf_adds(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (len == 1)
            add_escape(out, c);
        else if (len == 2 && c == 0xc2 && (unsigned char)text.p[i + 1] < 0xa0)
            add_escape(out, (unsigned char)text.p[i + 1]); /* C1 controls: terminals obey them */
        else
            (void)rs_buf_add(out, text.p + i, len);
        i += len;
    }
    return rs_buf_addc(out, '"');
}

void rs_jw_str(struct rs_jw *w, struct rs_str text)
{
    separate(w);
    (void)rs_jw_quote(w->buf, text);
}

void rs_jw_text(struct rs_jw *w, const char *text)
{
    if (text == NULL)
        rs_jw_null(w);
    else
        rs_jw_str(w, rs_str_of(text));
}

void rs_jw_raw(struct rs_jw *w, const char *json)
{
    separate(w);
    (void)rs_buf_adds(w->buf, json == NULL ? "null" : json);
}

void rs_jw_int(struct rs_jw *w, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    rs_jw_raw(w, text);
}

void rs_jw_u64(struct rs_jw *w, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    rs_jw_raw(w, text);
}

void rs_jw_bool(struct rs_jw *w, bool value)
{
    rs_jw_raw(w, value ? "true" : "false");
}

void rs_jw_null(struct rs_jw *w)
{
    rs_jw_raw(w, NULL);
}

void rs_jw_time(struct rs_jw *w, int64_t unix_ms)
{
    char text[RS_TIME_TEXT_BYTES];
    rs_clock_format(unix_ms, text);
    rs_jw_text(w, text);
}

void rs_jw_member_text(struct rs_jw *w, const char *key, const char *text)
{
    rs_jw_key(w, key);
    rs_jw_text(w, text);
}

void rs_jw_member_int(struct rs_jw *w, const char *key, int64_t value)
{
    rs_jw_key(w, key);
    rs_jw_int(w, value);
}

void rs_jw_member_bool(struct rs_jw *w, const char *key, bool value)
{
    rs_jw_key(w, key);
    rs_jw_bool(w, value);
}

void rs_jw_member_raw(struct rs_jw *w, const char *key, const char *json)
{
    rs_jw_key(w, key);
    rs_jw_raw(w, json);
}

void rs_jw_member_time(struct rs_jw *w, const char *key, int64_t unix_ms)
{
    rs_jw_key(w, key);
    rs_jw_time(w, unix_ms);
}
