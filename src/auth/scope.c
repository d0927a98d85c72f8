#include "auth/scope.h"

#include <string.h>

#include "oci/name.h"

static const struct {
    const char *word;
    uint32_t bit;
} actions[] = {
    {"pull", RS_PERM_PULL},
    {"push", RS_PERM_PUSH},
    {"delete", RS_PERM_DELETE},
    {"metadata_read", RS_SCOPE_METADATA_READ},
    {"metadata_write", RS_SCOPE_METADATA_WRITE},
};

struct rs_scope *rs_scope_new(struct rs_arena *arena)
{
    struct rs_scope *scope = rs_arena_alloc(arena, sizeof *scope);
    if (scope == NULL)
        return NULL;
    scope->repositories =
        rs_arena_alloc(arena, RS_SCOPE_REPOSITORIES_MAX * sizeof *scope->repositories);
    return scope->repositories == NULL ? NULL : scope;
}

static uint32_t action_bit(struct rs_str word)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(actions); i++) {
        if (rs_str_eq(word, actions[i].word))
            return actions[i].bit;
    }
    return rs_str_eq(word, "*") ? RS_SCOPE_ACTIONS : 0;
}

static uint32_t parse_actions(struct rs_str list)
{
    uint32_t bits = 0;
    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t n = comma == NULL ? list.n : (size_t)(comma - list.p);
        bits |= action_bit(rs_str_n(list.p, n));
        n += comma != NULL;
        list = rs_str_n(list.p + n, list.n - n);
    }
    return bits;
}

static enum rs_status add(struct rs_scope *scope, const char *name, uint32_t bits,
                          struct rs_err *reterr)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (strcmp(scope->repositories[i].name, name) == 0) {
            scope->repositories[i].actions |= bits;
            return RS_OK;
        }
    }
    if (scope->n == RS_SCOPE_REPOSITORIES_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "a token is for at most %u repositories: ask for several tokens",
                       RS_SCOPE_REPOSITORIES_MAX);
    scope->repositories[scope->n++] = (struct rs_scope_repository){.name = name, .actions = bits};
    return RS_OK;
}

/* One "type:name:actions".  The name may hold colons (a host with a port), so the type ends at the
 * first and the actions start after the last. */
static enum rs_status parse_one(struct rs_scope *scope, struct rs_str text, struct rs_arena *arena,
                                struct rs_err *reterr)
{
    const char *first = memchr(text.p, ':', text.n);
    const char *last = memrchr(text.p, ':', text.n);
    if (first == NULL || first == last)
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "a scope is <type>:<name>:<actions>, for example repository:team/app:pull,push");
    struct rs_str type = rs_str_n(text.p, (size_t)(first - text.p));
    struct rs_str name = rs_str_n(first + 1, (size_t)(last - first - 1));
    struct rs_str list = rs_str_n(last + 1, (size_t)(text.p + text.n - last - 1));
    if (rs_str_eq(type, "registry") && rs_str_eq(name, "catalog")) {
        scope->catalog = scope->catalog || rs_str_eq(list, "*");
        return RS_OK;
    }
    uint32_t bits = parse_actions(list);
    if (!rs_str_eq(type, "repository") || bits == 0)
        return RS_OK;
    char *copy = rs_arena_strndup(arena, name.p, name.n);
    if (copy == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    return rs_name_is_valid(name) ? add(scope, copy, bits, reterr) : RS_OK;
}

enum rs_status rs_scope_parse(struct rs_scope *scope, const char *text, struct rs_arena *arena,
                              struct rs_err *reterr)
{
    size_t left = strlen(text);
    if (left > RS_SCOPE_TEXT_BYTES_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "a scope parameter has at most %zu bytes",
                       RS_SCOPE_TEXT_BYTES_MAX);
    enum rs_status s = RS_OK;
    for (const char *p = text; s == RS_OK && *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n > 0)
            s = parse_one(scope, rs_str_n(p, n), arena, reterr);
        p += n + (p[n] == ' ');
    }
    return s;
}

uint32_t rs_scope_actions(const struct rs_scope *scope, const char *repository)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (strcmp(scope->repositories[i].name, repository) == 0)
            return scope->repositories[i].actions;
    }
    return 0;
}

void rs_scope_narrow(struct rs_scope *scope, const struct rs_scope *cap)
{
    if (cap == NULL)
        return;
    scope->catalog = scope->catalog && cap->catalog;
    for (size_t i = 0; i < scope->n; i++)
        scope->repositories[i].actions &= rs_scope_actions(cap, scope->repositories[i].name);
}

const char *rs_scope_text(const struct rs_scope *scope, struct rs_arena *arena)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT((size_t)65536);
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->repositories[i].actions == 0)
            continue;
        (void)rs_buf_addf(&text, "%srepository:%s:", text.len > 0 ? " " : "",
                          scope->repositories[i].name);
        const char *comma = "";
        for (size_t k = 0; k < RS_ARRAY_LEN(actions); k++) {
            if ((scope->repositories[i].actions & actions[k].bit) == 0)
                continue;
            (void)rs_buf_addf(&text, "%s%s", comma, actions[k].word);
            comma = ",";
        }
    }
    if (scope->catalog)
        (void)rs_buf_addf(&text, "%sregistry:catalog:*", text.len > 0 ? " " : "");
    return rs_buf_status(&text) == RS_OK ? rs_arena_strdup(arena, rs_buf_text(&text)) : NULL;
}

static void write_resource(struct rs_jw *w, const char *type, const char *name)
{
    rs_jw_object(w);
    rs_jw_member_text(w, "type", type);
    rs_jw_member_text(w, "name", name);
    rs_jw_key(w, "actions");
    rs_jw_array(w);
}

void rs_scope_write(const struct rs_scope *scope, struct rs_jw *w)
{
    rs_jw_array(w);
    if (scope->catalog) {
        write_resource(w, "registry", "catalog");
        rs_jw_text(w, "*");
        rs_jw_array_end(w);
        rs_jw_object_end(w);
    }
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->repositories[i].actions == 0)
            continue;
        write_resource(w, "repository", scope->repositories[i].name);
        for (size_t k = 0; k < RS_ARRAY_LEN(actions); k++) {
            if ((scope->repositories[i].actions & actions[k].bit) != 0)
                rs_jw_text(w, actions[k].word);
        }
        rs_jw_array_end(w);
        rs_jw_object_end(w);
    }
    rs_jw_array_end(w);
}

static enum rs_status unreadable(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_UNAUTHORIZED,
                   "the token's access list is not one that this registry writes");
}

static enum rs_status read_actions(const struct rs_json *list, uint32_t *ret_bits,
                                   struct rs_err *reterr)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < rs_json_len(list); i++) {
        struct rs_str word = rs_json_str(rs_json_at(list, i));
        uint32_t bit = rs_str_eq(word, "*") ? 0 : action_bit(word);
        if (bit == 0)
            return unreadable(reterr);
        bits |= bit;
    }
    *ret_bits = bits;
    return bits == 0 ? unreadable(reterr) : RS_OK;
}

static enum rs_status read_one(struct rs_scope *scope, const struct rs_json *entry,
                               struct rs_arena *arena, struct rs_err *reterr)
{
    const struct rs_json *list = rs_json_get(entry, "actions");
    struct rs_str type = rs_json_str(rs_json_get(entry, "type"));
    const char *name = rs_json_text(rs_json_get(entry, "name"));
    if (name == NULL || rs_json_len(entry) != 3 || rs_json_kind(list) != RS_JSON_ARRAY)
        return unreadable(reterr);
    if (rs_str_eq(type, "registry")) {
        if (strcmp(name, "catalog") != 0 || rs_json_len(list) != 1 ||
            !rs_str_eq(rs_json_str(rs_json_at(list, 0)), "*"))
            return unreadable(reterr);
        scope->catalog = true;
        return RS_OK;
    }
    uint32_t bits = 0;
    enum rs_status s = read_actions(list, &bits, reterr);
    if (s != RS_OK)
        return s;
    if (!rs_str_eq(type, "repository") || !rs_name_is_valid(rs_str_of(name)))
        return unreadable(reterr);
    char *copy = rs_arena_strdup(arena, name);
    return copy == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : add(scope, copy, bits, reterr);
}

enum rs_status rs_scope_read(const struct rs_json *access, struct rs_arena *arena,
                             struct rs_scope **ret, struct rs_err *reterr)
{
    if (rs_json_kind(access) != RS_JSON_ARRAY ||
        rs_json_len(access) > RS_SCOPE_REPOSITORIES_MAX + 1)
        return unreadable(reterr);
    struct rs_scope *scope = rs_scope_new(arena);
    if (scope == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < rs_json_len(access); i++) {
        enum rs_status s = read_one(scope, rs_json_at(access, i), arena, reterr);
        if (s != RS_OK)
            return s;
    }
    *ret = scope;
    return RS_OK;
}

struct rs_scope *rs_scope_copy(const struct rs_scope *scope, struct rs_arena *arena)
{
    struct rs_scope *copy = rs_arena_alloc(arena, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy->catalog = scope->catalog;
    if (scope->n == 0)
        return copy;
    copy->repositories = rs_arena_alloc(arena, scope->n * sizeof *copy->repositories);
    if (copy->repositories == NULL)
        return NULL;
    for (size_t i = 0; i < scope->n; i++) {
        const char *name = rs_arena_strdup(arena, scope->repositories[i].name);
        if (name == NULL)
            return NULL;
        copy->repositories[copy->n++] =
            (struct rs_scope_repository){.name = name, .actions = scope->repositories[i].actions};
    }
    return copy;
}
