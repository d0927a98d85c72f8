/*
 * quarantine/resolver_internal.h: what the resolver's files share.  Nobody else includes it.
 * Layer: quarantine.
 */
#ifndef RS_QUARANTINE_RESOLVER_INTERNAL_H
#define RS_QUARANTINE_RESOLVER_INTERNAL_H

#include "catalog/view.h"
#include "quarantine/policy.h"
#include "quarantine/resolver.h"

/* The columns of SPEC section 4. */
enum rs_column {
    RS_COLUMN_NONE = 0, /* nothing that opens content */
    RS_COLUMN_R,        /* pull only */
    RS_COLUMN_W,        /* push, but not quarantine-pull */
    RS_COLUMN_Q,        /* quarantine-pull */
};

/* One question on its way to an answer. */
struct rs_resolution {
    const struct rs_viewer *viewer;
    struct rs_db_conn *conn;
    enum rs_column column;
    enum rs_status missing; /* what an absent thing is called: MANIFEST_UNKNOWN, BLOB_UNKNOWN */
    const char *what;       /* as the client named it: "team/app:v1", "team/app@sha256:..." */
    const char *reference;  /* the tag or digest alone */
    bool is_quiet;          /* a no is nothing special: neither counted nor put into words */
};

enum rs_column rs_resolver_column(const struct rs_access *access);

/**
 * rs_resolver_gate(): what is decided before the catalog is asked: grants and scope.
 * Without RS_OK *ret_column is RS_COLUMN_NONE.  `missing` is what an anonymous token gets.
 */
RS_MUST_CHECK enum rs_status rs_resolver_gate(const struct rs_viewer *viewer,
                                              enum rs_status missing, enum rs_column *ret_column,
                                              struct rs_err *reterr);

/* The answers that are no: nothing there, or nothing that may be told. */
RS_MUST_CHECK enum rs_status rs_resolver_unknown(const struct rs_resolution *r,
                                                 struct rs_err *reterr);
/* Held and not to be told: counted as a denied read, answered exactly like what is unknown. */
RS_MUST_CHECK enum rs_status rs_resolver_conceal(const struct rs_resolution *r,
                                                 struct rs_err *reterr);
/* Held, and the reason is told: 403 with message and detail.  Counted as a denied read. */
RS_MUST_CHECK enum rs_status rs_resolver_refuse(const struct rs_resolution *r,
                                                const struct rs_view_manifest *holder,
                                                const struct rs_policy *policy,
                                                struct rs_err *reterr);

/* May this viewer learn that something is held, if he did not push it himself? */
bool rs_resolver_discloses(const struct rs_viewer *viewer, const struct rs_policy *policy);

/* The canonical digest of a well-formed one, in the arena; *ret NULL when no bytes are known. */
RS_MUST_CHECK enum rs_status rs_resolver_canonical(struct rs_db_conn *conn, struct rs_arena *arena,
                                                   const struct rs_digest *digest, const char **ret,
                                                   struct rs_err *reterr);

/* Is this result an answer to "may he?" (a no), rather than a fault? */
bool rs_resolver_is_denial(enum rs_status s);

#endif
