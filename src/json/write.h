/*
 * json/write.h: write JSON text into a buffer, without format strings and without a tree.
 * Layer: json.  Threads: one at a time.
 *
 *     struct rs_jw w = RS_JW_INIT(&buf);
 *     rs_jw_object(&w);
 *     rs_jw_key(&w, "tags");
 *     rs_jw_array(&w);
 *     rs_jw_text(&w, "latest");
 *     rs_jw_array_end(&w);
 *     rs_jw_object_end(&w);
 *     enum rs_status s = rs_buf_status(&buf);
 *
 * Commas come by themselves.  Failures are sticky in the buffer: check once, at the end.
 */
#ifndef RS_JSON_WRITE_H
#define RS_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

struct rs_json;

struct rs_jw {
    struct rs_buf *buf; /* borrowed */
    unsigned depth;     /* open objects and arrays */
    bool comma;         /* the next key or value needs a comma in front */
};

#define RS_JW_INIT(buffer) \
    {                      \
        .buf = (buffer)    \
    }

void rs_jw_object(struct rs_jw *w);
void rs_jw_object_end(struct rs_jw *w);
void rs_jw_array(struct rs_jw *w);
void rs_jw_array_end(struct rs_jw *w);
/* The name of the next member. */
void rs_jw_key(struct rs_jw *w, const char *key);

/*
 * Text is always valid JSON afterwards: quote, backslash, control bytes, DEL and the C1 controls
 * are escaped, each byte that is not UTF-8 becomes U+FFFD.  NULL is written as null.
 */
void rs_jw_text(struct rs_jw *w, const char *text);
void rs_jw_str(struct rs_jw *w, struct rs_str text);
void rs_jw_int(struct rs_jw *w, int64_t value);
void rs_jw_u64(struct rs_jw *w, uint64_t value);
void rs_jw_bool(struct rs_jw *w, bool value);
void rs_jw_null(struct rs_jw *w);
/* A value that is JSON text already (a stored column); the caller vouches for it.  NULL is
 * written as null. */
void rs_jw_raw(struct rs_jw *w, const char *json);
/* A parsed node, in canonical form. */
void rs_jw_node(struct rs_jw *w, const struct rs_json *node);
/* A time as RFC 3339 UTC text. */
void rs_jw_time(struct rs_jw *w, int64_t unix_ms);

/* Members: key and value in one. */
void rs_jw_member_text(struct rs_jw *w, const char *key, const char *text);
void rs_jw_member_int(struct rs_jw *w, const char *key, int64_t value);
void rs_jw_member_bool(struct rs_jw *w, const char *key, bool value);
void rs_jw_member_raw(struct rs_jw *w, const char *key, const char *json);
void rs_jw_member_time(struct rs_jw *w, const char *key, int64_t unix_ms);

/* Append `text` as a JSON string with its quotes to any buffer. */
enum rs_status rs_jw_quote(struct rs_buf *out, struct rs_str text);

#endif
