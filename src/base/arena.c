#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define CHUNK_BYTES ((size_t)4096)
#define ITEMS_MIN ((size_t)8)

struct rs_arena_chunk {
    struct rs_arena_chunk *next;
    size_t len;
    size_t cap;
    _Alignas(max_align_t) unsigned char data[];
};

void rs_arena_init(struct rs_arena *a, size_t max_bytes)
{
    a->chunks = NULL;
    a->used_bytes = 0;
    a->max_bytes = max_bytes;
}

static struct rs_arena_chunk *chunk_new(struct rs_arena *a, size_t bytes)
{
#ifdef RS_ARENA_DEBUG
    size_t cap = bytes; /* one object a chunk, so that a sanitizer sees each object's bounds */
#else
    size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
#endif
    if (cap > a->max_bytes - a->used_bytes)
        cap = bytes;
    if (cap > a->max_bytes - a->used_bytes)
        return NULL;
    struct rs_arena_chunk *c = calloc(1, sizeof(*c) + cap);
    if (c == NULL)
        return NULL;
    c->cap = cap;
    c->next = a->chunks;
    a->chunks = c;
    a->used_bytes += cap;
    return c;
}

void *rs_arena_alloc(struct rs_arena *a, size_t bytes)
{
    const size_t align = _Alignof(max_align_t);
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = bytes == 0 ? align : (bytes + align - 1) / align * align;
    struct rs_arena_chunk *c = a->chunks;
    if (c == NULL || c->cap - c->len < bytes)
        c = chunk_new(a, bytes);
    if (c == NULL)
        return NULL;
    void *p = c->data + c->len;
    c->len += bytes;
    return p;
}

void *rs_arena_reserve(struct rs_arena *a, void *array, size_t n, size_t *cap, size_t item_bytes)
{
    size_t bytes;
    if (n < *cap)
        return array;
    rs_assert(n == *cap);
    const size_t bigger = n == 0 ? ITEMS_MIN : 2 * n;
    if (__builtin_mul_overflow(bigger, item_bytes, &bytes))
        return NULL;
    void *p = rs_arena_alloc(a, bytes);
    if (p == NULL)
        return NULL;
    if (n > 0)
        memcpy(p, array, n * item_bytes);
    *cap = bigger;
    return p;
}

char *rs_arena_strndup(struct rs_arena *a, const char *src, size_t n)
{
    char *p = rs_arena_alloc(a, n + 1);
    if (p == NULL)
        return NULL;
    memcpy(p, src, n);
    p[n] = '\0';
    return p;
}

char *rs_arena_strdup(struct rs_arena *a, const char *src)
{
    return rs_arena_strndup(a, src, strlen(src));
}

char *rs_arena_printf(struct rs_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list twice;
    va_copy(twice, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : rs_arena_alloc(a, (size_t)n + 1);
    if (p != NULL)
        (void)vsnprintf(p, (size_t)n + 1, fmt, twice);
    va_end(twice);
    return p;
}

void rs_arena_release(struct rs_arena *a)
{
    struct rs_arena_chunk *c = a->chunks;
    while (c != NULL) {
        struct rs_arena_chunk *next = c->next;
        free(c);
        c = next;
    }
    a->chunks = NULL;
    a->used_bytes = 0;
}
