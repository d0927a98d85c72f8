/*
 * registry/first_start.h: what an empty catalog is filled with: `anonymous`, the first admin, and
 * what the configuration file names under `initial`. Layer: registry.  Threads: one, before the
 * daemon serves.  Blocks on password hashes and the disk. Spec: SPEC sections 5 ("applied once, to
 * an empty catalog") and 9 (no default credential).
 */
#ifndef RS_REGISTRY_FIRST_START_H
#define RS_REGISTRY_FIRST_START_H

#include <stdbool.h>

#include "config/config.h"
#include "db/db.h"

/* Generated credentials, one "name:secret" a line, 0600, in the data directory. */
#define RS_ADMIN_CREDENTIALS_FILE "admin-credentials"
#define RS_INITIAL_CREDENTIALS_FILE "initial-credentials" /* of initial users and robots */

/**
 * rs_first_start(): does nothing when the catalog was filled before.  Else creates the user `admin`
 * with a generated password (or the one that initial.users gives it), and everything under
 * `initial`: all in one transaction, after the generated secrets are durable in their files.
 * *ret_happened says whether this was the first start.
 * Errors: RS_BAD_REQUEST (message: the line of the file and what is wrong; nothing is created),
 * RS_CONFLICT (grants that break a rule), RS_IO, RS_NO_SPACE, RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_first_start(struct rs_db *db, const struct rs_config *config,
                                            bool *ret_happened, struct rs_err *reterr);

#endif
