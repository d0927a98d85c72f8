#include "cli/args.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "cli/suggest.h"

static const struct rs_option *look_up(const struct rs_option *table, const char *name, size_t n)
{
    for (; table != NULL && table->name != NULL; table++)
        if (strlen(table->name) == n && memcmp(table->name, name, n) == 0)
            return table;
    return NULL;
}

static const struct rs_option *find(const struct rs_args *a, const char *name, size_t n)
{
    const struct rs_option *o = look_up(a->own, name, n);
    return o != NULL ? o : look_up(a->common, name, n);
}

static enum rs_status refuse(const struct rs_args *a, const char *name, struct rs_err *reterr)
{
    struct rs_suggest s = RS_SUGGEST_INIT(name);
    for (const struct rs_option *o = a->own; o != NULL && o->name != NULL; o++)
        rs_suggest_try(&s, o->name);
    for (const struct rs_option *o = a->common; o != NULL && o->name != NULL; o++)
        rs_suggest_try(&s, o->name);
    if (s.best == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "there is no option --%.60s", name);
    return rs_fail(reterr, RS_BAD_REQUEST, "there is no option --%.60s; did you mean --%s?", name,
                   s.best);
}

static enum rs_status keep(struct rs_args *a, const struct rs_option *o, const char *value,
                           struct rs_err *reterr)
{
    for (size_t i = 0; i < a->n_set && !o->repeats; i++)
        if (a->set[i].option == o)
            return rs_fail(reterr, RS_BAD_REQUEST, "--%s is given twice", o->name);
    if (a->n_set == RS_ARGS_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "more than %u options", RS_ARGS_MAX);
    a->set[a->n_set].option = o;
    a->set[a->n_set++].value = value;
    return RS_OK;
}

/* argv[*i] begins with "--"; takes the next word too when the option wants a value. */
static enum rs_status take_option(struct rs_args *a, int argc, char *const *argv, int *i,
                                  struct rs_err *reterr)
{
    const char *name = argv[*i] + 2;
    size_t n = strcspn(name, "=");
    const char *value = name[n] == '=' ? name + n + 1 : NULL;
    const struct rs_option *o = find(a, name, n);
    if (o == NULL)
        return refuse(a, name, reterr);
    if (o->value == NULL && value != NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "--%s takes no value", o->name);
    if (o->value != NULL && value == NULL) {
        if (*i + 1 >= argc)
            return rs_fail(reterr, RS_BAD_REQUEST, "--%s needs a value: --%s %s", o->name, o->name,
                           o->value);
        value = argv[++*i];
    }
    return keep(a, o, value, reterr);
}

static enum rs_status take_word(struct rs_args *a, const char *word, struct rs_err *reterr)
{
    if (a->n_positional == RS_ARGS_MAX)
        return rs_fail(reterr, RS_BAD_REQUEST, "more than %u arguments", RS_ARGS_MAX);
    a->positionals[a->n_positional++] = word;
    return RS_OK;
}

enum rs_status rs_args_parse(int argc, char *const *argv, const struct rs_option *own,
                             const struct rs_option *common, struct rs_args *ret,
                             struct rs_err *reterr)
{
    memset(ret, 0, sizeof(*ret));
    ret->own = own;
    ret->common = common;
    ret->positional = ret->positionals;
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        enum rs_status s = RS_OK;
        const char *word = argv[i];
        if (only_words || word[0] != '-' || strcmp(word, "-") == 0)
            s = take_word(ret, word, reterr);
        else if (strcmp(word, "--") == 0)
            only_words = true;
        else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            ret->wants_help = true;
        else if (word[1] == '-')
            s = take_option(ret, argc, argv, &i, reterr);
        else
            s = rs_fail(reterr, RS_BAD_REQUEST,
                        "there is no option %.60s; options are written out: --name", word);
        if (s != RS_OK)
            return s;
    }
    return RS_OK;
}

const char *rs_args_text_at(const struct rs_args *a, const char *name, size_t i)
{
    const struct rs_option *o = find(a, name, strlen(name));
    rs_assert(o != NULL);
    for (size_t k = 0; k < a->n_set; k++)
        if (a->set[k].option == o && i-- == 0)
            return a->set[k].value;
    return NULL;
}

const char *rs_args_text(const struct rs_args *a, const char *name)
{
    return rs_args_text_at(a, name, 0);
}

bool rs_args_flag(const struct rs_args *a, const char *name)
{
    const struct rs_option *o = find(a, name, strlen(name));
    rs_assert(o != NULL && o->value == NULL);
    for (size_t k = 0; k < a->n_set; k++)
        if (a->set[k].option == o)
            return true;
    return false;
}

enum rs_status rs_args_number(const struct rs_args *a, const char *name, uint64_t min, uint64_t max,
                              uint64_t *ret, struct rs_err *reterr)
{
    const char *text = rs_args_text(a, name);
    uint64_t value = 0;
    if (text == NULL)
        return RS_OK;
    if (!rs_parse_u64(rs_str_of(text), max, &value) || value < min)
        return rs_fail(reterr, RS_BAD_REQUEST, "--%s must be a number from %llu to %llu", name,
                       (unsigned long long)min, (unsigned long long)max);
    *ret = value;
    return RS_OK;
}

enum rs_status rs_args_duration_ms(const struct rs_args *a, const char *name, uint64_t max_ms,
                                   uint64_t *ret, struct rs_err *reterr)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *text = rs_args_text(a, name);
    uint64_t value = 0;
    if (text == NULL)
        return RS_OK;
    size_t digits = strspn(text, "0123456789");
    if (rs_parse_u64(rs_str_n(text, digits), UINT64_MAX, &value))
        for (size_t i = 0; i < RS_ARRAY_LEN(units); i++)
            if (strcmp(text + digits, units[i].unit) == 0 &&
                !__builtin_mul_overflow(value, units[i].ms, &value) && value <= max_ms) {
                *ret = value;
                return RS_OK;
            }
    return rs_fail(reterr, RS_BAD_REQUEST,
                   "--%s must be a duration such as 90s, 5m, 2h or 7d, at most %llu s", name,
                   (unsigned long long)(max_ms / 1000));
}
