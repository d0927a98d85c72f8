/* Request targets: whatever is accepted is plain, and nothing hides in it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/uri.h"

static void check_path(const struct rs_uri *u)
{
    if (u->path.n == 0 || u->path.p[0] != '/' || u->path.p[u->path.n] != '\0' ||
        u->path.n > RS_URI_PATH_BYTES_MAX || strlen(u->path.p) != u->path.n)
        abort();
    for (size_t i = 0; i < u->path.n; i++) {
        unsigned char c = (unsigned char)u->path.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("%?#\\\"<>", c) != NULL)
            abort();
    }
    if (strstr(u->path.p, "//") != NULL || strstr(u->path.p, "/../") != NULL ||
        strstr(u->path.p, "/./") != NULL)
        abort();
}

static void check_text(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            abort();
    }
    if (!rs_utf8_is_valid(text, n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rs_arena arena;
    struct rs_uri u;
    struct rs_err err = RS_ERR_INIT;
    rs_arena_init(&arena, 1 << 20);
    if (rs_uri_parse(rs_str_n((const char *)data, n), &arena, &u, &err) == RS_OK) {
        check_path(&u);
        for (unsigned i = 0; i < u.params_n; i++) {
            if (u.params[i].key[0] == '\0')
                abort();
            check_text(u.params[i].key);
            check_text(u.params[i].value);
            if (rs_uri_query(&u, u.params[i].key, 0) == NULL)
                abort();
        }
        if (rs_uri_repeated(&u, NULL) == NULL && u.params_n > 0 &&
            rs_uri_query(&u, u.params[0].key, 1) != NULL)
            abort();
        if (u.authority.n > 0 && !rs_uri_host_is_valid(u.authority))
            abort();
    } else if (err.status == RS_OK) {
        abort();
    }
    rs_arena_release(&arena);
    return 0;
}
