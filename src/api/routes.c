/* clang-format off */
#include "api/routes.h"

#include <stdlib.h>
#include <string.h>

#include "api/acr.h"
#include "api/admin.h"
#include "api/audit.h"
#include "api/blob.h"
#include "api/claim.h"
#include "api/events.h"
#include "api/explain.h"
#include "api/health.h"
#include "api/lists.h"
#include "api/manifest_pull.h"
#include "api/manifest_push.h"
#include "api/policy.h"
#include "api/quarantine.h"
#include "api/referrers.h"
#include "api/space.h"
#include "api/token.h"
#include "api/upload.h"
#include "api/webhook.h"

#define JSON_MAX ((uint64_t)64 << 20)     /* limits.body_size decides */
#define MANIFEST_MAX ((uint64_t)4 << 20)  /* limits.manifest_size decides */

/* Each takes the handler, and after it whatever else the row declares. */

/* A read of metadata, or of a file that the loop sends: inline. */
#define READ(path, who, ...) \
    {.methods = RS_GET, .pattern = (path), .need = (who), .body = RS_BODY_NONE, \
     .runs = RS_RUNS_INLINE, .handler = __VA_ARGS__}
/* A read that may take longer. */
#define LONG_READ(path, who, ...) \
    {.methods = RS_GET, .pattern = (path), .need = (who), .body = RS_BODY_NONE, \
     .runs = RS_RUNS_ON_WORKER, .handler = __VA_ARGS__}
/* A change without a body. */
#define CHANGE(method, path, who, ...) \
    {.methods = (method), .pattern = (path), .need = (who), .body = RS_BODY_NONE, \
     .runs = RS_RUNS_ON_WORKER, .handler = __VA_ARGS__}
/* A change (or question) with a body that is kept in memory. */
#define CHANGE_WITH(method, path, who, max, ...) \
    {.methods = (method), .pattern = (path), .need = (who), .body = RS_BODY_MEMORY, \
     .body_max = (max), .runs = RS_RUNS_ON_WORKER, .handler = __VA_ARGS__}
/* A body that streams to a sink. */
#define UPLOAD(method, path, start, ...) \
    {.methods = (method), .pattern = (path), .need = RS_NEED_UPLOAD, .body = RS_BODY_STREAM, \
     .begin = (start), .runs = RS_RUNS_ON_WORKER, .handler = __VA_ARGS__}

#define CATALOG_SCOPE .scope = "registry:catalog:*"
#define OF(kind) .subject = RS_PRINCIPAL_##kind
#define AZURE .dialect = RS_DIALECT_AZURE

const struct rs_route rs_routes[] = {
    /* the daemon itself */
    READ("/healthz", RS_NEED_NOTHING, rs_api_health_live),
    READ("/readyz", RS_NEED_NOTHING, rs_api_health_ready),
    LONG_READ("/metrics", RS_NEED_METRICS, rs_api_health_metrics),
    READ("/v2/", RS_NEED_LOGIN, rs_api_health_base),
    READ("/v2/_oci/ext/discover", RS_NEED_LOGIN, rs_api_health_discover),
    READ("/v2/{name}/_oci/ext/discover", RS_NEED_READ, rs_api_health_discover),

    /* manifests */
    READ("/v2/{name}/manifests/{reference}", RS_NEED_READ, rs_api_manifest_pull),
    CHANGE_WITH(RS_PUT, "/v2/{name}/manifests/{reference}", RS_NEED_UPLOAD, MANIFEST_MAX,
                rs_api_manifest_push, .repeated = "tag"),
    CHANGE(RS_DELETE, "/v2/{name}/manifests/{reference}", RS_NEED_DELETE, rs_api_manifest_delete),

    /* blobs and uploads */
    READ("/v2/{name}/blobs/{digest}", RS_NEED_READ, rs_api_blob_get),
    CHANGE(RS_DELETE, "/v2/{name}/blobs/{digest}", RS_NEED_DELETE, rs_api_blob_remove),
    UPLOAD(RS_POST, "/v2/{name}/blobs/uploads/", rs_api_upload_post_begin, rs_api_upload_post),
    UPLOAD(RS_PATCH, "/v2/{name}/blobs/uploads/{session}", rs_api_upload_patch_begin,
           rs_api_upload_patch),
    UPLOAD(RS_PUT, "/v2/{name}/blobs/uploads/{session}", rs_api_upload_put_begin,
           rs_api_upload_put),
    READ("/v2/{name}/blobs/uploads/{session}", RS_NEED_UPLOAD, rs_api_upload_get),
    CHANGE(RS_DELETE, "/v2/{name}/blobs/uploads/{session}", RS_NEED_UPLOAD,
           rs_api_upload_delete),

    /* lists */
    LONG_READ("/v2/_catalog", RS_NEED_LOGIN, rs_api_lists_catalog, CATALOG_SCOPE),
    LONG_READ("/v2/{name}/tags/list", RS_NEED_READ, rs_api_lists_tags),
    LONG_READ("/v2/{name}/referrers/{digest}", RS_NEED_READ, rs_api_referrers),

    /* quarantine */
    READ("/v2/{name}/_roadstead/explain", RS_NEED_STATE, rs_api_explain),
    LONG_READ("/v2/_roadstead/quarantine", RS_NEED_LOGIN, rs_api_quarantine_list),
    LONG_READ("/v2/{name}/_roadstead/quarantine/{digest}", RS_NEED_STATE, rs_api_quarantine_show),
    CHANGE_WITH(RS_PATCH, "/v2/{name}/_roadstead/quarantine/{digest}", RS_NEED_STATE,
                RS_API_QUARANTINE_BODY_BYTES_MAX, rs_api_quarantine_decide),
    CHANGE_WITH(RS_PUT, "/v2/{name}/_roadstead/quarantine/{digest}/checks/{check}",
                RS_NEED_STATE, RS_API_QUARANTINE_BODY_BYTES_MAX, rs_api_quarantine_report),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/quarantine/claims", RS_NEED_LOGIN,
                RS_API_CLAIM_BODY_BYTES_MAX, rs_api_claim_take),
    CHANGE_WITH(RS_PUT, "/v2/_roadstead/quarantine/claims/{claim}", RS_NEED_LOGIN,
                RS_API_CLAIM_BODY_BYTES_MAX, rs_api_claim_renew),
    CHANGE(RS_DELETE, "/v2/_roadstead/quarantine/claims/{claim}", RS_NEED_LOGIN,
           rs_api_claim_return),
    LONG_READ("/v2/_roadstead/policies", RS_NEED_ADMIN, rs_api_policy_list),
    CHANGE_WITH(RS_PUT, "/v2/_roadstead/policies", RS_NEED_ADMIN, RS_API_POLICY_BODY_BYTES_MAX,
                rs_api_policy_put),
    CHANGE(RS_DELETE, "/v2/_roadstead/policies", RS_NEED_ADMIN, rs_api_policy_remove),

    /* Azure's form */
    LONG_READ("/acr/v1/_catalog", RS_NEED_LOGIN, rs_api_acr_catalog, AZURE, CATALOG_SCOPE),
    LONG_READ("/acr/v1/{name}", RS_NEED_READ, rs_api_acr_repository, AZURE),
    CHANGE(RS_DELETE, "/acr/v1/{name}", RS_NEED_DELETE, rs_api_acr_repository_delete, AZURE),
    CHANGE_WITH(RS_PATCH, "/acr/v1/{name}", RS_NEED_LOGIN, RS_API_ACR_BODY_BYTES_MAX,
                rs_api_acr_unchangeable, AZURE),
    LONG_READ("/acr/v1/{name}/_tags", RS_NEED_READ, rs_api_acr_tags, AZURE),
    LONG_READ("/acr/v1/{name}/_tags/{tag}", RS_NEED_READ, rs_api_acr_tag, AZURE),
    CHANGE(RS_DELETE, "/acr/v1/{name}/_tags/{tag}", RS_NEED_DELETE, rs_api_acr_tag_delete, AZURE),
    CHANGE_WITH(RS_PATCH, "/acr/v1/{name}/_tags/{tag}", RS_NEED_LOGIN,
                RS_API_ACR_BODY_BYTES_MAX, rs_api_acr_unchangeable, AZURE),
    LONG_READ("/acr/v1/{name}/_manifests", RS_NEED_READ, rs_api_acr_manifests, AZURE),
    LONG_READ("/acr/v1/{name}/_manifests/{digest}", RS_NEED_STATE, rs_api_acr_manifest_show,
              AZURE),
    CHANGE_WITH(RS_PATCH, "/acr/v1/{name}/_manifests/{digest}", RS_NEED_STATE,
                RS_API_ACR_BODY_BYTES_MAX, rs_api_acr_manifest_decide, AZURE),

    /* tokens */
    LONG_READ("/token", RS_NEED_NOTHING, rs_api_token_get, .repeated = "scope"),
    LONG_READ("/oauth2/token", RS_NEED_NOTHING, rs_api_token_get, .repeated = "scope"),
    CHANGE_WITH(RS_POST, "/token", RS_NEED_NOTHING, RS_API_TOKEN_BODY_BYTES_MAX,
                rs_api_token_post),
    CHANGE_WITH(RS_POST, "/oauth2/token", RS_NEED_NOTHING, RS_API_TOKEN_BODY_BYTES_MAX,
                rs_api_token_post),
    CHANGE_WITH(RS_POST, "/oauth2/exchange", RS_NEED_NOTHING, RS_API_TOKEN_BODY_BYTES_MAX,
                rs_api_token_exchange),

    /* identities */
    READ("/v2/_roadstead/whoami", RS_NEED_LOGIN, rs_api_admin_whoami),
    LONG_READ("/v2/_roadstead/admin/users", RS_NEED_ADMIN, rs_api_admin_identities_list, OF(USER)),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/users", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_add, OF(USER)),
    LONG_READ("/v2/_roadstead/admin/users/{user}", RS_NEED_ADMIN,
              rs_api_admin_identities_show, OF(USER)),
    CHANGE_WITH(RS_PATCH, "/v2/_roadstead/admin/users/{user}", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_change, OF(USER)),
    CHANGE(RS_DELETE, "/v2/_roadstead/admin/users/{user}", RS_NEED_ADMIN,
           rs_api_admin_identities_delete, OF(USER)),
    LONG_READ("/v2/_roadstead/admin/robots", RS_NEED_ADMIN,
              rs_api_admin_identities_list, OF(ROBOT)),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/robots", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_add, OF(ROBOT)),
    LONG_READ("/v2/_roadstead/admin/robots/{robot}", RS_NEED_ADMIN,
              rs_api_admin_identities_show, OF(ROBOT)),
    CHANGE_WITH(RS_PATCH, "/v2/_roadstead/admin/robots/{robot}", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_change, OF(ROBOT)),
    CHANGE(RS_DELETE, "/v2/_roadstead/admin/robots/{robot}", RS_NEED_ADMIN,
           rs_api_admin_identities_delete, OF(ROBOT)),
    CHANGE(RS_POST, "/v2/_roadstead/admin/robots/{robot}/rotate", RS_NEED_ADMIN,
           rs_api_admin_robots_rotate),
    LONG_READ("/v2/_roadstead/admin/workloads", RS_NEED_ADMIN,
              rs_api_admin_identities_list, OF(WORKLOAD)),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/workloads", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_add, OF(WORKLOAD)),
    LONG_READ("/v2/_roadstead/admin/workloads/{workload}", RS_NEED_ADMIN,
              rs_api_admin_identities_show, OF(WORKLOAD)),
    CHANGE_WITH(RS_PATCH, "/v2/_roadstead/admin/workloads/{workload}", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_identities_change, OF(WORKLOAD)),
    CHANGE(RS_DELETE, "/v2/_roadstead/admin/workloads/{workload}", RS_NEED_ADMIN,
           rs_api_admin_identities_delete, OF(WORKLOAD)),
    LONG_READ("/v2/_roadstead/admin/grants", RS_NEED_ADMIN, rs_api_admin_grants_list),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/grants", RS_NEED_ADMIN,
                RS_API_ADMIN_BODY_BYTES_MAX, rs_api_admin_grants_add),
    CHANGE(RS_DELETE, "/v2/_roadstead/admin/grants/{grant}", RS_NEED_ADMIN,
           rs_api_admin_grants_remove),
    CHANGE(RS_POST, "/v2/_roadstead/admin/keys/rotate", RS_NEED_ADMIN,
           rs_api_admin_keys_rotate),

    /* events */
    READ("/v2/_roadstead/events", RS_NEED_LOGIN, rs_api_events_get),
    LONG_READ("/v2/_roadstead/webhooks", RS_NEED_ADMIN, rs_api_webhooks_list),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/webhooks", RS_NEED_ADMIN, RS_API_WEBHOOK_BODY_BYTES_MAX,
                rs_api_webhooks_create),
    LONG_READ("/v2/_roadstead/webhooks/{webhook}", RS_NEED_ADMIN, rs_api_webhooks_show),
    CHANGE_WITH(RS_PATCH, "/v2/_roadstead/webhooks/{webhook}", RS_NEED_ADMIN,
                RS_API_WEBHOOK_BODY_BYTES_MAX, rs_api_webhooks_change),
    CHANGE(RS_DELETE, "/v2/_roadstead/webhooks/{webhook}", RS_NEED_ADMIN,
           rs_api_webhooks_delete),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/webhooks/{webhook}/secret", RS_NEED_ADMIN,
                RS_API_WEBHOOK_BODY_BYTES_MAX, rs_api_webhooks_rotate),
    CHANGE(RS_POST, "/v2/_roadstead/webhooks/{webhook}/ping", RS_NEED_ADMIN,
           rs_api_webhooks_ping),
    LONG_READ("/v2/_roadstead/webhooks/{webhook}/deliveries", RS_NEED_ADMIN,
              rs_api_webhooks_deliveries),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/webhooks/{webhook}/redeliver", RS_NEED_ADMIN,
                RS_API_WEBHOOK_BODY_BYTES_MAX, rs_api_webhooks_redeliver),

    /* the audit log */
    LONG_READ("/v2/_roadstead/audit", RS_NEED_AUDIT, rs_api_audit_get),
    LONG_READ("/v2/_roadstead/audit/checkpoint", RS_NEED_AUDIT, rs_api_audit_checkpoint),
    LONG_READ("/v2/_roadstead/audit/key", RS_NEED_AUDIT, rs_api_audit_key),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/audit/verify", RS_NEED_AUDIT,
                RS_API_AUDIT_BODY_BYTES_MAX, rs_api_audit_verify),

    /* space */
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/gc", RS_NEED_ADMIN, RS_API_SPACE_BODY_BYTES_MAX,
                rs_api_space_collect),
    CHANGE_WITH(RS_POST, "/v2/_roadstead/admin/fsck", RS_NEED_ADMIN, RS_API_SPACE_BODY_BYTES_MAX,
                rs_api_space_fsck_start),
    LONG_READ("/v2/_roadstead/admin/fsck", RS_NEED_ADMIN, rs_api_space_fsck_status),
    CHANGE(RS_POST, "/v2/_roadstead/admin/backup", RS_NEED_ADMIN, rs_api_space_backup_start),
    LONG_READ("/v2/_roadstead/admin/backup", RS_NEED_ADMIN, rs_api_space_backup_status),
    LONG_READ("/v2/_roadstead/admin/quota", RS_NEED_ADMIN, rs_api_space_quota_get),
    CHANGE_WITH(RS_PUT, "/v2/_roadstead/admin/quota", RS_NEED_ADMIN, RS_API_SPACE_BODY_BYTES_MAX,
                rs_api_space_quota_put),
};

const unsigned rs_routes_n = RS_ARRAY_LEN(rs_routes);
/* clang-format on */

static uint64_t limit_of(const struct rs_route *row, const struct rs_config *config)
{
    switch (row->body) {
    case RS_BODY_STREAM:
        return (uint64_t)config->limit_blob_bytes;
    case RS_BODY_MEMORY: {
        bool is_manifest = row->need == RS_NEED_UPLOAD;
        int64_t most = is_manifest ? config->limit_manifest_bytes : config->limit_body_bytes;
        return row->body_max < (uint64_t)most ? row->body_max : (uint64_t)most;
    }
    case RS_BODY_NONE:
    case RS_BODY_UNSET:
        break;
    }
    return row->body_max;
}

struct rs_route *rs_api_routes_configured(const struct rs_config *config)
{
    struct rs_route *rows = malloc(sizeof(rs_routes));
    if (rows == NULL)
        return NULL;
    memcpy(rows, rs_routes, sizeof(rs_routes));
    for (unsigned i = 0; i < rs_routes_n; i++)
        rows[i].body_max = limit_of(&rows[i], config);
    return rows;
}
