#include "auth/keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/id.h"
#include "crypto/secret.h"
#include "json/write.h"

#define FILE_NAME "token-keys"
#define FILE_BYTES_MAX ((size_t)8192)
#define FIRST_LINE "roadstead token keys 1\n"

struct rs_keys {
    char *dir;
    int64_t verify_s;
    pthread_mutex_t rotate_mu; /* one rotation at a time, over its disk I/O; taken before mu */
    pthread_mutex_t mu;
    unsigned n;                     /* under mu; at least 1 */
    struct rs_key key[RS_KEYS_MAX]; /* under mu; oldest first, the last one signs */
};

static bool add_header(struct rs_key *key)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(sizeof key->header);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "alg", "HS256");
    rs_jw_member_text(&w, "kid", key->id);
    rs_jw_member_text(&w, "typ", "JWT");
    rs_jw_object_end(&w);
    if (rs_buf_status(&json) != RS_OK || 4 * ((json.len + 2) / 3) + 1 > sizeof key->header)
        return false;
    rs_base64url_encode(json.data, json.len, key->header);
    return true;
}

static enum rs_status generate(struct rs_keys *keys, int64_t now_unix_s, struct rs_err *reterr)
{
    struct rs_key key = {.created_unix_s = now_unix_s};
    unsigned char id[8];
    rs_random_bytes(id, sizeof id);
    rs_hex_encode(id, sizeof id, key.id);
    rs_random_bytes(key.secret, sizeof key.secret);
    if (!add_header(&key))
        return rs_fail(reterr, RS_NOMEM, NULL);
    if (keys->n == RS_KEYS_MAX) { /* rotated very often: the oldest key's tokens end early */
        memmove(&keys->key[0], &keys->key[1], (RS_KEYS_MAX - 1) * sizeof keys->key[0]);
        keys->n--;
    }
    keys->key[keys->n++] = key;
    rs_secret_wipe(&key, sizeof key);
    return RS_OK;
}

/* A key stops verifying when its successor has signed for longer than a token lives. */
static void drop_old(struct rs_keys *keys, int64_t now_unix_s)
{
    unsigned gone = 0;
    while (gone + 1 < keys->n && keys->key[gone + 1].created_unix_s + keys->verify_s < now_unix_s)
        gone++;
    memmove(&keys->key[0], &keys->key[gone], (keys->n - gone) * sizeof keys->key[0]);
    keys->n -= gone;
}

static enum rs_status save(const struct rs_keys *keys, struct rs_err *reterr)
{
    struct rs_buf text = RS_BUF_INIT(FILE_BYTES_MAX);
    (void)rs_buf_adds(&text, FIRST_LINE);
    for (unsigned i = 0; i < keys->n; i++) {
        char hex[2 * RS_KEY_BYTES + 1];
        rs_hex_encode(keys->key[i].secret, RS_KEY_BYTES, hex);
        (void)rs_buf_addf(&text, "%s %lld %s\n", keys->key[i].id,
                          (long long)keys->key[i].created_unix_s, hex);
        rs_secret_wipe(hex, sizeof hex);
    }
    enum rs_status s = rs_buf_status(&text);
    if (s != RS_OK)
        s = rs_fail(reterr, s, NULL);
    else
        s = rs_file_replace(keys->dir, FILE_NAME, 0600, text.data, text.len, reterr);
    rs_secret_wipe(text.data, text.cap);
    rs_buf_release(&text);
    return s;
}

/* "<id> <created> <secret>" */
static bool parse_line(struct rs_str line, struct rs_key *ret)
{
    const char *a = memchr(line.p, ' ', line.n);
    const char *b = memrchr(line.p, ' ', line.n);
    if (a == NULL || a == b || (size_t)(a - line.p) != sizeof ret->id - 1)
        return false;
    unsigned char id[8];
    uint64_t created = 0;
    if (!rs_hex_decode(rs_str_n(line.p, sizeof ret->id - 1), id, sizeof id) ||
        !rs_parse_u64(rs_str_n(a + 1, (size_t)(b - a - 1)), INT64_MAX / 2, &created) ||
        !rs_hex_decode(rs_str_n(b + 1, (size_t)(line.p + line.n - b - 1)), ret->secret,
                       RS_KEY_BYTES))
        return false;
    rs_hex_encode(id, sizeof id, ret->id);
    ret->created_unix_s = (int64_t)created;
    return add_header(ret);
}

static bool parse(struct rs_keys *keys, const char *text)
{
    if (strncmp(text, FIRST_LINE, sizeof FIRST_LINE - 1) != 0)
        return false;
    for (const char *p = text + sizeof FIRST_LINE - 1; *p != '\0';) {
        const char *end = strchr(p, '\n');
        if (end == NULL || keys->n == RS_KEYS_MAX ||
            !parse_line(rs_str_n(p, (size_t)(end - p)), &keys->key[keys->n]))
            return false;
        keys->n++;
        p = end + 1;
    }
    return keys->n > 0;
}

static enum rs_status load(struct rs_keys *keys, bool *ret_found, struct rs_err *reterr)
{
    struct rs_buf text = RS_BUF_INIT(FILE_BYTES_MAX);
    struct rs_err local = RS_ERR_INIT;
    enum rs_status s = rs_file_read_secret(keys->dir, FILE_NAME, &text, &local);
    *ret_found = s == RS_OK;
    if (s == RS_OK && !parse(keys, rs_buf_text(&text)))
        s = rs_fail(reterr, RS_CORRUPT,
                    "keys/" FILE_NAME " in the data directory is damaged: restore it, or remove it "
                    "to make a new key (every token issued so far then ends)");
    else if (s == RS_NOT_FOUND)
        s = RS_OK;
    else if (s != RS_OK && reterr != NULL)
        *reterr = local;
    rs_secret_wipe(text.data, text.cap);
    rs_buf_release(&text);
    return s;
}

static enum rs_status prepare(struct rs_keys *keys, int64_t now_unix_s, struct rs_err *reterr)
{
    bool found = false;
    enum rs_status s = rs_file_make_dir(keys->dir, 0700, reterr);
    if (s == RS_OK)
        s = load(keys, &found, reterr);
    if (s != RS_OK)
        return s;
    unsigned before = keys->n;
    drop_old(keys, now_unix_s);
    bool is_old = found && keys->key[keys->n - 1].created_unix_s + RS_KEY_AGE_MAX_S < now_unix_s;
    if (found && !is_old && before == keys->n)
        return RS_OK;
    if (!found || is_old)
        s = generate(keys, now_unix_s, reterr);
    return s == RS_OK ? save(keys, reterr) : s;
}

enum rs_status rs_keys_open(const char *data_dir, int64_t now_unix_s, int64_t verify_s,
                            struct rs_keys **ret, struct rs_err *reterr)
{
    struct rs_keys *keys = calloc(1, sizeof *keys);
    RS_AUTO(rs_buf) struct rs_buf dir = RS_BUF_INIT(4096);
    if (keys == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    keys->verify_s = verify_s;
    (void)pthread_mutex_init(&keys->rotate_mu, NULL); /* cannot fail with default attributes */
    (void)pthread_mutex_init(&keys->mu, NULL);
    (void)rs_buf_addf(&dir, "%s/keys", data_dir);
    enum rs_status s = rs_buf_status(&dir);
    keys->dir = s == RS_OK ? rs_buf_take(&dir, NULL) : NULL;
    if (s != RS_OK)
        s = rs_fail(reterr, s, NULL);
    else
        s = prepare(keys, now_unix_s, reterr);
    if (s != RS_OK) {
        rs_keys_free(keys);
        return s;
    }
    *ret = keys;
    return RS_OK;
}

void rs_keys_free(struct rs_keys *keys)
{
    if (keys == NULL)
        return;
    (void)pthread_mutex_destroy(&keys->mu);
    (void)pthread_mutex_destroy(&keys->rotate_mu);
    free(keys->dir);
    rs_secret_wipe(keys, sizeof *keys);
    free(keys);
}

enum rs_status rs_keys_rotate(struct rs_keys *keys, int64_t now_unix_s, struct rs_err *reterr)
{
    /* The new file is written from a copy, so that no token waits for the disk. */
    struct rs_keys *next = malloc(sizeof *next);
    if (next == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    (void)pthread_mutex_lock(&keys->rotate_mu);
    (void)pthread_mutex_lock(&keys->mu);
    *next = (struct rs_keys){.dir = keys->dir, .verify_s = keys->verify_s, .n = keys->n};
    memcpy(next->key, keys->key, sizeof next->key);
    (void)pthread_mutex_unlock(&keys->mu);
    drop_old(next, now_unix_s);
    enum rs_status s = generate(next, now_unix_s, reterr);
    if (s == RS_OK)
        s = save(next, reterr);
    if (s == RS_OK) {
        (void)pthread_mutex_lock(&keys->mu);
        memcpy(keys->key, next->key, sizeof keys->key);
        keys->n = next->n;
        (void)pthread_mutex_unlock(&keys->mu);
    }
    (void)pthread_mutex_unlock(&keys->rotate_mu);
    rs_secret_wipe(next, sizeof *next);
    free(next);
    return s;
}

void rs_keys_signing(struct rs_keys *keys, struct rs_key *ret)
{
    (void)pthread_mutex_lock(&keys->mu);
    rs_assert(keys->n > 0);
    *ret = keys->key[keys->n - 1];
    (void)pthread_mutex_unlock(&keys->mu);
}

bool rs_keys_find(struct rs_keys *keys, struct rs_str header, struct rs_key *ret)
{
    bool found = false;
    (void)pthread_mutex_lock(&keys->mu);
    for (unsigned i = 0; !found && i < keys->n; i++) {
        found = rs_str_eq(header, keys->key[i].header);
        if (found)
            *ret = keys->key[i];
    }
    (void)pthread_mutex_unlock(&keys->mu);
    return found;
}
