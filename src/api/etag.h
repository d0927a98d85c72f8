/*
 * api/etag.h: entity tags of conditional requests.
 * Layer: api.  Spec: RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2.  Threads: any (pure).
 * Ours are digests in double quotes, always strong.
 */
#ifndef RS_API_ETAG_H
#define RS_API_ETAG_H

#include <stdbool.h>

/**
 * rs_api_etag_is_listed(): does an If-None-Match header (NULL when absent) name this digest, or
 * everything ("*")?  Compared weakly, as the RFC wants for GET and HEAD.  A malformed one names
 * nothing.
 */
bool rs_api_etag_is_listed(const char *header, const char *digest);

#endif
