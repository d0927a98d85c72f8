/* `roadstead restore`: make a data directory out of a backup. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/data_dir.h"
#include "cli/job.h"
#include "registry/backup.h"

static const struct rs_option options[] = {
    RS_OPTION("from", "DIR", "the backup"),
    RS_OPTION("data", "DIR", "the data directory to make; must be empty or missing"),
    RS_OPTIONS_END,
};

/* The lock's own file may be there. */
static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool empty = dir != NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "lock") != 0)
            empty = false;
    if (dir != NULL)
        (void)closedir(dir);
    return empty;
}

static void progress(uint64_t done, uint64_t total, void *arg)
{
    (void)arg;
    rs_job_show("blobs", (int64_t)done, (int64_t)total, -1);
}

static enum rs_exit restore(const char *from, const char *to)
{
    struct rs_backup_counts counts;
    struct rs_err err = RS_ERR_INIT;
    RS_AUTO_FD int lock = -1;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(4096);
    if (rs_data_dir_lock(to, &lock, &err) != RS_OK)
        return rs_tell_err(&err);
    if (!is_empty(to)) {
        rs_tell(
            "%s is not empty: restore into a new directory, and put it in place when it is whole",
            to);
        return RS_EXIT_REFUSED;
    }
    enum rs_status s = rs_restore(from, to, progress, NULL, &counts, &err);
    rs_job_show_end();
    if (s != RS_OK)
        return rs_tell_err(&err);
    (void)rs_buf_addf(
        &text,
        "restored the catalog, the keys, and %llu blobs; start with: roadstead serve --data %s\n",
        (unsigned long long)counts.blobs, to);
    return rs_print(&text);
}

static enum rs_exit run(const struct rs_args *args)
{
    const char *from = rs_args_text(args, "from");
    const char *to = rs_args_text(args, "data");
    if (from == NULL || to == NULL)
        return rs_usage(
            "restore needs --from DIR (the backup) and --data DIR (the data directory to make)");
    return restore(from, to);
}

const struct rs_command rs_command_restore = {
    .name = "restore",
    .arguments = "",
    .summary = "make a data directory out of a backup",
    .help = "Copies a backup into a new data directory, verifying every blob on the way;\n"
            "the catalog is put in place last, so that nothing half-done can be started.\n"
            "Works without a running daemon.",
    .examples = "roadstead restore --from /backup/roadstead --data /var/lib/roadstead",
    .options = options,
    .needs = RS_COMMAND_ALONE,
    .run = run,
};
