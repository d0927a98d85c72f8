/* `roadstead fsck`: check everything that is stored: through the daemon, or on a data directory
 * that none has. */
#include <string.h>

#include "blob/store.h"
#include "catalog/schema.h"
#include "cli/data_dir.h"
#include "cli/job.h"
#include "cli/terminal.h"
#include "db/db.h"
#include "json/write.h"
#include "registry/fsck.h"

static const struct rs_option options[] = {
    RS_FLAG("repair", "put right what can be: counters, pointers to nothing, lost blobs"),
    RS_OPTION("data", "DIR", "check this data directory without a daemon"),
    RS_OPTIONS_END,
};

/* ---- what is said about a finding ---- */

struct finding {
    const char *what;
    const char *repository;
    const char *subject;
    bool is_repaired;
    bool is_garbage;
};

static void finding_print(const struct finding *f, struct rs_buf *out)
{
    (void)rs_buf_adds(out, f->is_garbage    ? "garbage: "
                           : f->is_repaired ? "repaired: "
                                            : "DAMAGE: ");
    (void)rs_terminal_add(out, rs_str_of(f->what));
    if (f->repository != NULL || f->subject != NULL)
        (void)rs_buf_adds(out, ": ");
    (void)rs_terminal_add(out, rs_str_of(f->repository));
    if (f->repository != NULL && f->subject != NULL)
        (void)rs_buf_addc(out, ' ');
    (void)rs_terminal_add(out, rs_str_of(f->subject));
    (void)rs_buf_addc(out, '\n');
}

static enum rs_exit verdict(uint64_t damaged, uint64_t repaired, uint64_t things,
                            struct rs_buf *out)
{
    if (damaged == 0)
        (void)rs_buf_addf(
            out, "sound: %llu manifests and blobs, every byte and every invariant checked\n",
            (unsigned long long)things);
    else
        (void)rs_buf_addf(out, "%llu places are damaged, %llu of them were repaired\n",
                          (unsigned long long)damaged, (unsigned long long)repaired);
    enum rs_exit e = rs_print(out);
    return e != RS_EXIT_OK ? e : damaged > repaired ? RS_EXIT_NO : RS_EXIT_OK;
}

/* ---- through the daemon ---- */

static uint64_t count(const struct rs_json *answer, const char *key)
{
    int64_t v = 0;
    const struct rs_json *counts = rs_json_get(answer, "counts");
    return rs_json_int(rs_json_get(counts, key), 0, RS_JSON_INT_MAX, &v) ? (uint64_t)v : 0;
}

static bool flag(const struct rs_json *object, const char *key)
{
    bool v = false;
    return rs_json_bool(rs_json_get(object, key), &v) && v;
}

static enum rs_exit tell(const struct rs_client *c, const struct rs_json *answer)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT((size_t)4 << 20);
    const struct rs_json *findings = rs_json_get(answer, "findings");
    uint64_t damaged = count(answer, "damaged");
    uint64_t repaired = count(answer, "repaired");
    if (rs_client_wants_json(c)) {
        enum rs_exit e = rs_print_json(answer);
        return e != RS_EXIT_OK ? e : damaged > repaired ? RS_EXIT_NO : RS_EXIT_OK;
    }
    for (size_t i = 0; i < rs_json_len(findings); i++) {
        const struct rs_json *f = rs_json_at(findings, i);
        const char *what = rs_json_text(rs_json_get(f, "what"));
        finding_print(&(struct finding){.what = what == NULL ? "" : what,
                                        .repository = rs_json_text(rs_json_get(f, "repository")),
                                        .subject = rs_json_text(rs_json_get(f, "subject")),
                                        .is_repaired = flag(f, "repaired"),
                                        .is_garbage = flag(f, "garbage")},
                      &text);
    }
    return verdict(damaged, repaired, count(answer, "manifests") + count(answer, "blobs"), &text);
}

static enum rs_exit check_online(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    const char *body = rs_args_flag(args, "repair") ? "{\"repair\":true}" : "{\"repair\":false}";
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_job_follow(c, "/v2/_roadstead/admin/fsck", body, &a);
    return e == RS_EXIT_OK ? tell(c, a.json) : e;
}

/* ---- on a data directory ---- */

struct offline {
    struct rs_db *db;
    struct rs_blobs *blobs;
    int lock_fd;
    struct rs_buf findings; /* text, or JSON objects with commas */
    bool wants_json;
};

static void offline_close(struct offline *o)
{
    rs_blobs_close(o->blobs);
    rs_db_close(o->db);
    if (o->lock_fd >= 0)
        (void)close(o->lock_fd); /* the lock goes with it */
    rs_buf_release(&o->findings);
}

static enum rs_status offline_open(struct offline *o, const char *data, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(4096);
    const struct rs_blobs_options blobs = {.data_dir = data};
    bool created = false;
    enum rs_status s = rs_buf_addf(&path, "%s/catalog.db", data);
    if (s != RS_OK)
        return rs_fail(reterr, RS_BAD_REQUEST, "the name of the data directory is too long");
    if (access(rs_buf_text(&path), R_OK) != 0)
        return rs_fail(reterr, RS_NOT_FOUND,
                       "%.300s holds no registry: there is no catalog.db in it", data);
    const struct rs_db_options db = {.path = rs_buf_text(&path)};
    s = rs_data_dir_lock(data, &o->lock_fd, reterr);
    if (s == RS_OK)
        s = rs_db_open(&db, &o->db, reterr);
    if (s == RS_OK)
        s = rs_schema_migrate(o->db, &created, reterr);
    return s == RS_OK ? rs_blobs_open(&blobs, &o->blobs, reterr) : s;
}

static void offline_finding(const struct rs_fsck_finding *f, void *arg)
{
    struct offline *o = arg;
    struct rs_jw w = RS_JW_INIT(&o->findings);
    if (!o->wants_json) {
        finding_print(&(struct finding){.what = f->what,
                                        .repository = f->repository,
                                        .subject = f->subject,
                                        .is_repaired = f->is_repaired,
                                        .is_garbage = f->is_garbage},
                      &o->findings);
        return;
    }
    if (o->findings.len > 0)
        (void)rs_buf_addc(&o->findings, ',');
    rs_jw_object(&w);
    rs_jw_member_text(&w, "phase", rs_fsck_phase_name(f->phase));
    rs_jw_member_text(&w, "what", f->what);
    rs_jw_member_text(&w, "repository", f->repository == NULL ? "" : f->repository);
    rs_jw_member_text(&w, "subject", f->subject == NULL ? "" : f->subject);
    rs_jw_member_bool(&w, "repaired", f->is_repaired);
    rs_jw_member_bool(&w, "garbage", f->is_garbage);
    rs_jw_object_end(&w);
}

static void offline_progress(const struct rs_fsck_progress *p, void *arg)
{
    (void)arg;
    rs_job_show(rs_fsck_phase_name(p->phase), (int64_t)p->done, (int64_t)p->total, -1);
}

static enum rs_exit offline_tell(struct offline *o, const struct rs_fsck_result *result)
{
    if (!o->wants_json)
        return verdict(result->damaged, result->repaired, result->manifests + result->blobs,
                       &o->findings);
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT((size_t)16 << 20);
    struct rs_jw w = RS_JW_INIT(&out);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "damaged", (int64_t)result->damaged);
    rs_jw_member_int(&w, "repaired", (int64_t)result->repaired);
    rs_jw_key(&w, "findings");
    rs_jw_array(&w);
    if (o->findings.len > 0)
        rs_jw_raw(&w, rs_buf_text(&o->findings));
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    (void)rs_buf_addc(&out, '\n');
    enum rs_exit e = rs_print(&out);
    return e != RS_EXIT_OK ? e : result->damaged > result->repaired ? RS_EXIT_NO : RS_EXIT_OK;
}

static enum rs_exit check_offline(const struct rs_args *args, const char *data)
{
    struct offline o = {.lock_fd = -1,
                        .findings = RS_BUF_INIT((size_t)8 << 20),
                        .wants_json = rs_args_flag(args, "json")};
    struct rs_fsck_result result;
    struct rs_err err = RS_ERR_INIT;
    const struct rs_fsck_options how = {.is_repairing = rs_args_flag(args, "repair"),
                                        .on_finding = offline_finding,
                                        .on_progress = offline_progress,
                                        .arg = &o};
    enum rs_status s = offline_open(&o, data, &err);
    if (s == RS_OK)
        s = rs_fsck_run(o.db, o.blobs, &how, &result, &err);
    rs_job_show_end();
    enum rs_exit e = s == RS_OK ? offline_tell(&o, &result) : rs_tell_err(&err);
    offline_close(&o);
    return e;
}

static enum rs_exit run(const struct rs_args *args)
{
    const char *data = rs_args_text(args, "data");
    return data == NULL ? check_online(args) : check_offline(args, data);
}

const struct rs_command rs_command_fsck = {
    .name = "fsck",
    .arguments = "",
    .summary = "check every stored byte and every invariant",
    .help = "Checks the database, the invariants of the catalog, the digest of every\n"
            "manifest and every blob, and finds files that belong to nothing. The daemon\n"
            "does it in the background while it serves (needs admin); with --data it is\n"
            "done here, on a data directory that no daemon has.\n"
            "\n"
            "Without --repair nothing is changed. --repair never makes anything readable\n"
            "and never changes a state; a blob whose bytes are lost is forgotten, so that\n"
            "the next push of it brings the bytes again.\n"
            "\n"
            "Exit status 1 when damage is left.",
    .examples = "roadstead fsck --user admin --password-file secret\n"
                "roadstead fsck --data /var/lib/roadstead --repair",
    .options = options,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
