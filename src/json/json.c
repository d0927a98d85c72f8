#include "json/json.h"

#include <string.h>

#include <jansson.h>

#include "base/assert.h"
#include "json/write.h"

#define TEXT_BYTES_MAX ((size_t)1048576)
/* How much of a name that a client chose goes into a message. */
#define SHOWN_BYTES 64
/* An object or an array takes as much memory as so many plain values. */
#define CONTAINER_NODES 3U

/* A node is the library's own; the library takes no const where it only reads. */
static json_t *tree(const struct rs_json *node)
{
    return (json_t *)(uintptr_t)node;
}

static const struct rs_json *node_of(const json_t *value)
{
    return (const struct rs_json *)value;
}

/* ---- parsing ---- */

/*
 * Judge depth and number of values before the library builds anything: it would recurse up to its
 * own compiled-in depth, and three bytes of input ("[],") cost it a hundred of memory.
 * Knows only strings and brackets; whatever is malformed otherwise is found by the parser.
 */
static enum rs_status check_shape(const char *p, size_t n, const struct rs_json_limits *limits,
                                  enum rs_status invalid, struct rs_err *reterr)
{
    unsigned depth = 0;
    unsigned nodes = 1;
    bool in_string = false;
    /* No JSON text has a NUL byte; the library overlooks one behind a number. */
    if (memchr(p, '\0', n) != NULL)
        return rs_fail(reterr, invalid, "the JSON is not valid: it has a NUL byte");
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        if (c == ',' || c == ':')
            nodes++;
        else if (c == '[' || c == '{')
            nodes += CONTAINER_NODES;
        if (depth > limits->depth_max)
            return rs_fail(reterr, invalid, "the JSON is nested deeper than %u levels",
                           limits->depth_max);
        if (nodes > limits->nodes_max)
            return rs_fail(reterr, invalid, "the JSON has more than %u values", limits->nodes_max);
    }
    return RS_OK;
}

enum rs_status rs_json_parse(const void *bytes, size_t n, const struct rs_json_limits *limits,
                             struct rs_json **ret, struct rs_err *reterr)
{
    rs_assert(limits != NULL && limits->bytes_max > 0);
    enum rs_status invalid = limits->invalid_as == RS_OK ? RS_BAD_REQUEST : limits->invalid_as;
    if (n > limits->bytes_max)
        return rs_fail(reterr, RS_TOO_LARGE, "the JSON has %zu bytes, at most %zu are allowed", n,
                       limits->bytes_max);
    if (n == 0)
        return rs_fail(reterr, invalid, "JSON was expected, and there is nothing");
    enum rs_status s = check_shape(bytes, n, limits, invalid, reterr);
    if (s != RS_OK)
        return s;
    json_error_t why;
    json_t *value = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (value == NULL) {
        if (json_error_code(&why) == json_error_out_of_memory)
            return rs_fail(reterr, RS_NOMEM, NULL);
        return rs_fail(reterr, invalid, "the JSON is not valid: %s (line %d, column %d)", why.text,
                       why.line, why.column);
    }
    *ret = (struct rs_json *)value;
    return RS_OK;
}

enum rs_status rs_json_parse_text(const char *text, enum rs_status invalid_as, struct rs_json **ret,
                                  struct rs_err *reterr)
{
    struct rs_json_limits limits = RS_JSON_LIMITS(TEXT_BYTES_MAX);
    limits.invalid_as = invalid_as;
    return rs_json_parse(text, strlen(text), &limits, ret, reterr);
}

void rs_json_free(struct rs_json *root)
{
    json_decref((json_t *)root);
}

/* ---- nodes ---- */

enum rs_json_kind rs_json_kind(const struct rs_json *node)
{
    if (node == NULL)
        return RS_JSON_ABSENT;
    switch (json_typeof(tree(node))) {
    case JSON_OBJECT:
        return RS_JSON_OBJECT;
    case JSON_ARRAY:
        return RS_JSON_ARRAY;
    case JSON_STRING:
        return RS_JSON_STRING;
    case JSON_INTEGER:
        return RS_JSON_INT;
    case JSON_REAL:
        return RS_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return RS_JSON_BOOL;
    case JSON_NULL:
        return RS_JSON_NULL;
    }
    return RS_JSON_ABSENT;
}

const struct rs_json *rs_json_get(const struct rs_json *object, const char *key)
{
    return node_of(json_object_get(tree(object), key));
}

const char *rs_json_text(const struct rs_json *node)
{
    return json_string_value(tree(node));
}

struct rs_str rs_json_str(const struct rs_json *node)
{
    if (rs_json_kind(node) != RS_JSON_STRING)
        return rs_str_n("", 0);
    return rs_str_n(json_string_value(tree(node)), json_string_length(tree(node)));
}

bool rs_json_int(const struct rs_json *node, int64_t min, int64_t max, int64_t *ret)
{
    if (rs_json_kind(node) != RS_JSON_INT)
        return false;
    json_int_t value = json_integer_value(tree(node));
    if (value < -RS_JSON_INT_MAX || value > RS_JSON_INT_MAX || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool rs_json_floor(const struct rs_json *node, int64_t min, int64_t max, int64_t *ret)
{
    if (rs_json_kind(node) != RS_JSON_REAL)
        return rs_json_int(node, min, max, ret);
    double value = json_real_value(tree(node));
    if (!(value >= (double)-RS_JSON_INT_MAX && value <= (double)RS_JSON_INT_MAX))
        return false;
    int64_t whole = (int64_t)value; /* towards zero */
    if ((double)whole > value)
        whole--;
    if (whole < min || whole > max)
        return false;
    *ret = whole;
    return true;
}

bool rs_json_bool(const struct rs_json *node, bool *ret)
{
    if (rs_json_kind(node) != RS_JSON_BOOL)
        return false;
    *ret = json_is_true(tree(node));
    return true;
}

size_t rs_json_len(const struct rs_json *node)
{
    if (rs_json_kind(node) == RS_JSON_ARRAY)
        return json_array_size(tree(node));
    return rs_json_kind(node) == RS_JSON_OBJECT ? json_object_size(tree(node)) : 0;
}

const struct rs_json *rs_json_at(const struct rs_json *array, size_t i)
{
    return node_of(json_array_get(tree(array), i));
}

bool rs_json_next(const struct rs_json *object, struct rs_json_iter *it)
{
    if (!it->started) {
        it->started = true;
        it->at = json_object_iter(tree(object));
    } else if (it->at != NULL) {
        it->at = json_object_iter_next(tree(object), it->at);
    }
    if (it->at == NULL)
        return false;
    it->key = json_object_iter_key(it->at);
    it->value = node_of(json_object_iter_value(it->at));
    return true;
}

/* ---- bodies of requests ---- */

static bool is_listed(const char *const *keys, const char *key)
{
    for (; *keys != NULL; keys++)
        if (strcmp(*keys, key) == 0)
            return true;
    return false;
}

static enum rs_status refuse_member(const char *const *keys, const char *key, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf list = RS_BUF_INIT(256);
    for (const char *const *k = keys; *k != NULL; k++) {
        (void)rs_buf_adds(&list, k == keys ? "" : ", ");
        (void)rs_buf_adds(&list, *k);
    }
    return rs_fail(reterr, RS_BAD_REQUEST, "unknown member \"%.*s\"; known here: %s", SHOWN_BYTES,
                   key, rs_buf_text(&list));
}

enum rs_status rs_json_only(const struct rs_json *object, const char *const *keys,
                            struct rs_err *reterr)
{
    if (rs_json_kind(object) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_BAD_REQUEST, "a JSON object was expected");
    struct rs_json_iter it = {0};
    while (rs_json_next(object, &it))
        if (!is_listed(keys, it.key))
            return refuse_member(keys, it.key, reterr);
    return RS_OK;
}

/* The member, NULL in *ret when it is optional and absent. */
static enum rs_status find(const struct rs_json *object, const char *key, enum rs_json_need need,
                           const struct rs_json **ret, struct rs_err *reterr)
{
    if (rs_json_kind(object) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_BAD_REQUEST, "a JSON object was expected");
    *ret = rs_json_get(object, key);
    if (*ret == NULL && need == RS_JSON_REQUIRED)
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" is missing", key);
    return RS_OK;
}

enum rs_status rs_json_member_text(const struct rs_json *object, const char *key,
                                   enum rs_json_need need, size_t bytes_max, const char **ret,
                                   struct rs_err *reterr)
{
    const struct rs_json *node = NULL;
    enum rs_status s = find(object, key, need, &node, reterr);
    if (s != RS_OK || node == NULL)
        return s;
    struct rs_str text = rs_json_str(node);
    if (rs_json_kind(node) != RS_JSON_STRING)
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" must be a string", key);
    if (text.n > bytes_max)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the member \"%s\" has %zu bytes, at most %zu are"
                       " allowed",
                       key, text.n, bytes_max);
    if (text.n == 0 && need == RS_JSON_REQUIRED)
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" is empty", key);
    *ret = text.p;
    return RS_OK;
}

enum rs_status rs_json_member_int(const struct rs_json *object, const char *key,
                                  enum rs_json_need need, int64_t min, int64_t max, int64_t *ret,
                                  struct rs_err *reterr)
{
    const struct rs_json *node = NULL;
    enum rs_status s = find(object, key, need, &node, reterr);
    if (s != RS_OK || node == NULL)
        return s;
    if (!rs_json_int(node, min, max, ret))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the member \"%s\" must be an integer from %lld to %lld", key,
                       (long long)min, (long long)max);
    return RS_OK;
}

enum rs_status rs_json_member_bool(const struct rs_json *object, const char *key,
                                   enum rs_json_need need, bool *ret, struct rs_err *reterr)
{
    const struct rs_json *node = NULL;
    enum rs_status s = find(object, key, need, &node, reterr);
    if (s != RS_OK || node == NULL)
        return s;
    if (!rs_json_bool(node, ret))
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" must be true or false", key);
    return RS_OK;
}

enum rs_status rs_json_member_array(const struct rs_json *object, const char *key,
                                    enum rs_json_need need, size_t n_max,
                                    const struct rs_json **ret, struct rs_err *reterr)
{
    const struct rs_json *node = NULL;
    enum rs_status s = find(object, key, need, &node, reterr);
    if (s != RS_OK || node == NULL)
        return s;
    if (rs_json_kind(node) != RS_JSON_ARRAY)
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" must be an array", key);
    if (rs_json_len(node) > n_max)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the member \"%s\" has %zu elements, at most %zu are"
                       " allowed",
                       key, rs_json_len(node), n_max);
    *ret = node;
    return RS_OK;
}

enum rs_status rs_json_member_object(const struct rs_json *object, const char *key,
                                     enum rs_json_need need, const struct rs_json **ret,
                                     struct rs_err *reterr)
{
    const struct rs_json *node = NULL;
    enum rs_status s = find(object, key, need, &node, reterr);
    if (s != RS_OK || node == NULL)
        return s;
    if (rs_json_kind(node) != RS_JSON_OBJECT)
        return rs_fail(reterr, RS_BAD_REQUEST, "the member \"%s\" must be an object", key);
    *ret = node;
    return RS_OK;
}

/* ---- writing a tree back ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_node(struct rs_jw *w, const struct rs_json *node);

static void write_object(struct rs_jw *w, const struct rs_json *object)
{
    size_t n = rs_json_len(object);
    RS_AUTO_FREE const char **keys = calloc(n + 1, sizeof(*keys));
    if (keys == NULL) {
        w->buf->failed = (int)RS_NOMEM;
        return;
    }
    struct rs_json_iter it = {0};
    for (size_t i = 0; rs_json_next(object, &it); i++)
        keys[i] = it.key;
    qsort(keys, n, sizeof(*keys), compare_keys);
    rs_jw_object(w);
    for (size_t i = 0; i < n; i++) {
        rs_jw_key(w, keys[i]);
        write_node(w, rs_json_get(object, keys[i]));
    }
    rs_jw_object_end(w);
}

/* The shortest text that the library can tell apart; it cares for the locale. */
static void write_real(struct rs_jw *w, const struct rs_json *node)
{
    char text[64];
    size_t n =
        json_dumpb(tree(node), text, sizeof(text) - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (n == 0 || n >= sizeof(text)) {
        w->buf->failed = (int)RS_INTERNAL;
        return;
    }
    text[n] = '\0';
    rs_jw_raw(w, text);
}

/* Recursion is bounded: a tree was refused past its depth limit when it was parsed. */
static void write_node(struct rs_jw *w, const struct rs_json *node)
{
    switch (rs_json_kind(node)) {
    case RS_JSON_ABSENT:
    case RS_JSON_NULL:
        rs_jw_null(w);
        break;
    case RS_JSON_BOOL:
        rs_jw_bool(w, json_is_true(tree(node)));
        break;
    case RS_JSON_INT:
        rs_jw_int(w, json_integer_value(tree(node)));
        break;
    case RS_JSON_REAL:
        write_real(w, node);
        break;
    case RS_JSON_STRING:
        rs_jw_str(w, rs_json_str(node));
        break;
    case RS_JSON_ARRAY:
        rs_jw_array(w);
        for (size_t i = 0; i < rs_json_len(node); i++)
            write_node(w, rs_json_at(node, i));
        rs_jw_array_end(w);
        break;
    case RS_JSON_OBJECT:
        write_object(w, node);
        break;
    }
}

void rs_jw_node(struct rs_jw *w, const struct rs_json *node)
{
    write_node(w, node);
}

enum rs_status rs_json_dump_canonical(const struct rs_json *node, struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    write_node(&w, node);
    return (enum rs_status)out->failed;
}
