/*
 * config/config.h: one YAML file, the environment and flags -> one const struct.
 * Layer: config.  Spec: SPEC section 10.  Threads: loading is done once, by one thread; afterwards
 * the struct is read-only.
 *
 * Every key is optional.  Later sources win: default, file, environment (ROADSTEAD_ and the key in
 * upper case, '.' as '_'), flags.  The keys stand in config/keys.def and, for people, in
 * docs/configuration.md (a test compares them).
 */
#ifndef RS_CONFIG_CONFIG_H
#define RS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

struct rs_config_list {
    const char *const *item;
    size_t n;
};

/* A mapping of an `initial` list as the JSON object that the API takes for the same thing. */
struct rs_config_item {
    const char *json; /* canonical */
    unsigned line;    /* of the file, for messages */
};
struct rs_config_items {
    const struct rs_config_item *item;
    size_t n;
};

enum rs_config_challenge { RS_CONFIG_CHALLENGE_TOKEN, RS_CONFIG_CHALLENGE_BASIC };

/* Texts are never NULL; "" means not set.  A duration or size of 0 means what its key's
 * description says. */
struct rs_config {
    /* where it listens and what it keeps */
    struct rs_config_list listen;     /* plain HTTP: "127.0.0.1:5000", "[::1]:5000", ":5000" */
    struct rs_config_list tls_listen; /* HTTPS */
    const char *tls_certificate;      /* PEM file, with the chain */
    const char *tls_key;              /* PEM file */
    const char *data;                 /* directory */
    const char *ready_file;           /* gets the first URL when the daemon serves; "" = none */
    int64_t log_level;                /* enum rs_log_level */
    bool log_requests;                /* a line for every request */

    /* how it presents itself */
    const char *service_name;              /* the token service's `service`, audience of tokens */
    const char *service_realm;             /* shown by clients that ask for a password */
    const char *service_url;               /* no '/' at its end; "" = from the request */
    int64_t auth_challenge;                /* enum rs_config_challenge */
    int64_t auth_token_ms;                 /* lifetime of a token */
    struct rs_config_list trusted_proxies; /* addresses or CIDR blocks */

    /* limits */
    int64_t limit_manifest_bytes;
    int64_t limit_body_bytes; /* JSON bodies of every other API */
    int64_t limit_blob_bytes; /* one blob; 0 = none */
    int64_t limit_uri_bytes;
    int64_t limit_connection_memory_bytes; /* a request's headers must fit in */
    int64_t limit_connections;             /* per listener */
    int64_t limit_connections_per_address; /* 0 = none */
    int64_t limit_loop_threads;            /* per listener; 0 = number of processors */
    int64_t limit_workers;
    int64_t limit_worker_queue;
    int64_t limit_idle_ms;
    int64_t limit_header_ms;
    int64_t limit_stall_ms;
    int64_t limit_body_rate_bytes_s; /* slower senders of a body are cut off */
    int64_t limit_body_rate_window_ms;
    int64_t limit_upload_expiry_ms; /* since an upload was last touched */
    int64_t limit_shutdown_ms;      /* what is in flight may take so long */

    /* quarantine and space */
    int64_t quarantine_settle_ms;    /* untagged manifests are handed out after this */
    int64_t storage_quota_bytes;     /* of a repository that has none of its own; 0 = none */
    int64_t storage_watermark_bytes; /* less free space than this refuses pushes */
    int64_t gc_interval_ms;          /* 0 = only when asked to */
    int64_t gc_grace_ms;             /* a blob that nothing names is kept so long */
    /* a blob that was sent or found is safe so long (elapsed time) */
    int64_t gc_lease_ms;
    int64_t scrub_interval_ms; /* every blob is read so often; 0 = never */
    int64_t scrub_rate_bytes_s;
    const char *backup_directory;  /* "" = none */
    int64_t audit_denied_reads_ms; /* denied reads are gathered so long before they are recorded */
    int64_t audit_checkpoint_ms;   /* time between signed checkpoints */
    int64_t event_retention_ms;    /* events stay in the feed so long; 0 = always */

    /* webhooks: what the operator permits all of them */
    bool webhook_allow_http;
    bool webhook_follow_redirects;
    struct rs_config_list webhook_private_networks; /* may be reached although not public */
    int64_t webhook_timeout_ms;                     /* one delivery */
    int64_t webhook_give_up_ms;                     /* then it is a dead letter */

    /* OpenID Connect: the issuers of workloads' tokens */
    struct rs_config_list oidc_private_networks; /* may be reached although not public */
    const char *oidc_ca_file;                    /* PEM; "" = the system's authorities */
    int64_t oidc_refresh_ms;                     /* older keys are fetched anew */
    int64_t oidc_keep_ms;                        /* older ones are worth nothing */
    int64_t oidc_retry_ms;                       /* between two fetches of one issuer's keys */

    bool metrics_loopback; /* /metrics needs no credentials from a loopback client */

    /* applied once, to an empty catalog */
    struct rs_config_items initial_policies;
    struct rs_config_items initial_users;
    struct rs_config_items initial_robots;
    struct rs_config_items initial_workloads;
    struct rs_config_items initial_grants;
    struct rs_config_items initial_webhooks;
};

/* One key set on the command line, as "limits.workers" and "8". */
struct rs_config_flag {
    const char *key;
    const char *value;
};

struct rs_config_sources {
    const char *path;                   /* the file; NULL = none */
    const char *const *environment;     /* "NAME=value", NULL at the end; NULL = none */
    const struct rs_config_flag *flags; /* n_flags of them */
    size_t n_flags;
};

/**
 * rs_config_load(): read and check everything.
 * Errors: RS_BAD_REQUEST (message: "FILE:LINE: what is wrong and what would be right", or the
 * variable's or key's name in place of FILE:LINE; an unknown key names the one it resembles),
 * RS_NOT_FOUND and RS_IO (the file), RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_config_load(const struct rs_config_sources *sources,
                                            struct rs_config **ret, struct rs_err *reterr);
void rs_config_free(struct rs_config *config); /* NULL is fine */
RS_DEFINE_AUTO_PTR(rs_config, rs_config_free)

/* What there is to set, for help texts: the i-th key, its default as text and one line about it;
 * false past the end. */
struct rs_config_key_info {
    const char *key;
    const char *kind; /* "text", "size", "duration", "number", "true or false", "list", ... */
    const char *preset;
    const char *help;
};
RS_MUST_CHECK bool rs_config_key_info(size_t i, struct rs_config_key_info *ret);

#endif
