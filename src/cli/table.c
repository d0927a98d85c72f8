#include "cli/table.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"

#define CELL_BYTES_MAX ((size_t)65536)
#define ROWS_MAX ((size_t)10000000)
#define COLUMNS_MAX 16U
#define GAP 2U
#define DIGEST_SHOWN_BYTES 19U /* "sha256:" and 12 digits */

struct rs_table {
    const struct rs_column *columns;
    size_t n_columns;
    size_t width[COLUMNS_MAX];
    char **cells; /* row by row */
    size_t n_rows;
    size_t cap_rows;
};

/* ---- values ---- */

static void add_size(struct rs_buf *out, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    int64_t scale = 1;
    while (unit + 1 < RS_ARRAY_LEN(units) && bytes / scale >= 1024) {
        scale *= 1024;
        unit++;
    }
    if (unit == 0)
        (void)rs_buf_addf(out, "%lld B", (long long)bytes);
    else
        (void)rs_buf_addf(out, "%lld.%lld %s", (long long)(bytes / scale),
                          (long long)(bytes % scale * 10 / scale), units[unit]);
}

static void add_text(struct rs_buf *out, struct rs_str text, enum rs_column_kind kind)
{
    const char *dot = kind == RS_COLUMN_TIME ? memchr(text.p, '.', text.n) : NULL;
    if (kind == RS_COLUMN_DIGEST && text.n > DIGEST_SHOWN_BYTES)
        text.n = DIGEST_SHOWN_BYTES;
    if (text.n == 0) {
        (void)rs_buf_addc(out, '-');
    } else if (dot != NULL && text.p[text.n - 1] == 'Z') {
        (void)rs_terminal_add(out, rs_str_n(text.p, (size_t)(dot - text.p)));
        (void)rs_buf_addc(out, 'Z');
    } else {
        (void)rs_terminal_add(out, text);
    }
}

static void add_canonical(struct rs_buf *out, const struct rs_json *value)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(CELL_BYTES_MAX);
    (void)rs_json_dump_canonical(value, &json);
    (void)rs_terminal_add(out, rs_str_of(rs_buf_text(&json)));
}

/* Of {name, required, state} objects: what a release still waits for. */
static void add_waits(struct rs_buf *out, const struct rs_json *checks)
{
    bool any = false;
    for (size_t i = 0; i < rs_json_len(checks); i++) {
        const struct rs_json *check = rs_json_at(checks, i);
        struct rs_str state = rs_json_str(rs_json_get(check, "state"));
        bool is_required = false;
        if (!rs_json_bool(rs_json_get(check, "required"), &is_required) || !is_required ||
            rs_str_eq(state, "passed"))
            continue;
        (void)rs_buf_adds(out, any ? ", " : "");
        (void)rs_terminal_add(out, rs_json_str(rs_json_get(check, "name")));
        if (!rs_str_eq(state, "waiting")) {
            (void)rs_buf_adds(out, " (");
            (void)rs_terminal_add(out, state);
            (void)rs_buf_addc(out, ')');
        }
        any = true;
    }
    if (!any)
        (void)rs_buf_adds(out, "a decision");
}

enum rs_status rs_table_cell(struct rs_buf *out, const struct rs_json *value,
                             enum rs_column_kind kind)
{
    int64_t number = 0;
    bool flag = false;
    if (kind == RS_COLUMN_WAITS) {
        add_waits(out, value);
        return (enum rs_status)out->failed;
    }
    switch (rs_json_kind(value)) {
    case RS_JSON_ABSENT:
    case RS_JSON_NULL:
        return rs_buf_addc(out, '-');
    case RS_JSON_STRING:
        add_text(out, rs_json_str(value), kind);
        break;
    case RS_JSON_BOOL:
        return rs_buf_adds(out, rs_json_bool(value, &flag) && flag ? "yes" : "no");
    case RS_JSON_INT:
        if (kind == RS_COLUMN_SIZE && rs_json_int(value, 0, RS_JSON_INT_MAX, &number))
            add_size(out, number);
        else
            add_canonical(out, value);
        break;
    case RS_JSON_ARRAY:
        if (rs_json_len(value) == 0)
            return rs_buf_addc(out, '-');
        for (size_t i = 0; i < rs_json_len(value); i++) {
            (void)rs_buf_adds(out, i == 0 ? "" : ", ");
            (void)rs_table_cell(out, rs_json_at(value, i), kind);
        }
        break;
    case RS_JSON_REAL:
    case RS_JSON_OBJECT:
        add_canonical(out, value);
        break;
    }
    return (enum rs_status)out->failed;
}

/* The value that "a.b" names. */
static const struct rs_json *find(const struct rs_json *element, const char *member)
{
    char name[64];
    while (member[0] != '\0') {
        size_t n = strcspn(member, ".");
        if (n >= sizeof(name))
            return NULL;
        memcpy(name, member, n);
        name[n] = '\0';
        element = rs_json_get(element, name);
        member += member[n] == '.' ? n + 1 : n;
    }
    return element;
}

/* ---- tables ---- */

struct rs_table *rs_table_new(const struct rs_column *columns)
{
    struct rs_table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->columns = columns;
    while (t->n_columns < COLUMNS_MAX && columns[t->n_columns].title != NULL) {
        t->width[t->n_columns] = strlen(columns[t->n_columns].title);
        t->n_columns++;
    }
    return t;
}

void rs_table_free(struct rs_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

static enum rs_status make_room(struct rs_table *t)
{
    if (t->n_rows < t->cap_rows)
        return RS_OK;
    if (t->n_rows >= ROWS_MAX)
        return RS_TOO_LARGE;
    size_t cap = t->cap_rows == 0 ? 64 : 2 * t->cap_rows;
    char **cells = reallocarray(t->cells, cap * t->n_columns, sizeof(*cells));
    if (cells == NULL)
        return RS_NOMEM;
    t->cells = cells;
    t->cap_rows = cap;
    return RS_OK;
}

enum rs_status rs_table_add(struct rs_table *t, const struct rs_json *element)
{
    enum rs_status s = make_room(t);
    if (s != RS_OK)
        return s;
    char **row = t->cells + t->n_rows * t->n_columns;
    for (size_t c = 0; c < t->n_columns; c++)
        row[c] = NULL;
    t->n_rows++;
    for (size_t c = 0; c < t->n_columns; c++) {
        RS_AUTO(rs_buf) struct rs_buf cell = RS_BUF_INIT(CELL_BYTES_MAX);
        (void)rs_table_cell(&cell, find(element, t->columns[c].member), t->columns[c].kind);
        size_t width = rs_terminal_width(rs_str_of(rs_buf_text(&cell)));
        row[c] = rs_buf_take(&cell, NULL);
        if (row[c] == NULL)
            return RS_NOMEM;
        if (width > t->width[c])
            t->width[c] = width;
    }
    return RS_OK;
}

size_t rs_table_rows(const struct rs_table *t)
{
    return t->n_rows;
}

static void pad(struct rs_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)rs_buf_addc(out, ' ');
}

static void write_cell(const struct rs_table *t, size_t c, const char *text, struct rs_buf *out)
{
    enum rs_column_kind kind = t->columns[c].kind;
    size_t fill = t->width[c] - rs_terminal_width(rs_str_of(text));
    bool is_right = kind == RS_COLUMN_SIZE || kind == RS_COLUMN_NUMBER;
    bool is_last = c + 1 == t->n_columns;
    if (is_right)
        pad(out, fill);
    (void)rs_buf_adds(out, text);
    if (!is_right && !is_last)
        pad(out, fill);
    if (is_last)
        (void)rs_buf_addc(out, '\n');
    else
        pad(out, GAP);
}

enum rs_status rs_table_write(const struct rs_table *t, struct rs_buf *out)
{
    if (t->n_rows == 0)
        return (enum rs_status)out->failed;
    for (size_t c = 0; c < t->n_columns; c++)
        write_cell(t, c, t->columns[c].title, out);
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
        write_cell(t, i % t->n_columns, t->cells[i], out);
    return (enum rs_status)out->failed;
}

/* ---- trees ---- */

static bool is_nested(const struct rs_json *value)
{
    enum rs_json_kind kind = rs_json_kind(value);
    if (kind == RS_JSON_OBJECT)
        return rs_json_len(value) > 0;
    if (kind != RS_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < rs_json_len(value); i++)
        if (rs_json_kind(rs_json_at(value, i)) == RS_JSON_OBJECT)
            return true;
    return false;
}

static void write_members(const struct rs_json *object, unsigned indent, bool first_is_placed,
                          struct rs_buf *out)
{
    size_t widest = 0;
    struct rs_json_iter it = {0};
    while (rs_json_next(object, &it)) {
        size_t width = rs_terminal_width(rs_str_of(it.key));
        if (!is_nested(it.value) && width > widest)
            widest = width;
    }
    struct rs_json_iter again = {0};
    while (rs_json_next(object, &again)) {
        if (!first_is_placed)
            pad(out, indent);
        first_is_placed = false;
        (void)rs_terminal_add(out, rs_str_of(again.key));
        (void)rs_buf_addc(out, ':');
        if (is_nested(again.value)) {
            (void)rs_buf_addc(out, '\n');
            (void)rs_table_write_tree(again.value, indent + 2, out);
            continue;
        }
        size_t width = rs_terminal_width(rs_str_of(again.key));
        pad(out, widest > width ? widest - width + 1 : 1);
        (void)rs_table_cell(out, again.value, RS_COLUMN_TEXT);
        (void)rs_buf_addc(out, '\n');
    }
}

enum rs_status rs_table_write_tree(const struct rs_json *value, unsigned indent, struct rs_buf *out)
{
    if (rs_json_kind(value) == RS_JSON_OBJECT) {
        write_members(value, indent, false, out);
    } else if (is_nested(value)) {
        for (size_t i = 0; i < rs_json_len(value); i++) {
            const struct rs_json *element = rs_json_at(value, i);
            pad(out, indent);
            (void)rs_buf_adds(out, "- ");
            if (rs_json_kind(element) == RS_JSON_OBJECT && rs_json_len(element) > 0) {
                write_members(element, indent + 2, true, out);
            } else {
                (void)rs_table_cell(out, element, RS_COLUMN_TEXT);
                (void)rs_buf_addc(out, '\n');
            }
        }
    } else {
        pad(out, indent);
        (void)rs_table_cell(out, value, RS_COLUMN_TEXT);
        (void)rs_buf_addc(out, '\n');
    }
    return (enum rs_status)out->failed;
}
