#include "audit/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit/counters.h"
#include "audit/denied.h"
#include "audit/tree.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/secret.h"

#define CHECKPOINTS_KEPT 1000
#define NOTE_TEXT_BYTES 1024
#define LEAVES_AT_ONCE 4096U

/*
 * Invariants: the tree, `newest`, `anchor` and their flags belong to the thread (before it runs, to
 * rs_audit_start()). Nothing is held over I/O: callers of rs_audit_checkpoint() leave a ticket and
 * wait for the thread to have passed it.
 */
struct rs_audit {
    struct rs_db *db;
    char *keys_dir;
    struct rs_note_key key;
    uint64_t denied_ms;
    uint64_t checkpoint_ms;
    struct rs_denied *denied;

    struct rs_tree tree;
    struct rs_checkpoint anchor; /* the newest that was ever signed: the log must grow out of it */
    bool has_anchor;             /* and it was not reached by the tree yet */
    uint64_t signed_size;        /* of `note`; 0 = none */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mu;
    pthread_cond_t cond; /* CLOCK_MONOTONIC: to the thread, and from it */
    bool stopping RS_GUARDED_BY(mu);
    uint64_t tickets RS_GUARDED_BY(mu);
    uint64_t served RS_GUARDED_BY(mu);
    enum rs_status served_status RS_GUARDED_BY(mu);
    char note[NOTE_TEXT_BYTES] RS_GUARDED_BY(mu);
    bool is_inconsistent RS_GUARDED_BY(mu);
    uint64_t checkpoints RS_GUARDED_BY(mu);
};

/* ---- the tree and what it must fit ---- */

static void inconsistent(struct rs_audit *a, const char *why)
{
    (void)pthread_mutex_lock(&a->mu);
    bool is_known = a->is_inconsistent;
    a->is_inconsistent = true;
    (void)pthread_mutex_unlock(&a->mu);
    if (!is_known)
        rs_log(RS_LOG_ERROR,
               "the audit log does not fit its newest checkpoint: run `roadstead audit verify`",
               RS_F("reason", why), RS_N("checkpoint_size", a->anchor.size));
}

static bool is_inconsistent(struct rs_audit *a)
{
    (void)pthread_mutex_lock(&a->mu);
    bool is = a->is_inconsistent;
    (void)pthread_mutex_unlock(&a->mu);
    return is;
}

/* Once the tree has the anchor's size, its root must be the anchor's. */
static void anchor_compare(struct rs_audit *a)
{
    unsigned char root[RS_AUDIT_HASH_BYTES];
    if (!a->has_anchor || a->tree.size < a->anchor.size)
        return;
    a->has_anchor = false;
    rs_tree_root(&a->tree, root);
    if (a->tree.size > a->anchor.size || memcmp(root, a->anchor.root, sizeof(root)) != 0)
        inconsistent(a, "other records stand where the checkpoint was signed");
}

struct leaves {
    struct rs_audit *a;
    unsigned n;
};

static enum rs_status leaf_take(void *arg, const struct rs_audit_row *row, bool *stop,
                                struct rs_err *reterr)
{
    struct leaves *l = arg;
    if (row->leaf_hash.n != RS_AUDIT_HASH_BYTES || row->seq != (int64_t)l->a->tree.size + 1)
        return rs_fail(reterr, RS_CORRUPT,
                       "audit record %" PRId64 " is damaged, or records before it are missing",
                       row->seq);
    if (!rs_tree_add(&l->a->tree, (const unsigned char *)row->leaf_hash.p))
        return rs_fail(reterr, RS_TOO_LARGE, NULL);
    anchor_compare(l->a);
    *stop = ++l->n >= LEAVES_AT_ONCE;
    return RS_OK;
}

/* Adds every record that was committed by now. */
static enum rs_status tree_grow(struct rs_audit *a, struct rs_err *reterr)
{
    struct leaves l = {.a = a, .n = LEAVES_AT_ONCE};
    enum rs_status s = RS_OK;
    while (s == RS_OK && l.n >= LEAVES_AT_ONCE) {
        RS_AUTO(rs_db_read) struct rs_db_read r = {0};
        struct rs_audit_filter filter = {.after = (int64_t)a->tree.size};
        l.n = 0;
        s = rs_db_read_begin(a->db, &r.conn, reterr);
        if (s == RS_OK)
            s = rs_catalog_audit_each(r.conn, &filter, leaf_take, &l, reterr);
    }
    if (s == RS_OK && a->has_anchor)
        inconsistent(
            a, "it ends before the checkpoint: it was cut, or an older database was put in place");
    return s;
}

/* ---- signing ---- */

static enum rs_status checkpoint_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct rs_audit_checkpoint_row *row = arg;
    enum rs_status s = rs_catalog_audit_checkpoint_insert(conn, row, reterr);
    return s == RS_OK ? rs_catalog_audit_checkpoint_prune(conn, CHECKPOINTS_KEPT, reterr) : s;
}

/* Catalog first, then the file beside the key: whoever puts an older catalog in place leaves the
 * newer file behind. */
static enum rs_status checkpoint_store(struct rs_audit *a, struct rs_str note,
                                       struct rs_err *reterr)
{
    unsigned char frontier[RS_TREE_FRONTIER_BYTES_MAX];
    size_t n = 0;
    rs_tree_save(&a->tree, frontier, &n);
    struct rs_audit_checkpoint_row row = {
        .size = (int64_t)a->tree.size,
        .note = note,
        .frontier = rs_str_n((const char *)frontier, n),
        .created_ms = rs_clock_unix_ms(),
    };
    enum rs_status s = rs_db_write(a->db, checkpoint_job, &row, reterr);
    return s == RS_OK
               ? rs_file_replace(a->keys_dir, RS_CHECKPOINT_FILE, 0600, note.p, note.n, reterr)
               : s;
}

static enum rs_status checkpoint_sign(struct rs_audit *a, struct rs_err *reterr)
{
    unsigned char root[RS_AUDIT_HASH_BYTES];
    char hex[2 * RS_AUDIT_HASH_BYTES + 1];
    RS_AUTO(rs_buf) struct rs_buf note = RS_BUF_INIT(NOTE_TEXT_BYTES - 1);
    rs_tree_root(&a->tree, root);
    enum rs_status s = rs_checkpoint_sign(&a->key, a->tree.size, root, &note, reterr);
    if (s == RS_OK && a->tree.size > 0)
        s = checkpoint_store(a, rs_str_n(note.data, note.len), reterr);
    if (s != RS_OK)
        return s;
    a->signed_size = a->tree.size;
    (void)pthread_mutex_lock(&a->mu);
    (void)rs_text_copy(a->note, sizeof(a->note), note.data);
    a->checkpoints++;
    (void)pthread_mutex_unlock(&a->mu);
    /* Logs are kept elsewhere, so this line too tells of a log that was rewritten later. */
    rs_hex_encode(root, sizeof(root), hex);
    rs_log(RS_LOG_INFO, "audit checkpoint", RS_N("size", a->tree.size), RS_F("root", hex));
    return RS_OK;
}

static enum rs_status checkpoint_make(struct rs_audit *a, struct rs_err *reterr)
{
    enum rs_status s = tree_grow(a, reterr);
    if (s != RS_OK)
        return s;
    if (is_inconsistent(a))
        return rs_fail(
            reterr, RS_CORRUPT,
            "the audit log does not fit its newest checkpoint: run `roadstead audit verify`");
    (void)pthread_mutex_lock(&a->mu);
    bool is_signed = a->note[0] != '\0' && a->signed_size == a->tree.size;
    (void)pthread_mutex_unlock(&a->mu);
    return is_signed ? RS_OK : checkpoint_sign(a, reterr);
}

/* ---- the thread ---- */

static void log_failure(const char *what, const struct rs_err *err)
{
    rs_log(RS_LOG_WARN, what, RS_F("error", err->message), RS_F("detail", err->log));
}

static struct timespec mono_after(uint64_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t ns = (uint64_t)t.tv_nsec + ms % 1000 * 1000000U;
    t.tv_sec += (time_t)(ms / 1000 + ns / 1000000000U);
    t.tv_nsec = (long)(ns % 1000000000U);
    return t;
}

/* Sleeps until a ticket is left, the end is near, or the time is over; *ret_ticket is the one to
 * serve.  Is somebody waiting for a checkpoint? */
static bool keeper_wait(struct rs_audit *a, uint64_t until_ms, uint64_t *ret_ticket,
                        bool *ret_stopping)
{
    (void)pthread_mutex_lock(&a->mu);
    while (!a->stopping && a->tickets == a->served) {
        uint64_t now = rs_clock_mono_ms();
        if (now >= until_ms)
            break;
        struct timespec t = mono_after(until_ms - now);
        (void)pthread_cond_timedwait(&a->cond, &a->mu, &t);
    }
    *ret_stopping = a->stopping;
    *ret_ticket = a->tickets;
    bool is_asked = a->tickets != a->served;
    (void)pthread_mutex_unlock(&a->mu);
    return is_asked;
}

static void tickets_serve(struct rs_audit *a, uint64_t ticket, enum rs_status s)
{
    (void)pthread_mutex_lock(&a->mu);
    a->served = ticket;
    a->served_status = s;
    (void)pthread_cond_broadcast(&a->cond);
    (void)pthread_mutex_unlock(&a->mu);
}

static void denied_write(struct rs_audit *a)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_denied_flush(a->denied, a->db, &err) != RS_OK)
        log_failure("denied reads could not be written to the audit log; they are kept", &err);
}

static enum rs_status checkpoint_try(struct rs_audit *a)
{
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = checkpoint_make(a, &err);
    if (s != RS_OK && s != RS_CORRUPT)
        log_failure("no audit checkpoint could be signed; it is tried again", &err);
    else if (s == RS_CORRUPT)
        inconsistent(a, err.message);
    return s;
}

static void *keeper_run(void *arg)
{
    struct rs_audit *a = arg;
    uint64_t next_denied = rs_clock_mono_ms() + a->denied_ms;
    uint64_t next_checkpoint = rs_clock_mono_ms() + a->checkpoint_ms;
    bool stopping = false;
    while (!stopping) {
        uint64_t until = next_denied < next_checkpoint ? next_denied : next_checkpoint;
        uint64_t ticket = 0;
        bool is_asked = keeper_wait(a, until, &ticket, &stopping);
        uint64_t now = rs_clock_mono_ms();
        if (now >= next_denied || stopping) {
            denied_write(a);
            next_denied = now + a->denied_ms;
        }
        if (now < next_checkpoint && !is_asked && !stopping)
            continue;
        tickets_serve(a, ticket, checkpoint_try(a));
        next_checkpoint = rs_clock_mono_ms() + a->checkpoint_ms;
    }
    return NULL;
}

/* ---- start and stop ---- */

static enum rs_status newest_take(void *arg, const struct rs_audit_checkpoint_row *row,
                                  struct rs_err *reterr)
{
    struct rs_audit *a = arg;
    struct rs_checkpoint c;
    struct rs_tree tree;
    unsigned char root[RS_AUDIT_HASH_BYTES];
    (void)reterr;
    if (rs_checkpoint_open(row->note, &a->key, &c, NULL) != RS_OK || (int64_t)c.size != row->size ||
        !rs_tree_load(&tree, c.size, row->frontier)) {
        rs_log(
            RS_LOG_WARN,
            "the newest stored audit checkpoint is damaged or signed by another key; the tree is built anew",
            RS_N("size", row->size));
        return RS_OK;
    }
    rs_tree_root(&tree, root);
    if (memcmp(root, c.root, sizeof(root)) == 0)
        a->tree = tree;
    a->anchor = c;
    a->has_anchor = true;
    return RS_OK;
}

/* The file beside the key, when it knows of a longer log than the catalog does. */
static enum rs_status file_take(struct rs_audit *a, struct rs_err *reterr)
{
    struct rs_checkpoint c;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = rs_checkpoint_find(a->keys_dir, &a->key, &c, &err);
    if (s == RS_NOT_FOUND)
        return RS_OK;
    if (s == RS_BAD_REQUEST || s == RS_CORRUPT) {
        log_failure("keys/" RS_CHECKPOINT_FILE " is passed over", &err);
        return RS_OK;
    }
    if (s != RS_OK)
        return rs_fail(reterr, s, "%s", err.message);
    if (!a->has_anchor || c.size > a->anchor.size) {
        a->anchor = c;
        a->has_anchor = true;
    } else if (c.size == a->anchor.size && memcmp(c.root, a->anchor.root, sizeof(c.root)) != 0) {
        inconsistent(a, "the stored checkpoint and the file beside the key differ");
    }
    return RS_OK;
}

/* What the log must have grown out of.  The records in between are read by the thread. */
static enum rs_status anchors_load(struct rs_audit *a, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    unsigned char chain[RS_AUDIT_HASH_BYTES];
    int64_t newest = 0;
    bool found = false;
    enum rs_status s = rs_db_read_begin(a->db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_audit_checkpoint_newest(r.conn, newest_take, a, &found, reterr);
    if (s == RS_OK)
        s = file_take(a, reterr);
    if (s == RS_OK)
        s = rs_catalog_audit_head(r.conn, &newest, chain, reterr);
    if (s != RS_OK)
        return s;
    if (a->has_anchor && (int64_t)a->anchor.size > newest)
        inconsistent(
            a, "it ends before the checkpoint: it was cut, or an older database was put in place");
    anchor_compare(a);
    return RS_OK;
}

static enum rs_status keeper_start(struct rs_audit *a, const struct rs_audit_options *options,
                                   struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf dir = RS_BUF_INIT(4096);
    enum rs_status s = rs_buf_addf(&dir, "%s/keys", options->data_dir);
    if (s == RS_OK)
        s = rs_denied_new(&a->denied);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    a->keys_dir = rs_buf_take(&dir, NULL);
    s = rs_note_key_load(a->keys_dir, &a->key, reterr);
    if (s == RS_OK)
        s = anchors_load(a, reterr);
    if (s != RS_OK)
        return s;
    int rc = pthread_create(&a->thread, NULL, keeper_run, a);
    if (rc != 0)
        return rs_fail_errno(reterr, rc, "the audit log's thread");
    a->has_thread = true;
    return RS_OK;
}

enum rs_status rs_audit_start(const struct rs_audit_options *options, struct rs_audit **ret,
                              struct rs_err *reterr)
{
    struct rs_audit *a = calloc(1, sizeof(*a));
    pthread_condattr_t attr;
    if (a == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    a->db = options->db;
    a->denied_ms = options->denied_ms != 0 ? options->denied_ms : 60000U;
    a->checkpoint_ms = options->checkpoint_ms != 0 ? options->checkpoint_ms : 300000U;
    rs_tree_init(&a->tree);
    (void)pthread_mutex_init(&a->mu, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    enum rs_status s = keeper_start(a, options, reterr);
    if (s != RS_OK) {
        rs_audit_stop(a);
        return s;
    }
    *ret = a;
    return RS_OK;
}

void rs_audit_stop(struct rs_audit *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->mu);
    a->stopping = true;
    (void)pthread_cond_broadcast(&a->cond);
    (void)pthread_mutex_unlock(&a->mu);
    if (a->has_thread)
        (void)pthread_join(a->thread, NULL);
    rs_denied_free(a->denied);
    free(a->keys_dir);
    (void)pthread_cond_destroy(&a->cond);
    (void)pthread_mutex_destroy(&a->mu);
    rs_secret_wipe(&a->key, sizeof(a->key));
    free(a);
}

/* ---- for others ---- */

void rs_audit_denied(struct rs_audit *a, const struct rs_actor *actor, const char *repository,
                     const char *reference)
{
    rs_denied_count(a->denied, actor, repository, reference);
}

enum rs_status rs_audit_checkpoint(struct rs_audit *a, struct rs_buf *out, struct rs_err *reterr)
{
    char note[NOTE_TEXT_BYTES];
    (void)pthread_mutex_lock(&a->mu);
    uint64_t ticket = ++a->tickets;
    (void)pthread_cond_broadcast(&a->cond);
    while (a->served < ticket && !a->stopping)
        (void)pthread_cond_wait(&a->cond, &a->mu);
    enum rs_status s = a->served >= ticket ? a->served_status : RS_CANCELLED;
    memcpy(note, a->note, sizeof(note));
    (void)pthread_mutex_unlock(&a->mu);
    if (s == RS_CORRUPT)
        return rs_fail(
            reterr, s,
            "the audit log does not fit its newest checkpoint, so nothing new is signed: run `roadstead audit verify`");
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    s = rs_buf_adds(out, note);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

const struct rs_note_key *rs_audit_key(const struct rs_audit *a)
{
    return &a->key;
}

void rs_audit_stats(struct rs_audit *a, struct rs_audit_stats *ret)
{
    ret->records = rs_audit_counted_records();
    ret->denied = rs_denied_total(a->denied);
    (void)pthread_mutex_lock(&a->mu);
    ret->checkpoints = a->checkpoints;
    ret->is_inconsistent = a->is_inconsistent;
    (void)pthread_mutex_unlock(&a->mu);
}
