#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static enum rs_status fail(struct rs_buf *b, enum rs_status s)
{
    b->failed = (int)s;
    return s;
}

static enum rs_status reserve(struct rs_buf *b, size_t more)
{
    if (b->failed)
        return (enum rs_status)b->failed;
    if (more > b->max - b->len)
        return fail(b, RS_TOO_LARGE);
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return RS_OK;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max + 1 : cap * 2;
    if (cap < need)
        cap = need;
    char *p = realloc(b->data, cap);
    if (p == NULL)
        return fail(b, RS_NOMEM);
    b->data = p;
    b->cap = cap;
    return RS_OK;
}

enum rs_status rs_buf_add(struct rs_buf *b, const void *src, size_t n)
{
    enum rs_status s = reserve(b, n);
    if (s != RS_OK)
        return s;
    if (n > 0)
        memcpy(b->data + b->len, src, n);
    b->len += n;
    b->data[b->len] = '\0';
    return RS_OK;
}

enum rs_status rs_buf_adds(struct rs_buf *b, const char *text)
{
    return rs_buf_add(b, text, strlen(text));
}

enum rs_status rs_buf_addc(struct rs_buf *b, char c)
{
    return rs_buf_add(b, &c, 1);
}

enum rs_status rs_buf_addf(struct rs_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list twice;
    va_copy(twice, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    enum rs_status s = n < 0 ? fail(b, RS_INTERNAL) : reserve(b, (size_t)n);
    if (s == RS_OK) {
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, twice);
        b->len += (size_t)n;
    }
    va_end(twice);
    return s;
}

enum rs_status rs_buf_status(const struct rs_buf *b)
{
    return (enum rs_status)b->failed;
}

const char *rs_buf_text(const struct rs_buf *b)
{
    return b->data == NULL ? "" : b->data;
}

char *rs_buf_take(struct rs_buf *b, size_t *ret_len)
{
    if (b->data == NULL && reserve(b, 0) == RS_OK)
        b->data[0] = '\0';
    if (ret_len != NULL)
        *ret_len = b->len;
    char *p = RS_TAKE(b->data);
    b->len = 0;
    b->cap = 0;
    return p;
}

void rs_buf_clear(struct rs_buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

void rs_buf_release(struct rs_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}
