/* A catalog with principals and events in it. */
#ifndef RS_TESTS_EVENTS_H
#define RS_TESTS_EVENTS_H

#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "../support/scratch.h"
#include "catalog/schema.h"
#include "events/append.h"

static inline struct rs_db *events_open(const char *path)
{
    struct rs_db *db = NULL;
    struct rs_err err = RS_ERR_INIT;
    bool created = false;
    if (rs_db_open(&(struct rs_db_options){.path = path}, &db, &err) != RS_OK ||
        rs_schema_migrate(db, &created, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    return db;
}

static inline enum rs_status events_script_job(struct rs_db_conn *conn, void *arg,
                                               struct rs_err *reterr)
{
    return rs_db_script(conn, *(const char *const *)arg, reterr);
}

static inline void events_script(struct rs_db *db, const char *sql)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_db_write(db, events_script_job, &sql, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
}

static const struct rs_actor events_actor = {
    .principal_id = 7, .name = "processor", .request_id = "r-1", .source = "192.0.2.7"};

static inline enum rs_status events_append_job(struct rs_db_conn *conn, void *arg,
                                               struct rs_err *reterr)
{
    return rs_event_append(conn, arg, NULL, reterr);
}

static inline void events_append(struct rs_db *db, struct rs_event event)
{
    struct rs_err err = RS_ERR_INIT;
    if (event.actor == NULL)
        event.actor = &events_actor;
    if (event.digest == NULL)
        event.digest = "sha256:aa";
    if (rs_db_write(db, events_append_job, &event, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
}

#endif
