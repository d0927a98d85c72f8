/*
 * oci/range.h: byte ranges of downloads and uploads.
 * Layer: oci.  Spec: RFC 9110 section 14; distribution-spec "Pushing a blob in chunks".  Threads:
 * any (pure).
 */
#ifndef RS_OCI_RANGE_H
#define RS_OCI_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Inclusive offsets. */
struct rs_range {
    uint64_t first;
    uint64_t last;
};

enum rs_range_verdict {
    RS_RANGE_WHOLE,         /* no range, or one that is ignored: 200 with everything */
    RS_RANGE_PART,          /* 206 with *ret */
    RS_RANGE_UNSATISFIABLE, /* 416 with Content-Range of bytes, star, slash, size */
};

/**
 * rs_range_parse(): the Range header of a GET of `size` bytes.
 * One range of the forms a-b, a-, -n; b past the end is clamped; numbers of any length are
 * understood.  An unknown unit or a malformed header is ignored, as RFC 9110 wants; so are several
 * ranges (one whole body costs us less than many small parts).  b < a is 416: the conformance suite
 * asks for it.
 * @header  NULL when the client sent none
 */
enum rs_range_verdict rs_range_parse(const char *header, uint64_t size, struct rs_range *ret);

/* The Content-Range of an upload chunk, "<first>-<last>" with first <= last < 2^63; no unit.
 * False otherwise. */
RS_MUST_CHECK bool rs_range_parse_chunk(const char *header, struct rs_range *ret);

#endif
