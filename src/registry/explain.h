/*
 * registry/explain.h: who may ask why whom is let in or not.
 * Layer: registry.  Threads: any.  Spec: SPEC section 10.
 */
#ifndef RS_REGISTRY_EXPLAIN_H
#define RS_REGISTRY_EXPLAIN_H

#include "quarantine/resolver.h"
#include "registry/services.h"

/**
 * rs_registry_explain(): append the answer of rs_explain() about `principal` (NULL, or his own
 * name: the asker himself).  About somebody else it takes audit-read on the repository, or admin.
 * Errors: RS_DENIED, RS_NOT_FOUND (no such principal), RS_BAD_REQUEST (no reference), those of
 * rs_explain().
 */
RS_MUST_CHECK enum rs_status rs_registry_explain(const struct rs_services *services,
                                                 const struct rs_viewer *asker,
                                                 const char *principal, const char *reference,
                                                 struct rs_buf *out, struct rs_err *reterr);

#endif
