#include "audit/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/file.h"

/* U+2014 and a space begin a signature line. */
static const char signature_start[] = "\xe2\x80\x94 ";

#define BASE64_BYTES(n) (4 * (((n) + 2) / 3) + 1)
#define SIGNED_BYTES (4 + RS_ED25519_SIGNATURE_BYTES)

enum rs_status rs_checkpoint_sign(const struct rs_note_key *key, uint64_t size,
                                  const unsigned char root[RS_AUDIT_HASH_BYTES], struct rs_buf *out,
                                  struct rs_err *reterr)
{
    char root64[BASE64_BYTES(RS_AUDIT_HASH_BYTES)];
    unsigned char signature[SIGNED_BYTES];
    char signature64[BASE64_BYTES(SIGNED_BYTES)];
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
    if (!key->can_sign)
        return rs_fail(reterr, RS_BAD_REQUEST, "this key can only verify");
    rs_base64_encode(root, RS_AUDIT_HASH_BYTES, root64);
    enum rs_status s = rs_buf_addf(&text, "%s\n%" PRIu64 "\n%s\n", key->name, size, root64);
    memcpy(signature, key->id, sizeof(key->id));
    if (s == RS_OK)
        s = rs_ed25519_sign(key->seed, text.data, text.len, signature + sizeof(key->id), reterr);
    if (s != RS_OK)
        return s;
    rs_base64_encode(signature, sizeof(signature), signature64);
    return rs_buf_addf(out, "%s\n%s%s %s\n", rs_buf_text(&text), signature_start, key->name,
                       signature64);
}

/* ---- opening ---- */

static enum rs_status refused(struct rs_err *reterr)
{
    return rs_fail(
        reterr, RS_BAD_REQUEST,
        "this is no checkpoint: a signed note with origin, size and root hash is expected");
}

/* Takes a line without its newline off the front; false when no whole line is left. */
static bool line_take(struct rs_str *rest, struct rs_str *ret)
{
    const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
    if (end == NULL)
        return false;
    *ret = rs_str_n(rest->p, (size_t)(end - rest->p));
    *rest = rs_str_n(end + 1, rest->n - ret->n - 1);
    return true;
}

/* Where the text ends: the last empty line parts it from the signatures. */
static bool note_split(struct rs_str note, struct rs_str *ret_text, struct rs_str *ret_signatures)
{
    for (size_t i = note.n; i >= 2; i--) {
        if (note.p[i - 1] != '\n' || note.p[i - 2] != '\n')
            continue;
        *ret_text = rs_str_n(note.p, i - 1);
        *ret_signatures = rs_str_n(note.p + i, note.n - i);
        return true;
    }
    return false;
}

static bool text_parse(struct rs_str text, struct rs_checkpoint *ret)
{
    struct rs_str line;
    unsigned char root[3 * RS_AUDIT_HASH_BYTES];
    size_t n = 0;
    memset(ret, 0, sizeof(*ret));
    if (!line_take(&text, &line) || line.n == 0 || line.n >= sizeof(ret->origin))
        return false;
    memcpy(ret->origin, line.p, line.n);
    if (!line_take(&text, &line) || !rs_parse_u64(line, INT64_MAX, &ret->size) ||
        (line.n > 1 && line.p[0] == '0'))
        return false;
    if (!line_take(&text, &line) || line.n >= BASE64_BYTES(RS_AUDIT_HASH_BYTES) ||
        !rs_base64_decode(line, root, &n) || n != RS_AUDIT_HASH_BYTES)
        return false;
    memcpy(ret->root, root, RS_AUDIT_HASH_BYTES);
    return true;
}

enum signature_verdict { SIGNATURE_OTHER, SIGNATURE_GOOD, SIGNATURE_BAD };

static enum signature_verdict signature_judge(struct rs_str line, struct rs_str text,
                                              const struct rs_note_key *key)
{
    unsigned char signature[3 * (size_t)BASE64_BYTES(SIGNED_BYTES) / 4 + 3];
    size_t n = 0;
    size_t n_start = strlen(signature_start);
    size_t n_name = strlen(key->name);
    if (line.n < n_start + n_name + 1 || memcmp(line.p, signature_start, n_start) != 0 ||
        memcmp(line.p + n_start, key->name, n_name) != 0 || line.p[n_start + n_name] != ' ')
        return SIGNATURE_OTHER;
    struct rs_str base64 = rs_str_n(line.p + n_start + n_name + 1, line.n - n_start - n_name - 1);
    if (base64.n >= BASE64_BYTES(SIGNED_BYTES) || !rs_base64_decode(base64, signature, &n) ||
        n != SIGNED_BYTES || memcmp(signature, key->id, sizeof(key->id)) != 0)
        return SIGNATURE_OTHER;
    return rs_ed25519_verify(key->public_key, text.p, text.n, signature + sizeof(key->id))
               ? SIGNATURE_GOOD
               : SIGNATURE_BAD;
}

enum rs_status rs_checkpoint_open(struct rs_str note, const struct rs_note_key *key,
                                  struct rs_checkpoint *ret, struct rs_err *reterr)
{
    struct rs_str text;
    struct rs_str signatures;
    struct rs_str line;
    bool is_signed = false;
    if (note.n > RS_NOTE_BYTES_MAX || !rs_utf8_is_valid(note.p, note.n) ||
        !note_split(note, &text, &signatures) || !text_parse(text, ret))
        return refused(reterr);
    while (line_take(&signatures, &line)) {
        enum signature_verdict verdict = signature_judge(line, text, key);
        if (verdict == SIGNATURE_BAD)
            return rs_fail(
                reterr, RS_BAD_REQUEST,
                "the checkpoint's signature is wrong: it was changed after it was signed");
        is_signed |= verdict == SIGNATURE_GOOD;
    }
    if (signatures.n != 0)
        return refused(reterr);
    if (!is_signed)
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "the checkpoint is not signed by the key %s: it is of another registry, or the key is another one",
            key->name);
    if (strcmp(ret->origin, key->name) != 0)
        return rs_fail(reterr, RS_BAD_REQUEST, "the checkpoint is of another log, %s", ret->origin);
    return RS_OK;
}

enum rs_status rs_checkpoint_find(const char *keys_dir, const struct rs_note_key *key,
                                  struct rs_checkpoint *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(RS_NOTE_BYTES_MAX);
    enum rs_status s = rs_file_read_secret(keys_dir, RS_CHECKPOINT_FILE, &note, reterr);
    return s == RS_OK ? rs_checkpoint_open(rs_str_n(rs_buf_text(&note), note.len), key, ret, reterr)
                      : s;
}
