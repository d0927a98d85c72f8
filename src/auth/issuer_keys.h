/*
 * auth/issuer_keys.h: the public keys of OpenID Connect issuers, fetched and kept.
 * Layer: auth.  Spec: SPEC section 9; OpenID Connect Discovery 1.0 section 4; RFC 7517.
 * Threads: any.
 *
 * Only issuers that the caller asks for are ever contacted, over https, at public addresses and
 * such as the configuration names.  Each fetch runs on a thread of its own, one at a time for an
 * issuer: whoever has fresh keys never waits for it, and whoever has not waits for a bounded time
 * among a bounded number.  Keys that cannot be fetched anew are good for a while and then not
 * any more: a key that the issuer withdrew ends.
 */
#ifndef RS_AUTH_ISSUER_KEYS_H
#define RS_AUTH_ISSUER_KEYS_H

#include <stdint.h>

#include "auth/key_set.h"
#include "base/err.h"

struct rs_issuer_keys;

struct rs_issuer_keys_options {
    const char *const *private_networks; /* n_private_networks; may be reached though not public */
    size_t n_private_networks;
    const char *ca_file;    /* PEM; NULL = the system's authorities */
    const char *user_agent; /* NULL = none */
    uint64_t refresh_ms;    /* older keys are fetched anew; 0 = five minutes */
    uint64_t keep_ms;       /* older ones are worth nothing; 0 = one hour */
    uint64_t retry_ms;      /* between two fetches, whatever the reason; 0 = ten seconds */
};

/* Errors: RS_BAD_REQUEST (a network), RS_NOMEM.  Texts are copied. */
RS_MUST_CHECK enum rs_status rs_issuer_keys_new(const struct rs_issuer_keys_options *options,
                                                struct rs_issuer_keys **ret, struct rs_err *reterr);
/* NULL-safe; ends fetches under way (within about a second).  Nobody may be inside. */
void rs_issuer_keys_free(struct rs_issuer_keys *keys);
/* From now on nobody waits and nothing is fetched. */
void rs_issuer_keys_cancel(struct rs_issuer_keys *keys);

/**
 * rs_issuer_keys_get(): the keys of an issuer, good now; a new reference.  A key that `kid` names
 * is looked for with a new fetch, if the last one is long enough ago; whether it is in *ret is for
 * the caller to see.
 * @issuer  an https URL that a workload names, never one out of a token alone
 * Errors: RS_BUSY (there are none at the moment: nobody gets in; *ret_retry_after_s says when to
 * try again; also without memory).  Blocks, for ten seconds at most.
 */
RS_MUST_CHECK enum rs_status rs_issuer_keys_get(struct rs_issuer_keys *keys, const char *issuer,
                                                const char *kid, struct rs_key_set **ret,
                                                unsigned *ret_retry_after_s, struct rs_err *reterr);

#endif
