/* An empty catalog in a scratch directory. */
#ifndef RS_TESTS_CATALOG_H
#define RS_TESTS_CATALOG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "catalog/schema.h"

static inline struct rs_db *catalog_open(void **state)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    bool created = false;
    if (rs_db_open(&(struct rs_db_options){.path = scratch_path(state, "catalog.db")}, &db, &err) !=
            RS_OK ||
        rs_schema_migrate(db, &created, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    return db;
}

/* Run one job on an empty catalog; it must succeed. */
static inline void catalog_run(void **state, rs_db_job job, void *arg)
{
    struct rs_db *db = catalog_open(state);
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_write(db, job, arg, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    rs_db_close(db);
}

#endif
