#include "config/config.h"

#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "config/config_internal.h"

#define ARENA_BYTES_MAX ((size_t)16777216)
#define VARIABLE_BYTES 96

void rs_config_free(struct rs_config *config)
{
    struct rs_config_load *load = (struct rs_config_load *)config;
    if (load == NULL)
        return;
    rs_arena_release(&load->arena);
    free(load);
}

static enum rs_status set_presets(struct rs_config_load *load, struct rs_err *reterr)
{
    static const struct rs_config_place place = {.source = "preset"};
    for (size_t i = 0; i < rs_config_keys_n; i++) {
        if (rs_config_keys[i].kind == RS_KIND_ITEMS)
            continue; /* none, which is how the struct came */
        enum rs_status s =
            rs_config_set_text(load, &rs_config_keys[i], rs_config_keys[i].preset, place, reterr);
        if (s != RS_OK)
            return s;
    }
    return RS_OK;
}

/* "limits.workers" -> "ROADSTEAD_LIMITS_WORKERS". */
static void variable_of(const char *key, char out[VARIABLE_BYTES])
{
    size_t n = sizeof("ROADSTEAD_") - 1;
    memcpy(out, "ROADSTEAD_", n);
    for (; *key != '\0'; key++, n++) {
        rs_assert(n < VARIABLE_BYTES - 1);
        out[n] = *key == '.' ? '_' : *key >= 'a' && *key <= 'z' ? (char)(*key - 'a' + 'A') : *key;
    }
    out[n] = '\0';
}

static const char *look_up(const char *const *environment, const char *name)
{
    size_t n = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

/*
 * Names that belong to no key are not refused, unlike in the file: container platforms put
 * variables of their own into every process ("ROADSTEAD_PORT_5000_TCP" for a service called
 * roadstead).
 */
static enum rs_status read_environment(struct rs_config_load *load, const char *const *environment,
                                       struct rs_err *reterr)
{
    for (size_t i = 0; environment != NULL && i < rs_config_keys_n; i++) {
        char name[VARIABLE_BYTES];
        variable_of(rs_config_keys[i].key, name);
        const char *value = look_up(environment, name);
        if (value == NULL)
            continue;
        struct rs_config_place place = {.source = name};
        enum rs_status s = rs_config_set_text(load, &rs_config_keys[i], value, place, reterr);
        if (s != RS_OK)
            return s;
    }
    return RS_OK;
}

static enum rs_status read_flags(struct rs_config_load *load, const struct rs_config_flag *flags,
                                 size_t n, struct rs_err *reterr)
{
    static const struct rs_config_place place = {.source = "command line"};
    for (size_t i = 0; i < n; i++) {
        const struct rs_config_key *key = rs_config_find(flags[i].key);
        if (key == NULL)
            return rs_config_refuse_key(flags[i].key, place, reterr);
        enum rs_status s = rs_config_set_text(load, key, flags[i].value, place, reterr);
        if (s != RS_OK)
            return s;
    }
    return RS_OK;
}

enum rs_status rs_config_load(const struct rs_config_sources *sources, struct rs_config **ret,
                              struct rs_err *reterr)
{
    struct rs_config_load *load = calloc(1, sizeof(*load));
    if (load == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    RS_AUTO(rs_config) struct rs_config *config = &load->config;
    rs_arena_init(&load->arena, ARENA_BYTES_MAX);
    enum rs_status s = set_presets(load, reterr);
    if (s == RS_OK && sources->path != NULL)
        s = rs_config_read_file(load, sources->path, reterr);
    if (s == RS_OK)
        s = read_environment(load, sources->environment, reterr);
    if (s == RS_OK)
        s = read_flags(load, sources->flags, sources->n_flags, reterr);
    if (s == RS_OK)
        s = rs_config_check(config, reterr);
    if (s == RS_OK)
        *ret = RS_TAKE(config);
    return s;
}
