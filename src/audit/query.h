/*
 * audit/query.h: the audit log for its readers.
 * Layer: audit.  Spec: SPEC section 7.  Threads: any.
 * A record of a repository is shown to who holds audit-read there; one about no repository to who
 * holds audit-read on "**".
 */
#ifndef RS_AUDIT_QUERY_H
#define RS_AUDIT_QUERY_H

#include "auth/auth.h"
#include "base/buf.h"
#include "catalog/audit.h"
#include "db/db.h"

#define RS_AUDIT_PAGE_MAX 1000

enum rs_audit_form {
    RS_AUDIT_PAGE,  /* {"records":[...],"next":<sequence>,"more":<bool>} */
    RS_AUDIT_LINES, /* a record a line */
};

struct rs_audit_page {
    int64_t next;  /* go on with after=next */
    bool has_more; /* there may be more right now */
    unsigned n;    /* records written */
};

/**
 * rs_audit_query(): append a page of at most n_max records that match and that the caller may see.
 * @filter  borrowed; its texts are compared whole, but for a repository that holds `*`, which is a
 * pattern
 * @bytes_max  a page ends early rather than become larger than this (one record always fits)
 * The page ends early too after a bounded number of rows that matched but may not be seen: has_more
 * is then true and n may be 0. Errors: RS_UNAUTHORIZED (the account was disabled or deleted
 * meanwhile), RS_IO, RS_CORRUPT, RS_NOMEM.  Runs inline (reads only).
 */
RS_MUST_CHECK enum rs_status rs_audit_query(struct rs_db *db, struct rs_auth *auth,
                                            const struct rs_identity *identity,
                                            const struct rs_audit_filter *filter, unsigned n_max,
                                            size_t bytes_max, enum rs_audit_form form,
                                            struct rs_buf *out, struct rs_audit_page *ret,
                                            struct rs_err *reterr);

#endif
