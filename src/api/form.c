#include "api/form.h"

#include <string.h>

static enum rs_status decode(struct rs_str text, struct rs_arena *arena, const char **ret,
                             struct rs_err *reterr)
{
    char *out = rs_arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (out == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] == '+' ? ' ' : text.p[i];
        if (c == '%') {
            int byte = rs_percent_byte(text.p + i, text.n - i);
            if (byte < 0)
                return rs_fail(reterr, RS_BAD_REQUEST, "the form has a broken %% escape");
            c = (char)byte;
            i += 2;
        }
        if ((unsigned char)c < ' ' || c == 0x7f)
            return rs_fail(reterr, RS_BAD_REQUEST, "the form holds a control character");
        out[n++] = c;
    }
    if (!rs_utf8_is_valid(out, n))
        return rs_fail(reterr, RS_BAD_REQUEST, "the form is not UTF-8");
    *ret = out;
    return RS_OK;
}

static enum rs_status add(struct rs_form *form, const char *key, const char *value,
                          struct rs_arena *arena, struct rs_err *reterr)
{
    for (size_t i = 0; i < form->n; i++) {
        if (strcmp(form->field[i].key, key) != 0)
            continue;
        if (strcmp(key, "scope") != 0)
            return rs_fail(reterr, RS_BAD_REQUEST, "the form has a field twice");
        form->field[i].value = rs_arena_printf(arena, "%s %s", form->field[i].value, value);
        return form->field[i].value == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
    }
    if (form->n == RS_FORM_FIELDS_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "the form has more than %u fields",
                       RS_FORM_FIELDS_MAX);
    form->field[form->n].key = key;
    form->field[form->n++].value = value;
    return RS_OK;
}

enum rs_status rs_form_parse(struct rs_str body, struct rs_arena *arena, struct rs_form *ret,
                             struct rs_err *reterr)
{
    struct rs_form form = {0};
    enum rs_status s = RS_OK;
    while (s == RS_OK && body.n > 0) {
        const char *end = memchr(body.p, '&', body.n);
        size_t n = end == NULL ? body.n : (size_t)(end - body.p);
        const char *equals = memchr(body.p, '=', n);
        size_t key_n = equals == NULL ? n : (size_t)(equals - body.p);
        size_t skip = equals == NULL ? n : key_n + 1;
        const char *key = NULL;
        const char *value = NULL;
        s = decode(rs_str_n(body.p, key_n), arena, &key, reterr);
        if (s == RS_OK)
            s = decode(rs_str_n(body.p + skip, n - skip), arena, &value, reterr);
        if (s == RS_OK && n > 0)
            s = add(&form, key, value, arena, reterr);
        n += end != NULL;
        body = rs_str_n(body.p + n, body.n - n);
    }
    if (s == RS_OK)
        *ret = form;
    return s;
}

const char *rs_form_get(const struct rs_form *form, const char *key)
{
    for (size_t i = 0; i < form->n; i++) {
        if (strcmp(form->field[i].key, key) == 0)
            return form->field[i].value;
    }
    return NULL;
}
