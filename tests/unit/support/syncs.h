/* fsync and fdatasync of this process, ours and SQLite's, made to fail on demand. */
#ifndef RS_TESTS_SYNCS_H
#define RS_TESTS_SYNCS_H

enum { SYNC_NONE = -1 };

/* The n-th sync from now on (0: the next) fails with EIO, and only that one; SYNC_NONE: none. */
void syncs_fail_at(int n);
/* Syncs since the last call of syncs_fail_at(). */
int syncs_count(void);

#endif
