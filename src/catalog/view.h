/*
 * catalog/view.h: read queries about one manifest or tag of a repository.
 * Layer: catalog.  Threads: as the connection.  Spec: SPEC section 4 (what is decided from them).
 *
 * These functions say what is there, never who may see it: quarantine/resolver.c decides that.
 * "Not there" is an answer (*ret_found false), not an error.  Texts are copied into the arena.
 * Errors of all: RS_IO, RS_NOMEM, and RS_CORRUPT for a row that breaks the schema's rules.
 * The other read queries are in view_blob.h (blobs) and view_list.h (lists).
 */
#ifndef RS_CATALOG_VIEW_H
#define RS_CATALOG_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "catalog/manifest.h"
#include "db/db.h"

struct rs_view_manifest {
    int64_t id;
    const char *digest; /* canonical */
    const char *media_type;
    uint64_t size;
    enum rs_state state;
    int64_t state_ms; /* since when it is in that state */
    bool has_data;    /* it carries a `data` field other than the two bytes {} */
};

RS_MUST_CHECK enum rs_status rs_view_manifest(struct rs_db_conn *conn, struct rs_arena *arena,
                                              const char *repository, const char *digest,
                                              bool *ret_found, struct rs_view_manifest *ret,
                                              struct rs_err *reterr);

/* Where a tag points.  `live` is a released manifest, `staged` one in quarantine (else the row is
 * RS_CORRUPT). */
struct rs_view_tag {
    bool has_live;
    bool has_staged;
    struct rs_view_manifest live;
    struct rs_view_manifest staged;
    /* the digest of another algorithm it was pushed to the tag by, or NULL */
    const char *live_named;
    const char *staged_named;
};

RS_MUST_CHECK enum rs_status rs_view_tag(struct rs_db_conn *conn, struct rs_arena *arena,
                                         const char *repository, const char *tag, bool *ret_found,
                                         struct rs_view_tag *ret, struct rs_err *reterr);

/* Append the stored bytes of a manifest; RS_CORRUPT when they are missing or have another size. */
RS_MUST_CHECK enum rs_status rs_view_manifest_bytes(struct rs_db_conn *conn,
                                                    const struct rs_view_manifest *manifest,
                                                    struct rs_buf *out, struct rs_err *reterr);

/* A processor's report on a manifest; `state` is "running", "passed" or "failed". */
struct rs_view_check {
    const char *name;
    const char *state;
};
/* All reports, by name. */
RS_MUST_CHECK enum rs_status rs_view_checks(struct rs_db_conn *conn, struct rs_arena *arena,
                                            int64_t manifest_id, const struct rs_view_check **ret,
                                            size_t *ret_n, struct rs_err *reterr);

/* The manifest that decides for one in quarantine: the index in state quarantined that names it,
 * when it was never tagged; the subject in quarantine that it joined.  *ret_id 0 for a root. */
RS_MUST_CHECK enum rs_status rs_view_above(struct rs_db_conn *conn, int64_t manifest_id,
                                           int64_t *ret_id, struct rs_err *reterr);

#endif
