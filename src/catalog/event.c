#include "catalog/event.h"

#include "catalog/sql.h"

enum rs_status rs_catalog_event_insert(struct rs_db_conn *conn, const struct rs_event_row *row,
                                       int64_t *ret_seq, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool has_row = false;
    enum rs_status s = rs_sql_first(
        conn,
        "INSERT INTO event(id, type, repository, tag, digest, is_held, created_ms, payload, decision)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING seq",
        &st, &has_row, reterr, RS_SQL_TEXT(row->id), RS_SQL_TEXT(row->type),
        RS_SQL_TEXT(row->repository), RS_SQL_TEXT(row->tag), RS_SQL_TEXT(row->digest),
        RS_SQL_INT(row->is_held), RS_SQL_INT(row->created_ms), RS_SQL_TEXT(row->payload),
        RS_SQL_TEXT(row->decision));
    if (s == RS_OK && !has_row)
        s = rs_fail(reterr, RS_INTERNAL, NULL);
    if (s == RS_OK)
        *ret_seq = rs_stmt_col_int(st, 0);
    return s;
}

static void row_view(struct rs_stmt *st, struct rs_event_row *ret)
{
    *ret = (struct rs_event_row){
        .seq = rs_stmt_col_int(st, 0),
        .id = rs_stmt_col_text(st, 1),
        .type = rs_stmt_col_text(st, 2),
        .repository = rs_stmt_col_text(st, 3),
        .tag = rs_stmt_col_text(st, 4),
        .digest = rs_stmt_col_text(st, 5),
        /* whatever is not a plain 0 is the narrower audience */
        .is_held = rs_stmt_col_int(st, 6) != 0,
        .created_ms = rs_stmt_col_int(st, 7),
        .payload = rs_stmt_col_text(st, 8),
        .decision = rs_stmt_col_text(st, 9),
    };
}

static enum rs_status rows_give(struct rs_stmt *st, rs_event_row_fn fn, void *arg, int64_t *ret_n,
                                struct rs_err *reterr)
{
    bool stop = false;
    enum rs_status s = RS_OK;
    *ret_n = 0;
    while (s == RS_OK && !stop) {
        bool has_row = false;
        s = rs_stmt_step(st, &has_row, reterr);
        if (s != RS_OK || !has_row)
            break;
        struct rs_event_row row;
        row_view(st, &row);
        (*ret_n)++;
        s = fn(arg, &row, &stop, reterr);
    }
    return s;
}

enum rs_status rs_catalog_event_each(struct rs_db_conn *conn, int64_t after, int64_t n_max,
                                     rs_event_row_fn fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    enum rs_status s = rs_sql_open(
        conn,
        "SELECT seq, id, type, repository, tag, digest, is_held, created_ms, payload, decision"
        " FROM event WHERE seq > $1 ORDER BY seq LIMIT $2",
        &st, reterr, RS_SQL_INT(after), RS_SQL_INT(n_max));
    return s == RS_OK ? rows_give(st, fn, arg, &n, reterr) : s;
}

enum rs_status rs_catalog_event_get(struct rs_db_conn *conn, int64_t seq, rs_event_row_fn fn,
                                    void *arg, bool *ret_found, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    *ret_found = false;
    enum rs_status s = rs_sql_open(
        conn,
        "SELECT seq, id, type, repository, tag, digest, is_held, created_ms, payload, decision"
        " FROM event WHERE seq = $1",
        &st, reterr, RS_SQL_INT(seq));
    if (s != RS_OK)
        return s;
    s = rows_give(st, fn, arg, &n, reterr);
    *ret_found = n > 0;
    return s;
}

enum rs_status rs_catalog_event_newest(struct rs_db_conn *conn, int64_t *ret_seq,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool has_row = false;
    enum rs_status s =
        rs_db_prepare(conn, "SELECT seq FROM event ORDER BY seq DESC LIMIT 1", &st, reterr);
    if (s == RS_OK)
        s = rs_stmt_step(st, &has_row, reterr);
    if (s == RS_OK)
        *ret_seq = has_row ? rs_stmt_col_int(st, 0) : 0;
    return s;
}

static enum rs_status dead_letters_prune(struct rs_db_conn *conn, int64_t before_ms,
                                         struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM delivery WHERE state = 'dead' AND next_ms < $1", NULL,
                      reterr, RS_SQL_INT(before_ms));
}

/* The last event of this step; none, or only young ones: the walk is over. */
static enum rs_status step_end(struct rs_db_conn *conn, struct rs_event_prune *p, int64_t *ret_end,
                               struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s = rs_sql_first(
        conn,
        "SELECT MAX(y.seq), MIN(y.created_ms) FROM (SELECT e.seq, e.created_ms FROM event e"
        " WHERE e.seq > $1 AND e.seq <="
        "  (SELECT COALESCE(MIN(w.cursor_seq), 9223372036854775807) FROM webhook w WHERE w.enabled = 1)"
        " ORDER BY e.seq LIMIT $2) y",
        &st, &row, reterr, RS_SQL_INT(p->after), RS_SQL_INT(p->n_max));
    if (s != RS_OK)
        return s;
    p->is_last = !row || rs_stmt_col_is_null(st, 0) || rs_stmt_col_int(st, 1) >= p->before_ms;
    *ret_end = p->is_last ? 0 : rs_stmt_col_int(st, 0);
    return RS_OK;
}

enum rs_status rs_catalog_event_prune(struct rs_db_conn *conn, struct rs_event_prune *prune,
                                      struct rs_err *reterr)
{
    int64_t end = 0;
    enum rs_status s =
        prune->after == 0 ? dead_letters_prune(conn, prune->before_ms, reterr) : RS_OK;
    if (s == RS_OK)
        s = step_end(conn, prune, &end, reterr);
    if (s != RS_OK || prune->is_last)
        return s;
    s = rs_sql_run(conn,
                   "DELETE FROM event WHERE seq > $1 AND seq <= $2 AND created_ms < $3"
                   " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_seq = event.seq)",
                   NULL, reterr, RS_SQL_INT(prune->after), RS_SQL_INT(end),
                   RS_SQL_INT(prune->before_ms));
    if (s == RS_OK)
        prune->after = end;
    return s;
}
