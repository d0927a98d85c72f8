#include "auth/secret_text.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#define PREFIX_BYTES (sizeof RS_SECRET_PREFIX - 1)

void rs_secret_text_new(char out[RS_SECRET_TEXT_BYTES])
{
    unsigned char bits[32];
    char text[4 * ((sizeof bits + 2) / 3) + 1];
    rs_random_bytes(bits, sizeof bits);
    rs_base64url_encode(bits, sizeof bits, text);
    (void)snprintf(out, RS_SECRET_TEXT_BYTES, "%s%.43s", RS_SECRET_PREFIX, text);
    rs_secret_wipe(bits, sizeof bits);
    rs_secret_wipe(text, sizeof text);
}

void rs_secret_password_new(char out[RS_SECRET_PASSWORD_BYTES])
{
    /* 32 letters: five bits of each byte choose one, all equally likely. */
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    _Static_assert(sizeof letters - 1 == 32, "five bits choose a letter");
    unsigned char bits[RS_SECRET_PASSWORD_BYTES - 1];
    rs_random_bytes(bits, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++)
        out[i] = letters[bits[i] % 32U];
    out[sizeof bits] = '\0';
    rs_secret_wipe(bits, sizeof bits);
}

bool rs_secret_text_is_ours(const char *text)
{
    return strlen(text) == RS_SECRET_TEXT_BYTES - 1 &&
           memcmp(text, RS_SECRET_PREFIX, PREFIX_BYTES) == 0;
}

void rs_secret_text_stored(const char *secret, char out[RS_SECRET_STORED_BYTES])
{
    unsigned char hash[RS_SHA256_BYTES];
    char hex[2 * RS_SHA256_BYTES + 1];
    rs_hash_sha256(secret, strlen(secret), hash);
    rs_hex_encode(hash, sizeof hash, hex);
    (void)snprintf(out, RS_SECRET_STORED_BYTES, "sha256:%s", hex);
}

bool rs_secret_text_matches(const char *given, const char *stored)
{
    char mine[RS_SECRET_STORED_BYTES];
    rs_secret_text_stored(given, mine);
    return strlen(stored) == sizeof mine - 1 && rs_secret_equal(mine, stored, sizeof mine - 1);
}
