/* What the layers below http/ count, read when somebody asks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/reply_cache.h"
#include "audit/counters.h"
#include "audit/keeper.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "cli/daemon.h"
#include "db/db.h"
#include "events/counters.h"
#include "events/sender.h"
#include "quarantine/worklist.h"
#include "registry/checker.h"
#include "registry/collect.h"

static int64_t events_appended(void *arg)
{
    (void)arg;
    return (int64_t)rs_event_counted();
}

static int64_t commits_waiting(void *arg)
{
    return rs_db_queue_length(((struct rs_daemon *)arg)->services.db);
}

static int64_t cache_bytes(void *arg)
{
    return (int64_t)rs_reply_cache_bytes(((struct rs_daemon *)arg)->services.reply_cache);
}

static struct rs_webhooks_stats webhooks(void *arg)
{
    struct rs_webhooks_stats stats = {0};
    rs_webhooks_stats(((struct rs_daemon *)arg)->services.webhooks, &stats);
    return stats;
}

static int64_t webhooks_delivered(void *arg)
{
    return (int64_t)webhooks(arg).delivered;
}

static int64_t webhooks_failed(void *arg)
{
    return (int64_t)webhooks(arg).failed;
}

static int64_t webhooks_dead(void *arg)
{
    return (int64_t)webhooks(arg).dead;
}

static struct rs_audit_stats audit(void *arg)
{
    struct rs_audit_stats stats = {0};
    rs_audit_stats(((struct rs_daemon *)arg)->services.audit, &stats);
    return stats;
}

static int64_t audit_records(void *arg)
{
    return (int64_t)audit(arg).records;
}

static int64_t audit_denied(void *arg)
{
    return (int64_t)audit(arg).denied;
}

static int64_t audit_inconsistent(void *arg)
{
    return audit(arg).is_inconsistent;
}

static struct rs_auth_stats logins(void *arg)
{
    struct rs_auth_stats stats = {0};
    rs_auth_stats(((struct rs_daemon *)arg)->services.auth, &stats);
    return stats;
}

static int64_t logins_failed(void *arg)
{
    return (int64_t)logins(arg).failed;
}

static int64_t logins_throttled(void *arg)
{
    return (int64_t)logins(arg).throttled;
}

static struct rs_collector_stats collector(void *arg)
{
    struct rs_collector_stats stats = {0};
    rs_collector_stats(((struct rs_daemon *)arg)->services.collector, &stats);
    return stats;
}

static int64_t collected_blobs(void *arg)
{
    return (int64_t)collector(arg).total.blobs;
}

static int64_t collected_bytes(void *arg)
{
    return (int64_t)collector(arg).total.blob_bytes;
}

/* What waits now.  A read that fails counts nothing: the counters of errors tell of it. */
static struct rs_worklist_counts waiting(void *arg)
{
    struct rs_worklist_counts counts = {0};
    if (rs_worklist_count(((struct rs_daemon *)arg)->services.db, &counts, NULL) != RS_OK)
        return (struct rs_worklist_counts){0};
    return counts;
}

static int64_t quarantined_now(void *arg)
{
    return waiting(arg).quarantined;
}

static int64_t failed_now(void *arg)
{
    return waiting(arg).failed;
}

static int64_t overdue_now(void *arg)
{
    return waiting(arg).overdue;
}

static int64_t overdue(void *arg)
{
    return (int64_t)atomic_load(&((struct rs_daemon *)arg)->overdue);
}

static int64_t expired(void *arg)
{
    return (int64_t)atomic_load(&((struct rs_daemon *)arg)->expired);
}

static struct rs_checker_stats checker(void *arg)
{
    struct rs_checker_stats stats = {0};
    rs_checker_stats(((struct rs_daemon *)arg)->services.checker, &stats);
    return stats;
}

static int64_t damaged(void *arg)
{
    return (int64_t)checker(arg).damaged;
}

static int64_t checked_unix_s(void *arg)
{
    return checker(arg).last_unix_ms / 1000;
}

/* Resident memory, from /proc/self/statm; 0 where there is none. */
static int64_t resident_bytes(void *arg)
{
    char text[128];
    (void)arg;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    const char *line = fgets(text, sizeof(text), f);
    (void)fclose(f); /* only read from */
    const char *second = line == NULL ? NULL : strchr(line, ' ');
    uint64_t pages = 0;
    if (second == NULL ||
        !rs_parse_u64(rs_str_n(second + 1, strcspn(second + 1, " ")), INT64_MAX / 65536, &pages))
        return 0;
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void rs_daemon_add_metrics(struct rs_daemon *d)
{
    static const struct {
        const char *name;
        const char *help;
        bool is_counter;
        rs_metric_read read;
    } rows[] = {
        {"roadstead_events_total", "Events written to the outbox.", true, events_appended},
        {"roadstead_commits_waiting", "Changes that wait for the writer.", false, commits_waiting},
        {"roadstead_reply_cache_bytes", "Memory of prebuilt answers.", false, cache_bytes},
        {"roadstead_webhook_delivered_total", "Webhook deliveries that succeeded.", true,
         webhooks_delivered},
        {"roadstead_webhook_failed_total", "Webhook attempts that failed.", true, webhooks_failed},
        {"roadstead_webhook_dead_total", "Webhook deliveries given up.", true, webhooks_dead},
        {"roadstead_audit_records_total", "Audit records written.", true, audit_records},
        {"roadstead_denied_reads_total", "Denied reads of content in quarantine.", true,
         audit_denied},
        {"roadstead_audit_inconsistent", "1 when the audit log does not fit its checkpoint.", false,
         audit_inconsistent},
        {"roadstead_logins_failed_total", "Logins with a wrong name or password.", true,
         logins_failed},
        {"roadstead_logins_throttled_total", "Logins refused after too many failures.", true,
         logins_throttled},
        {"roadstead_gc_blobs_total", "Blobs that were collected.", true, collected_blobs},
        {"roadstead_gc_bytes_total", "Bytes of blobs that were collected.", true, collected_bytes},
        {"roadstead_quarantined", "Manifests in state quarantined.", false, quarantined_now},
        {"roadstead_failed", "Manifests in state failed.", false, failed_now},
        {"roadstead_overdue", "Manifests in state quarantined that are overdue.", false,
         overdue_now},
        {"roadstead_overdue_total", "Images in quarantine that were told to be overdue.", true,
         overdue},
        {"roadstead_expired_total", "Manifests deleted because their time in quarantine was over.",
         true, expired},
        {"roadstead_damaged", "Damage that the newest whole check or scrub found and left.", false,
         damaged},
        {"roadstead_checked_timestamp_seconds", "When the newest check or scrub ended; 0: never.",
         false, checked_unix_s},
        {"roadstead_resident_bytes", "Resident memory of the process.", false, resident_bytes},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        (void)(rows[i].is_counter ? rs_metrics_counter_of : rs_metrics_gauge_of)(
            d->metrics, rows[i].name, rows[i].help, NULL, rows[i].read, d);
}
