/*
 * base/text.h: strict parsing and rendering of small texts.
 * Layer: base.  Threads: any (pure functions).
 */
#ifndef RS_BASE_TEXT_H
#define RS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"

/* A borrowed run of bytes, not NUL-terminated. */
struct rs_str {
    const char *p;
    size_t n;
};

static inline struct rs_str rs_str_n(const char *p, size_t n)
{
    return (struct rs_str){.p = p, .n = n};
}
struct rs_str rs_str_of(const char *text); /* NULL gives the empty run */
bool rs_str_eq(struct rs_str a, const char *text);

/* Decimal digits only: no sign, no space, no leading '+', "" refused; false past `max`. */
RS_MUST_CHECK bool rs_parse_u64(struct rs_str text, uint64_t max, uint64_t *ret_value);

/* Lower-case hex of n bytes into out[2n+1], NUL-terminated. */
void rs_hex_encode(const unsigned char *src, size_t n, char *out);
/* Exactly 2n lower-case hex digits; upper case refused. */
RS_MUST_CHECK bool rs_hex_decode(struct rs_str hex, unsigned char *out, size_t n);

/* The byte that "%XY" at p stands for (RFC 3986, either case); -1 when these n bytes do not begin
 * with such an escape. */
int rs_percent_byte(const char *p, size_t n);

/* Base64 (RFC 4648 section 4, with padding) and base64url (section 5, without).  Encoders write a
 * NUL; `out` needs 4*((n+2)/3)+1 bytes.  Decoders are strict (alphabet, padding, no trailing bits)
 * and write at most 3*(len/4)+3 bytes; they return false on anything else. */
void rs_base64_encode(const void *src, size_t n, char *out);
void rs_base64url_encode(const void *src, size_t n, char *out);
RS_MUST_CHECK bool rs_base64_decode(struct rs_str text, unsigned char *out, size_t *ret_n);
RS_MUST_CHECK bool rs_base64url_decode(struct rs_str text, unsigned char *out, size_t *ret_n);

/* Valid UTF-8 (no surrogates, no overlong forms, <= U+10FFFF). */
bool rs_utf8_is_valid(const char *p, size_t n);

/**
 * rs_glob_match(): repository pattern against name.  `*` matches inside one path component (not
 * '/'), `**` across; everything else is itself.  Linear-ish: backtracks at most over the two kinds
 * of star, bounded by n*m.
 */
bool rs_glob_match(const char *pattern, const char *name);
/* A pattern that may be stored: 1..255 bytes out of [a-z0-9._/-] and '*', no "***", no leading or
 * trailing '/'. */
bool rs_glob_is_valid(const char *pattern);

/* Edit distance (insert, remove, replace a byte) of two words; SIZE_MAX when one is longer than
 * RS_WORD_BYTES_MAX. */
#define RS_WORD_BYTES_MAX 64U
size_t rs_text_distance(struct rs_str a, struct rs_str b);

/* Copy at most cap-1 bytes and terminate; false when it was cut. */
bool rs_text_copy(char *out, size_t cap, const char *src);

#endif
