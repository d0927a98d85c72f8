#include "registry/lists.h"

#include <string.h>

#include "auth/auth.h"
#include "catalog/view_list.h"
#include "json/write.h"

/* 10000 names of at most 255 bytes with quotes and commas. */
#define LIST_BYTES_MAX ((size_t)4194304)

/* A page that grows name by name. */
struct names {
    struct rs_jw w;
    unsigned n;
    unsigned n_max;
    bool has_more;
    char last[256]; /* the latest name: repository names and tags are shorter */
};

/* One name more; false when the page is full, and this one belongs to the next. */
static bool names_add(const char *name, void *arg)
{
    struct names *names = arg;
    if (names->n == names->n_max) {
        names->has_more = true;
        return false;
    }
    rs_jw_text(&names->w, name);
    (void)rs_text_copy(names->last, sizeof(names->last), name);
    names->n++;
    return true;
}

/* The body is complete: hand it over. */
static enum rs_status names_end(struct names *names, struct rs_buf *json, struct rs_arena *arena,
                                struct rs_list *ret, struct rs_err *reterr)
{
    rs_jw_array_end(&names->w);
    rs_jw_object_end(&names->w);
    enum rs_status s = rs_buf_status(json);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    ret->next = names->has_more ? rs_arena_strdup(arena, names->last) : NULL;
    if (names->has_more && ret->next == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    ret->json = *json;
    *json = (struct rs_buf){0};
    return RS_OK;
}

/* ---- tags ---- */

static enum rs_status tags_fill(struct rs_db *db, const struct rs_viewer *viewer,
                                enum rs_sight sight, const char *last, struct names *names,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s != RS_OK)
        return s;
    const enum rs_view_rows rows = sight == RS_SIGHT_ALL ? RS_VIEW_ROWS_ALL : RS_VIEW_ROWS_RELEASED;
    return rs_view_list_tags(read.conn, viewer->repository, rows, last, names->n_max + 1, names_add,
                             names, reterr);
}

enum rs_status rs_registry_tags(const struct rs_services *services, const struct rs_viewer *viewer,
                                const struct rs_page *page, struct rs_list *ret,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(LIST_BYTES_MAX);
    struct names names = {.w = RS_JW_INIT(&json), .n_max = page->n};
    enum rs_status s = rs_resolve_lists(viewer, &ret->sight, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&names.w);
    rs_jw_member_text(&names.w, "name", viewer->repository);
    rs_jw_key(&names.w, "tags");
    rs_jw_array(&names.w);
    if (page->n > 0)
        s = tags_fill(services->db, viewer, ret->sight, page->last, &names, reterr);
    return s == RS_OK ? names_end(&names, &json, viewer->arena, ret, reterr) : s;
}

/* ---- repositories ---- */

struct catalog_walk {
    struct names *names;
    struct rs_db_conn *conn;
    int64_t principal_id;
    const struct rs_auth_pattern *patterns; /* those that open content */
    size_t n_patterns;
    char from[256]; /* where to go on when the walk jumps */
    bool jump;
    enum rs_status status;
    struct rs_err *reterr;
};

/* How much of a pattern stands before its first star. */
static size_t literal_bytes(const char *pattern)
{
    return strcspn(pattern, "*");
}

/* What the patterns give in this repository. */
static enum rs_sight sight_of(const struct catalog_walk *walk, const char *name)
{
    struct rs_access access = {0};
    for (size_t i = 0; i < walk->n_patterns; i++) {
        if (rs_glob_match(walk->patterns[i].pattern, name))
            access.perms |= walk->patterns[i].perms;
    }
    return rs_resolve_sight(&access);
}

/* Does the name begin like no pattern?  Then say where the next name is that could.  False when the
 * walk has to go on name by name. */
static bool jump_from(struct catalog_walk *walk, const char *name)
{
    const char *next = NULL;
    for (size_t i = 0; i < walk->n_patterns; i++) {
        const char *pattern = walk->patterns[i].pattern;
        const size_t n = literal_bytes(pattern);
        const int order = strncmp(pattern, name, n);
        if (order == 0)
            return false;
        if (order > 0 && (next == NULL || strcmp(pattern, next) < 0))
            next = pattern;
    }
    const size_t n = next == NULL ? 0 : literal_bytes(next);
    if (n >= sizeof(walk->from))
        return false;
    memcpy(walk->from, next == NULL ? "" : next, n);
    walk->from[n] = '\0';
    walk->jump = next != NULL;
    return true;
}

static enum rs_status is_shown(const struct catalog_walk *walk, const char *name,
                               enum rs_sight sight, bool *ret)
{
    enum rs_status s = RS_OK;
    *ret = sight == RS_SIGHT_ALL;
    if (sight == RS_SIGHT_RELEASED || sight == RS_SIGHT_OWN)
        s = rs_view_list_has_released(walk->conn, name, ret, walk->reterr);
    if (s == RS_OK && !*ret && sight == RS_SIGHT_OWN)
        s = rs_view_list_has_pushed(walk->conn, name, walk->principal_id, ret, walk->reterr);
    return s;
}

static bool catalog_visit(const char *name, void *arg)
{
    struct catalog_walk *walk = arg;
    bool shown = false;
    const enum rs_sight sight = sight_of(walk, name);
    if (sight == RS_SIGHT_NONE)
        return !jump_from(walk, name);
    walk->status = is_shown(walk, name, sight, &shown);
    if (walk->status != RS_OK)
        return false;
    return shown ? names_add(name, walk->names) : true;
}

/* Only patterns that open content. */
static enum rs_status patterns_get(const struct rs_services *services,
                                   const struct rs_identity *identity, struct rs_arena *arena,
                                   struct catalog_walk *walk, struct rs_err *reterr)
{
    const struct rs_auth_pattern *all = NULL;
    size_t n = 0;
    enum rs_status s = rs_auth_patterns(services->auth, identity, arena, &all, &n, reterr);
    if (s != RS_OK)
        return s;
    struct rs_auth_pattern *kept = rs_arena_alloc(arena, n * sizeof(*kept));
    if (kept == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct rs_access access = {.perms = all[i].perms};
        if (rs_resolve_sight(&access) != RS_SIGHT_NONE)
            kept[walk->n_patterns++] = all[i];
    }
    walk->patterns = kept;
    return RS_OK;
}

/* From pattern to pattern: repositories in between are jumped over, however many there are. */
static enum rs_status catalog_fill(struct rs_db *db, const char *last, struct catalog_walk *walk,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    walk->conn = read.conn;
    walk->jump = true;
    while (s == RS_OK && walk->jump) {
        char from[sizeof(walk->from)];
        memcpy(from, walk->from, sizeof(from));
        walk->jump = false;
        s = rs_view_list_repositories(walk->conn, last, from, catalog_visit, walk, reterr);
        if (s == RS_OK)
            s = walk->status;
    }
    return s;
}

enum rs_status rs_registry_catalog(const struct rs_services *services,
                                   const struct rs_identity *identity, struct rs_arena *arena,
                                   const struct rs_page *page, struct rs_list *ret,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(LIST_BYTES_MAX);
    struct names names = {.w = RS_JW_INIT(&json), .n_max = page->n};
    struct catalog_walk walk = {
        .names = &names, .principal_id = identity->principal_id, .reterr = reterr};
    enum rs_status s = patterns_get(services, identity, arena, &walk, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&names.w);
    rs_jw_key(&names.w, "repositories");
    rs_jw_array(&names.w);
    if (page->n > 0 && walk.n_patterns > 0)
        s = catalog_fill(services->db, page->last, &walk, reterr);
    ret->sight = RS_SIGHT_ALL; /* of some of them, perhaps */
    return s == RS_OK ? names_end(&names, &json, arena, ret, reterr) : s;
}
