#include "crypto/password.h"

#include <stdlib.h>
#include <string.h>

#include <crypt.h>

#include "base/id.h"
#include "base/text.h"
#include "crypto/secret.h"

_Static_assert(RS_PASSWORD_HASH_BYTES >= CRYPT_OUTPUT_SIZE, "every hash of crypt(5) fits");
_Static_assert(RS_PASSWORD_BYTES_MAX <= CRYPT_MAX_PASSPHRASE_SIZE, "crypt(3) takes every password");

#define BCRYPT_BYTES_MAX 72U

struct method {
    const char *prefix;
    unsigned long cost;
    size_t password_max; /* what the method looks at */
};

/* Best first.  Costs of tens of milliseconds; a yescrypt of cost 5 uses 16 MiB while it runs. */
static const struct method methods[] = {
    {"$y$", 5, RS_PASSWORD_BYTES_MAX},
    {"$2b$", 11, BCRYPT_BYTES_MAX},
};
/* Hashes written elsewhere with another bcrypt letter are the same method. */
static const char *const accepted[] = {"$y$", "$2b$", "$2y$", "$2a$"};

static const struct method *best_method(void)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(methods); i++)
        if (crypt_checksalt(methods[i].prefix) == CRYPT_SALT_OK)
            return &methods[i];
    return NULL;
}

/* crypt_r needs 32 KiB: heap, and wiped, since the password is in it. */
static enum rs_status run_crypt(const char *password, const char *setting,
                                char out[RS_PASSWORD_HASH_BYTES], struct rs_err *reterr)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (data == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const char *hash = crypt_r(password, setting, data);
    /* A failure is NULL or a text that begins with '*'. */
    bool ok = hash != NULL && hash[0] != '*' && rs_text_copy(out, RS_PASSWORD_HASH_BYTES, hash);
    rs_secret_wipe(data, sizeof(*data));
    free(data);
    return ok ? RS_OK : rs_fail(reterr, RS_INTERNAL, NULL);
}

enum rs_status rs_password_hash(const char *password, char out[RS_PASSWORD_HASH_BYTES],
                                struct rs_err *reterr)
{
    const struct method *m = best_method();
    if (m == NULL)
        return rs_fail(reterr, RS_INTERNAL, "this system can hash no passwords safely");
    size_t n = strlen(password);
    if (n == 0)
        return rs_fail(reterr, RS_BAD_REQUEST, "the password is empty");
    if (n > m->password_max)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "the password has %zu bytes, at most %zu are"
                       " allowed",
                       n, m->password_max);
    char seed[16];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    rs_random_bytes(seed, sizeof(seed));
    if (crypt_gensalt_rn(m->prefix, m->cost, seed, (int)sizeof(seed), setting,
                         (int)sizeof(setting)) == NULL)
        return rs_fail(reterr, RS_INTERNAL, NULL);
    return run_crypt(password, setting, out, reterr);
}

static bool is_accepted(const char *stored)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(accepted); i++)
        if (strncmp(stored, accepted[i], strlen(accepted[i])) == 0)
            return strlen(stored) < RS_PASSWORD_HASH_BYTES;
    return false;
}

/* Could `stored` have been made from a password of this length?  bcrypt ignores what follows its
 * 72nd byte, so a longer password was never set with it. */
static bool is_possible(const char *password, const char *stored)
{
    return is_accepted(stored) && crypt_checksalt(stored) != CRYPT_SALT_INVALID &&
           strlen(password) <= (stored[1] == '2' ? BCRYPT_BYTES_MAX : RS_PASSWORD_BYTES_MAX);
}

enum rs_status rs_password_verify(const char *password, const char *stored, bool *ret_matches,
                                  struct rs_err *reterr)
{
    *ret_matches = false;
    if (!is_possible(password, stored)) {
        rs_password_verify_nobody(password);
        return RS_OK;
    }
    char hash[RS_PASSWORD_HASH_BYTES];
    enum rs_status s = run_crypt(password, stored, hash, NULL);
    if (s == RS_NOMEM)
        return rs_fail(reterr, s, NULL);
    /* Anything else that crypt refuses is a damaged row: it matches nothing. */
    *ret_matches = s == RS_OK && rs_secret_equal_text(hash, stored);
    rs_secret_wipe(hash, sizeof(hash));
    return RS_OK;
}

void rs_password_verify_nobody(const char *password)
{
    /* A real hash with its own salt; nobody's password, and its result is not looked at. */
    static const char *const settings[] = {"$y$j9T$Y7oKp3qSNFHRuF1tqZrsv1$",
                                           "$2b$11$W3h9Xl0uJm5Ck8VqTz2aGe"};
    const struct method *m = best_method();
    const char *setting = settings[m == NULL || m == &methods[0] ? 0 : 1];
    char hash[RS_PASSWORD_HASH_BYTES];
    bool too_long = strlen(password) > RS_PASSWORD_BYTES_MAX;
    (void)run_crypt(too_long ? "" : password, setting, hash, NULL);
    rs_secret_wipe(hash, sizeof(hash));
}
