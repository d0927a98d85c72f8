/*
 * registry/blob.h: reading a blob.
 * Layer: registry.  Threads: any; microseconds (a snapshot of the catalog and an open(2)).  Spec:
 * SPEC section 4.
 */
#ifndef RS_REGISTRY_BLOB_H
#define RS_REGISTRY_BLOB_H

#include "quarantine/resolver.h"
#include "registry/services.h"

/* Everything that an answer needs.  Texts live in the viewer's arena. */
struct rs_blob_reading {
    const char *named; /* the digest as the client named it */
    uint64_t size;     /* bytes */
    bool is_open;      /* a released manifest opens it: cacheable privately; else no-store */
    int fd;            /* with RS_WANT_GET: the caller's; else -1 */
};

/**
 * rs_registry_blob_read(): ask the resolver, then open.  A caller that is told that a blob exists
 * gets a lease on it, so that it may skip the upload and push its manifest. Errors: those of
 * rs_resolve_blob(); RS_CORRUPT when the file is not what the catalog says.
 */
RS_MUST_CHECK enum rs_status rs_registry_blob_read(const struct rs_services *services,
                                                   const struct rs_viewer *viewer,
                                                   const char *digest, enum rs_want want,
                                                   struct rs_blob_reading *ret,
                                                   struct rs_err *reterr);

#endif
