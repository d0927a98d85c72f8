/*
 * http/uri.h: one strict reading of a request target.
 * Layer: http.  Threads: any (pure functions).  Spec: RFC 9112 section 3.2, RFC 3986; DESIGN "URI".
 *
 * Nothing in a path is percent-decoded, so that no two spellings mean the same content: any '%'
 * there is refused.  The one exception is what Azure's clients write: '/' as %2F and ':' as %3A,
 * anywhere below /acr/v1/, and on /v2/<name>/manifests/<reference> and /v2/<name>/blobs/<digest>
 * within the name ('/') and the reference or digest (':').  These two, and no other, are decoded;
 * what comes out is judged like any other path, and is the only spelling that anything after this
 * sees.  Also refused: empty, "." and ".." segments, bytes that RFC 3986 does not allow, fragments,
 * and every form but origin and absolute.
 */
#ifndef RS_HTTP_URI_H
#define RS_HTTP_URI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

#define RS_URI_PARAMS_MAX 64
#define RS_URI_PATH_BYTES_MAX 2048
#define RS_URI_SEGMENT_BYTES_MAX 511

struct rs_uri_param {
    const char *key;   /* never NULL, never empty */
    const char *value; /* never NULL; valid UTF-8 without control bytes */
};

struct rs_uri {
    struct rs_str path; /* NUL-terminated; starts with '/' */
    /* of an absolute-form target, to be compared with Host; empty in origin-form */
    struct rs_str authority;
    const struct rs_uri_param *params;
    unsigned params_n;
};

/**
 * rs_uri_parse(): parse a request target; all texts of *ret are copies in the arena.
 * Errors: RS_URI_TOO_LONG, RS_BAD_REQUEST, RS_NOMEM; *ret is then not to be used.
 */
RS_MUST_CHECK enum rs_status rs_uri_parse(struct rs_str target, struct rs_arena *arena,
                                          struct rs_uri *ret, struct rs_err *reterr);

/* The i-th value of a query parameter; NULL past the end. */
const char *rs_uri_query(const struct rs_uri *u, const char *key, unsigned i);
/* The first key that is there twice and is not one of the words of `repeatable` (NULL: none may
 * repeat); NULL when there is none. */
const char *rs_uri_repeated(const struct rs_uri *u, const char *repeatable);
/* host[:port] with nothing else in it: a name, an IPv4 address, or an IPv6 address in brackets. */
bool rs_uri_host_is_valid(struct rs_str host);

#endif
