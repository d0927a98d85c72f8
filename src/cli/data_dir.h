/*
 * cli/data_dir.h: the data directory: made when missing, and owned by one process at a time.
 * Layer: cli.  Threads: one.
 */
#ifndef RS_CLI_DATA_DIR_H
#define RS_CLI_DATA_DIR_H

#include "base/err.h"

/**
 * rs_data_dir_lock(): make the directory (0700) if it is not there, and take its lock.
 * *ret_fd holds the lock until it is closed, or the process ends in whatever way.
 * Errors, each with a message that says what to do: RS_CONFLICT (another daemon has it), RS_DENIED
 * (not writable), RS_NO_SPACE, RS_IO.
 */
RS_MUST_CHECK enum rs_status rs_data_dir_lock(const char *path, int *ret_fd, struct rs_err *reterr);

#endif
