#include "scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/rs-unit-XXXXXX", base == NULL ? "/tmp" : base) < 0)
        return -1;
    if (mkdtemp(path) == NULL) {
        perror(path);
        free(path);
        return -1;
    }
    *state = path;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int scratch_teardown(void **state)
{
    int failed = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

const char *scratch_path(void *const *state, const char *name)
{
    static _Thread_local char paths[4][4096];
    static _Thread_local unsigned next;
    char *out = paths[next++ % 4];
    (void)snprintf(out, sizeof(paths[0]), "%s/%s", (const char *)*state, name);
    return out;
}

bool scratch_mount(const char *path, size_t bytes)
{
    char options[64];
    (void)snprintf(options, sizeof(options), "size=%zu", bytes);
    if (mkdir(path, 0700) == 0 && mount("tmpfs", path, "tmpfs", 0, options) == 0)
        return true;
    (void)printf("not run: a small file system of its own cannot be mounted here: %s\n",
                 strerror(errno));
    return false;
}

void scratch_umount(const char *path)
{
    if (umount2(path, MNT_DETACH) != 0)
        perror("umount");
}
