/*
 * base/buf.h: a growable byte buffer that is created with its maximum size.
 * Layer: base.  Threads: one at a time.
 */
#ifndef RS_BASE_BUF_H
#define RS_BASE_BUF_H

#include <stddef.h>

#include "base/attr.h"
#include "base/status.h"

/* Invariants: len <= cap <= max + 1; when data != NULL, data[len] == '\0'. */
struct rs_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* most bytes it may hold, the final NUL not counted */
    int failed; /* sticky: an append failed; later appends do nothing */
};

#define RS_BUF_INIT(max_bytes) \
    {                          \
        .max = (max_bytes)     \
    }

/* Appends fail with RS_TOO_LARGE past max, RS_NOMEM without memory; the buffer then keeps its old
 * content and `failed` is set, so that a run of appends may be checked once at the end with
 * rs_buf_status(). */
enum rs_status rs_buf_add(struct rs_buf *b, const void *src, size_t n);
enum rs_status rs_buf_adds(struct rs_buf *b, const char *text);
enum rs_status rs_buf_addc(struct rs_buf *b, char c);
RS_PRINTF(2, 3)
enum rs_status rs_buf_addf(struct rs_buf *b, const char *fmt, ...);
/* RS_OK, or why an append failed. */
RS_MUST_CHECK enum rs_status rs_buf_status(const struct rs_buf *b);
/* Text view, "" when empty; borrowed. */
const char *rs_buf_text(const struct rs_buf *b);
/* Hand the heap data over (caller frees; never NULL on a buffer without failure and memory); the
 * buffer is empty afterwards. */
char *rs_buf_take(struct rs_buf *b, size_t *ret_len);
void rs_buf_clear(struct rs_buf *b);   /* keeps the memory */
void rs_buf_release(struct rs_buf *b); /* frees; idempotent */

RS_DEFINE_AUTO(rs_buf, struct rs_buf, rs_buf_release)

#endif
