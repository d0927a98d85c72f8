#include "config/config_internal.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_BYTES 100
#define LIST_MAX 256U

const char *rs_config_place_text(struct rs_config_place place, char out[RS_PLACE_BYTES])
{
    if (place.line == 0)
        (void)snprintf(out, RS_PLACE_BYTES, "%s", place.source);
    else
        (void)snprintf(out, RS_PLACE_BYTES, "%.200s:%u", place.source, place.line);
    return out;
}

static enum rs_status refuse(const struct rs_config_key *key, const char *value,
                             struct rs_config_place place, const char *wanted,
                             struct rs_err *reterr)
{
    char at[RS_PLACE_BYTES];
    return rs_fail(reterr, RS_BAD_REQUEST, "%s: %s is \"%.*s\", but must be %s",
                   rs_config_place_text(place, at), key->key, SHOWN_BYTES, value, wanted);
}

/* ---- numbers with units ---- */

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", 1024},
    {"MiB", 1048576},
    {"GiB", 1073741824},
    {"TiB", INT64_C(1099511627776)},
    {NULL, 0},
};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool parse_number(const char *value, const struct unit *units, int64_t *ret)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t number = 0;
    if (!rs_parse_u64(rs_str_n(value, digits), INT64_MAX, &number))
        return false;
    if (number == 0 && value[digits] == '\0') { /* nothing is nothing in every unit */
        *ret = 0;
        return true;
    }
    for (; units->name != NULL; units++)
        if (strcmp(units->name, value + digits) == 0)
            return !__builtin_mul_overflow((int64_t)number, units->factor, ret);
    return false;
}

/* A number as people write it in this unit: the largest unit that divides it. */
static void show_number(int64_t value, const struct unit *units, char *out, size_t cap)
{
    const struct unit *best = &units[0];
    for (const struct unit *u = units; u->name != NULL; u++)
        if (value % u->factor == 0 && u->factor <= value)
            best = u;
    (void)snprintf(out, cap, "%lld%s", (long long)(value / best->factor), best->name);
}

static enum rs_status set_number(const struct rs_config_key *key, int64_t *field, const char *value,
                                 struct rs_config_place place, struct rs_err *reterr)
{
    const struct unit *units = key->kind == RS_KIND_SIZE       ? size_units
                               : key->kind == RS_KIND_DURATION ? duration_units
                                                               : no_units;
    const char *what = key->kind == RS_KIND_SIZE       ? "a size such as 4MiB"
                       : key->kind == RS_KIND_DURATION ? "a duration such as 30s, 5m or 24h"
                                                       : "a number";
    int64_t number = 0;
    if (parse_number(value, units, &number) && number >= key->least && number <= key->most) {
        *field = number;
        return RS_OK;
    }
    char least[32];
    char most[32];
    char wanted[128];
    show_number(key->least, units, least, sizeof(least));
    show_number(key->most, units, most, sizeof(most));
    (void)snprintf(wanted, sizeof(wanted), "%s, from %s to %s", what, least, most);
    return refuse(key, value, place, wanted, reterr);
}

/* ---- the other kinds ---- */

static enum rs_status set_word(const struct rs_config_key *key, int64_t *field, const char *value,
                               struct rs_config_place place, struct rs_err *reterr)
{
    int64_t position = 0;
    const char *word = key->words;
    for (;;) {
        size_t n = strcspn(word, "|");
        if (rs_str_eq(rs_str_n(word, n), value)) {
            *field = position;
            return RS_OK;
        }
        if (word[n] == '\0')
            break;
        word += n + 1;
        position++;
    }
    char wanted[128];
    (void)snprintf(wanted, sizeof(wanted), "one of %s", key->words);
    return refuse(key, value, place, wanted, reterr);
}

static enum rs_status set_bool(const struct rs_config_key *key, bool *field, const char *value,
                               struct rs_config_place place, struct rs_err *reterr)
{
    bool is_true = strcmp(value, "true") == 0;
    if (!is_true && strcmp(value, "false") != 0)
        return refuse(key, value, place, "true or false", reterr);
    *field = is_true;
    return RS_OK;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static enum rs_status keep(struct rs_config_load *load, const struct rs_config_key *key,
                           const char *value, const char **field, struct rs_config_place place,
                           struct rs_err *reterr)
{
    if (has_control(value))
        return refuse(key, "...", place, "text without control characters", reterr);
    *field = rs_arena_strdup(&load->arena, value);
    return *field == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static void *field_of(struct rs_config_load *load, const struct rs_config_key *key)
{
    return (char *)&load->config + key->offset;
}

enum rs_status rs_config_set(struct rs_config_load *load, const struct rs_config_key *key,
                             const char *value, struct rs_config_place place, struct rs_err *reterr)
{
    void *field = field_of(load, key);
    switch (key->kind) {
    case RS_KIND_TEXT:
        if (key->least > 0 && value[0] == '\0')
            return refuse(key, value, place, "something", reterr);
        return keep(load, key, value, field, place, reterr);
    case RS_KIND_BOOL:
        return set_bool(key, field, value, place, reterr);
    case RS_KIND_SIZE:
    case RS_KIND_DURATION:
    case RS_KIND_NUMBER:
        return set_number(key, field, value, place, reterr);
    case RS_KIND_WORD:
        return set_word(key, field, value, place, reterr);
    case RS_KIND_LIST:
    case RS_KIND_ITEMS:
        break;
    }
    return refuse(key, value, place, "a list", reterr);
}

enum rs_status rs_config_set_list(struct rs_config_load *load, const struct rs_config_key *key,
                                  const char *const *items, size_t n, struct rs_config_place place,
                                  struct rs_err *reterr)
{
    struct rs_config_list *field = field_of(load, key);
    if (n > LIST_MAX)
        return refuse(key, "...", place, "a list of at most 256 elements", reterr);
    const char **copy = rs_arena_alloc(&load->arena, (n + 1) * sizeof(*copy));
    if (copy == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) {
        if (items[i][0] == '\0')
            return refuse(key, "", place, "a list without empty elements", reterr);
        enum rs_status s = keep(load, key, items[i], &copy[i], place, reterr);
        if (s != RS_OK)
            return s;
    }
    *field = (struct rs_config_list){.item = copy, .n = n};
    return RS_OK;
}

static enum rs_status set_separated(struct rs_config_load *load, const struct rs_config_key *key,
                                    const char *value, struct rs_config_place place,
                                    struct rs_err *reterr)
{
    const char *items[LIST_MAX + 1];
    size_t n = 0;
    while (value[0] != '\0') {
        size_t len = strcspn(value, ",");
        if (n > LIST_MAX)
            break; /* refused below */
        items[n] = rs_arena_strndup(&load->arena, value, len);
        if (items[n++] == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        value += value[len] == ',' ? len + 1 : len;
    }
    return rs_config_set_list(load, key, items, n, place, reterr);
}

enum rs_status rs_config_set_text(struct rs_config_load *load, const struct rs_config_key *key,
                                  const char *value, struct rs_config_place place,
                                  struct rs_err *reterr)
{
    if (key->kind == RS_KIND_LIST)
        return set_separated(load, key, value, place, reterr);
    if (key->kind == RS_KIND_ITEMS) {
        char at[RS_PLACE_BYTES];
        return rs_fail(reterr, RS_BAD_REQUEST, "%s: %s can be set in the configuration file only",
                       rs_config_place_text(place, at), key->key);
    }
    return rs_config_set(load, key, value, place, reterr);
}
