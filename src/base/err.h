/*
 * base/err.h: an error with its context, set once where it is first detected.
 * Layer: base.  Threads: an rs_err belongs to one thread at a time.
 * The buffers are inline so that an error can be reported when memory is gone.
 */
#ifndef RS_BASE_ERR_H
#define RS_BASE_ERR_H

#include "base/attr.h"
#include "base/status.h"

struct rs_err {
    enum rs_status status;
    int line;
    const char *file;
    /* for the client: what happened, why, what to do; never paths, SQL or hosts */
    char message[512];
    char log[256];     /* for the operator's log only: errno text, path, SQL message; "" = none */
    char detail[1536]; /* JSON text for the error's `detail` member; "" = none */
};

#define RS_ERR_INIT     \
    {                   \
        .status = RS_OK \
    }

/**
 * rs_fail(): fill *reterr (may be NULL) and return `s`.  An error already set is kept: the first
 * one wins. With a NULL format the status' default message is used.
 */
#define rs_fail(reterr, s, ...) rs_err_set((reterr), (s), __FILE__, __LINE__, __VA_ARGS__)
RS_PRINTF(5, 6)
enum rs_status rs_err_set(struct rs_err *reterr, enum rs_status s, const char *file, int line,
                          const char *fmt, ...);

/* Add operator-only text (kept out of what the client sees).  Returns err->status. */
RS_PRINTF(2, 3)
enum rs_status rs_err_log(struct rs_err *reterr, const char *fmt, ...);

/* Fails with the status that errno value `e` means: ENOSPC/EDQUOT NO_SPACE, ENOMEM NOMEM, ENOENT
 * NOT_FOUND, EMFILE/ENFILE BUSY, else IO. */
#define rs_fail_errno(reterr, e, what) rs_err_set_errno((reterr), (e), __FILE__, __LINE__, (what))
enum rs_status rs_err_set_errno(struct rs_err *reterr, int e, const char *file, int line,
                                const char *what);

/* Make *err reusable. */
void rs_err_clear(struct rs_err *err);

#endif
