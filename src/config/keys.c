#include "config/config_internal.h"

#include <string.h>

#define KEYS_SHOWN_BYTES 100
/* A key further away than this is no misspelling. */
#define DISTANCE_MAX 4U

const struct rs_config_key rs_config_keys[] = {
#define RS_KEY(key_, kind_, field_, preset_, least_, most_, words_, help_) \
    {.key = (key_),                                                        \
     .kind = RS_KIND_##kind_,                                              \
     .offset = offsetof(struct rs_config, field_),                         \
     .preset = (preset_),                                                  \
     .least = (least_),                                                    \
     .most = (most_),                                                      \
     .words = (words_),                                                    \
     .help = (help_)},
#include "config/keys.def"
#undef RS_KEY
};
const size_t rs_config_keys_n = RS_ARRAY_LEN(rs_config_keys);

const struct rs_config_key *rs_config_find(const char *key)
{
    for (size_t i = 0; i < rs_config_keys_n; i++)
        if (strcmp(rs_config_keys[i].key, key) == 0)
            return &rs_config_keys[i];
    return NULL;
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot == NULL ? key : dot + 1;
}

/* The key that was probably meant: the nearest one, or one of the same name in another section. */
static const char *resembled(const char *key)
{
    const char *best = NULL;
    size_t best_distance = DISTANCE_MAX + 1;
    for (size_t i = 0; i < rs_config_keys_n; i++) {
        const char *candidate = rs_config_keys[i].key;
        size_t d = rs_text_distance(rs_str_of(key), rs_str_of(candidate));
        if (strcmp(last_part(key), last_part(candidate)) == 0 && d > 1)
            d = 1;
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

enum rs_status rs_config_refuse_key(const char *key, struct rs_config_place place,
                                    struct rs_err *reterr)
{
    char at[RS_PLACE_BYTES];
    const char *meant = resembled(key);
    (void)rs_config_place_text(place, at);
    if (meant == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "%s: there is no key \"%.*s\"", at, KEYS_SHOWN_BYTES,
                       key);
    return rs_fail(reterr, RS_BAD_REQUEST, "%s: there is no key \"%.*s\"; did you mean \"%s\"?", at,
                   KEYS_SHOWN_BYTES, key, meant);
}

bool rs_config_key_info(size_t i, struct rs_config_key_info *ret)
{
    static const char *const kinds[] = {
        [RS_KIND_TEXT] = "text",     [RS_KIND_BOOL] = "true or false",
        [RS_KIND_SIZE] = "size",     [RS_KIND_DURATION] = "duration",
        [RS_KIND_NUMBER] = "number", [RS_KIND_WORD] = "word",
        [RS_KIND_LIST] = "list",     [RS_KIND_ITEMS] = "list of mappings",
    };
    if (i >= rs_config_keys_n)
        return false;
    const struct rs_config_key *k = &rs_config_keys[i];
    *ret = (struct rs_config_key_info){.key = k->key,
                                       .kind = k->words == NULL ? kinds[k->kind] : k->words,
                                       .preset = k->preset,
                                       .help = k->help};
    return true;
}
