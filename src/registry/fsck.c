#include "registry/fsck.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "blob/store.h"
#include "catalog/blob.h"
#include "catalog/garbage.h"
#include "catalog/generation.h"
#include "catalog/invariant.h"
#include "crypto/hash.h"
#include "db/db_check.h"

struct run {
    struct rs_db *db;
    struct rs_blobs *blobs;
    const struct rs_fsck_options *options;
    struct rs_fsck_result *result;
    struct rs_fsck_progress progress;
    uint64_t started_ms; /* of the blob phase, monotonic */
};

static void report(struct run *r, const struct rs_fsck_finding *f)
{
    if (f->is_garbage) {
        r->result->strays++;
    } else {
        r->result->damaged++;
        r->result->repaired += f->is_repaired;
    }
    r->options->on_finding(f, r->options->arg);
}

static enum rs_status advance(struct run *r, uint64_t by, struct rs_err *reterr)
{
    r->progress.done += by;
    if (r->options->on_progress != NULL)
        r->options->on_progress(&r->progress, r->options->arg);
    if (r->options->is_stopping != NULL && atomic_load(r->options->is_stopping))
        return rs_fail(reterr, RS_CANCELLED, "the check was stopped before its end");
    return RS_OK;
}

static enum rs_status enter(struct run *r, enum rs_fsck_phase phase, uint64_t total,
                            struct rs_err *reterr)
{
    r->progress = (struct rs_fsck_progress){.phase = phase, .total = total};
    return advance(r, 0, reterr);
}

/* ---- the engine ---- */

static bool engine_finding(const char *text, void *arg)
{
    struct run *r = arg;
    report(r, &(struct rs_fsck_finding){.phase = RS_FSCK_ENGINE, .what = text});
    return true;
}

static enum rs_status check_engine(struct run *r, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = enter(r, RS_FSCK_ENGINE, 1, reterr);
    if (s == RS_OK)
        s = rs_db_read_begin(r->db, &read.conn, reterr);
    return s == RS_OK ? rs_db_check(read.conn, engine_finding, r, reterr) : s;
}

/* ---- invariants ---- */

struct found {
    struct run *run;
    uint64_t n;
};

static bool invariant_finding(const struct rs_invariant_break *b, void *arg)
{
    struct found *f = arg;
    f->n++;
    report(f->run, &(struct rs_fsck_finding){.phase = RS_FSCK_INVARIANTS,
                                             .what = b->what,
                                             .repository = b->repository,
                                             .subject = b->subject,
                                             .is_repaired = f->run->options->is_repairing &&
                                                            b->is_repairable});
    return true;
}

static enum rs_status repair_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const size_t *i = arg;
    int64_t rows = 0;
    rs_generation_touch_all(conn);
    return rs_catalog_invariant_repair(conn, *i, &rows, reterr);
}

static enum rs_status check_invariant(struct run *r, size_t i, struct rs_err *reterr)
{
    struct found f = {.run = r};
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(r->db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_invariant_check(read.conn, i, invariant_finding, &f, reterr);
    rs_db_read_release(&read);
    if (s == RS_OK && f.n > 0 && r->options->is_repairing)
        s = rs_db_write(r->db, repair_job, &i, reterr);
    return s;
}

static enum rs_status check_invariants(struct run *r, struct rs_err *reterr)
{
    enum rs_status s = enter(r, RS_FSCK_INVARIANTS, rs_catalog_invariants(), reterr);
    for (size_t i = 0; s == RS_OK && i < rs_catalog_invariants(); i++) {
        s = check_invariant(r, i, reterr);
        if (s == RS_OK)
            s = advance(r, 1, reterr);
    }
    return s;
}

/* ---- manifests ---- */

static enum rs_status check_manifest(const char *digest, struct rs_str bytes, void *arg,
                                     struct rs_err *reterr)
{
    struct run *r = arg;
    char is[RS_HASH_TEXT_BYTES];
    rs_hash_text(RS_HASH_SHA256, bytes.p, bytes.n, is);
    r->result->manifests++;
    if (strcmp(is, digest) != 0)
        report(r, &(struct rs_fsck_finding){
                      .phase = RS_FSCK_MANIFESTS,
                      .what = "a manifest's bytes do not have its digest; push it again",
                      .subject = digest});
    return advance(r, 1, reterr);
}

static enum rs_status check_manifests(struct run *r, uint64_t total, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = enter(r, RS_FSCK_MANIFESTS, total, reterr);
    if (s == RS_OK)
        s = rs_db_read_begin(r->db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_manifest_bytes_each(read.conn, check_manifest, r, reterr) : s;
}

/* ---- blobs ---- */

/* What is wrong with a blob whose row and file do not agree. */
struct suspect {
    struct rs_blobs *blobs;
    const struct rs_stored *row;
    enum rs_status why;         /* RS_BLOB_UNKNOWN, RS_CORRUPT, RS_IO; RS_OK: its row alone */
    uint64_t size;              /* of the file, when its bytes are right */
    struct rs_blob_stamp stamp; /* of the file that was looked at */
    bool is_repaired;
};

/* An upload may have brought the bytes again since they were looked at, and its client was told
 * that they are safe: what another file holds is another matter. */
static enum rs_status forget_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct suspect *x = arg;
    struct rs_blob_stamp now;
    enum rs_status s = rs_blob_stamp(x->blobs, x->row->digest, &now, reterr);
    if (s != RS_OK || now.inode != x->stamp.inode || now.changed_ns != x->stamp.changed_ns)
        return s;
    s = rs_catalog_blob_lost(conn, x->row->digest, reterr);
    x->is_repaired = s == RS_OK;
    return s;
}

static enum rs_status resize_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    struct suspect *x = arg;
    enum rs_status s = rs_catalog_blob_add(conn, x->row->digest, x->size, reterr);
    x->is_repaired = s == RS_OK;
    return s;
}

/* Put right what is known for certain.  A file that cannot be read may be whole: forgetting it
 * would take layers from images because of a loose cable. */
static enum rs_status repair_blob(struct run *r, struct suspect *x, struct rs_err *reterr)
{
    if (!r->options->is_repairing || x->why == RS_IO)
        return RS_OK;
    return rs_db_write(r->db, x->why == RS_OK ? resize_job : forget_job, x, reterr);
}

static const char *blob_damage(enum rs_status why)
{
    if (why == RS_OK)
        return "a blob's size in the catalog is not its file's";
    if (why == RS_IO)
        return "a blob's file cannot be read: look at the disk; without the file a repair has the"
               " blob pushed again";
    return why == RS_BLOB_UNKNOWN
               ? "a blob's file is missing; push an image with it again"
               : "a blob's bytes do not have its digest; push an image with it again";
}

/* Its row as it is now; *ret_found false when there is none any more: collected meanwhile. */
static enum rs_status row_again(struct run *r, struct rs_stored *b, bool *ret_found,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(r->db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_is_known(read.conn, b->digest, ret_found, reterr);
    return s == RS_OK && *ret_found ? rs_catalog_blob_size(read.conn, b->digest, &b->size, reterr)
                                    : s;
}

/* Bytes and row, looked at a second time: what went away or came while they were looked at first is
 * no damage.  Faults that say nothing about the blob (no memory, no descriptor) end the check. */
static enum rs_status look_again(struct run *r, struct rs_stored *b, struct suspect *ret,
                                 bool *ret_bad, struct rs_err *reterr)
{
    struct rs_err why = RS_ERR_INIT;
    bool found = false;
    *ret_bad = false;
    enum rs_status s = rs_blob_stamp(r->blobs, b->digest, &ret->stamp, &why);
    if (s == RS_OK)
        s = rs_blob_verify(r->blobs, b->digest, &ret->size, &why);
    if (s != RS_OK && s != RS_BLOB_UNKNOWN && s != RS_CORRUPT && s != RS_IO) {
        if (reterr != NULL)
            *reterr = why;
        return s;
    }
    ret->why = s;
    s = row_again(r, b, &found, reterr);
    *ret_bad = s == RS_OK && found && (ret->why != RS_OK || ret->size != b->size);
    return s;
}

static enum rs_status blob_is_bad(struct run *r, struct rs_stored *b, struct rs_err *reterr)
{
    struct suspect x = {.blobs = r->blobs, .row = b};
    bool bad = false;
    enum rs_status s = look_again(r, b, &x, &bad, reterr);
    if (s == RS_OK && bad)
        s = repair_blob(r, &x, reterr);
    if (s == RS_OK && bad)
        report(r, &(struct rs_fsck_finding){.phase = RS_FSCK_BLOBS,
                                            .what = blob_damage(x.why),
                                            .subject = b->digest,
                                            .is_repaired = x.is_repaired});
    return s;
}

static void keep_the_rate(const struct run *r)
{
    if (r->options->bytes_per_s == 0)
        return;
    uint64_t due_ms = r->progress.done * 1000 / r->options->bytes_per_s;
    while (rs_clock_mono_ms() - r->started_ms < due_ms &&
           !(r->options->is_stopping != NULL && atomic_load(r->options->is_stopping))) {
        const struct timespec nap = {.tv_nsec = 20000000};
        (void)nanosleep(&nap, NULL);
    }
}

static enum rs_status check_blob(struct run *r, struct rs_stored *b, struct rs_err *reterr)
{
    uint64_t size = 0;
    if (rs_blob_verify(r->blobs, b->digest, &size, NULL) != RS_OK || size != b->size) {
        enum rs_status s = blob_is_bad(r, b, reterr);
        if (s != RS_OK)
            return s;
    }
    r->result->blobs++;
    r->result->blob_bytes += b->size;
    keep_the_rate(r);
    return advance(r, b->size, reterr);
}

static enum rs_status next_blob(struct run *r, struct rs_stored *at, bool *ret_found,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    struct rs_stored next;
    enum rs_status s = rs_db_read_begin(r->db, &read.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_next(read.conn, at->digest, &next, ret_found, reterr);
    if (s == RS_OK && *ret_found)
        *at = next;
    return s;
}

static enum rs_status check_blobs(struct run *r, uint64_t total_bytes, struct rs_err *reterr)
{
    struct rs_stored at = {.digest = ""};
    bool found = true;
    enum rs_status s = enter(r, RS_FSCK_BLOBS, total_bytes, reterr);
    r->started_ms = rs_clock_mono_ms();
    while (s == RS_OK && found) {
        s = next_blob(r, &at, &found, reterr);
        if (s == RS_OK && found)
            s = check_blob(r, &at, reterr);
    }
    return s;
}

/* ---- files ---- */

struct stray_walk {
    struct run *run;
    enum rs_status status;
    struct rs_err *reterr;
};

static bool visit_file(const char *digest, uint64_t size, int64_t mtime_ms, void *arg)
{
    struct stray_walk *w = arg;
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    bool known = true;
    (void)size;
    (void)mtime_ms;
    w->status = rs_db_read_begin(w->run->db, &read.conn, w->reterr);
    if (w->status == RS_OK)
        w->status = rs_catalog_blob_is_known(read.conn, digest, &known, w->reterr);
    if (w->status == RS_OK && !known)
        report(w->run, &(struct rs_fsck_finding){
                           .phase = RS_FSCK_STRAYS,
                           .what = "a blob's file that the catalog does not know; garbage"
                                   " collection removes it",
                           .subject = digest,
                           .is_garbage = true});
    if (w->status == RS_OK)
        w->status = advance(w->run, 1, w->reterr);
    return w->status == RS_OK;
}

static enum rs_status check_strays(struct run *r, uint64_t total, struct rs_err *reterr)
{
    struct stray_walk w = {.run = r, .status = RS_OK, .reterr = reterr};
    enum rs_status s = enter(r, RS_FSCK_STRAYS, total, reterr);
    if (s == RS_OK)
        s = rs_blobs_each(r->blobs, visit_file, &w, reterr);
    return w.status != RS_OK ? w.status : s;
}

static enum rs_status totals(struct run *r, struct rs_stored_totals *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(r->db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_stored_totals(read.conn, ret, reterr) : s;
}

enum rs_status rs_fsck_run(struct rs_db *db, struct rs_blobs *blobs,
                           const struct rs_fsck_options *options, struct rs_fsck_result *ret,
                           struct rs_err *reterr)
{
    struct run r = {.db = db, .blobs = blobs, .options = options, .result = ret};
    struct rs_stored_totals all = {0};
    memset(ret, 0, sizeof(*ret));
    enum rs_status s = totals(&r, &all, reterr);
    if (s == RS_OK && !options->only_blobs)
        s = check_engine(&r, reterr);
    if (s == RS_OK && !options->only_blobs)
        s = check_invariants(&r, reterr);
    if (s == RS_OK && !options->only_blobs)
        s = check_manifests(&r, all.manifests, reterr);
    if (s == RS_OK)
        s = check_blobs(&r, all.blob_bytes, reterr);
    if (s == RS_OK && !options->only_blobs)
        s = check_strays(&r, all.blobs, reterr);
    return s == RS_OK ? enter(&r, RS_FSCK_DONE, 0, reterr) : s;
}

const char *rs_fsck_phase_name(enum rs_fsck_phase phase)
{
    static const char *const names[] = {"database", "invariants", "manifests",
                                        "blobs",    "files",      "done"};
    return names[phase];
}
