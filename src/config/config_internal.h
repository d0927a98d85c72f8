/*
 * config/config_internal.h: the table of keys and the steps of loading.  Layer: config, private to
 * it.
 */
#ifndef RS_CONFIG_INTERNAL_H
#define RS_CONFIG_INTERNAL_H

#include "base/arena.h"
#include "base/text.h"
#include "config/config.h"

enum rs_config_kind {
    RS_KIND_TEXT,
    RS_KIND_BOOL,
    RS_KIND_SIZE,
    RS_KIND_DURATION,
    RS_KIND_NUMBER,
    RS_KIND_WORD,
    RS_KIND_LIST,
    RS_KIND_ITEMS,
};

struct rs_config_key {
    const char *key;
    enum rs_config_kind kind;
    size_t offset; /* of the field in struct rs_config */
    const char *preset;
    int64_t least; /* for RS_KIND_TEXT: 1 = may not be empty */
    int64_t most;
    const char *words; /* separated by '|' */
    const char *help;
};

extern const struct rs_config_key rs_config_keys[];
extern const size_t rs_config_keys_n;

/* Where a value was found, for messages. */
struct rs_config_place {
    const char *source; /* a file, or what stands in place of one */
    unsigned line;      /* 0 = none */
};
/* Prefix for "FILE:LINE: ..." into a caller's buffer; returns it. */
#define RS_PLACE_BYTES 224
const char *rs_config_place_text(struct rs_config_place place, char out[RS_PLACE_BYTES]);

/* A configuration while it is loaded.  The public struct comes first: one is cast to the other. */
struct rs_config_load {
    struct rs_config config;
    struct rs_arena arena;
};

/* NULL when there is no such key. */
const struct rs_config_key *rs_config_find(const char *key);
/* Refuse a key that does not exist, naming the one that was probably meant. */
enum rs_status rs_config_refuse_key(const char *key, struct rs_config_place place,
                                    struct rs_err *reterr);

/* Set a key of any kind but LIST and ITEMS. */
RS_MUST_CHECK enum rs_status rs_config_set(struct rs_config_load *load,
                                           const struct rs_config_key *key, const char *value,
                                           struct rs_config_place place, struct rs_err *reterr);
/* Set a LIST. */
RS_MUST_CHECK enum rs_status rs_config_set_list(struct rs_config_load *load,
                                                const struct rs_config_key *key,
                                                const char *const *items, size_t n,
                                                struct rs_config_place place,
                                                struct rs_err *reterr);
/* Set any key but ITEMS from one text; a LIST is separated by commas. */
RS_MUST_CHECK enum rs_status rs_config_set_text(struct rs_config_load *load,
                                                const struct rs_config_key *key, const char *value,
                                                struct rs_config_place place,
                                                struct rs_err *reterr);

/* Read the YAML file at `path` into *load. */
RS_MUST_CHECK enum rs_status rs_config_read_file(struct rs_config_load *load, const char *path,
                                                 struct rs_err *reterr);

/* What concerns more than one key, and the forms of addresses, networks and URLs. */
RS_MUST_CHECK enum rs_status rs_config_check(const struct rs_config *config, struct rs_err *reterr);

#endif
