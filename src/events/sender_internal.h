/*
 * events/sender_internal.h: what the manager of the senders and a sender share.  Layer: events,
 * this folder only.
 */
#ifndef RS_EVENTS_SENDER_INTERNAL_H
#define RS_EVENTS_SENDER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "events/backoff.h"
#include "events/sender.h"
#include "net/address.h"
#include "net/http_client.h"

#define RS_WEBHOOK_RESPONSE_BYTES_MAX ((size_t)65536)
#define RS_WEBHOOK_SECRETS_BYTES ((size_t)256)

struct rs_webhooks {
    struct rs_db *db;
    struct rs_webhook_rules rules;
    const char *public_url; /* "" when not configured */
    const char *user_agent;
    uint32_t timeout_ms;
    struct rs_backoff backoff;
    uint64_t retention_ms;
    struct rs_reach reach;
    struct rs_http_client *client;

    pthread_t manager;
    bool has_manager;
    atomic_bool stopping;
    _Atomic uint64_t delivered;
    _Atomic uint64_t failed;
    _Atomic uint64_t dead;
};

/* One webhook's thread. */
struct rs_sender {
    struct rs_webhooks *owner;
    int64_t webhook_id;
    char name[RS_WEBHOOK_NAME_BYTES];
    pthread_t thread;
    atomic_bool is_done; /* it ended by itself: deleted or disabled */
};

/* What is needed to send to a webhook: a copy, made under one snapshot. */
struct rs_target {
    int64_t id;
    int64_t cursor;
    struct rs_webhook webhook;
    char secrets[RS_WEBHOOK_SECRETS_BYTES];
};
/* RS_NOT_FOUND, RS_CORRUPT, RS_IO. */
RS_MUST_CHECK enum rs_status rs_target_load(struct rs_db *db, const char *name,
                                            struct rs_target *ret, struct rs_err *reterr);

/* One attempt: sign and send `body`.  *ret is filled in any case. */
void rs_target_send(struct rs_webhooks *w, const struct rs_target *target, const char *id,
                    struct rs_str body, struct rs_webhook_ping *ret, unsigned *ret_retry_after_s);

void *rs_sender_run(void *sender);

/* Changes of webhooks since the process started (events/webhook_change.c). */
uint64_t rs_webhook_generation(void);

#endif
