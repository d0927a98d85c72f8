/*
 * base/status.h: the one table of outcomes and what each means on the wire.
 * Layer: base.  Threads: any.  Spec: distribution-spec "Error Codes".
 */
#ifndef RS_BASE_STATUS_H
#define RS_BASE_STATUS_H

enum rs_status {
#define RS_X(name, code, http, text) RS_##name,
#include "base/status.def"
#undef RS_X
};

/* The status' own name ("BLOB_UNKNOWN"), its OCI code, HTTP status and default message.  Never
 * NULL. */
const char *rs_status_name(enum rs_status s);
const char *rs_status_oci_code(enum rs_status s);
unsigned rs_status_http(enum rs_status s);
const char *rs_status_text(enum rs_status s);

#endif
