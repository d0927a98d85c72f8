/* A catalog with an audit log in it. */
#ifndef RS_TESTS_AUDIT_LOG_H
#define RS_TESTS_AUDIT_LOG_H

#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "../support/catalog.h"
#include "../support/scratch.h"
#include "audit/append.h"
#include "audit/record.h"

static const struct rs_actor log_actor = {
    .principal_id = 7, .name = "processor", .request_id = "r-1", .source = "192.0.2.7"};

static inline enum rs_status log_append_job(struct rs_db_conn *conn, void *arg,
                                            struct rs_err *reterr)
{
    unsigned n = *(unsigned *)arg;
    enum rs_status s = RS_OK;
    for (unsigned i = 0; s == RS_OK && i < n; i++) {
        char details[64];
        const char *tags[] = {"v1", "latest"};
        (void)snprintf(details, sizeof(details), "{\"n\":%u,\"scanner\":\"clean\"}", i);
        struct rs_audit_entry entry = {
            .action = i % 3 == 0 ? "quarantined" : "released",
            .actor = &log_actor,
            .repository = i % 4 == 0 ? NULL : "team/app",
            .tags = tags,
            .n_tags = i % 3,
            .digest = i % 2 == 0 ? NULL : "sha256:aaaa",
            .publisher = i % 5 == 0 ? NULL : "publisher",
            .details = i % 2 == 0 ? NULL : details,
            .cause = i % 7,
        };
        s = rs_audit_append(conn, &entry, NULL, reterr);
    }
    return s;
}

static inline void log_append(struct rs_db *db, unsigned n)
{
    catalog_write(db, log_append_job, &n);
}

static inline enum rs_status log_export_row(void *arg, const struct rs_audit_row *row, bool *stop,
                                            struct rs_err *reterr)
{
    (void)stop;
    (void)reterr;
    (void)rs_audit_record_show(row, arg);
    return rs_buf_addc(arg, '\n');
}

/* The whole log as an export. */
static inline void log_export(struct rs_db *db, struct rs_buf *out)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct rs_audit_filter all = {0};
    assert_int_equal(rs_db_read_begin(db, &r.conn, NULL), RS_OK);
    assert_int_equal(rs_catalog_audit_each(r.conn, &all, log_export_row, out, NULL), RS_OK);
}

#endif
