#include "catalog/principal.h"

#include <string.h>

#include "base/text.h"
#include "catalog/sql.h"

#define COLUMNS "id, kind, name, secret, disabled, created_ms"

/* What the daemon itself is called in the audit log. */
#define DAEMON_NAME "roadstead"

static const char unknown[] = "there is no such user, robot or workload";

static const char *const kind_words[] = {
    [RS_PRINCIPAL_USER] = "user",
    [RS_PRINCIPAL_ROBOT] = "robot",
    [RS_PRINCIPAL_WORKLOAD] = "workload",
    [RS_PRINCIPAL_ANONYMOUS] = "anonymous",
};

const char *rs_principal_kind_word(enum rs_principal_kind kind)
{
    return kind_words[kind];
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool rs_principal_name_is_valid(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > RS_PRINCIPAL_NAME_MAX ||
        strcmp(name, kind_words[RS_PRINCIPAL_ANONYMOUS]) == 0 || strcmp(name, DAEMON_NAME) == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_alnum(name[i]) && (i == 0 || i == n - 1 || strchr("._@+-", name[i]) == NULL))
            return false;
    }
    return true;
}

static enum rs_status read_row(struct rs_stmt *st, struct rs_principal *ret, struct rs_err *reterr)
{
    *ret = (struct rs_principal){
        .id = rs_stmt_col_int(st, 0),
        .is_disabled = rs_stmt_col_int(st, 4) != 0,
        .created_ms = rs_stmt_col_int(st, 5),
    };
    const char *kind = rs_stmt_col_text(st, 1);
    const char *name = rs_stmt_col_text(st, 2);
    const char *secret = rs_stmt_col_text(st, 3);
    bool known = false;
    for (size_t i = 0; kind != NULL && i < RS_ARRAY_LEN(kind_words); i++) {
        if (strcmp(kind, kind_words[i]) == 0) {
            ret->kind = (enum rs_principal_kind)i;
            known = true;
        }
    }
    if (!known || name == NULL || secret == NULL ||
        !rs_text_copy(ret->name, sizeof ret->name, name) ||
        !rs_text_copy(ret->secret, sizeof ret->secret, secret) ||
        (ret->kind == RS_PRINCIPAL_ANONYMOUS) != (ret->id == 0))
        return rs_fail(reterr, RS_CORRUPT, NULL);
    return RS_OK;
}

static enum rs_status read_one(struct rs_stmt *st, struct rs_principal *ret, struct rs_err *reterr)
{
    bool row = false;
    enum rs_status s = rs_stmt_step(st, &row, reterr);
    if (s != RS_OK)
        return s;
    return row ? read_row(st, ret, reterr) : rs_fail(reterr, RS_NOT_FOUND, "%s", unknown);
}

enum rs_status rs_principal_by_name(struct rs_db_conn *conn, const char *name,
                                    struct rs_principal *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, "SELECT " COLUMNS " FROM principal WHERE name = $1", &st,
                                   reterr, RS_SQL_TEXT(name));
    return s == RS_OK ? read_one(st, ret, reterr) : s;
}

enum rs_status rs_principal_of_kind(struct rs_db_conn *conn, enum rs_principal_kind kind,
                                    const char *name, struct rs_principal *ret,
                                    struct rs_err *reterr)
{
    enum rs_status s = rs_principal_by_name(conn, name, ret, reterr);
    return s == RS_OK && ret->kind != kind ? rs_fail(reterr, RS_NOT_FOUND, "%s", unknown) : s;
}

enum rs_status rs_principal_by_id(struct rs_db_conn *conn, int64_t id, struct rs_principal *ret,
                                  struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(conn, "SELECT " COLUMNS " FROM principal WHERE id = $1", &st,
                                   reterr, RS_SQL_INT(id));
    return s == RS_OK ? read_one(st, ret, reterr) : s;
}

enum rs_status rs_principal_list(struct rs_db_conn *conn, enum rs_principal_kind kind,
                                 const char *last, unsigned n, rs_principal_visit fn, void *arg,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s = rs_sql_open(
        conn,
        "SELECT " COLUMNS " FROM principal WHERE kind = $1 AND name > $2 ORDER BY name LIMIT $3",
        &st, reterr, RS_SQL_TEXT(kind_words[kind]), RS_SQL_TEXT(last), RS_SQL_INT(n));
    if (s != RS_OK)
        return s;
    for (;;) {
        bool row = false;
        s = rs_stmt_step(st, &row, reterr);
        if (s != RS_OK || !row)
            return s;
        struct rs_principal p;
        s = read_row(st, &p, reterr);
        if (s == RS_OK)
            s = fn(&p, arg, reterr);
        if (s != RS_OK)
            return s;
    }
}

enum rs_status rs_principal_exists_any(struct rs_db_conn *conn, bool *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    enum rs_status s =
        rs_db_prepare(conn, "SELECT 1 FROM principal WHERE id <> 0 LIMIT 1", &st, reterr);
    return s == RS_OK ? rs_stmt_step(st, ret, reterr) : s;
}

enum rs_status rs_principal_add(struct rs_db_conn *conn, enum rs_principal_kind kind,
                                const char *name, const char *secret, int64_t now_ms,
                                int64_t *ret_id, struct rs_err *reterr)
{
    RS_AUTO(rs_stmt) struct rs_stmt *st = NULL;
    bool row = false;
    enum rs_status s =
        rs_sql_first(conn,
                     "INSERT INTO principal(kind, name, secret, created_ms) VALUES ($1, $2, $3, $4)"
                     " ON CONFLICT(name) DO NOTHING RETURNING id",
                     &st, &row, reterr, RS_SQL_TEXT(kind_words[kind]), RS_SQL_TEXT(name),
                     RS_SQL_TEXT(secret), RS_SQL_INT(now_ms));
    if (s != RS_OK)
        return s;
    if (!row)
        return rs_fail(
            reterr, RS_CONFLICT,
            "there is a user, robot or workload of this name already: choose another name");
    *ret_id = rs_stmt_col_int(st, 0);
    return RS_OK;
}

enum rs_status rs_principal_add_anonymous(struct rs_db_conn *conn, int64_t now_ms,
                                          struct rs_err *reterr)
{
    return rs_sql_run(conn,
                      "INSERT INTO principal(id, kind, name, secret, created_ms)"
                      " VALUES (0, 'anonymous', 'anonymous', '', $1) ON CONFLICT DO NOTHING",
                      NULL, reterr, RS_SQL_INT(now_ms));
}

enum rs_status rs_principal_set_secret(struct rs_db_conn *conn, int64_t id, const char *secret,
                                       struct rs_err *reterr)
{
    return rs_sql_run(conn, "UPDATE principal SET secret = $2 WHERE id = $1", NULL, reterr,
                      RS_SQL_INT(id), RS_SQL_TEXT(secret));
}

enum rs_status rs_principal_set_disabled(struct rs_db_conn *conn, int64_t id, bool is_disabled,
                                         struct rs_err *reterr)
{
    return rs_sql_run(conn, "UPDATE principal SET disabled = $2 WHERE id = $1", NULL, reterr,
                      RS_SQL_INT(id), RS_SQL_INT(is_disabled));
}

enum rs_status rs_principal_delete(struct rs_db_conn *conn, int64_t id, struct rs_err *reterr)
{
    /* The grants first and by name: nothing depends on the engine's cascades being switched on. */
    enum rs_status s = rs_sql_run(conn, "DELETE FROM access_grant WHERE principal_id = $1", NULL,
                                  reterr, RS_SQL_INT(id));
    if (s == RS_OK)
        s = rs_sql_run(conn, "DELETE FROM workload WHERE principal_id = $1", NULL, reterr,
                       RS_SQL_INT(id));
    if (s == RS_OK)
        s = rs_sql_run(conn, "DELETE FROM principal WHERE id = $1 AND id <> 0", NULL, reterr,
                       RS_SQL_INT(id));
    return s;
}
