/*
 * auth/auth_internal.h: the parts that the files of this folder share.
 * Layer: auth, this folder only.
 */
#ifndef RS_AUTH_AUTH_INTERNAL_H
#define RS_AUTH_AUTH_INTERNAL_H

#include "auth/auth.h"
#include "auth/holdings.h"
#include "auth/issuer_keys.h"
#include "auth/keys.h"
#include "auth/throttle.h"
#include "auth/turns.h"
#include "auth/verified.h"

struct rs_auth {
    struct rs_db *db; /* borrowed */
    char *service;
    unsigned char anonymous_credential[RS_CREDENTIAL_BYTES]; /* in the tokens of nobody */
    unsigned token_seconds;
    struct rs_keys *keys;
    struct rs_issuer_keys *issuer_keys;
    struct rs_throttle *throttle;
    struct rs_turns *turns;
    struct rs_verified_cache *verified;
    struct rs_holdings_cache *holdings;
    _Atomic uint64_t failed;
    _Atomic uint64_t throttled;
};

/* Docker's and Azure's clients send a token in the place of a password under this name. */
#define RS_AUTH_TOKEN_USER "00000000-0000-0000-0000-000000000000"

#endif
