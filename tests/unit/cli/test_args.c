#include "cli/args.h"

#include <string.h>

#include "../cm.h"
#include "cli/suggest.h"

static const struct rs_option own[] = {
    RS_OPTION("name", "NAME", "a name"),
    RS_OPTION_MANY("tag", "TAG", "a tag"),
    RS_FLAG("force", "by force"),
    RS_OPTIONS_END,
};
static const struct rs_option common[] = {
    RS_OPTION("server", "URL", "a server"),
    RS_FLAG("json", "for programs"),
    RS_OPTIONS_END,
};

#define WORDS_MAX 8

/* The words up to the first NULL. */
static enum rs_status parse(const char *const words[WORDS_MAX], struct rs_args *ret,
                            struct rs_err *err)
{
    char *argv[WORDS_MAX];
    int argc = 0;
    for (; argc < WORDS_MAX && words[argc] != NULL; argc++) {
        argv[argc] = strdup(words[argc]);
        assert_non_null(argv[argc]);
    }
    enum rs_status s = rs_args_parse(argc, argv, own, common, ret, err);
    /* what was parsed is borrowed from argv: keep it in our own, constant words */
    for (size_t i = 0; s == RS_OK && i < ret->n_positional; i++)
        for (int k = 0; k < argc; k++)
            if (ret->positionals[i] == argv[k])
                ret->positionals[i] = words[k];
    for (size_t i = 0; s == RS_OK && i < ret->n_set; i++)
        for (int k = 0; k < argc && ret->set[i].value != NULL; k++)
            if (ret->set[i].value >= argv[k] && ret->set[i].value <= argv[k] + strlen(argv[k]))
                ret->set[i].value = words[k] + (ret->set[i].value - argv[k]);
    for (int k = 0; k < argc; k++)
        free(argv[k]);
    return s;
}

static void understands(void **state)
{
    (void)state;
    struct rs_args a;
    const char *const words[WORDS_MAX] = {"one", "--name",    "ann",   "--json",
                                          "two", "--tag=a=b", "--tag", "c"};
    assert_int_equal(parse(words, &a, NULL), RS_OK);
    assert_int_equal(a.n_positional, 2);
    assert_string_equal(a.positional[0], "one");
    assert_string_equal(a.positional[1], "two");
    assert_string_equal(rs_args_text(&a, "name"), "ann");
    assert_string_equal(rs_args_text_at(&a, "tag", 0), "a=b");
    assert_string_equal(rs_args_text_at(&a, "tag", 1), "c");
    assert_null(rs_args_text_at(&a, "tag", 2));
    assert_true(rs_args_flag(&a, "json"));
    assert_false(rs_args_flag(&a, "force"));
    assert_null(rs_args_text(&a, "server"));
    assert_false(a.wants_help);
}

static void dashes(void **state)
{
    (void)state;
    struct rs_args a;
    const char *const words[WORDS_MAX] = {"-", "--name", "--json", "--", "--force", "-x", "--help"};
    assert_int_equal(parse(words, &a, NULL), RS_OK);
    assert_int_equal(a.n_positional, 4);
    assert_string_equal(a.positional[0], "-");
    assert_string_equal(a.positional[1], "--force");
    assert_string_equal(a.positional[3], "--help");
    assert_string_equal(rs_args_text(&a, "name"), "--json"); /* the next word, whatever it is */
    assert_false(rs_args_flag(&a, "json"));
    assert_false(a.wants_help);
    const char *const help[WORDS_MAX] = {"x", "-h"};
    assert_int_equal(parse(help, &a, NULL), RS_OK);
    assert_true(a.wants_help);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS_MAX];
        const char *said;
    } rows[] = {
        {{"--nme", "x"}, "did you mean --name?"},
        {{"--srever=x"}, "did you mean --server?"},
        {{"--nam", "x"}, "did you mean --name?"}, /* never abbreviated */
        {{"--completely-different"}, "there is no option --completely-different"},
        {{"--name"}, "--name needs a value"},
        {{"--json=yes"}, "--json takes no value"},
        {{"--json="}, "--json takes no value"},
        {{"--name", "a", "--name", "b"}, "--name is given twice"},
        {{"--force", "--force"}, "--force is given twice"},
        {{"-n"}, "options are written out"},
        {{"---name"}, "there is no option"},
        {{"--=x"}, "there is no option"},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_args a;
        struct rs_err err = RS_ERR_INIT;
        assert_int_equal(parse(rows[i].words, &a, &err), RS_BAD_REQUEST);
        if (strstr(err.message, rows[i].said) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, rows[i].said);
    }
}

static void too_many_words(void **state)
{
    (void)state;
    static char word[] = "x";
    static char flag[] = "--tag=x";
    char *argv[RS_ARGS_MAX + 1];
    struct rs_args a;
    for (size_t i = 0; i <= RS_ARGS_MAX; i++)
        argv[i] = word;
    assert_int_equal(rs_args_parse((int)RS_ARGS_MAX, argv, own, common, &a, NULL), RS_OK);
    assert_int_equal(rs_args_parse((int)RS_ARGS_MAX + 1, argv, own, common, &a, NULL),
                     RS_BAD_REQUEST);
    for (size_t i = 0; i <= RS_ARGS_MAX; i++)
        argv[i] = flag;
    assert_int_equal(rs_args_parse((int)RS_ARGS_MAX, argv, own, common, &a, NULL), RS_OK);
    assert_int_equal(rs_args_parse((int)RS_ARGS_MAX + 1, argv, own, common, &a, NULL),
                     RS_BAD_REQUEST);
    assert_int_equal(rs_args_parse(0, NULL, NULL, NULL, &a, NULL), RS_OK);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"5", true, 5}, {"10", true, 10}, {"4", false, 0},  {"11", false, 0},
        {"", false, 0}, {"-5", false, 0}, {"5x", false, 0}, {"99999999999999999999", false, 0}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_args a;
        uint64_t n = 77;
        const char *const words[WORDS_MAX] = {"--name", rows[i].text};
        assert_int_equal(parse(words, &a, NULL), RS_OK);
        assert_int_equal(rs_args_number(&a, "name", 5, 10, &n, NULL),
                         rows[i].ok ? RS_OK : RS_BAD_REQUEST);
        assert_int_equal(n, rows[i].ok ? rows[i].value : 77);
        assert_int_equal(rs_args_number(&a, "server", 5, 10, &n, NULL), RS_OK);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } rows[] = {{"0", true, 0},
                {"90", true, 90000},
                {"90s", true, 90000},
                {"5m", true, 300000},
                {"2h", true, 7200000},
                {"1d", true, 86400000},
                {"2d", false, 0},
                {"s", false, 0},
                {"1h30m", false, 0},
                {"1.5h", false, 0},
                {"5 m", false, 0},
                {"5M", false, 0},
                {"99999999999999999999s", false, 0},
                {"18446744073709551615d", false, 0}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_args a;
        uint64_t ms = 77;
        const char *const words[WORDS_MAX] = {"--name", rows[i].text};
        assert_int_equal(parse(words, &a, NULL), RS_OK);
        if (rs_args_duration_ms(&a, "name", 86400000, &ms, NULL) !=
            (rows[i].ok ? RS_OK : RS_BAD_REQUEST))
            fail_msg("%s", rows[i].text);
        assert_int_equal(ms, rows[i].ok ? rows[i].ms : 77);
    }
}

static void suggestions(void **state)
{
    (void)state;
    static const char *const words[] = {"serve", "status", "list", "tags", "wait", "webhook"};
    static const char *const rows[][2] = {
        {"staus", "status"}, {"lst", "list"},      {"webhok", "webhook"},
        {"sreve", "serve"},  {"x", NULL},          {"completely", NULL},
        {"", NULL},          {"status", "status"}, {"waits", "wait"}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_suggest s = RS_SUGGEST_INIT(rows[i][0]);
        for (size_t k = 0; k < RS_ARRAY_LEN(words); k++)
            rs_suggest_try(&s, words[k]);
        if (rows[i][1] == NULL)
            assert_null(s.best);
        else
            assert_string_equal(s.best, rows[i][1]);
    }
    char longest[200];
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    struct rs_suggest s = RS_SUGGEST_INIT(longest);
    rs_suggest_try(&s, longest);
    assert_null(s.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands),    cmocka_unit_test(dashes),  cmocka_unit_test(refuses),
        cmocka_unit_test(too_many_words), cmocka_unit_test(numbers), cmocka_unit_test(durations),
        cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
