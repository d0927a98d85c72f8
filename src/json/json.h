/*
 * json/json.h: strict JSON reading of bounded input.
 * Layer: json (the only place that knows the JSON library).  Spec: RFC 8259; TESTPLAN J1-J4.
 * Threads: a parsed tree is read-only and may be read by any number of threads; free it once.
 *
 * A tree is one owned root; everything that the getters return is borrowed from it.  Getters accept
 * NULL and a node of the wrong kind, so that a lookup may be chained and judged once at its end.
 */
#ifndef RS_JSON_JSON_H
#define RS_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct rs_json; /* a node; the one that rs_json_parse() gives is the root and owns the tree */

/* The largest integer that every JSON reader keeps exactly: 2^53. */
#define RS_JSON_INT_MAX ((int64_t)9007199254740992)

struct rs_json_limits {
    size_t bytes_max;
    unsigned depth_max; /* nested arrays and objects */
    /* bounds the memory of a tree: values and member names; an object or array counts as three */
    unsigned nodes_max;
    enum rs_status invalid_as; /* what refused input is called; RS_OK means RS_BAD_REQUEST */
};
#define RS_JSON_DEPTH_MAX 64U
#define RS_JSON_NODES_MAX 131072U
/* Usual limits for input of at most `bytes` bytes. */
#define RS_JSON_LIMITS(bytes) \
    ((struct rs_json_limits){ \
        .bytes_max = (bytes), .depth_max = RS_JSON_DEPTH_MAX, .nodes_max = RS_JSON_NODES_MAX})

/**
 * rs_json_parse(): parse exactly one JSON value out of n bytes.
 * Refused: more than a limit, a BOM, invalid UTF-8, lone surrogates, \u0000, duplicate member
 * names, bytes after the value, integers outside 64 bits, numbers too large for a double.
 * @limits  required
 * @ret     owned by the caller (rs_json_free); set only on success
 * Errors: limits.invalid_as (message says what and where), RS_TOO_LARGE past bytes_max, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_json_parse(const void *bytes, size_t n,
                                           const struct rs_json_limits *limits,
                                           struct rs_json **ret, struct rs_err *reterr);
/* The same for a NUL-terminated text of at most 1 MiB (rows of the database and the like). */
RS_MUST_CHECK enum rs_status rs_json_parse_text(const char *text, enum rs_status invalid_as,
                                                struct rs_json **ret, struct rs_err *reterr);
/* Free a root.  NULL is fine. */
void rs_json_free(struct rs_json *root);
RS_DEFINE_AUTO_PTR(rs_json, rs_json_free)

/* ---- nodes ---- */

enum rs_json_kind {
    RS_JSON_ABSENT = 0, /* NULL was asked about */
    RS_JSON_NULL,
    RS_JSON_BOOL,
    RS_JSON_INT,
    RS_JSON_REAL,
    RS_JSON_STRING,
    RS_JSON_ARRAY,
    RS_JSON_OBJECT,
};

enum rs_json_kind rs_json_kind(const struct rs_json *node);
/* Member of an object; NULL when absent or when `object` is none. */
const struct rs_json *rs_json_get(const struct rs_json *object, const char *key);
/* NULL when it is no string.  Never holds a NUL inside. */
const char *rs_json_text(const struct rs_json *node);
/* The empty run when it is no string. */
struct rs_str rs_json_str(const struct rs_json *node);
/* False unless it is an integer (a real is none, even 1.0) within min..max and within +-2^53. */
RS_MUST_CHECK bool rs_json_int(const struct rs_json *node, int64_t min, int64_t max, int64_t *ret);
/* The same, but a real number within min..max is taken too, rounded down (RFC 7519's NumericDate).
 */
RS_MUST_CHECK bool rs_json_floor(const struct rs_json *node, int64_t min, int64_t max,
                                 int64_t *ret);
/* False unless it is true or false. */
RS_MUST_CHECK bool rs_json_bool(const struct rs_json *node, bool *ret);
/* Elements of an array, members of an object, else 0. */
size_t rs_json_len(const struct rs_json *node);
/* Element of an array; NULL past the end. */
const struct rs_json *rs_json_at(const struct rs_json *array, size_t i);

/* Members in the order of the input:
 *     struct rs_json_iter it = {0};
 *     while (rs_json_next(object, &it))
 *         use(it.key, it.value);
 */
struct rs_json_iter {
    const char *key;             /* borrowed */
    const struct rs_json *value; /* borrowed */
    void *at;
    bool started;
};
bool rs_json_next(const struct rs_json *object, struct rs_json_iter *it);

/* ---- bodies of requests: each failure is RS_BAD_REQUEST and names the member ---- */

enum rs_json_need { RS_JSON_OPTIONAL, RS_JSON_REQUIRED };

/* A NULL-terminated list of names: rs_json_only(obj, RS_JSON_KEYS("a", "b"), reterr). */
#define RS_JSON_KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* `object` must be an object and have no member but those of `keys`. */
RS_MUST_CHECK enum rs_status rs_json_only(const struct rs_json *object, const char *const *keys,
                                          struct rs_err *reterr);
/*
 * Typed members.  An absent optional member is RS_OK and leaves *ret as it was (put the default
 * there before); null is not absent but a wrong type.
 */
/* Text of at most bytes_max bytes; a required one may not be empty. */
RS_MUST_CHECK enum rs_status rs_json_member_text(const struct rs_json *object, const char *key,
                                                 enum rs_json_need need, size_t bytes_max,
                                                 const char **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_json_member_int(const struct rs_json *object, const char *key,
                                                enum rs_json_need need, int64_t min, int64_t max,
                                                int64_t *ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_json_member_bool(const struct rs_json *object, const char *key,
                                                 enum rs_json_need need, bool *ret,
                                                 struct rs_err *reterr);
/* An array of at most n_max elements. */
RS_MUST_CHECK enum rs_status rs_json_member_array(const struct rs_json *object, const char *key,
                                                  enum rs_json_need need, size_t n_max,
                                                  const struct rs_json **ret,
                                                  struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_json_member_object(const struct rs_json *object, const char *key,
                                                   enum rs_json_need need,
                                                   const struct rs_json **ret,
                                                   struct rs_err *reterr);

/* ---- writing a tree back ---- */

/**
 * rs_json_dump_canonical(): append the node as compact JSON with members sorted by the bytes of
 * their names: one text for one value, for storing and comparing.  Text is escaped as json/write.h
 * says.  NULL is written as null. Errors are those of the buffer (sticky there).
 */
enum rs_status rs_json_dump_canonical(const struct rs_json *node, struct rs_buf *out);

#endif
