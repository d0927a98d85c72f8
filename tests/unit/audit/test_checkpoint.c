/* Signed checkpoints and their keys, against vectors made by other programs (the C2SP text forms,
 * OpenSSL's Ed25519). */
#include "../cm.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../support/scratch.h"
#include "audit/checkpoint.h"
#include "base/file.h"

#define NAME "roadstead/audit/test"
static const char public_text[] = NAME "+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
static const char private_text[] =
    "PRIVATE+KEY+" NAME "+3104d45c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
static const char note_text[] = NAME
    "\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    "\xe2\x80\x94 " NAME
    " MQTUXPC3nlFRu726eA+vBgSw7eShBdtyq49trazVtFgvq/aqthqP1/yvVzHtWh7kTpvYDBR3hhORL6CjtoEbKE/8AAQ=\n";
static const char empty_root_hex[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static struct rs_note_key key_of(const char *text)
{
    struct rs_note_key key;
    struct rs_err err = RS_ERR_INIT;
    if (rs_note_key_read(rs_str_of(text), &key, &err) != RS_OK)
        fail_msg("%s", err.message);
    return key;
}

static void keys_are_read_and_written(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf pub = RS_BUF_INIT(512);
    RS_AUTO(rs_buf) struct rs_buf priv = RS_BUF_INIT(512);
    struct rs_note_key key = key_of(private_text);
    (void)state;
    assert_true(key.can_sign);
    assert_false(key_of(public_text).can_sign);
    assert_int_equal(rs_note_key_write_public(&key, &pub), RS_OK);
    assert_string_equal(rs_buf_text(&pub), public_text);
    assert_int_equal(rs_note_key_write_private(&key, &priv), RS_OK);
    assert_string_equal(rs_buf_text(&priv), private_text);
    /* The example key of the signed-note text. */
    key = key_of(" example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n");
    assert_string_equal(key.name, "example.com/foo");
}

static void bad_keys_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "name",
        "name+3104d45c",
        NAME "+3104d45d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", /* another id */
        NAME "+3104D45C+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        NAME "x+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", /* another name */
        NAME "+3104d45c+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",  /* not Ed25519 */
        NAME "+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVT==",
        "two words+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    };
    (void)state;
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_note_key key;
        assert_int_equal(rs_note_key_read(rs_str_of(rows[i]), &key, NULL), RS_BAD_REQUEST);
    }
}

static void golden_note(void **state)
{
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(1024);
    unsigned char root[RS_AUDIT_HASH_BYTES];
    struct rs_note_key signer = key_of(private_text);
    struct rs_note_key verifier = key_of(public_text);
    struct rs_checkpoint c;
    (void)state;
    assert_true(rs_hex_decode(rs_str_of(empty_root_hex), root, sizeof(root)));
    assert_int_equal(rs_checkpoint_sign(&signer, 42, root, &note, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&note), note_text);
    assert_int_equal(rs_checkpoint_open(rs_str_of(note_text), &verifier, &c, NULL), RS_OK);
    assert_true(c.size == 42);
    assert_string_equal(c.origin, NAME);
    assert_memory_equal(c.root, root, sizeof(root));
    assert_int_equal(rs_checkpoint_sign(&verifier, 42, root, &note, NULL), RS_BAD_REQUEST);
}

/* No single changed, missing or added byte is accepted. */
static void changed_notes_are_refused(void **state)
{
    struct rs_note_key key = key_of(public_text);
    size_t n = strlen(note_text);
    struct rs_checkpoint c;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        char changed[sizeof(note_text) + 1];
        for (int bit = 0; bit < 8; bit++) {
            memcpy(changed, note_text, n);
            changed[i] = (char)(changed[i] ^ (1 << bit));
            assert_int_equal(rs_checkpoint_open(rs_str_n(changed, n), &key, &c, NULL),
                             RS_BAD_REQUEST);
        }
        memcpy(changed, note_text, i);
        memcpy(changed + i, note_text + i + 1, n - i - 1);
        assert_int_equal(rs_checkpoint_open(rs_str_n(changed, n - 1), &key, &c, NULL),
                         RS_BAD_REQUEST);
        memcpy(changed + i, "x", 1);
        memcpy(changed + i + 1, note_text + i, n - i);
        assert_int_equal(rs_checkpoint_open(rs_str_n(changed, n + 1), &key, &c, NULL),
                         RS_BAD_REQUEST);
    }
}

/* A witness may add its signature; unknown ones are passed over, but one of ours must be there and
 * be right. */
static void other_signatures_are_passed_over(void **state)
{
    struct rs_note_key key = key_of(public_text);
    RS_AUTO(rs_buf) struct rs_buf both = RS_BUF_INIT(4096);
    struct rs_checkpoint c;
    (void)state;
    (void)rs_buf_addf(&both, "%s\xe2\x80\x94 witness.example AAAAAHh5eg==\n", note_text);
    assert_int_equal(rs_checkpoint_open(rs_str_n(both.data, both.len), &key, &c, NULL), RS_OK);
    struct rs_note_key stranger;
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_note_key_generate("another/registry", &stranger, NULL), RS_OK);
    assert_int_equal(rs_checkpoint_open(rs_str_of(note_text), &stranger, &c, &err), RS_BAD_REQUEST);
    assert_non_null(strstr(err.message, "not signed by the key another/registry"));
}

static void the_key_file_is_made_once(void **state)
{
    const char *dir = scratch_path(state, "keys");
    struct rs_note_key first;
    struct rs_note_key second;
    struct stat st;
    assert_int_equal(rs_note_key_load(dir, &first, NULL), RS_OK);
    assert_int_equal(rs_note_key_load(dir, &second, NULL), RS_OK);
    assert_string_equal(first.name, second.name);
    assert_memory_equal(first.seed, second.seed, sizeof(first.seed));
    assert_int_equal(stat(scratch_path(state, "keys/audit-log.key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(512);
    FILE *file = fopen(scratch_path(state, "keys/audit-log.pub"), "rb");
    assert_non_null(file);
    char line[512] = "";
    assert_non_null(fgets(line, sizeof(line), file));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rs_note_key_write_public(&first, &text), RS_OK);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, rs_buf_text(&text));
}

/* A file that is not ours is never overwritten. */
static void a_strange_key_file_is_kept(void **state)
{
    const char *dir = scratch_path(state, "keys");
    struct rs_note_key key;
    assert_int_equal(rs_file_make_dir(dir, 0700, NULL), RS_OK);
    assert_int_equal(rs_file_replace(dir, "audit-log.key", 0600, "something else\n", 15, NULL),
                     RS_OK);
    assert_int_equal(rs_note_key_load(dir, &key, NULL), RS_CORRUPT);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(512);
    assert_int_equal(rs_file_read_secret(dir, "audit-log.key", &text, NULL), RS_OK);
    assert_string_equal(rs_buf_text(&text), "something else\n");
    /* A public key cannot sign. */
    assert_int_equal(
        rs_file_replace(dir, "audit-log.key", 0600, public_text, strlen(public_text), NULL), RS_OK);
    assert_int_equal(rs_note_key_load(dir, &key, NULL), RS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_and_written),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(golden_note),
        cmocka_unit_test(changed_notes_are_refused),
        cmocka_unit_test(other_signatures_are_passed_over),
        cmocka_unit_test_setup_teardown(the_key_file_is_made_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_strange_key_file_is_kept, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
