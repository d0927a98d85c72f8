/* What this process asks of its files, ours and SQLite's, made to fail on demand. */
#ifndef RS_TESTS_FAULTS_H
#define RS_TESTS_FAULTS_H

enum fault_call {
    FAULT_SYNC = 1,  /* fsync, fdatasync */
    FAULT_READ = 2,  /* of a regular file */
    FAULT_WRITE = 4, /* to a regular file */
    FAULT_OPEN = 8,  /* of files and directories */
    FAULT_RENAME = 16,
};

/* Instead of an errno: the call does half of what it was asked for, or finds the file's end. */
enum { FAULT_SHORT = -2, FAULT_EOF = -3 };
enum { FAULT_NONE = -1 };

/* The n-th of these calls (a set of fault_call) from now on (0: the next) fails with `error`, and
 * only that one; FAULT_NONE: none does. */
void fault_at(unsigned calls, int n, int error);
/* The same, and all that follow it. */
void fault_from(unsigned calls, int n, int error);
/* Those calls since. */
int fault_count(void);

#endif
