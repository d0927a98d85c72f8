#include "catalog/webhook.h"

#include "catalog/sql.h"

/* ---- webhooks ---- */

#define WEBHOOK_COLUMNS                                                                           \
    "SELECT id, name, settings, secret, enabled, created_ms, cursor_seq,"                         \
    " (SELECT COUNT(*) FROM delivery d WHERE d.webhook_id = webhook.id AND d.state = 'waiting')," \
    " (SELECT COUNT(*) FROM delivery d WHERE d.webhook_id = webhook.id AND d.state = 'dead')"     \
    " FROM webhook"

static enum rs_status webhooks_give(struct rs_stmt *st, rs_webhook_row_fn fn, void *arg,
                                    int64_t *ret_n, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    *ret_n = 0;
    while (s == RS_OK) {
        bool has_row = false;
        s = rs_stmt_step(st, &has_row, reterr);
        if (s != RS_OK || !has_row)
            break;
        struct rs_webhook_row row = {
            .id = rs_stmt_col_int(st, 0),
            .name = rs_stmt_col_text(st, 1),
            .settings = rs_stmt_col_text(st, 2),
            .secret = rs_stmt_col_text(st, 3),
            .enabled = rs_stmt_col_int(st, 4) != 0,
            .created_ms = rs_stmt_col_int(st, 5),
            .cursor = rs_stmt_col_int(st, 6),
            .waiting = rs_stmt_col_int(st, 7),
            .dead = rs_stmt_col_int(st, 8),
        };
        (*ret_n)++;
        s = fn(arg, &row, reterr);
    }
    return s;
}

enum rs_status rs_catalog_webhook_each(struct rs_db_conn *conn, rs_webhook_row_fn fn, void *arg,
                                       struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    enum rs_status s = rs_db_prepare(conn, WEBHOOK_COLUMNS " ORDER BY name", &st, reterr);
    return s == RS_OK ? webhooks_give(st, fn, arg, &n, reterr) : s;
}

enum rs_status rs_catalog_webhook_get(struct rs_db_conn *conn, const char *name,
                                      rs_webhook_row_fn fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    enum rs_status s =
        rs_sql_open(conn, WEBHOOK_COLUMNS " WHERE name = $1", &st, reterr, RS_SQL_TEXT(name));
    if (s != RS_OK)
        return s;
    s = webhooks_give(st, fn, arg, &n, reterr);
    if (s == RS_OK && n == 0)
        return rs_fail(reterr, RS_NOT_FOUND, "there is no webhook of this name");
    return s;
}

enum rs_status rs_catalog_webhook_exists(struct rs_db_conn *conn, int64_t id, bool *ret_exists,
                                         struct rs_err *reterr)
{
    return rs_sql_exists(conn, "SELECT 1 FROM webhook WHERE id = $1", ret_exists, reterr,
                         RS_SQL_INT(id));
}

enum rs_status rs_catalog_webhook_insert(struct rs_db_conn *conn, const struct rs_webhook_row *row,
                                         struct rs_err *reterr)
{
    int64_t changes = 0;
    enum rs_status s =
        rs_sql_run(conn,
                   "INSERT INTO webhook(name, settings, secret, enabled, created_ms, cursor_seq)"
                   " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT(name) DO NOTHING",
                   &changes, reterr, RS_SQL_TEXT(row->name), RS_SQL_TEXT(row->settings),
                   RS_SQL_TEXT(row->secret), RS_SQL_INT(row->enabled), RS_SQL_INT(row->created_ms),
                   RS_SQL_INT(row->cursor));
    if (s == RS_OK && changes == 0)
        return rs_fail(reterr, RS_CONFLICT,
                       "a webhook of this name exists: choose another name or change that one");
    return s;
}

enum rs_status rs_catalog_webhook_update(struct rs_db_conn *conn, const struct rs_webhook_row *row,
                                         struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE webhook SET settings = $1, secret = $2, enabled = $3 WHERE id = $4",
                      NULL, reterr, RS_SQL_TEXT(row->settings), RS_SQL_TEXT(row->secret),
                      RS_SQL_INT(row->enabled), RS_SQL_INT(row->id));
}

enum rs_status rs_catalog_webhook_delete(struct rs_db_conn *conn, int64_t id, struct rs_err *reterr)
{
    enum rs_status s = rs_sql_run(conn, "DELETE FROM delivery WHERE webhook_id = $1", NULL, reterr,
                                  RS_SQL_INT(id));
    if (s == RS_OK)
        s = rs_sql_run(conn, "DELETE FROM webhook WHERE id = $1", NULL, reterr, RS_SQL_INT(id));
    return s;
}

enum rs_status rs_catalog_webhook_advance(struct rs_db_conn *conn, int64_t id, int64_t cursor,
                                          struct rs_err *reterr)
{
    return rs_sql_run(conn, "UPDATE webhook SET cursor_seq = $1 WHERE id = $2 AND cursor_seq < $1",
                      NULL, reterr, RS_SQL_INT(cursor), RS_SQL_INT(id));
}

/* ---- deliveries ---- */

#define DELIVERY_COLUMNS                                                                      \
    "SELECT d.webhook_id, d.event_seq, d.digest, d.state, d.attempts, d.first_ms, d.next_ms," \
    " d.last_error, e.id, e.type, e.repository, e.tag"                                        \
    " FROM delivery d JOIN event e ON e.seq = d.event_seq WHERE d.webhook_id = $1"

static enum rs_status deliveries_give(struct rs_stmt *st, rs_delivery_row_fn fn, void *arg,
                                      int64_t *ret_n, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    *ret_n = 0;
    while (s == RS_OK) {
        bool has_row = false;
        s = rs_stmt_step(st, &has_row, reterr);
        if (s != RS_OK || !has_row)
            break;
        struct rs_delivery_row row = {
            .webhook_id = rs_stmt_col_int(st, 0),
            .event_seq = rs_stmt_col_int(st, 1),
            .digest = rs_stmt_col_text(st, 2),
            .state = rs_stmt_col_text(st, 3),
            .attempts = rs_stmt_col_int(st, 4),
            .first_ms = rs_stmt_col_int(st, 5),
            .next_ms = rs_stmt_col_int(st, 6),
            .last_error = rs_stmt_col_text(st, 7),
            .event_id = rs_stmt_col_text(st, 8),
            .event_type = rs_stmt_col_text(st, 9),
            .repository = rs_stmt_col_text(st, 10),
            .tag = rs_stmt_col_text(st, 11),
        };
        (*ret_n)++;
        s = fn(arg, &row, reterr);
    }
    return s;
}

enum rs_status rs_catalog_delivery_each(struct rs_db_conn *conn, int64_t webhook_id,
                                        const char *state, int64_t after, int64_t n_max,
                                        rs_delivery_row_fn fn, void *arg, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    enum rs_status s =
        rs_sql_open(conn,
                    DELIVERY_COLUMNS " AND d.event_seq > $2 AND ($3 = '' OR d.state = $3)"
                                     " ORDER BY d.event_seq LIMIT $4",
                    &st, reterr, RS_SQL_INT(webhook_id), RS_SQL_INT(after),
                    RS_SQL_TEXT(state != NULL ? state : ""), RS_SQL_INT(n_max));
    return s == RS_OK ? deliveries_give(st, fn, arg, &n, reterr) : s;
}

enum rs_status rs_catalog_delivery_next(struct rs_db_conn *conn, int64_t webhook_id,
                                        rs_delivery_row_fn fn, void *arg, bool *ret_found,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    int64_t n = 0;
    *ret_found = false;
    enum rs_status s = rs_sql_open(
        conn,
        DELIVERY_COLUMNS
        " AND d.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM delivery o"
        " WHERE o.webhook_id = d.webhook_id AND o.digest = d.digest AND o.state = 'waiting'"
        " AND o.event_seq < d.event_seq) ORDER BY d.next_ms LIMIT 1",
        &st, reterr, RS_SQL_INT(webhook_id));
    if (s != RS_OK)
        return s;
    s = deliveries_give(st, fn, arg, &n, reterr);
    *ret_found = n > 0;
    return s;
}

enum rs_status rs_catalog_delivery_waits(struct rs_db_conn *conn, int64_t webhook_id,
                                         const char *digest, bool *ret_waits, struct rs_err *reterr)
{
    return rs_sql_exists(conn,
                         "SELECT 1 FROM delivery WHERE webhook_id = $1 AND digest = $2"
                         " AND state = 'waiting' LIMIT 1",
                         ret_waits, reterr, RS_SQL_INT(webhook_id), RS_SQL_TEXT(digest));
}

enum rs_status rs_catalog_delivery_put(struct rs_db_conn *conn, const struct rs_delivery_row *row,
                                       struct rs_err *reterr)
{
    return rs_sql_run(
        conn,
        "INSERT INTO delivery(webhook_id, event_seq, digest, state, attempts, first_ms, next_ms, last_error)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT(webhook_id, event_seq) DO UPDATE SET"
        " state = excluded.state, attempts = excluded.attempts, first_ms = excluded.first_ms,"
        " next_ms = excluded.next_ms, last_error = excluded.last_error",
        NULL, reterr, RS_SQL_INT(row->webhook_id), RS_SQL_INT(row->event_seq),
        RS_SQL_TEXT(row->digest), RS_SQL_TEXT(row->state), RS_SQL_INT(row->attempts),
        RS_SQL_INT(row->first_ms), RS_SQL_INT(row->next_ms), RS_SQL_TEXT(row->last_error));
}

enum rs_status rs_catalog_delivery_delete(struct rs_db_conn *conn, int64_t webhook_id,
                                          int64_t event_seq, struct rs_err *reterr)
{
    return rs_sql_run(conn, "DELETE FROM delivery WHERE webhook_id = $1 AND event_seq = $2", NULL,
                      reterr, RS_SQL_INT(webhook_id), RS_SQL_INT(event_seq));
}

enum rs_status rs_catalog_delivery_hurry(struct rs_db_conn *conn, int64_t webhook_id,
                                         int64_t now_ms, struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "UPDATE delivery SET next_ms = $1 WHERE webhook_id = $2"
                      " AND state = 'waiting' AND next_ms > $1",
                      NULL, reterr, RS_SQL_INT(now_ms), RS_SQL_INT(webhook_id));
}

enum rs_status rs_catalog_delivery_revive(struct rs_db_conn *conn, int64_t webhook_id,
                                          int64_t event_seq, int64_t now_ms, int64_t *ret_n,
                                          struct rs_err *reterr)
{
    return rs_sql_run(
        conn,
        "UPDATE delivery SET state = 'waiting', attempts = 0, first_ms = $1, next_ms = $1"
        " WHERE webhook_id = $2 AND state = 'dead' AND ($3 = 0 OR event_seq = $3)",
        ret_n, reterr, RS_SQL_INT(now_ms), RS_SQL_INT(webhook_id), RS_SQL_INT(event_seq));
}
