/*
 * cli/suggest.h: which word was probably meant.  Layer: cli.  Threads: any (pure).
 */
#ifndef RS_CLI_SUGGEST_H
#define RS_CLI_SUGGEST_H

#include <stddef.h>

struct rs_suggest {
    const char *given;
    const char *best; /* NULL: nothing that was tried resembles it */
    size_t distance;  /* of `best` */
};
/* A word further away than this is no misspelling. */
#define RS_SUGGEST_DISTANCE_MAX 3U
#define RS_SUGGEST_INIT(word)                                \
    {                                                        \
        .given = (word), .distance = RS_SUGGEST_DISTANCE_MAX \
    }

/* Consider a word that exists; keeps the nearest one. */
void rs_suggest_try(struct rs_suggest *s, const char *word);

#endif
