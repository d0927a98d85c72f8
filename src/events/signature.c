#include "events/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/id.h"
#include "crypto/hmac.h"
#include "crypto/secret.h"

#define SECRET_BYTES 32
#define SECRET_BYTES_LEAST 24
#define SECRET_BYTES_MOST 64
#define SECRET_BASE64_MOST 88

static const char prefix[] = "whsec_";

void rs_signature_secret_new(char out[RS_WEBHOOK_SECRET_BYTES])
{
    unsigned char bytes[SECRET_BYTES];
    rs_random_bytes(bytes, sizeof(bytes));
    memcpy(out, prefix, sizeof(prefix) - 1);
    rs_base64_encode(bytes, sizeof(bytes), out + sizeof(prefix) - 1);
    rs_secret_wipe(bytes, sizeof(bytes));
    rs_assert(strlen(out) == RS_WEBHOOK_SECRET_BYTES - 1);
}

static bool secret_decode(struct rs_str secret, unsigned char out[SECRET_BASE64_MOST],
                          size_t *ret_n)
{
    size_t n_prefix = sizeof(prefix) - 1;
    if (secret.n <= n_prefix || secret.n > n_prefix + SECRET_BASE64_MOST ||
        memcmp(secret.p, prefix, n_prefix) != 0)
        return false;
    return rs_base64_decode(rs_str_n(secret.p + n_prefix, secret.n - n_prefix), out, ret_n) &&
           *ret_n >= SECRET_BYTES_LEAST && *ret_n <= SECRET_BYTES_MOST;
}

bool rs_signature_secret_is_valid(struct rs_str secret)
{
    unsigned char bytes[SECRET_BASE64_MOST];
    size_t n = 0;
    bool ok = secret_decode(secret, bytes, &n);
    rs_secret_wipe(bytes, sizeof(bytes));
    return ok;
}

static enum rs_status one_write(struct rs_str secret, const struct rs_str *parts, size_t n_parts,
                                struct rs_buf *out, struct rs_err *reterr)
{
    unsigned char key[SECRET_BASE64_MOST];
    unsigned char mac[RS_HMAC_BYTES];
    char base64[4 * ((RS_HMAC_BYTES + 2) / 3) + 1];
    size_t n = 0;
    if (!secret_decode(secret, key, &n))
        return rs_fail(reterr, RS_CORRUPT,
                       "the webhook's stored secret is damaged: give it a new one");
    enum rs_status s = rs_hmac_sha256(key, n, parts, n_parts, mac, reterr);
    rs_secret_wipe(key, sizeof(key));
    if (s != RS_OK)
        return s;
    rs_base64_encode(mac, sizeof(mac), base64);
    return rs_buf_addf(out, "%sv1,%s", out->len > 0 ? " " : "", base64);
}

enum rs_status rs_signature_write(const char *secrets, const char *id, int64_t unix_s,
                                  struct rs_str body, struct rs_buf *out, struct rs_err *reterr)
{
    char head[128];
    int n_head = snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, unix_s);
    rs_assert(n_head > 0 && (size_t)n_head < sizeof(head));
    struct rs_str parts[2] = {rs_str_n(head, (size_t)n_head), body};
    const char *p = secrets;
    enum rs_status s = RS_OK;
    do {
        size_t n = strcspn(p, " ");
        s = one_write(rs_str_n(p, n), parts, 2, out, reterr);
        p += n + (p[n] == ' ');
    } while (s == RS_OK && *p != '\0');
    return s;
}
