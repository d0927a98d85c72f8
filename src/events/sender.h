/*
 * events/sender.h: sends events to webhooks.
 * Layer: events.  Spec: SPEC section 6; TESTPLAN W1-W11, F16.
 * Threads: one per enabled webhook, and one that starts and stops them.  So a slow or dead endpoint
 * delays nobody but itself; what it has not taken yet stays in the catalog, never in memory.
 *
 * Crash story: an event is sent BEFORE it is noted as delivered.  A crash between the two sends it
 * again, with the same id; nothing is lost.
 */
#ifndef RS_EVENTS_SENDER_H
#define RS_EVENTS_SENDER_H

#include "events/webhook.h"

struct rs_webhooks; /* services.webhooks */

struct rs_webhooks_options {
    struct rs_db *db;              /* borrowed; outlives the object */
    struct rs_webhook_rules rules; /* texts borrowed */
    const char *public_url;        /* of this registry, NULL when not configured */
    const char *user_agent;        /* NULL = "roadstead" */
    unsigned timeout_ms;           /* of one attempt, 0 = 10000 */
    unsigned retry_first_ms;       /* 0 = 1000; doubles with each attempt ... */
    unsigned retry_most_ms;        /* ... up to this; 0 = one hour */
    uint64_t give_up_ms;           /* after the first attempt: a dead letter; 0 = one day */
    /* older events and dead letters are removed, unless an enabled webhook still needs them; 0 =
     * never */
    uint64_t event_retention_ms;
};

RS_MUST_CHECK enum rs_status rs_webhooks_start(const struct rs_webhooks_options *options,
                                               struct rs_webhooks **ret, struct rs_err *reterr);
/* Waits for attempts under way, at most the timeout of one.  Before rs_db_close().  NULL-safe. */
void rs_webhooks_stop(struct rs_webhooks *webhooks);

const struct rs_webhook_rules *rs_webhooks_rules(const struct rs_webhooks *webhooks);

struct rs_webhook_ping {
    bool is_delivered;
    unsigned http_status; /* 0 when there was no answer */
    unsigned duration_ms;
    char error[160]; /* "" when delivered */
};
/* Send an event of type `ping` now, once.  RS_NOT_FOUND: no such webhook.  What the endpoint said
 * is in *ret.  Blocks up to timeout_ms. */
RS_MUST_CHECK enum rs_status rs_webhooks_ping(struct rs_webhooks *webhooks, const char *name,
                                              struct rs_webhook_ping *ret, struct rs_err *reterr);

struct rs_webhooks_stats {
    uint64_t delivered; /* since the start of the process */
    uint64_t failed;    /* attempts */
    uint64_t dead;      /* deliveries given up */
};
void rs_webhooks_stats(const struct rs_webhooks *webhooks, struct rs_webhooks_stats *ret);

#endif
