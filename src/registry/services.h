/*
 * registry/services.h: the collaborators of every use case, built by `serve` and handed down
 * explicitly. Layer: registry.  Threads: read-only after start; each collaborator is thread-safe by
 * itself.
 */
#ifndef RS_REGISTRY_SERVICES_H
#define RS_REGISTRY_SERVICES_H

struct rs_config;
struct rs_db;
struct rs_blobs;
struct rs_auth;
struct rs_webhooks;
struct rs_audit;
struct rs_backups;
struct rs_checker;
struct rs_collector;
struct rs_reply_cache;

struct rs_services {
    const struct rs_config *config;
    struct rs_db *db;
    struct rs_blobs *blobs;
    struct rs_auth *auth;
    struct rs_webhooks *webhooks;
    struct rs_audit *audit;
    struct rs_collector *collector;
    struct rs_checker *checker;
    struct rs_backups *backups;
    struct rs_reply_cache *reply_cache; /* of the API: prebuilt answers; NULL: none are kept */
};

#endif
