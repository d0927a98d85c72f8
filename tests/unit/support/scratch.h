/* A temporary directory of one's own for each test. */
#ifndef RS_TESTS_SCRATCH_H
#define RS_TESTS_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

/* cmocka fixtures: *state is the directory's path. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* "<directory>/<name>", in one of a few static buffers. */
const char *scratch_path(void *const *state, const char *name);

/* Mount a file system in memory of so many bytes at `path` (created).  False where it is not
 * allowed: says so in one line. */
bool scratch_mount(const char *path, size_t bytes);
void scratch_umount(const char *path);

#endif
