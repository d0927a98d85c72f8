/*
 * api/form.h: bodies of the type application/x-www-form-urlencoded.
 * Layer: api.  Threads: any (pure, but for the arena).  Spec: RFC 6749 section 3.2 (a parameter
 * stands there at most once).
 */
#ifndef RS_API_FORM_H
#define RS_API_FORM_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

#define RS_FORM_FIELDS_MAX 32U

struct rs_form {
    size_t n;
    struct {
        const char *key;
        const char *value;
    } field[RS_FORM_FIELDS_MAX];
};

/**
 * rs_form_parse(): texts of *ret are copies in the arena.  `scope` may repeat: its values are
 * joined by spaces. Errors: RS_BAD_REQUEST (a broken escape, bytes that are no UTF-8 or control
 * characters, a repeated or too many fields), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_form_parse(struct rs_str body, struct rs_arena *arena,
                                           struct rs_form *ret, struct rs_err *reterr);
/* NULL when it is not there. */
const char *rs_form_get(const struct rs_form *form, const char *key);

#endif
