/* An empty catalog, and jobs on it that must succeed. */
#ifndef RS_TESTS_CATALOG_H
#define RS_TESTS_CATALOG_H

#include "../cm.h"

#include "catalog/schema.h"

static inline struct rs_db *catalog_open(const char *path)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    bool created = false;
    if (rs_db_open(&(struct rs_db_options){.path = path}, &db, &err) != RS_OK ||
        rs_schema_migrate(db, &created, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    return db;
}

static inline void catalog_write(struct rs_db *db, rs_db_job job, void *arg)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_write(db, job, arg, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
}

static inline enum rs_status catalog_script_job(struct rs_db_conn *conn, void *arg,
                                                struct rs_err *reterr)
{
    return rs_db_script(conn, *(const char *const *)arg, reterr);
}

/* SQL behind everybody's back. */
static inline void catalog_script(struct rs_db *db, const char *sql)
{
    catalog_write(db, catalog_script_job, &sql);
}

#endif
