#include "registry/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/append.h"
#include "audit/checkpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "blob/copy.h"
#include "blob/store.h"
#include "catalog/invariant.h"
#include "config/config.h"
#include "db/db_copy.h"
#include "json/write.h"
#include "registry/collect.h"
#include "registry/job.h"

#define PATH_BYTES_MAX ((size_t)4096)
#define KEY_BYTES_MAX ((size_t)65536)
#define CATALOG "catalog.db"

struct rs_backups {
    const struct rs_services *services;
    struct rs_job job;
    struct rs_backup_counts counts RS_GUARDED_BY(job.mu);
    pthread_t thread RS_GUARDED_BY(job.mu);
    bool has_thread RS_GUARDED_BY(job.mu); /* to be joined */
};

/* ---- both directions ---- */

typedef enum rs_status (*advance_fn)(const struct rs_backup_counts *counts, uint64_t done,
                                     uint64_t total, void *arg, struct rs_err *reterr);

static enum rs_status path_join(struct rs_buf *out, const char *dir, const char *name,
                                struct rs_err *reterr)
{
    rs_buf_clear(out);
    if (rs_buf_addf(out, "%s/%s", dir, name) != RS_OK)
        return rs_fail(reterr, RS_BAD_REQUEST, "the name of a directory is too long");
    return RS_OK;
}

static enum rs_status blob_next(struct rs_db *db, struct rs_stored *at, bool *ret_found,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_stored next;
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_next(read.conn, at->digest, &next, ret_found, reterr);
    if (s == RS_OK && *ret_found)
        *at = next;
    return s;
}

static enum rs_status total_bytes(struct rs_db *db, uint64_t *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_stored_totals all = {0};
    enum rs_status s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_stored_totals(read.conn, &all, reterr);
    *ret = all.blob_bytes;
    return s;
}

/* Every blob that the catalog tells of. */
static enum rs_status blobs_copy(struct rs_db *db, struct rs_blobs *from, struct rs_blobs *to,
                                 advance_fn advance, void *arg, struct rs_err *reterr)
{
    struct rs_stored at = {.digest = ""};
    struct rs_backup_counts counts = {0};
    uint64_t done = 0;
    uint64_t total = 0;
    bool found = true;
    enum rs_status s = total_bytes(db, &total, reterr);
    while (s == RS_OK && found) {
        bool copied = false;
        s = blob_next(db, &at, &found, reterr);
        if (s != RS_OK || !found)
            continue;
        s = rs_blob_copy(from, to, at.digest, at.size, &copied, reterr);
        counts.blobs++;
        counts.copied += copied;
        counts.bytes += copied ? at.size : 0;
        done += at.size;
        if (s == RS_OK)
            s = advance(&counts, done, total, arg, reterr);
    }
    return s;
}

/* The checkpoint beside the key tells of the log as it is now, and while blobs were copied the log
 * grew past the snapshot: to a restored registry it would say that its log was cut.  The snapshot
 * has the checkpoints that belong to it. */
static bool is_copied(const char *name)
{
    return name[0] != '.' && strcmp(name, RS_CHECKPOINT_FILE) != 0;
}

/* Small secret files: keys/. */
static enum rs_status keys_copy(const char *from, const char *to, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf source = RS_BUF_INIT(PATH_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf target = RS_BUF_INIT(PATH_BYTES_MAX);
    enum rs_status s = path_join(&source, from, "keys", reterr);
    if (s == RS_OK)
        s = path_join(&target, to, "keys", reterr);
    if (s == RS_OK)
        s = rs_file_make_dir(rs_buf_text(&target), 0700, reterr);
    DIR *dir = s == RS_OK ? opendir(rs_buf_text(&source)) : NULL;
    if (s == RS_OK && dir == NULL)
        return rs_fail_errno(reterr, errno, "open the keys' directory");
    struct dirent *entry;
    while (s == RS_OK && (entry = readdir(dir)) != NULL) {
        RS_AUTO(rs_buf) struct rs_buf key = RS_BUF_INIT(KEY_BYTES_MAX);
        if (!is_copied(entry->d_name))
            continue;
        s = rs_file_read_secret(rs_buf_text(&source), entry->d_name, &key, reterr);
        if (s == RS_OK)
            s = rs_file_replace(rs_buf_text(&target), entry->d_name, 0600, rs_buf_text(&key),
                                key.len, reterr);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return s;
}

static enum rs_status directory_sync(const char *dir, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return rs_fail_errno(reterr, errno, "fsync a directory");
    return RS_OK;
}

/* What a program that was killed wrote to the catalog that stood there (a check with repairs, say):
 * the engine would replay it into the new one. */
static enum rs_status leftovers_remove(const char *dir, struct rs_err *reterr)
{
    static const char *const names[] = {CATALOG "-wal", CATALOG "-shm"};
    enum rs_status s = RS_OK;
    for (size_t i = 0; s == RS_OK && i < RS_ARRAY_LEN(names); i++) {
        RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(PATH_BYTES_MAX);
        s = path_join(&path, dir, names[i], reterr);
        if (s == RS_OK && unlink(rs_buf_text(&path)) != 0 && errno != ENOENT)
            s = rs_fail_errno(reterr, errno, "remove what was left beside an older catalog");
    }
    return s == RS_OK ? directory_sync(dir, reterr) : s;
}

/* The name that makes a directory a whole backup, or a whole registry. */
static enum rs_status catalog_place(const char *dir, const char *new_path, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(PATH_BYTES_MAX);
    enum rs_status s = path_join(&path, dir, CATALOG, reterr);
    if (s == RS_OK)
        s = leftovers_remove(dir, reterr);
    if (s != RS_OK)
        return s;
    if (rename(new_path, rs_buf_text(&path)) != 0)
        return rs_fail_errno(reterr, errno, "put the catalog's copy in place");
    return directory_sync(dir, reterr);
}

static enum rs_status catalog_snapshot(struct rs_db *db, const char *new_path,
                                       struct rs_err *reterr)
{
    if (unlink(new_path) != 0 && errno != ENOENT) /* left by one that ended early */
        return rs_fail_errno(reterr, errno, "remove an old snapshot");
    return rs_db_copy(db, new_path, reterr);
}

/* ---- backup ---- */

static enum rs_status backup_advance(const struct rs_backup_counts *counts, uint64_t done,
                                     uint64_t total, void *arg, struct rs_err *reterr)
{
    struct rs_backups *b = arg;
    (void)pthread_mutex_lock(&b->job.mu);
    b->counts = *counts;
    (void)pthread_mutex_unlock(&b->job.mu);
    return rs_job_advance(&b->job, "blobs", done, total, reterr);
}

static enum rs_status backup_write(struct rs_backups *b, const char *dir, struct rs_blobs *target,
                                   struct rs_err *reterr)
{
    const struct rs_services *services = b->services;
    RS_AUTO(rs_buf) struct rs_buf snapshot = RS_BUF_INIT(PATH_BYTES_MAX);
    enum rs_status s = path_join(&snapshot, dir, CATALOG ".new", reterr);
    if (s == RS_OK)
        s = rs_job_advance(&b->job, "catalog", 0, 1, reterr);
    if (s == RS_OK)
        s = catalog_snapshot(services->db, rs_buf_text(&snapshot), reterr);
    if (s == RS_OK)
        s = blobs_copy(services->db, services->blobs, target, backup_advance, b, reterr);
    if (s == RS_OK)
        s = keys_copy(services->config->data, dir, reterr);
    return s == RS_OK ? catalog_place(dir, rs_buf_text(&snapshot), reterr) : s;
}

static enum rs_status backup_record(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct rs_backups *b = arg;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&details);
    int64_t seq = 0;
    (void)pthread_mutex_lock(&b->job.mu);
    struct rs_backup_counts counts = b->counts;
    (void)pthread_mutex_unlock(&b->job.mu);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "blobs", (int64_t)counts.blobs);
    rs_jw_member_int(&w, "copied", (int64_t)counts.copied);
    rs_jw_object_end(&w);
    const struct rs_audit_entry entry = {
        .action = "backed-up", .actor = rs_job_actor(&b->job), .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &entry, &seq, reterr);
}

static enum rs_status backup_run(struct rs_backups *b, struct rs_err *reterr)
{
    const char *dir = b->services->config->backup_directory;
    const struct rs_blobs_options options = {.data_dir = dir};
    struct rs_blobs *target = NULL;
    enum rs_status s = rs_file_make_dir(dir, 0700, reterr);
    if (s == RS_OK)
        s = rs_blobs_open(&options, &target, reterr);
    if (s == RS_OK) {
        rs_collector_hold(b->services->collector); /* no blob of the snapshot goes away meanwhile */
        s = backup_write(b, dir, target, reterr);
        rs_collector_go_on(b->services->collector);
    }
    rs_blobs_close(target);
    return s == RS_OK ? rs_db_write(b->services->db, backup_record, b, reterr) : s;
}

static void *run(void *arg)
{
    struct rs_backups *b = arg;
    struct rs_err err = RS_ERR_INIT;
    if (!rs_job_begin(&b->job))
        return NULL;
    enum rs_status s = backup_run(b, &err);
    if (s == RS_OK)
        rs_log(RS_LOG_INFO, "backup written",
               RS_F("directory", b->services->config->backup_directory));
    else
        rs_log(RS_LOG_ERROR, "the backup failed; the one before it is whole",
               RS_F("error", err.message), RS_F("why", err.log));
    rs_job_end(&b->job, s, &err);
    return NULL;
}

enum rs_status rs_backups_new(const struct rs_services *services, struct rs_backups **ret,
                              struct rs_err *reterr)
{
    struct rs_backups *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    b->services = services;
    rs_job_init(&b->job);
    *ret = b;
    return RS_OK;
}

void rs_backups_free(struct rs_backups *backups)
{
    if (backups == NULL)
        return;
    atomic_store(&backups->job.is_stopping, true);
    (void)pthread_mutex_lock(&backups->job.mu);
    bool join = backups->has_thread;
    pthread_t thread = backups->thread;
    (void)pthread_mutex_unlock(&backups->job.mu);
    if (join)
        (void)pthread_join(thread, NULL);
    rs_job_release(&backups->job);
    free(backups);
}

enum rs_status rs_backups_ask(struct rs_backups *backups, const struct rs_actor *actor,
                              struct rs_err *reterr)
{
    if (backups->services->config->backup_directory[0] == '\0')
        return rs_fail(
            reterr, RS_CONFLICT,
            "no directory for backups is configured: set backup.directory and start the registry again");
    (void)pthread_mutex_lock(&backups->job.mu);
    enum rs_status s = rs_job_ask_locked(&backups->job, actor, "a backup", reterr);
    if (s == RS_OK && backups->has_thread)
        (void)pthread_join(backups->thread, NULL); /* of the last one, which has ended */
    if (s == RS_OK) {
        memset(&backups->counts, 0, sizeof(backups->counts));
        backups->has_thread = pthread_create(&backups->thread, NULL, run, backups) == 0;
        if (!backups->has_thread) {
            backups->job.state = RS_JOB_NONE;
            s = rs_fail(reterr, RS_NOMEM, NULL);
        }
    }
    (void)pthread_mutex_unlock(&backups->job.mu);
    return s;
}

enum rs_status rs_backups_status(struct rs_backups *backups, struct rs_buf *out,
                                 struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    (void)pthread_mutex_lock(&backups->job.mu);
    rs_jw_object(&w);
    rs_job_write_locked(&backups->job, &w);
    rs_jw_key(&w, "counts");
    rs_jw_object(&w);
    rs_jw_member_int(&w, "blobs", (int64_t)backups->counts.blobs);
    rs_jw_member_int(&w, "copied", (int64_t)backups->counts.copied);
    rs_jw_member_int(&w, "bytes", (int64_t)backups->counts.bytes);
    rs_jw_object_end(&w);
    rs_jw_object_end(&w);
    (void)pthread_mutex_unlock(&backups->job.mu);
    enum rs_status s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

/* ---- restore ---- */

struct restore {
    void (*progress)(uint64_t done, uint64_t total, void *arg);
    void *arg;
    struct rs_backup_counts *counts;
};

static enum rs_status restore_advance(const struct rs_backup_counts *counts, uint64_t done,
                                      uint64_t total, void *arg, struct rs_err *reterr)
{
    const struct restore *r = arg;
    (void)reterr;
    *r->counts = *counts;
    if (r->progress != NULL)
        r->progress(done, total, r->arg);
    return RS_OK;
}

static enum rs_status restore_from(struct rs_db *db, const char *from, const char *to,
                                   struct restore *r, struct rs_err *reterr)
{
    const struct rs_blobs_options from_options = {.data_dir = from};
    const struct rs_blobs_options to_options = {.data_dir = to};
    struct rs_blobs *source = NULL;
    struct rs_blobs *target = NULL;
    RS_AUTO(rs_buf) struct rs_buf snapshot = RS_BUF_INIT(PATH_BYTES_MAX);
    enum rs_status s = rs_blobs_open(&from_options, &source, reterr);
    if (s == RS_OK)
        s = rs_blobs_open(&to_options, &target, reterr);
    if (s == RS_OK)
        s = blobs_copy(db, source, target, restore_advance, r, reterr);
    if (s == RS_OK)
        s = keys_copy(from, to, reterr);
    if (s == RS_OK)
        s = path_join(&snapshot, to, CATALOG ".new", reterr);
    if (s == RS_OK)
        s = catalog_snapshot(db, rs_buf_text(&snapshot), reterr);
    if (s == RS_OK)
        s = catalog_place(to, rs_buf_text(&snapshot), reterr);
    rs_blobs_close(target);
    rs_blobs_close(source);
    return s;
}

enum rs_status rs_restore(const char *from, const char *to,
                          void (*progress)(uint64_t done, uint64_t total, void *arg), void *arg,
                          struct rs_backup_counts *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf catalog = RS_BUF_INIT(PATH_BYTES_MAX);
    struct rs_db *db = NULL;
    struct stat st;
    struct restore r = {.progress = progress, .arg = arg, .counts = ret};
    memset(ret, 0, sizeof(*ret));
    enum rs_status s = path_join(&catalog, from, CATALOG, reterr);
    if (s == RS_OK && stat(rs_buf_text(&catalog), &st) != 0)
        s = rs_fail(reterr, RS_NOT_FOUND, "%.300s is no backup: there is no %s in it", from,
                    CATALOG);
    const struct rs_db_options options = {.path = rs_buf_text(&catalog)};
    if (s == RS_OK)
        s = rs_db_open(&options, &db, reterr);
    if (s == RS_OK)
        s = restore_from(db, from, to, &r, reterr);
    rs_db_close(db);
    return s;
}
