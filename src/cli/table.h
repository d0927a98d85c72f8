/*
 * cli/table.h: JSON from the server as tables and indented text for people.
 * Layer: cli.  Threads: one.  Everything is made safe for a terminal.
 */
#ifndef RS_CLI_TABLE_H
#define RS_CLI_TABLE_H

#include "base/buf.h"
#include "json/json.h"

/* A column: what of each element stands in it. */
struct rs_column {
    const char *title;
    const char *member; /* "digest", "decision.by"; "" = the element itself */
    enum rs_column_kind {
        RS_COLUMN_TEXT = 0,
        RS_COLUMN_SIZE,   /* bytes, as 12.3 MiB; right-aligned */
        RS_COLUMN_NUMBER, /* right-aligned */
        RS_COLUMN_DIGEST, /* shortened to sha256: and 12 digits */
        RS_COLUMN_TIME,   /* without its fraction of a second */
        RS_COLUMN_WAITS,  /* of a list of checks: those that are required and not passed */
    } kind;
};

struct rs_table;

/* `columns` is borrowed and ends with a title of NULL.  NULL without memory. */
struct rs_table *rs_table_new(const struct rs_column *columns);
void rs_table_free(struct rs_table *t);
RS_DEFINE_AUTO_PTR(rs_table, rs_table_free)
/* One row out of a JSON value. */
RS_MUST_CHECK enum rs_status rs_table_add(struct rs_table *t, const struct rs_json *element);
size_t rs_table_rows(const struct rs_table *t);
/* Header and rows, aligned; nothing when there are no rows. */
enum rs_status rs_table_write(const struct rs_table *t, struct rs_buf *out);

/* One value as text: strings as they are, lists joined with ", ", absent and null as "-". */
enum rs_status rs_table_cell(struct rs_buf *out, const struct rs_json *value,
                             enum rs_column_kind kind);

/* A JSON value as indented "name: value" lines. */
enum rs_status rs_table_write_tree(const struct rs_json *value, unsigned indent,
                                   struct rs_buf *out);

#endif
