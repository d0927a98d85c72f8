/*
 * catalog/schema.h: the tables, and how an older catalog becomes a newer one.
 * Layer: catalog.  The invariants of the tables are written beside them in schema.c.
 */
#ifndef RS_CATALOG_SCHEMA_H
#define RS_CATALOG_SCHEMA_H

#include "db/db.h"

/**
 * rs_schema_migrate(): bring the catalog to this program's schema, one version after the other,
 * each in one transaction with its version number.  Errors: RS_CONFLICT when the catalog was
 * written by a newer program (nothing is changed), else as rs_db_write(). *ret_created is true when
 * the catalog was empty.
 */
RS_MUST_CHECK enum rs_status rs_schema_migrate(struct rs_db *db, bool *ret_created,
                                               struct rs_err *reterr);

#endif
