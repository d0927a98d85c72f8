#include "http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci/name.h"

#define SEGMENTS_MAX 16U       /* of a pattern */
#define PATH_SEGMENTS_MAX 160U /* of a path: a name has at most 128 components */

struct segment {
    struct rs_str text; /* a literal, or a parameter's name */
    bool is_param;
};

struct compiled {
    const struct rs_route *row;
    unsigned methods; /* the row's; GET brings HEAD with it */
    unsigned segments_n;
    unsigned name_at; /* index of {name}; segments_n when there is none */
    bool slash_is_optional;
    struct segment segments[SEGMENTS_MAX];
    char param_names[RS_ROUTE_PARAMS_MAX][32];
};

struct rs_routes {
    unsigned n;
    struct compiled rows[];
};

#define ALL_METHODS ((unsigned)(RS_GET | RS_HEAD | RS_PUT | RS_POST | RS_PATCH | RS_DELETE))

/* ---- the table, at start ---- */

static const char *row_problem(const struct rs_route *row)
{
    if (row->methods == 0 || (row->methods & ~ALL_METHODS) != 0)
        return "it names no method, or one that does not exist";
    if (row->need == RS_NEED_UNSET)
        return "it does not say what it needs of the caller";
    if (row->body == RS_BODY_UNSET)
        return "it does not say what body it takes";
    if (row->body == RS_BODY_MEMORY && row->body_max == 0)
        return "its body has no limit";
    if (row->body == RS_BODY_NONE && row->body_max != 0)
        return "it takes no body but has a limit for one";
    if ((row->body == RS_BODY_STREAM) != (row->begin != NULL))
        return "begin() belongs to streamed bodies, and to each of them";
    if (row->handler == NULL)
        return "it has no handler";
    bool of_repository = row->need == RS_NEED_READ || row->need == RS_NEED_UPLOAD ||
                         row->need == RS_NEED_DELETE || row->need == RS_NEED_STATE;
    if (of_repository != (strstr(row->pattern, "{name}") != NULL) &&
        (of_repository || row->need != RS_NEED_LOGIN))
        return "{name} is the repository's name: it belongs to needs of a repository (READ, UPLOAD, DELETE, STATE), and they to it";
    if (row->scope != NULL && strstr(row->pattern, "{name}") != NULL)
        return "with {name} its scope is the repository's: it can have no other";
    return NULL;
}

static bool compile_param(struct compiled *c, struct rs_str braced, unsigned *params_n)
{
    struct rs_str name = rs_str_n(braced.p + 1, braced.n - 2);
    if (*params_n == RS_ROUTE_PARAMS_MAX || name.n == 0 || name.n >= sizeof(c->param_names[0]))
        return false;
    char *copy = c->param_names[(*params_n)++];
    memcpy(copy, name.p, name.n);
    if (rs_str_eq(name, "name")) {
        if (c->name_at != SEGMENTS_MAX)
            return false;
        c->name_at = c->segments_n;
    }
    c->segments[c->segments_n++] = (struct segment){.text = rs_str_of(copy), .is_param = true};
    return true;
}

static bool compile(struct compiled *c, const struct rs_route *row)
{
    const char *p = row->pattern;
    unsigned params_n = 0;
    c->row = row;
    c->methods = row->methods | ((row->methods & RS_GET) != 0 ? RS_HEAD : 0U);
    c->name_at = SEGMENTS_MAX;
    if (*p++ != '/')
        return false;
    for (;;) {
        size_t n = strcspn(p, "/");
        if (c->segments_n == SEGMENTS_MAX)
            return false;
        if (n > 2 && p[0] == '{' && p[n - 1] == '}') {
            if (!compile_param(c, rs_str_n(p, n), &params_n))
                return false;
        } else {
            c->segments[c->segments_n++].text = rs_str_n(p, n);
        }
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    /* "/a/" is "/a" with a slash that may be left out; "/" is itself. */
    if (c->segments_n > 1 && c->segments[c->segments_n - 1].text.n == 0) {
        c->slash_is_optional = true;
        c->segments_n--;
    }
    if (c->name_at == SEGMENTS_MAX)
        c->name_at = c->segments_n;
    return true;
}

static bool is_repeated_row(const struct rs_route *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if ((rows[i].methods & rows[n].methods) != 0 &&
            strcmp(rows[i].pattern, rows[n].pattern) == 0)
            return true;
    }
    return false;
}

enum rs_status rs_routes_new(const struct rs_route *rows, unsigned n, struct rs_routes **ret,
                             struct rs_err *reterr)
{
    struct rs_routes *routes = calloc(1, sizeof(*routes) + n * sizeof(routes->rows[0]));
    if (routes == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    routes->n = n;
    for (unsigned i = 0; i < n; i++) {
        const char *pattern = rows[i].pattern == NULL ? "" : rows[i].pattern;
        const char *problem = pattern[0] == '\0' ? "it has no pattern" : row_problem(&rows[i]);
        if (problem == NULL && !compile(&routes->rows[i], &rows[i]))
            problem = "its pattern cannot be understood";
        if (problem == NULL && is_repeated_row(rows, i))
            problem = "an earlier row has the same pattern and method";
        if (problem != NULL) {
            free(routes);
            return rs_fail(reterr, RS_INTERNAL, "route %u (%s): %s", i, pattern, problem);
        }
    }
    *ret = routes;
    return RS_OK;
}

void rs_routes_free(struct rs_routes *routes)
{
    free(routes);
}

/* ---- matching ---- */

struct path {
    unsigned n;
    bool has_slash_at_end;
    struct rs_str segments[PATH_SEGMENTS_MAX];
};

static bool split(struct rs_str text, struct path *ret)
{
    const char *p = text.p + 1;
    const char *end = text.p + text.n;
    ret->n = 0;
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *stop = slash == NULL ? end : slash;
        if (ret->n == PATH_SEGMENTS_MAX)
            return false;
        ret->segments[ret->n++] = rs_str_n(p, (size_t)(stop - p));
        if (slash == NULL)
            break;
        p = slash + 1;
    }
    ret->has_slash_at_end = ret->n > 1 && ret->segments[ret->n - 1].n == 0;
    if (ret->has_slash_at_end)
        ret->n--;
    return true;
}

static bool segment_matches(const struct segment *s, struct rs_str text)
{
    if (s->is_param)
        return text.n > 0;
    return s->text.n == text.n && memcmp(s->text.p, text.p, text.n) == 0;
}

/* Everything but the validity of {name}. */
static bool shape_matches(const struct compiled *c, const struct path *p)
{
    unsigned after = c->name_at == c->segments_n ? 0 : c->segments_n - c->name_at - 1;
    if (p->has_slash_at_end && !c->slash_is_optional)
        return false;
    if (c->name_at == c->segments_n ? p->n != c->segments_n : p->n < c->segments_n)
        return false;
    for (unsigned i = 0; i < after; i++) {
        if (!segment_matches(&c->segments[c->segments_n - 1 - i], p->segments[p->n - 1 - i]))
            return false;
    }
    for (unsigned i = 0; i < c->name_at; i++) {
        if (!segment_matches(&c->segments[i], p->segments[i]))
            return false;
    }
    return true;
}

/* The run of the path that {name} stands for. */
static struct rs_str name_of(const struct compiled *c, const struct path *p)
{
    unsigned last = p->n - (c->segments_n - c->name_at);
    const char *start = p->segments[c->name_at].p;
    const char *end = p->segments[last].p + p->segments[last].n;
    return rs_str_n(start, (size_t)(end - start));
}

static void take_params(const struct compiled *c, const struct path *p, struct rs_route_match *ret)
{
    unsigned shift = p->n - c->segments_n; /* how many segments more than one the name takes */
    ret->params_n = 0;
    for (unsigned i = 0; i < c->segments_n; i++) {
        if (!c->segments[i].is_param)
            continue;
        ret->params[ret->params_n].name = c->segments[i].text.p;
        ret->params[ret->params_n++].value =
            i == c->name_at ? name_of(c, p) : p->segments[i > c->name_at ? i + shift : i];
    }
}

void rs_routes_match(const struct rs_routes *routes, enum rs_method method, struct rs_str path,
                     struct rs_route_match *ret)
{
    struct path p;
    ret->route = NULL;
    ret->allowed = 0;
    ret->bad_name = false;
    ret->params_n = 0;
    if (!split(path, &p))
        return;
    bool bad_name = false;
    for (unsigned i = 0; i < routes->n; i++) {
        const struct compiled *c = &routes->rows[i];
        if (!shape_matches(c, &p))
            continue;
        if (c->name_at != c->segments_n && !rs_name_is_valid(name_of(c, &p))) {
            bad_name = true;
            continue;
        }
        ret->allowed |= c->methods;
        if ((c->methods & (unsigned)method) != 0) {
            ret->route = c->row;
            take_params(c, &p, ret);
            return; /* `allowed` matters for 405 only */
        }
    }
    ret->bad_name = bad_name && ret->allowed == 0;
}

void rs_methods_format(unsigned methods, char out[RS_ALLOW_BYTES])
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        {RS_GET, "GET"},   {RS_HEAD, "HEAD"},   {RS_PUT, "PUT"},
        {RS_POST, "POST"}, {RS_PATCH, "PATCH"}, {RS_DELETE, "DELETE"},
    };
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < RS_ARRAY_LEN(words); i++) {
        if ((methods & words[i].bit) == 0)
            continue;
        int wrote = snprintf(out + n, RS_ALLOW_BYTES - n, "%s%s", n > 0 ? ", " : "", words[i].word);
        n += wrote < 0 ? 0 : (size_t)wrote;
    }
}
