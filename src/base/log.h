/*
 * base/log.h: structured log, one JSON object a line on standard error.
 * Layer: base.  Threads: any; a line is written with one write(2), so lines never mix.
 * Only the top of the daemon logs (http/, background loops, serve); lower layers return errors.
 */
#ifndef RS_BASE_LOG_H
#define RS_BASE_LOG_H

#include <stdint.h>

#include "base/attr.h"

enum rs_log_level { RS_LOG_DEBUG, RS_LOG_INFO, RS_LOG_WARN, RS_LOG_ERROR };

void rs_log_set_level(enum rs_log_level level);
/* false for an unknown word; words: debug, info, warn, error. */
RS_MUST_CHECK _Bool rs_log_parse_level(const char *word, enum rs_log_level *ret_level);

/* A field: text (NULL text leaves the field out), or a number. */
struct rs_log_field {
    const char *key;
    const char *text;
    int64_t number;
    int is_number;
};
#define RS_F(k, t) ((struct rs_log_field){.key = (k), .text = (t)})
#define RS_N(k, v) ((struct rs_log_field){.key = (k), .number = (int64_t)(v), .is_number = 1})

/**
 * rs_log(): rs_log(RS_LOG_INFO, "started", RS_F("address", a), RS_N("port", p));
 * Text is JSON-escaped, so that nothing a client sends can forge a line; a line is cut at 8 KiB.
 */
#define rs_log(level, msg, ...) \
    rs_log_write((level), (msg), (struct rs_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
void rs_log_write(enum rs_log_level level, const char *msg, const struct rs_log_field *fields);

#endif
