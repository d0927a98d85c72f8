/* The canonical bytes of records and their hashes, fixed for ever by golden vectors. */
#include "../cm.h"

#include <stdlib.h>
#include <string.h>

#include "audit/record.h"

static const struct rs_actor actor = {
    .principal_id = 7, .name = "processor", .request_id = "r-1", .source = "192.0.2.7"};
static const char *const tags[] = {"v1", "latest"};

static const char golden_full[] =
    "{\"version\":1,\"sequence\":12,\"timestamp\":\"2026-11-30T20:05:01.123Z\",\"action\":\"released\",\"actor\":\"processor\","
    "\"actorId\":7,\"repository\":\"team/app\",\"tags\":[\"v1\",\"latest\"],\"digest\":\"sha256:00\",\"publisher\":\"ci\","
    "\"details\":{\"a\":[1,null],\"b\":\"x\"},\"cause\":11,\"requestId\":\"r-1\",\"source\":\"192.0.2.7\"}";
static const char golden_least[] =
    "{\"version\":1,\"sequence\":1,\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"action\":\"user-created\",\"actor\":\"processor\","
    "\"actorId\":7,\"repository\":null,\"tags\":[],\"digest\":null,\"publisher\":null,\"details\":null,\"cause\":null,"
    "\"requestId\":\"r-1\",\"source\":\"192.0.2.7\"}";

static struct rs_audit_entry entry_full(void)
{
    return (struct rs_audit_entry){
        .action = "released",
        .actor = &actor,
        .repository = "team/app",
        .tags = tags,
        .n_tags = 2,
        .digest = "sha256:00",
        .publisher = "ci",
        .details = " { \"b\" : \"x\", \"a\":[1,\tnull] }\n",
        .cause = 11,
    };
}

static void golden_bytes(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf full = RS_BUF_INIT(4096);
    RS_AUTO(rs_buf) struct rs_buf least = RS_BUF_INIT(4096);
    struct rs_audit_entry entry = entry_full();
    struct rs_audit_entry small = {.action = "user-created", .actor = &actor};
    (void)state;
    assert_int_equal(rs_audit_record_encode(&entry, 12, 1796069101123, &full, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&full), golden_full);
    assert_int_equal(rs_audit_record_encode(&small, 1, 0, &least, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&least), golden_least);
}

/* Text that somebody else chose cannot break out of its string, nor a terminal or a log that shows
 * the line. */
static void texts_are_escaped(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4096);
    struct rs_actor nasty = {
        .principal_id = 1, .name = "a\"\\\r\n\x1b[31m", .request_id = "", .source = "\xff"};
    struct rs_audit_entry entry = {
        .action = "pushed", .actor = &nasty, .details = "\"\\u001b[2J\\r\\n\""};
    (void)state;
    assert_int_equal(rs_audit_record_encode(&entry, 1, 0, &out, NULL), RS_OK);
    for (size_t i = 0; i < out.len; i++)
        assert_true((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f);
    assert_non_null(strstr(out.data, "\"actor\":\"a\\\"\\\\\\r\\n\\u001b[31m\""));
    assert_non_null(strstr(out.data, "\"details\":\"\\u001b[2J\\r\\n\""));
    assert_true(rs_utf8_is_valid(out.data, out.len));
}

static void bad_details_are_refused(void **state)
{
    static const char *const rows[] = {"",        "{",           "free text", "{\"a\":1,\"a\":2}",
                                       "[1] [2]", "\"\\ud800\"", "nul"};
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4096);
        struct rs_audit_entry entry = {.action = "failed", .actor = &actor, .details = rows[i]};
        assert_int_equal(rs_audit_record_encode(&entry, 1, 0, &out, NULL), RS_BAD_REQUEST);
    }
}

static void free_text_becomes_a_string(void **state)
{
    static const struct {
        const char *text;
        const char *details;
    } rows[] = {
        {"2 critical findings", "\"2 critical findings\""},
        {"{\"b\":1, \"a\":2}", "{\"a\":2,\"b\":1}"},
        {"null", "null"},
        {"", "\"\""},
        {"{\"cut\":", "\"{\\\"cut\\\":\""},
        {"line\nline", "\"line\\nline\""},
        {"\xff", "\"\xef\xbf\xbd\""},
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
        assert_int_equal(rs_audit_details_of_text(rs_str_of(rows[i].text), &out, NULL), RS_OK);
        assert_string_equal(rs_buf_text(&out), rows[i].details);
    }
}

static void details_are_bounded(void **state)
{
    char *big = malloc(RS_AUDIT_DETAILS_BYTES_MAX + 2);
    (void)state;
    assert_non_null(big);
    memset(big, 'x', RS_AUDIT_DETAILS_BYTES_MAX + 1);
    big[RS_AUDIT_DETAILS_BYTES_MAX + 1] = '\0';
    {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4 * RS_AUDIT_DETAILS_BYTES_MAX);
        struct rs_err err = RS_ERR_INIT;
        assert_int_equal(rs_audit_details_of_text(rs_str_of(big), &out, &err), RS_TOO_LARGE);
        assert_non_null(strstr(err.message, "65536"));
    }
    {
        RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4 * RS_AUDIT_DETAILS_BYTES_MAX);
        assert_int_equal(
            rs_audit_details_of_text(rs_str_n(big, RS_AUDIT_DETAILS_BYTES_MAX - 2), &out, NULL),
            RS_OK);
        assert_int_equal(out.len, RS_AUDIT_DETAILS_BYTES_MAX);
    }
    free(big);
}

static void hash_is(const unsigned char hash[RS_AUDIT_HASH_BYTES], const char *hex)
{
    char text[2 * RS_AUDIT_HASH_BYTES + 1];
    rs_hex_encode(hash, RS_AUDIT_HASH_BYTES, text);
    assert_string_equal(text, hex);
}

static void golden_hashes(void **state)
{
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    unsigned char chain[RS_AUDIT_HASH_BYTES] = {0};
    (void)state;
    assert_int_equal(rs_audit_leaf_hash(rs_str_of(golden_least), leaf, NULL), RS_OK);
    hash_is(leaf, "3e59ef783221a5d9cec6abe431fa21f73574600ce28b2faf845f72f994198d15");
    rs_audit_chain_hash(chain, leaf, chain);
    hash_is(chain, "85a73f862b82416a3dcf1e89f6b772c9ee6ca6be55e89e1d3456be0744c67771");
    assert_int_equal(rs_audit_leaf_hash(rs_str_of(golden_full), leaf, NULL), RS_OK);
    hash_is(leaf, "86ecf6544434317a13a7194f5458ddf888a4795e48c25e25fa814007f3502f52");
    rs_audit_chain_hash(chain, leaf, chain);
    hash_is(chain, "fb2ae5d30c45e48fd084490304c8e2a6771ef891a497566c0c8de1c2c767c85c");
}

/* What is exported gives the canonical bytes back exactly; anything else is refused. */
static void shown_and_back(void **state)
{
    static const char hash[RS_AUDIT_HASH_BYTES] = {1, 2, 3};
    unsigned char chain[RS_AUDIT_HASH_BYTES];
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4096);
    RS_AUTO(rs_buf) struct rs_buf scratch = RS_BUF_INIT(4096);
    struct rs_str record;
    struct rs_audit_row row = {.record = rs_str_of(golden_full),
                               .chain_hash = rs_str_n(hash, sizeof(hash)),
                               .leaf_hash = rs_str_n(hash, sizeof(hash))};
    (void)state;
    assert_int_equal(rs_audit_record_show(&row, &out), RS_OK);
    assert_true(
        rs_audit_record_unshow(rs_str_n(out.data, out.len), &scratch, &record, chain, leaf));
    assert_true(rs_str_eq(record, golden_full));
    assert_memory_equal(chain, hash, sizeof(hash));
    assert_memory_equal(leaf, hash, sizeof(hash));
    for (size_t cut = 0; cut < out.len; cut++)
        assert_false(
            rs_audit_record_unshow(rs_str_n(out.data, cut), &scratch, &record, chain, leaf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(bad_details_are_refused),
        cmocka_unit_test(free_text_becomes_a_string),
        cmocka_unit_test(details_are_bounded),
        cmocka_unit_test(golden_hashes),
        cmocka_unit_test(shown_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
