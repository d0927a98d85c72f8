/*
 * registry/delete.h: deleting tags and manifests.
 * Layer: registry.  Threads: any; blocks until the deletion is durable.
 * Spec: distribution-spec "Deleting tags", "Deleting Manifests"; SPEC section 2.
 * The transport has checked that the caller holds delete there; it needs no right to read.
 */
#ifndef RS_REGISTRY_DELETE_H
#define RS_REGISTRY_DELETE_H

#include "auth/access.h"
#include "base/err.h"
#include "registry/services.h"

/**
 * rs_registry_delete(): delete what the reference names.
 * Errors: RS_MANIFEST_UNKNOWN (nothing there), RS_DIGEST_INVALID, and those of rs_db_write().
 */
RS_MUST_CHECK enum rs_status rs_registry_delete(const struct rs_services *services,
                                                const struct rs_actor *actor,
                                                const char *repository, const char *reference,
                                                struct rs_err *reterr);

#endif
