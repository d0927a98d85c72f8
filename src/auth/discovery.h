/*
 * auth/discovery.h: ask an OpenID Connect issuer for its keys.
 * Layer: auth.  Spec: OpenID Connect Discovery 1.0 section 4.  Threads: any; blocks.
 */
#ifndef RS_AUTH_DISCOVERY_H
#define RS_AUTH_DISCOVERY_H

#include "auth/key_set.h"
#include "base/err.h"
#include "net/http_client.h"

struct rs_discovery {
    struct rs_http_client *client; /* borrowed */
    const char *user_agent;        /* NULL = none */
    rs_http_on_tick is_cancelled;
    void *arg;
};

/**
 * rs_discovery_fetch(): the issuer's configuration, which must be about this issuer, and then the
 * keys that it points to; both over https, without redirects, five seconds for each.
 * Errors, whose message is for the operator: those of rs_http_perform(); RS_BAD_REQUEST (an answer
 * that is not what it should be).
 */
RS_MUST_CHECK enum rs_status rs_discovery_fetch(const struct rs_discovery *d, const char *issuer,
                                                struct rs_key_set **ret, struct rs_err *reterr);

#endif
