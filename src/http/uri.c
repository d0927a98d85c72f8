#include "http/uri.h"

#include <string.h>
#include <strings.h>

/* RFC 3986: pchar without '%', and '/'. */
static bool is_path_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

static bool is_query_byte(unsigned char c)
{
    return is_path_byte(c) || c == '?' || c == '%';
}

/* http://authority/path -> authority and the rest. */
static bool split_absolute(struct rs_str *target, struct rs_uri *u)
{
    size_t scheme = 0;
    if (target->n > 7 && strncasecmp(target->p, "http://", 7) == 0)
        scheme = 7;
    else if (target->n > 8 && strncasecmp(target->p, "https://", 8) == 0)
        scheme = 8;
    else
        return false;
    size_t end = scheme;
    while (end < target->n && target->p[end] != '/' && target->p[end] != '?')
        end++;
    u->authority = rs_str_n(target->p + scheme, end - scheme);
    *target = rs_str_n(target->p + end, target->n - end);
    return rs_uri_host_is_valid(u->authority) && target->n > 0 && target->p[0] == '/';
}

/* Where Azure's clients escape what they put into a path: '/' as %2F before `slash_end`, ':' as %3A
 * from `colon_start` on. */
struct escapes {
    size_t slash_end;
    size_t colon_start;
};

/* Where the last "/<word>/" starts; n when there is none. */
static size_t find_word(struct rs_str raw, const char *word)
{
    size_t word_n = strlen(word);
    for (size_t i = raw.n; i-- > 0;) {
        if (raw.n - i >= word_n && memcmp(raw.p + i, word, word_n) == 0)
            return i;
    }
    return raw.n;
}

/*
 * Below /acr/v1/ anywhere.  Of manifests and blobs only within the name and within what follows the
 * word: an escape never stands for a literal part of a route, so that a proxy in front which judges
 * by those parts (/v2/_roadstead/, /_roadstead/, /tags/) reads what is read here.
 */
static struct escapes escapes_of(struct rs_str raw)
{
    static const char acr[] = "/acr/v1/";
    static const char v2[] = "/v2/";
    if (raw.n >= sizeof(acr) && memcmp(raw.p, acr, sizeof(acr) - 1) == 0)
        return (struct escapes){.slash_end = raw.n, .colon_start = 0};
    size_t word = find_word(raw, "/manifests/");
    if (word == raw.n)
        word = find_word(raw, "/blobs/");
    bool is_content = word < raw.n && raw.n >= sizeof(v2) &&
                      memcmp(raw.p, v2, sizeof(v2) - 1) == 0 && raw.p[sizeof(v2) - 1] != '_';
    if (!is_content)
        return (struct escapes){.slash_end = 0, .colon_start = raw.n};
    return (struct escapes){.slash_end = word, .colon_start = word};
}

/* Copies the path and decodes the two escapes where they are allowed; false on any other. */
static bool copy_path(struct rs_str raw, char *out, size_t *ret_n)
{
    struct escapes may = {0};
    if (memchr(raw.p, '%', raw.n) != NULL) /* hardly ever: the others do not pay for the look */
        may = escapes_of(raw);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            int byte = rs_percent_byte(raw.p + i, raw.n - i);
            if (!(byte == '/' && i < may.slash_end) && !(byte == ':' && i >= may.colon_start))
                return false;
            c = (char)byte;
            i += 2;
        } else if (!is_path_byte((unsigned char)c)) {
            return false;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret_n = n;
    return true;
}

/* No "//", no "." or "..", no segment that is too long; a '/' at the end is for the route to judge.
 */
static bool segments_are_plain(struct rs_str path)
{
    size_t start = 1;
    for (size_t i = 1; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        struct rs_str segment = rs_str_n(path.p + start, i - start);
        if ((segment.n == 0 && i < path.n) || segment.n > RS_URI_SEGMENT_BYTES_MAX ||
            rs_str_eq(segment, ".") || rs_str_eq(segment, ".."))
            return false;
        start = i + 1;
    }
    return true;
}

static enum rs_status parse_path(struct rs_str raw, struct rs_arena *arena, struct rs_uri *u,
                                 struct rs_err *reterr)
{
    if (raw.n > RS_URI_PATH_BYTES_MAX)
        return rs_fail(reterr, RS_URI_TOO_LONG, "the path is longer than %d bytes",
                       RS_URI_PATH_BYTES_MAX);
    char *path = rs_arena_alloc(arena, raw.n + 1);
    if (path == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    size_t n;
    if (!copy_path(raw, path, &n))
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "the path holds a byte that is not allowed there; nothing in a path may be percent-encoded but"
            " '/' in the name and ':' in the digest of a manifest or blob");
    u->path = rs_str_n(path, n);
    if (n > 1 && !segments_are_plain(u->path))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the path holds an empty segment, '.' or '..', or one that is too long");
    return RS_OK;
}

/* Decodes a key or value in place; false when it is not clean text afterwards. */
static bool decode_query_text(char *text, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '%') {
            int byte = rs_percent_byte(text + i, n - i);
            if (byte < 0x20 || byte == 0x7f) /* also "not an escape" */
                return false;
            c = (unsigned char)byte;
            i += 2;
        } else if (c == '+') {
            c = ' ';
        } else if (!is_query_byte(c)) {
            return false;
        }
        text[out++] = (char)c;
    }
    text[out] = '\0';
    return rs_utf8_is_valid(text, out);
}

/* "key=value" at `pair`, NUL-terminated, decoded in place. */
static bool parse_pair(char *pair, size_t n, struct rs_uri_param *ret)
{
    char *eq = memchr(pair, '=', n);
    char *value = eq == NULL ? pair + n : eq + 1;
    size_t value_n = (size_t)(pair + n - value);
    size_t key_n = eq == NULL ? n : (size_t)(eq - pair);
    if (eq != NULL)
        *eq = '\0';
    if (!decode_query_text(value, value_n) || !decode_query_text(pair, key_n) || pair[0] == '\0')
        return false;
    *ret = (struct rs_uri_param){.key = pair, .value = value};
    return true;
}

static enum rs_status parse_query(struct rs_str raw, struct rs_arena *arena, struct rs_uri *u,
                                  struct rs_err *reterr)
{
    if (raw.n == 0)
        return RS_OK;
    char *copy = rs_arena_strndup(arena, raw.p, raw.n);
    struct rs_uri_param *params = rs_arena_alloc(arena, sizeof(*params) * RS_URI_PARAMS_MAX);
    if (copy == NULL || params == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    u->params = params;
    for (size_t start = 0; start <= raw.n;) {
        const char *amp = memchr(copy + start, '&', raw.n - start);
        size_t end = amp == NULL ? raw.n : (size_t)(amp - copy);
        copy[end] = '\0';
        /* An empty pair ("?", "a=1&&b=2") is what a client that glues its parameters on leaves
         * behind. */
        if (end > start) {
            if (u->params_n == RS_URI_PARAMS_MAX)
                return rs_fail(reterr, RS_BAD_REQUEST, "more than %d query parameters",
                               RS_URI_PARAMS_MAX);
            if (!parse_pair(copy + start, end - start, &params[u->params_n++]))
                return rs_fail(reterr, RS_BAD_REQUEST,
                               "a query parameter is not cleanly percent-encoded UTF-8 text");
        }
        start = end + 1;
    }
    return RS_OK;
}

enum rs_status rs_uri_parse(struct rs_str target, struct rs_arena *arena, struct rs_uri *ret,
                            struct rs_err *reterr)
{
    *ret = (struct rs_uri){0};
    if ((target.n == 0 || target.p[0] != '/') && !split_absolute(&target, ret))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the request target is neither a path nor an absolute http URL");
    const char *mark = memchr(target.p, '?', target.n);
    size_t path_n = mark == NULL ? target.n : (size_t)(mark - target.p);
    enum rs_status s = parse_path(rs_str_n(target.p, path_n), arena, ret, reterr);
    if (s != RS_OK || mark == NULL)
        return s;
    return parse_query(rs_str_n(mark + 1, target.n - path_n - 1), arena, ret, reterr);
}

const char *rs_uri_query(const struct rs_uri *u, const char *key, unsigned i)
{
    for (unsigned k = 0; k < u->params_n; k++) {
        if (strcmp(u->params[k].key, key) == 0 && i-- == 0)
            return u->params[k].value;
    }
    return NULL;
}

static bool is_word_of(const char *words, const char *word)
{
    size_t n = strlen(word);
    while (words != NULL && *words != '\0') {
        size_t len = strcspn(words, " ");
        if (len == n && memcmp(words, word, n) == 0)
            return true;
        words += len;
        words += strspn(words, " ");
    }
    return false;
}

const char *rs_uri_repeated(const struct rs_uri *u, const char *repeatable)
{
    for (unsigned i = 0; i < u->params_n; i++) {
        for (unsigned k = i + 1; k < u->params_n; k++) {
            if (strcmp(u->params[i].key, u->params[k].key) == 0 &&
                !is_word_of(repeatable, u->params[i].key))
                return u->params[i].key;
        }
    }
    return NULL;
}

static bool port_is_valid(struct rs_str port)
{
    uint64_t number;
    return port.n <= 5 && rs_parse_u64(port, 65535, &number);
}

static bool is_ipv6_byte(unsigned char c)
{
    return c != '\0' && strchr("0123456789abcdefABCDEF:.", c) != NULL;
}

bool rs_uri_host_is_valid(struct rs_str host)
{
    if (host.n == 0 || host.n > 263)
        return false;
    size_t i = 0;
    if (host.p[0] == '[') {
        i = 1;
        while (i < host.n && is_ipv6_byte((unsigned char)host.p[i]))
            i++;
        if (i == 1 || i == host.n || host.p[i++] != ']')
            return false;
    } else {
        while (i < host.n && is_path_byte((unsigned char)host.p[i]) &&
               strchr("/:@!$&'()*+,;=~", host.p[i]) == NULL)
            i++;
        if (i == 0)
            return false;
    }
    if (i == host.n)
        return true;
    return host.p[i] == ':' && port_is_valid(rs_str_n(host.p + i + 1, host.n - i - 1));
}
