/* A catalog with principals and events in it. */
#ifndef RS_TESTS_EVENTS_H
#define RS_TESTS_EVENTS_H

#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "../support/catalog.h"
#include "../support/scratch.h"
#include "events/append.h"

static const struct rs_actor events_actor = {
    .principal_id = 7, .name = "processor", .request_id = "r-1", .source = "192.0.2.7"};

static inline enum rs_status events_append_job(struct rs_db_conn *conn, void *arg,
                                               struct rs_err *reterr)
{
    return rs_event_append(conn, arg, NULL, reterr);
}

static inline void events_append(struct rs_db *db, struct rs_event event)
{
    if (event.actor == NULL)
        event.actor = &events_actor;
    if (event.digest == NULL)
        event.digest = "sha256:aa";
    catalog_write(db, events_append_job, &event);
}

#endif
