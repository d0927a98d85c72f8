/*
 * registry/delete_repository.h: deleting all that a repository has.
 * Layer: registry.  Threads: any; blocks until the last deletion is durable.
 * Spec: SPEC section 2 (the row "delete by digest", for each manifest) and 4 (lists).
 */
#ifndef RS_REGISTRY_DELETE_REPOSITORY_H
#define RS_REGISTRY_DELETE_REPOSITORY_H

#include "base/buf.h"
#include "quarantine/resolver.h"
#include "registry/services.h"

/* So many digests, and so many tags, are told at most; all are deleted. */
#define RS_DELETED_TOLD_MAX 10000U

/**
 * rs_registry_delete_repository(): delete every manifest that is there now, newest first, so that
 * an index goes before what it names: each as a delete by digest does it.  Few at a time are one
 * transaction, so that nobody waits long; what is pushed meanwhile stays.  After a failure what was
 * deleted so far is, and asking again goes on.
 * The transport has checked that the viewer holds delete there; it needs no right to read.
 * @out  {"manifestsDeleted": [...], "tagsDeleted": [...]} is appended: what this viewer saw in the
 *       repository's lists before, at most RS_DELETED_TOLD_MAX of each
 * Errors: RS_NAME_UNKNOWN (it has no manifest), those of rs_db_write(), faults.
 */
RS_MUST_CHECK enum rs_status rs_registry_delete_repository(const struct rs_services *services,
                                                           const struct rs_viewer *viewer,
                                                           struct rs_buf *out,
                                                           struct rs_err *reterr);

#endif
