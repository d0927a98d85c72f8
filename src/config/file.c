/* Reads the YAML file.  Events, not a document: so anchors can be refused, which would make a
 * small file large. */
#include "config/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "json/json.h"
#include "json/write.h"

#define FILE_BYTES_MAX ((size_t)1048576)
#define KEY_BYTES 128
#define ITEMS_MAX 1000U
#define ITEM_BYTES_MAX ((size_t)65536)
#define DEPTH_MAX 8U
#define LIST_MAX 256U

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; owned */
    struct rs_config_load *load;
    const char *path;
    struct rs_err *err;
    bool seen[128]; /* by position in rs_config_keys */
};

static struct rs_config_place here(const struct reader *r)
{
    return (struct rs_config_place){.source = r->path,
                                    .line = (unsigned)r->event.start_mark.line + 1};
}

static enum rs_status refuse(struct reader *r, const char *what)
{
    char at[RS_PLACE_BYTES];
    return rs_fail(r->err, RS_BAD_REQUEST, "%s: %s", rs_config_place_text(here(r), at), what);
}

static enum rs_status refuse_syntax(struct reader *r)
{
    char at[RS_PLACE_BYTES];
    struct rs_config_place place = {.source = r->path,
                                    .line = (unsigned)r->parser.problem_mark.line + 1};
    if (r->parser.error == YAML_MEMORY_ERROR)
        return rs_fail(r->err, RS_NOMEM, NULL);
    const char *what = r->parser.problem == NULL ? "unreadable" : r->parser.problem;
    return rs_fail(r->err, RS_BAD_REQUEST, "%s: not valid YAML: %s",
                   rs_config_place_text(place, at), what);
}

/* Go to the next event. */
static enum rs_status next(struct reader *r)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof(r->event));
    if (yaml_parser_parse(&r->parser, &r->event) != 1)
        return refuse_syntax(r);
    if (r->event.type == YAML_ALIAS_EVENT)
        return refuse(r, "anchors and aliases are not supported here");
    return RS_OK;
}

/* The text of the current scalar; NULL when it is none or has a NUL inside. */
static const char *scalar(const struct reader *r)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return NULL;
    const char *text = (const char *)r->event.data.scalar.value;
    return strlen(text) == r->event.data.scalar.length ? text : NULL;
}

/* ---- mappings of an `initial` list, as JSON ---- */

static bool is_plain_int(const char *text)
{
    size_t digits = strspn(text + (text[0] == '-'), "0123456789");
    return digits > 0 && digits <= 15 && text[(text[0] == '-') + digits] == '\0';
}

/* Unquoted true, false, null and integers are what they look like; all else is text ("on" too). */
static enum rs_status write_scalar(struct reader *r, struct rs_jw *w)
{
    const char *text = scalar(r);
    if (text == NULL)
        return refuse(r, "a text with a NUL character");
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        rs_jw_raw(w, text);
    else if (plain && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
        rs_jw_null(w);
    else if (plain && is_plain_int(text) && (text[0] != '0' || text[1] == '\0'))
        rs_jw_raw(w, text);
    else
        rs_jw_text(w, text);
    return RS_OK;
}

/* The current event and all that belongs to it. */
static enum rs_status write_value(struct reader *r, struct rs_jw *w)
{
    if (r->event.type == YAML_SCALAR_EVENT)
        return write_scalar(r, w);
    bool is_mapping = r->event.type == YAML_MAPPING_START_EVENT;
    yaml_event_type_t end = is_mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    if (w->depth >= DEPTH_MAX)
        return refuse(r, "nested too deeply");
    if (is_mapping)
        rs_jw_object(w);
    else
        rs_jw_array(w);
    for (;;) {
        enum rs_status s = next(r);
        if (s != RS_OK)
            return s;
        if (r->event.type == end)
            break;
        if (is_mapping) {
            if (scalar(r) == NULL)
                return refuse(r, "a name was expected");
            rs_jw_key(w, scalar(r));
            s = next(r);
        }
        if (s == RS_OK)
            s = write_value(r, w);
        if (s != RS_OK)
            return s;
    }
    if (is_mapping)
        rs_jw_object_end(w);
    else
        rs_jw_array_end(w);
    return RS_OK;
}

/* The current mapping as canonical JSON.  Parsing it again finds names that stand twice. */
static enum rs_status read_item(struct reader *r, struct rs_config_item *ret)
{
    struct rs_config_place place = here(r);
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "a mapping was expected for each element of this list");
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(ITEM_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf canonical = RS_BUF_INIT(ITEM_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *tree = NULL;
    struct rs_jw w = RS_JW_INIT(&text);
    enum rs_status s = write_value(r, &w);
    if (s == RS_OK)
        s = rs_buf_status(&text);
    struct rs_err why = RS_ERR_INIT;
    if (s == RS_OK)
        s = rs_json_parse_text(rs_buf_text(&text), RS_BAD_REQUEST, &tree, &why);
    if (s == RS_OK)
        s = rs_json_dump_canonical(tree, &canonical);
    if (s != RS_OK) {
        char at[RS_PLACE_BYTES];
        return rs_fail(r->err, s, "%s: this mapping cannot be used: %.200s",
                       rs_config_place_text(place, at),
                       why.message[0] == '\0' ? rs_status_text(s) : why.message);
    }
    ret->json = rs_arena_strdup(&r->load->arena, rs_buf_text(&canonical));
    ret->line = place.line;
    return ret->json == NULL ? rs_fail(r->err, RS_NOMEM, NULL) : RS_OK;
}

static enum rs_status read_items(struct reader *r, const struct rs_config_key *key)
{
    if (r->event.type != YAML_SEQUENCE_START_EVENT)
        return refuse(r, "a list of mappings was expected");
    struct rs_config_item *items = rs_arena_alloc(&r->load->arena, ITEMS_MAX * sizeof(*items));
    if (items == NULL)
        return rs_fail(r->err, RS_NOMEM, NULL);
    size_t n = 0;
    for (;;) {
        enum rs_status s = next(r);
        if (s != RS_OK)
            return s;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (n == ITEMS_MAX)
            return refuse(r, "more than 1000 elements");
        s = read_item(r, &items[n++]);
        if (s != RS_OK)
            return s;
    }
    struct rs_config_items *field = (void *)((char *)&r->load->config + key->offset);
    *field = (struct rs_config_items){.item = items, .n = n};
    return RS_OK;
}

/* ---- the other kinds of values ---- */

static enum rs_status read_list(struct reader *r, const struct rs_config_key *key)
{
    const char *items[LIST_MAX];
    size_t n = 0;
    struct rs_config_place place = here(r);
    if (scalar(r) != NULL) {
        items[0] = scalar(r);
        return rs_config_set_list(r->load, key, items, 1, place, r->err);
    }
    if (r->event.type != YAML_SEQUENCE_START_EVENT)
        return refuse(r, "a list was expected");
    for (;;) {
        enum rs_status s = next(r);
        if (s != RS_OK)
            return s;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (scalar(r) == NULL)
            return refuse(r, "a text was expected for each element of this list");
        if (n == LIST_MAX)
            return refuse(r, "more than 256 elements");
        items[n] = rs_arena_strdup(&r->load->arena, scalar(r));
        if (items[n++] == NULL)
            return rs_fail(r->err, RS_NOMEM, NULL);
    }
    return rs_config_set_list(r->load, key, items, n, place, r->err);
}

static enum rs_status read_value(struct reader *r, const struct rs_config_key *key)
{
    if (key->kind == RS_KIND_ITEMS)
        return read_items(r, key);
    if (key->kind == RS_KIND_LIST)
        return read_list(r, key);
    if (scalar(r) == NULL)
        return refuse(r, "one value was expected, not a list or a mapping");
    return rs_config_set(r->load, key, scalar(r), here(r), r->err);
}

static bool is_section(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < rs_config_keys_n; i++)
        if (strncmp(rs_config_keys[i].key, name, n) == 0 && rs_config_keys[i].key[n] == '.')
            return true;
    return false;
}

static enum rs_status read_mapping(struct reader *r, const char *section);

/* The current event is the name of a key or of a section. */
static enum rs_status read_entry(struct reader *r, const char *section)
{
    char name[KEY_BYTES];
    const char *own = scalar(r);
    if (own == NULL)
        return refuse(r, "the name of a key was expected");
    int n = snprintf(name, sizeof(name), "%s%s%s", section, section[0] == '\0' ? "" : ".", own);
    const struct rs_config_key *key = rs_config_find(name);
    if (n < 0 || (size_t)n >= sizeof(name) || (key == NULL && !is_section(name)))
        return rs_config_refuse_key(name, here(r), r->err);
    if (key != NULL && r->seen[key - rs_config_keys])
        return refuse(r, "this key stands twice in the file");
    if (key != NULL)
        r->seen[key - rs_config_keys] = true;
    enum rs_status s = next(r);
    if (s != RS_OK)
        return s;
    if (key != NULL)
        return read_value(r, key);
    if (r->event.type == YAML_SCALAR_EVENT && scalar(r) != NULL && scalar(r)[0] == '\0')
        return RS_OK; /* a section without any key */
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "keys were expected in this section");
    return read_mapping(r, name);
}

static enum rs_status read_mapping(struct reader *r, const char *section)
{
    for (;;) {
        enum rs_status s = next(r);
        if (s != RS_OK)
            return s;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return RS_OK;
        s = read_entry(r, section);
        if (s != RS_OK)
            return s;
    }
}

static enum rs_status read_document(struct reader *r)
{
    enum rs_status s = next(r); /* the stream */
    if (s == RS_OK)
        s = next(r);
    if (s != RS_OK || r->event.type == YAML_STREAM_END_EVENT) /* an empty file */
        return s;
    s = next(r); /* the document */
    if (s != RS_OK)
        return s;
    bool is_empty = scalar(r) != NULL && scalar(r)[0] == '\0';
    if (!is_empty && r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "keys and values were expected");
    s = is_empty ? RS_OK : read_mapping(r, "");
    if (s == RS_OK)
        s = next(r); /* the document's end */
    if (s == RS_OK)
        s = next(r);
    if (s == RS_OK && r->event.type != YAML_STREAM_END_EVENT)
        return refuse(r, "a second document in one file");
    return s;
}

static enum rs_status read_bytes(const char *path, struct rs_buf *out, struct rs_err *reterr)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        enum rs_status s = errno == ENOENT ? RS_NOT_FOUND : RS_IO;
        char text[128];
        return rs_fail(reterr, s, "%.300s: cannot be read: %s", path,
                       strerror_r(errno, text, sizeof(text)));
    }
    char block[4096];
    size_t n = 0;
    while ((n = fread(block, 1, sizeof(block), f)) > 0 && rs_buf_status(out) == RS_OK)
        (void)rs_buf_add(out, block, n);
    bool failed = ferror(f) != 0;
    (void)fclose(f); /* it was only read */
    if (failed)
        return rs_fail(reterr, RS_IO, "%.300s: cannot be read", path);
    if (rs_buf_status(out) == RS_TOO_LARGE)
        return rs_fail(reterr, RS_BAD_REQUEST, "%.300s: more than 1 MiB", path);
    return rs_buf_status(out) == RS_OK ? RS_OK : rs_fail(reterr, rs_buf_status(out), NULL);
}

enum rs_status rs_config_read_file(struct rs_config_load *load, const char *path,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf bytes = RS_BUF_INIT(FILE_BYTES_MAX);
    struct reader r = {.load = load, .path = path, .err = reterr};
    _Static_assert(sizeof(r.seen) >= 100, "one for each key");
    enum rs_status s = read_bytes(path, &bytes, reterr);
    if (s != RS_OK)
        return s;
    if (yaml_parser_initialize(&r.parser) != 1)
        return rs_fail(reterr, RS_NOMEM, NULL);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)rs_buf_text(&bytes), bytes.len);
    s = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return s;
}
