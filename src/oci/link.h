/*
 * oci/link.h: the Link header of a page that has a successor.  Layer: oci.  Spec: RFC 8288,
 * distribution-spec "Listing Tags".
 * Threads: any.
 */
#ifndef RS_OCI_LINK_H
#define RS_OCI_LINK_H

#include "base/buf.h"

/* One query parameter; a NULL value leaves it out.  Value bytes outside RFC 3986 "unreserved"
 * are percent-encoded. */
struct rs_link_param {
    const char *key;
    const char *value;
};

/* Append `<path?key=value&...>; rel="next"`.  The path stands as it is (it came through the
 * strict URI parser). */
enum rs_status rs_link_next(struct rs_buf *out, const char *path,
                            const struct rs_link_param *params, size_t n);
/* Percent-encode for a query. */
enum rs_status rs_link_encode(struct rs_buf *out, const char *text);

#endif
