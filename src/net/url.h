/*
 * net/url.h: what a URL that somebody wrote down looks like.  Layer: net.  Spec: RFC 3986.
 * Threads: any (pure).
 */
#ifndef RS_NET_URL_H
#define RS_NET_URL_H

#include <stdbool.h>

#include "base/attr.h"

struct rs_url {
    bool is_https; /* else http */
    bool has_user; /* user information, a password may be in it */
    bool has_query;
};

/* False unless it is an absolute http or https URL with a host, of printable ASCII without spaces,
 * and without a fragment.  Whether the host exists, or may be asked, is another matter
 * (net/http_client.h). */
RS_MUST_CHECK bool rs_url_parse(const char *url, struct rs_url *ret);

#endif
