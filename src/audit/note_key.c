#include "audit/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/id.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#define ED25519_TYPE 0x01 /* the signature type byte of a note's Ed25519 keys */
#define KEY_FILE "audit-log.key"
#define PUBLIC_FILE "audit-log.pub"
#define KEY_TEXT_BYTES_MAX ((size_t)512)

static const char private_prefix[] = "PRIVATE+KEY+";

static void id_set(struct rs_note_key *key)
{
    unsigned char in[RS_NOTE_NAME_BYTES + 2 + RS_ED25519_KEY_BYTES];
    unsigned char hash[RS_SHA256_BYTES];
    size_t n = strlen(key->name);
    memcpy(in, key->name, n);
    in[n++] = '\n';
    in[n++] = ED25519_TYPE;
    memcpy(in + n, key->public_key, RS_ED25519_KEY_BYTES);
    rs_hash_sha256(in, n + RS_ED25519_KEY_BYTES, hash);
    memcpy(key->id, hash, sizeof(key->id));
}

/* Printable ASCII without space and '+': stricter than a note asks for, and all that this program
 * writes. */
static bool name_is_valid(struct rs_str name)
{
    if (name.n == 0 || name.n >= RS_NOTE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '+')
            return false;
    return true;
}

enum rs_status rs_note_key_generate(const char *name, struct rs_note_key *ret,
                                    struct rs_err *reterr)
{
    if (!name_is_valid(rs_str_of(name)))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "a key's name is printable ASCII without spaces and '+'");
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->name, name, strlen(name));
    rs_ed25519_generate(ret->seed);
    ret->can_sign = true;
    enum rs_status s = rs_ed25519_public(ret->seed, ret->public_key, reterr);
    id_set(ret);
    return s;
}

static enum rs_status key_write(const struct rs_note_key *key, const char *prefix,
                                const unsigned char *material, struct rs_buf *out)
{
    unsigned char typed[1 + RS_ED25519_KEY_BYTES] = {ED25519_TYPE};
    char hex[2 * sizeof(key->id) + 1];
    char base64[4 * ((sizeof(typed) + 2) / 3) + 1];
    memcpy(typed + 1, material, RS_ED25519_KEY_BYTES);
    rs_hex_encode(key->id, sizeof(key->id), hex);
    rs_base64_encode(typed, sizeof(typed), base64);
    enum rs_status s = rs_buf_addf(out, "%s%s+%s+%s", prefix, key->name, hex, base64);
    rs_secret_wipe(typed, sizeof(typed));
    rs_secret_wipe(base64, sizeof(base64));
    return s;
}

enum rs_status rs_note_key_write_public(const struct rs_note_key *key, struct rs_buf *out)
{
    return key_write(key, "", key->public_key, out);
}

enum rs_status rs_note_key_write_private(const struct rs_note_key *key, struct rs_buf *out)
{
    return key_write(key, private_prefix, key->seed, out);
}

/* ---- reading ---- */

static struct rs_str trimmed(struct rs_str text)
{
    while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
        text.n--;
    while (text.n > 0 && strchr(" \t\r\n", text.p[0]) != NULL)
        text = rs_str_n(text.p + 1, text.n - 1);
    return text;
}

/* Splits at the first '+' of the text. */
static bool part_take(struct rs_str *rest, struct rs_str *ret)
{
    const char *plus = rest->n == 0 ? NULL : memchr(rest->p, '+', rest->n);
    if (plus == NULL)
        return false;
    *ret = rs_str_n(rest->p, (size_t)(plus - rest->p));
    *rest = rs_str_n(plus + 1, rest->n - ret->n - 1);
    return true;
}

/* The type byte and the key of the last part. */
static bool material_read(struct rs_str base64, unsigned char out[RS_ED25519_KEY_BYTES])
{
    unsigned char typed[KEY_TEXT_BYTES_MAX];
    size_t n = 0;
    bool ok = base64.n < KEY_TEXT_BYTES_MAX && rs_base64_decode(base64, typed, &n) &&
              n == 1 + RS_ED25519_KEY_BYTES && typed[0] == ED25519_TYPE;
    if (ok)
        memcpy(out, typed + 1, RS_ED25519_KEY_BYTES);
    rs_secret_wipe(typed, sizeof(typed));
    return ok;
}

enum rs_status rs_note_key_read(struct rs_str text, struct rs_note_key *ret, struct rs_err *reterr)
{
    struct rs_str rest = trimmed(text);
    struct rs_str name;
    struct rs_str hex;
    unsigned char id[sizeof(ret->id)];
    size_t n_prefix = strlen(private_prefix);
    memset(ret, 0, sizeof(*ret));
    ret->can_sign = rest.n > n_prefix && memcmp(rest.p, private_prefix, n_prefix) == 0;
    if (ret->can_sign)
        rest = rs_str_n(rest.p + n_prefix, rest.n - n_prefix);
    if (!part_take(&rest, &name) || !name_is_valid(name) || !part_take(&rest, &hex) ||
        !rs_hex_decode(hex, id, sizeof(id)) ||
        !material_read(rest, ret->can_sign ? ret->seed : ret->public_key))
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "this is no Ed25519 key of a signed note: \"<name>+<key id>+<key>\" is expected");
    memcpy(ret->name, name.p, name.n);
    enum rs_status s =
        ret->can_sign ? rs_ed25519_public(ret->seed, ret->public_key, reterr) : RS_OK;
    if (s != RS_OK)
        return s;
    id_set(ret);
    if (memcmp(id, ret->id, sizeof(id)) != 0)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the key's id does not belong to its name and bytes: the text is damaged");
    return RS_OK;
}

/* ---- the log's own key ---- */

static enum rs_status key_store(const char *keys_dir, const struct rs_note_key *key,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(KEY_TEXT_BYTES_MAX);
    (void)rs_note_key_write_private(key, &text);
    (void)rs_buf_addc(&text, '\n');
    enum rs_status s = rs_buf_status(&text);
    if (s == RS_OK)
        s = rs_file_replace(keys_dir, KEY_FILE, 0600, text.data, text.len, reterr);
    if (text.data != NULL)
        rs_secret_wipe(text.data, text.len);
    return s;
}

static enum rs_status public_store(const char *keys_dir, const struct rs_note_key *key,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(KEY_TEXT_BYTES_MAX);
    (void)rs_note_key_write_public(key, &text);
    (void)rs_buf_addc(&text, '\n');
    enum rs_status s = rs_buf_status(&text);
    return s == RS_OK ? rs_file_replace(keys_dir, PUBLIC_FILE, 0644, text.data, text.len, reterr)
                      : s;
}

static enum rs_status key_make(const char *keys_dir, struct rs_note_key *ret, struct rs_err *reterr)
{
    char id[RS_ID_TEXT_BYTES];
    char name[RS_NOTE_NAME_BYTES];
    rs_id_new(id);
    /* Two registries must never sign under one name: half of a random id is enough for that and can
     * still be read out. */
    (void)snprintf(name, sizeof(name), "roadstead/audit/%.16s", id);
    enum rs_status s = rs_note_key_generate(name, ret, reterr);
    if (s == RS_OK)
        s = key_store(keys_dir, ret, reterr);
    return s;
}

enum rs_status rs_note_key_find(const char *keys_dir, struct rs_note_key *ret,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(KEY_TEXT_BYTES_MAX);
    enum rs_status s = rs_file_read_secret(keys_dir, KEY_FILE, &text, reterr);
    if (s != RS_OK)
        return s;
    s = rs_note_key_read(rs_str_n(rs_buf_text(&text), text.len), ret, NULL);
    rs_secret_wipe(text.data, text.len);
    if (s != RS_OK || !ret->can_sign)
        return rs_fail(reterr, RS_CORRUPT,
                       "keys/%s is not the audit log's key: put the right file back", KEY_FILE);
    return RS_OK;
}

enum rs_status rs_note_key_load(const char *keys_dir, struct rs_note_key *ret,
                                struct rs_err *reterr)
{
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_file_make_dir(keys_dir, 0700, reterr);
    if (s != RS_OK)
        return s;
    s = rs_note_key_find(keys_dir, ret, &err);
    if (s == RS_NOT_FOUND)
        s = key_make(keys_dir, ret, reterr);
    else if (s != RS_OK && reterr != NULL)
        *reterr = err;
    return s == RS_OK ? public_store(keys_dir, ret, reterr) : s;
}
