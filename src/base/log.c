#include "base/log.h"

#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

#define LINE_BYTES_MAX ((size_t)8192)

static _Atomic enum rs_log_level threshold = RS_LOG_INFO;
static const char *const level_words[] = {"debug", "info", "warn", "error"};

void rs_log_set_level(enum rs_log_level level)
{
    atomic_store(&threshold, level);
}

_Bool rs_log_parse_level(const char *word, enum rs_log_level *ret_level)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(level_words); i++) {
        if (strcmp(word, level_words[i]) == 0) {
            *ret_level = (enum rs_log_level)i;
            return 1;
        }
    }
    return 0;
}

static bool needs_escape(unsigned char c, bool is_utf8)
{
    return c == '"' || c == '\\' || c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8);
}

/* Plain runs are added whole: nearly every text is one. */
static void add_quoted(struct rs_buf *b, const char *text)
{
    size_t n = strlen(text);
    bool is_utf8 = rs_utf8_is_valid(text, n);
    (void)rs_buf_addc(b, '"');
    for (size_t i = 0; i < n;) {
        size_t run = i;
        while (run < n && !needs_escape((unsigned char)text[run], is_utf8))
            run++;
        (void)rs_buf_add(b, text + i, run - i);
        if (run < n) {
            unsigned char c = (unsigned char)text[run];
            (void)rs_buf_addf(b, c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
            run++;
        }
        i = run;
    }
    (void)rs_buf_addc(b, '"');
}

void rs_log_write(enum rs_log_level level, const char *msg, const struct rs_log_field *fields)
{
    if (level < atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    RS_AUTO(rs_buf) struct rs_buf b = RS_BUF_INIT(LINE_BYTES_MAX);
    char when[RS_TIME_TEXT_BYTES];
    rs_clock_format(rs_clock_unix_ms(), when);
    (void)rs_buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", when, level_words[level]);
    add_quoted(&b, msg);
    for (const struct rs_log_field *f = fields; f->key != NULL; f++) {
        if (!f->is_number && f->text == NULL)
            continue;
        size_t before = b.len;
        (void)rs_buf_addf(&b, ",\"%s\":", f->key);
        if (f->is_number)
            (void)rs_buf_addf(&b, "%lld", (long long)f->number);
        else
            add_quoted(&b, f->text);
        if (rs_buf_status(&b) != RS_OK || b.len + 3 > LINE_BYTES_MAX) {
            /* the line stays one whole JSON object: this field and the rest are left out */
            b.failed = 0;
            b.len = before;
            break;
        }
    }
    (void)rs_buf_adds(&b, "}\n");
    if (b.len > 0)
        (void)!write(STDERR_FILENO, b.data, b.len); /* a log that cannot be written stops nobody */
}
