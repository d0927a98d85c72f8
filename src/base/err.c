#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum rs_status rs_err_set(struct rs_err *reterr, enum rs_status s, const char *file, int line,
                          const char *fmt, ...)
{
    if (reterr == NULL)
        return s;
    if (reterr->status != RS_OK)
        return reterr->status; /* the first detection knows best */
    reterr->status = s;
    reterr->file = file;
    reterr->line = line;
    reterr->message[0] = '\0';
    if (fmt != NULL) {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(reterr->message, sizeof(reterr->message), fmt, ap);
        va_end(ap);
    } else {
        (void)snprintf(reterr->message, sizeof(reterr->message), "%s", rs_status_text(s));
    }
    return s;
}

enum rs_status rs_err_log(struct rs_err *reterr, const char *fmt, ...)
{
    if (reterr == NULL)
        return RS_INTERNAL;
    if (reterr->log[0] == '\0') {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(reterr->log, sizeof(reterr->log), fmt, ap);
        va_end(ap);
    }
    return reterr->status;
}

static enum rs_status status_of_errno(int e)
{
    switch (e) {
    case ENOSPC:
    case EDQUOT:
        return RS_NO_SPACE;
    case ENOMEM:
        return RS_NOMEM;
    case ENOENT:
        return RS_NOT_FOUND;
    case EMFILE:
    case ENFILE:
        return RS_BUSY; /* out of descriptors: passes when others are done */
    default:
        return RS_IO;
    }
}

enum rs_status rs_err_set_errno(struct rs_err *reterr, int e, const char *file, int line,
                                const char *what)
{
    enum rs_status s = rs_err_set(reterr, status_of_errno(e), file, line, NULL);
    char text[128];
    const char *said = strerror_r(e, text, sizeof(text)); /* the GNU form, which is thread-safe */
    (void)rs_err_log(reterr, "%s: %s", what, said);
    return s;
}

void rs_err_clear(struct rs_err *err)
{
    err->status = RS_OK;
    err->line = 0;
    err->file = NULL;
    err->message[0] = '\0';
    err->log[0] = '\0';
    err->detail[0] = '\0';
}
