/* Every way to tamper with the log must be found: in the catalog, and in an export. */
#include "log.h"

#include <stdlib.h>

#include "audit/verify.h"

#define RECORDS 24U
#define MUTATIONS 12000U

static struct rs_verify_result file_result(const char *bytes, size_t n,
                                           const struct rs_verify_options *options)
{
    struct rs_verify_result result;
    FILE *file = n == 0 ? fopen("/dev/null", "rb") : fmemopen((void *)(uintptr_t)bytes, n, "rb");
    assert_non_null(file);
    assert_int_equal(rs_verify_file(file, options, &result, NULL), RS_OK);
    assert_int_equal(fclose(file), 0);
    return result;
}

static struct rs_verify_result catalog_result(struct rs_db *db,
                                              const struct rs_verify_options *options)
{
    struct rs_verify_result result;
    struct rs_err err = RS_ERR_INIT;
    if (rs_verify_catalog(db, options, NULL, &result, &err) != RS_OK)
        fail_msg("%s (%s)", err.message, err.log);
    return result;
}

static const struct rs_verify_options plain = {0};

static void a_sound_log_is_sound(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1 << 20);
    struct rs_verify_result r = catalog_result(db, &plain);
    assert_true(r.is_sound && r.records == 0);
    log_append(db, RECORDS);
    log_append(db, 1);
    r = catalog_result(db, &plain);
    assert_true(r.is_sound);
    assert_true(r.records == RECORDS + 1 && r.last_seq == RECORDS + 1);
    log_export(db, &text);
    struct rs_verify_result f = file_result(text.data, text.len, &plain);
    assert_true(f.is_sound && f.records == r.records);
    assert_memory_equal(f.root, r.root, sizeof(r.root));
    assert_memory_equal(f.chain, r.chain, sizeof(r.chain));
    rs_db_close(db);
}

/* More than one page of rows. */
static void a_long_log_is_read_in_pages(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    log_append(db, 1203);
    struct rs_verify_result r = catalog_result(db, &plain);
    assert_true(r.is_sound && r.records == 1203);
    catalog_script(db, "DELETE FROM audit WHERE seq = 500");
    r = catalog_result(db, &plain);
    assert_false(r.is_sound);
    assert_true(r.problem[0].seq == 501 && r.records == 1202);
    rs_db_close(db);
}

/* Behind the daemon's back, in the database. */
static void tampering_in_the_catalog_is_found(void **state)
{
    static const char *const rows[] = {
        "UPDATE audit SET record = replace(CAST(record AS TEXT), 'clean', 'dirty') WHERE seq = 2",
        "UPDATE audit SET record = CAST(record AS TEXT) || ' ' WHERE seq = 3",
        "UPDATE audit SET record = '' WHERE seq = 3",
        "UPDATE audit SET leaf_hash = zeroblob(32) WHERE seq = 4",
        "UPDATE audit SET leaf_hash = '' WHERE seq = 4",
        "UPDATE audit SET chain_hash = zeroblob(32) WHERE seq = 24",
        "UPDATE audit SET chain_hash = zeroblob(31) WHERE seq = 24",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 5",
        "UPDATE audit SET actor = 'somebody' WHERE seq = 6",
        "UPDATE audit SET action = 'failed' WHERE seq = 7",
        "UPDATE audit SET repository = 'team/other' WHERE repository IS NOT NULL AND seq < 5",
        "UPDATE audit SET repository = NULL WHERE seq = 2",
        "UPDATE audit SET digest = 'sha256:bbbb' WHERE seq = 10",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 12",
        "UPDATE audit SET seq = 1000 WHERE seq = 24",
        "UPDATE audit SET seq = 0 WHERE seq = 24",
        "UPDATE audit SET seq = 100 WHERE seq = 8; UPDATE audit SET seq = 8 WHERE seq = 9; UPDATE audit SET seq = 9 WHERE seq = 100",
        "INSERT INTO audit SELECT 25, at_ms, action, repository, digest, actor, record, chain_hash, leaf_hash FROM audit WHERE seq = 24",
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%zu.db", i);
        struct rs_db *db = catalog_open(scratch_path(state, name));
        log_append(db, RECORDS);
        assert_true(catalog_result(db, &plain).is_sound);
        catalog_script(db, rows[i]);
        if (catalog_result(db, &plain).is_sound)
            fail_msg("not found: %s", rows[i]);
        rs_db_close(db);
    }
}

/* ---- the corpus of mutations ---- */

struct text_line {
    const char *p;
    size_t n; /* with its newline */
};

static unsigned lines_of(const struct rs_buf *text, struct text_line *line)
{
    unsigned n = 0;
    for (const char *p = text->data; *p != '\0'; n++) {
        line[n].p = p;
        line[n].n = strcspn(p, "\n") + 1;
        p += line[n].n;
    }
    return n;
}

static uint64_t seed = 20261130;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % n);
}

static void lines_write(const struct text_line *line, unsigned n, struct rs_buf *out)
{
    for (unsigned i = 0; i < n; i++)
        (void)rs_buf_add(out, line[i].p, line[i].n);
}

/* Edits record `at` and computes all hashes anew from there on, as whoever owns the database can.
 */
static void history_rewrite(const struct text_line *line, unsigned n, unsigned at,
                            struct rs_buf *out)
{
    unsigned char chain[RS_AUDIT_HASH_BYTES] = {0};
    RS_AUTO(rs_buf) struct rs_buf scratch = RS_BUF_INIT(1 << 20);
    for (unsigned i = 0; i < n; i++) {
        struct rs_str record;
        unsigned char old_chain[RS_AUDIT_HASH_BYTES];
        unsigned char leaf[RS_AUDIT_HASH_BYTES];
        assert_true(rs_audit_record_unshow(rs_str_n(line[i].p, line[i].n - 1), &scratch, &record,
                                           old_chain, leaf));
        if (i == at)
            memcpy(strstr(scratch.data, "processor"), "nobody000", 9);
        assert_int_equal(rs_audit_leaf_hash(record, leaf, NULL), RS_OK);
        rs_audit_chain_hash(chain, leaf, chain);
        struct rs_audit_row row = {.record = record,
                                   .chain_hash = rs_str_n((const char *)chain, sizeof(chain)),
                                   .leaf_hash = rs_str_n((const char *)leaf, sizeof(leaf))};
        (void)rs_audit_record_show(&row, out);
        (void)rs_buf_addc(out, '\n');
    }
}

static const char *mutate(const struct text_line *lines, unsigned n, const struct rs_buf *text,
                          struct rs_buf *out)
{
    struct text_line line[RECORDS + 2];
    unsigned a = pick(n);
    unsigned b = pick(n);
    memcpy(line, lines, n * sizeof(*line));
    switch (pick(8)) {
    case 0: { /* one bit, or one byte anywhere */
        (void)rs_buf_add(out, text->data, text->len);
        size_t at = pick((unsigned)text->len);
        char byte = (char)(pick(2) == 0 ? out->data[at] ^ (1 << pick(8)) : (int)pick(256));
        out->data[at] = (char)(byte == out->data[at] ? byte ^ 1 : byte);
        return "a changed byte";
    }
    case 1: { /* a byte more or less */
        size_t where = pick((unsigned)text->len);
        (void)rs_buf_add(out, text->data, where);
        bool is_less = pick(2) == 0;
        if (!is_less)
            (void)rs_buf_addc(out, (char)pick(256));
        (void)rs_buf_add(out, text->data + where + (is_less ? 1 : 0),
                         text->len - where - (is_less ? 1 : 0));
        return is_less ? "a missing byte" : "an added byte";
    }
    case 2: /* a record less */
        memmove(&line[a], &line[a + 1], (n - a - 1) * sizeof(*line));
        lines_write(line, n - 1, out);
        return "a deleted record";
    case 3: /* a record twice */
        memmove(&line[a + 1], &line[a], (n - a) * sizeof(*line));
        line[a] = line[b];
        lines_write(line, n + 1, out);
        return "an inserted record";
    case 4: { /* another order */
        struct text_line x = line[a];
        b = a == b ? (a + 1) % n : b;
        line[a] = line[b];
        line[b] = x;
        lines_write(line, n, out);
        return "another order";
    }
    case 5: /* cut at the tail, between records */
        lines_write(line, a, out);
        return "a cut at the tail";
    case 6: /* cut anywhere */
        (void)rs_buf_add(out, text->data, pick((unsigned)text->len));
        return "a cut";
    default:
        history_rewrite(line, n, a, out);
        return "a rewritten history";
    }
}

static void every_mutation_is_found(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1 << 20);
    struct text_line line[RECORDS + 2];
    log_append(db, RECORDS);
    log_export(db, &text);
    rs_db_close(db);
    unsigned n = lines_of(&text, line);
    assert_int_equal(n, RECORDS);
    struct rs_verify_result r = file_result(text.data, text.len, &plain);
    struct rs_checkpoint checkpoint = {.size = r.records};
    memcpy(checkpoint.root, r.root, sizeof(r.root));
    struct rs_verify_options options = {.checkpoints = &checkpoint, .n_checkpoints = 1};
    assert_true(file_result(text.data, text.len, &options).is_sound);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1 << 20);
        uint64_t before = seed;
        const char *what = mutate(line, n, &text, &out);
        if (out.len == text.len && memcmp(out.data, text.data, text.len) == 0)
            continue; /* a byte put in beside its twin */
        if (file_result(rs_buf_text(&out), out.len, &options).is_sound)
            fail_msg("%s was not found (seed %llu)", what, (unsigned long long)before);
    }
}

/* What the records alone cannot show, an earlier checkpoint does. */
static void checkpoints_find_what_the_chain_cannot(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1 << 20);
    RS_AUTO(rs_buf) struct rs_buf rewritten = RS_BUF_INIT(1 << 20);
    struct text_line line[RECORDS + 2];
    log_append(db, 10);
    struct rs_verify_result early = catalog_result(db, &plain);
    log_append(db, 14);
    struct rs_verify_result late = catalog_result(db, &plain);
    struct rs_checkpoint checkpoints[2] = {{.size = late.records}, {.size = early.records}};
    memcpy(checkpoints[0].root, late.root, sizeof(late.root));
    memcpy(checkpoints[1].root, early.root, sizeof(early.root));
    struct rs_verify_options options = {.checkpoints = checkpoints, .n_checkpoints = 2};
    struct rs_verify_result r = catalog_result(db, &options);
    assert_true(r.is_sound);
    assert_int_equal(r.checkpoints_compared, 2);

    log_export(db, &text);
    unsigned n = lines_of(&text, line);
    history_rewrite(line, n, 3, &rewritten);
    assert_true(file_result(rewritten.data, rewritten.len, &plain).is_sound);
    r = file_result(rewritten.data, rewritten.len, &options);
    assert_int_equal(r.problems, 2);
    rs_buf_clear(&rewritten);
    history_rewrite(line, n, 12, &rewritten);
    assert_int_equal(file_result(rewritten.data, rewritten.len, &options).problems, 1);

    catalog_script(db, "DELETE FROM audit WHERE seq > 20");
    assert_true(catalog_result(db, &plain).is_sound);
    r = catalog_result(db, &options);
    assert_false(r.is_sound);
    assert_non_null(strstr(r.problem[0].text, "cut, or rolled back"));
    rs_db_close(db);
}

/* A filtered export: gaps are expected, but every record is still checked. */
static void a_partial_export_is_checked_record_by_record(void **state)
{
    struct rs_db *db = catalog_open(scratch_path(state, "c.db"));
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1 << 20);
    RS_AUTO(rs_buf) struct rs_buf part = RS_BUF_INIT(1 << 20);
    struct text_line line[RECORDS + 2];
    static const struct rs_verify_options partial = {.is_partial = true};
    log_append(db, RECORDS);
    log_export(db, &text);
    rs_db_close(db);
    unsigned n = lines_of(&text, line);
    for (unsigned i = 3; i < n; i += i % 3 == 0 ? 1 : 2)
        (void)rs_buf_add(&part, line[i].p, line[i].n);
    assert_true(file_result(part.data, part.len, &partial).is_sound);
    assert_false(file_result(part.data, part.len, &plain).is_sound);
    for (size_t i = 0; i < part.len; i += 7) {
        part.data[i] = (char)(part.data[i] ^ 1);
        if (file_result(part.data, part.len, &partial).is_sound)
            fail_msg("the change of byte %zu was not found", i);
        part.data[i] = (char)(part.data[i] ^ 1);
    }
}

/* What is no export at all is told, not crashed on. */
static void rubbish_is_told(void **state)
{
    static const char *const rows[] = {"\n", "{}\n", "\xff\xfe\n", "[1,2,3]",
                                       "{\"version\":1}\n{\"version\":1}\n"};
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        assert_false(file_result(rows[i], strlen(rows[i]), &plain).is_sound);
    assert_true(file_result("", 0, &plain).is_sound);
}

static void the_result_is_json(void **state)
{
    struct rs_verify_result r = file_result("{}\n", 3, &plain);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(65536);
    (void)state;
    assert_int_equal(rs_verify_result_write(&r, &out), RS_OK);
    assert_non_null(strstr(out.data, "{\"sound\":false,\"records\":0,"));
    assert_non_null(
        strstr(out.data, "\"problemCount\":1,\"problems\":[{\"sequence\":0,\"problem\":\"line 1 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_log_is_sound, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_long_log_is_read_in_pages, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(tampering_in_the_catalog_is_found, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(every_mutation_is_found, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(checkpoints_find_what_the_chain_cannot, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(a_partial_export_is_checked_record_by_record, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(rubbish_is_told),
        cmocka_unit_test(the_result_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
