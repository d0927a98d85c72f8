/*
 * registry/keys.h: give the tokens a new signing key.
 * Layer: registry.  Threads: any but a loop's (blocks on the disk).  Spec: SPEC sections 7 and 9.
 */
#ifndef RS_REGISTRY_KEYS_H
#define RS_REGISTRY_KEYS_H

#include "auth/access.h"
#include "registry/services.h"

/**
 * rs_keys_rotate_audited(): the record first, then the key: no key is changed without a record.  (A
 * record without a change, after a failure in between, is the harmless order; the failure is told.)
 * Errors: those of rs_db_write() and rs_auth_rotate_keys().
 */
RS_MUST_CHECK enum rs_status rs_keys_rotate_audited(const struct rs_services *services,
                                                    const struct rs_actor *actor,
                                                    struct rs_err *reterr);

#endif
