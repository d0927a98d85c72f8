/*
 * auth/keys.h: the keys that sign tokens, kept in <data>/keys/token-keys (0600, durable).
 * Layer: auth.  Threads: any.  Spec: SPEC section 9.
 *
 * The newest key signs; older ones only verify, until no token of theirs can be valid any more.
 * Each key has a random id (`kid`) and serves one algorithm, HMAC-SHA256: a token cannot choose.
 */
#ifndef RS_AUTH_KEYS_H
#define RS_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define RS_KEY_BYTES 32U
#define RS_KEYS_MAX 8U
/* Older than this at a start, the signing key gets a successor. */
#define RS_KEY_AGE_MAX_S ((int64_t)30 * 24 * 3600)

struct rs_keys;

/* A key, by value; wipe it after use (rs_secret_wipe). */
struct rs_key {
    char id[17]; /* 16 hex digits */
    unsigned char secret[RS_KEY_BYTES];
    int64_t created_unix_s;
    char header[96]; /* the JOSE header of its tokens, base64url: the only one accepted */
};

/**
 * rs_keys_open(): read the key file of <data_dir>/keys, or make it (and the directory) with a first
 * key.  Drops keys that a successor replaced more than verify_s ago.
 * Errors: RS_CORRUPT (not our file, or readable by others: nothing is overwritten), RS_IO,
 * RS_NO_SPACE, RS_NOMEM.  Blocks on disk I/O.
 */
RS_MUST_CHECK enum rs_status rs_keys_open(const char *data_dir, int64_t now_unix_s,
                                          int64_t verify_s, struct rs_keys **ret,
                                          struct rs_err *reterr);
void rs_keys_free(struct rs_keys *keys); /* NULL-safe */

/* From now on a new key signs; tokens of the old ones stay good until they expire.  Durable on
 * return; after a failure everything is as before.  Blocks on disk I/O. */
RS_MUST_CHECK enum rs_status rs_keys_rotate(struct rs_keys *keys, int64_t now_unix_s,
                                            struct rs_err *reterr);

/* The signing key. */
void rs_keys_signing(struct rs_keys *keys, struct rs_key *ret);
/* The key whose tokens have exactly this header; false when there is none. */
RS_MUST_CHECK bool rs_keys_find(struct rs_keys *keys, struct rs_str header, struct rs_key *ret);

#endif
