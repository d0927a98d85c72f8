/*
 * Upload sessions on disk: uploads/<id>/session says whose it is, uploads/<id>/data is what came so
 * far. Nothing here is durable by intention: an upload that a power cut takes is begun again by its
 * client.  A crash at any point leaves at most a directory that is not a whole session; it looks
 * unknown and is removed when it is old.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "blob/store_internal.h"

#define SESSION_BYTES_MAX ((size_t)512)
#define SESSION_FORMAT "roadstead upload 1"
#define SESSION_LINES 5U

static enum rs_status unknown(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_UPLOAD_UNKNOWN,
                   "no such upload: it was finished, cancelled, or has expired; start a new one");
}

bool rs_session_id_is_valid(const char *id)
{
    unsigned char raw[16];
    return rs_hex_decode(rs_str_of(id), raw, sizeof(raw));
}

/* What is missing or is no session is unknown; what cannot be read is a fault. */
static enum rs_status open_failed(int e, struct rs_err *reterr)
{
    return e == ENOENT || e == ENOTDIR || e == ELOOP ? unknown(reterr)
                                                     : rs_fail_errno(reterr, e, "open an upload");
}

/* ---- the session file: one fact a line ---- */

static bool parse_ms(struct rs_str line, int64_t *ret)
{
    uint64_t v;
    if (!rs_parse_u64(line, INT64_MAX, &v))
        return false;
    *ret = (int64_t)v;
    return true;
}

static bool copy_line(struct rs_str line, char *out, size_t cap)
{
    if (line.n == 0 || line.n >= cap || memchr(line.p, '\0', line.n) != NULL)
        return false;
    memcpy(out, line.p, line.n);
    out[line.n] = '\0';
    return true;
}

static bool parse(const char *text, size_t n, struct rs_upload_info *ret)
{
    struct rs_str lines[SESSION_LINES];
    const char *end = text + n;
    for (size_t i = 0; i < SESSION_LINES; i++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        if (newline == NULL)
            return false;
        lines[i] = rs_str_n(text, (size_t)(newline - text));
        text = newline + 1;
    }
    return text == end && rs_str_eq(lines[0], SESSION_FORMAT) &&
           copy_line(lines[1], ret->repository, sizeof(ret->repository)) &&
           parse_ms(lines[2], &ret->principal_id) &&
           copy_line(lines[3], ret->algorithm, sizeof(ret->algorithm)) &&
           (strcmp(ret->algorithm, "sha256") == 0 || strcmp(ret->algorithm, "sha512") == 0) &&
           parse_ms(lines[4], &ret->started_ms);
}

static enum rs_status read_session(int dir, struct rs_upload_info *ret, struct rs_err *reterr)
{
    int fd = rs_blob_io_open_file(dir, "session", O_RDONLY);
    if (fd < 0)
        return open_failed(-fd, reterr);
    RS_AUTO_FD int session = fd;
    char text[SESSION_BYTES_MAX];
    ssize_t n = rs_blob_io_read(session, text, sizeof(text), 0);
    if (n < 0)
        return rs_fail_errno(reterr, (int)-n, "read an upload's session");
    return parse(text, (size_t)n, ret) ? RS_OK : unknown(reterr);
}

static enum rs_status write_session(int dir, const struct rs_upload_info *info,
                                    struct rs_err *reterr)
{
    char text[SESSION_BYTES_MAX];
    int n = snprintf(text, sizeof(text), SESSION_FORMAT "\n%s\n%lld\n%s\n%lld\n", info->repository,
                     (long long)info->principal_id, info->algorithm, (long long)info->started_ms);
    int fd = rs_blob_io_open_file(dir, "session", O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "create an upload's session");
    RS_AUTO_FD int session = fd;
    return rs_file_write_all(session, text, (size_t)n, reterr);
}

/* ---- sessions ---- */

static int64_t modified_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

enum rs_status rs_session_load(struct rs_blobs *blobs, const char *id, struct rs_upload_info *ret,
                               int *ret_dir, struct rs_err *reterr)
{
    if (!rs_session_id_is_valid(id))
        return unknown(reterr);
    int fd = rs_blob_io_open_dir(blobs->uploads_fd, id);
    if (fd < 0)
        return open_failed(-fd, reterr);
    RS_AUTO_FD int dir = fd;
    struct rs_upload_info info = {0};
    enum rs_status s = read_session(dir, &info, reterr);
    if (s != RS_OK)
        return s;
    struct stat st;
    if (fstatat(dir, "data", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return open_failed(errno, reterr);
    if (!S_ISREG(st.st_mode))
        return unknown(reterr);
    (void)rs_text_copy(info.id, sizeof(info.id), id);
    info.size = (uint64_t)st.st_size;
    info.touched_ms = modified_ms(&st);
    *ret = info;
    *ret_dir = dir;
    dir = -1;
    return RS_OK;
}

enum rs_status rs_session_load_own(struct rs_blobs *blobs, const char *repository,
                                   int64_t principal_id, const char *id, struct rs_upload_info *ret,
                                   int *ret_dir, struct rs_err *reterr)
{
    RS_AUTO_FD int dir = -1;
    struct rs_upload_info info;
    enum rs_status s = rs_session_load(blobs, id, &info, &dir, reterr);
    if (s != RS_OK)
        return s;
    if (info.principal_id != principal_id || strcmp(info.repository, repository) != 0)
        return unknown(reterr);
    *ret = info;
    *ret_dir = dir;
    dir = -1;
    return RS_OK;
}

void rs_session_remove(struct rs_blobs *blobs, const char *id)
{
    int fd = rs_blob_io_open_dir(blobs->uploads_fd, id);
    if (fd < 0)
        return;
    RS_AUTO_FD int dir = fd;
    /* The session first: what is left of an interrupted removal is no session any more. */
    (void)unlinkat(dir, "session", 0);
    (void)unlinkat(dir, "data", 0);
    (void)unlinkat(blobs->uploads_fd, id, AT_REMOVEDIR);
}

static enum rs_status create(struct rs_blobs *blobs, const struct rs_upload_info *info,
                             struct rs_err *reterr)
{
    if (mkdirat(blobs->uploads_fd, info->id, 0700) != 0)
        return rs_fail_errno(reterr, errno, "create an upload");
    int fd = rs_blob_io_open_dir(blobs->uploads_fd, info->id);
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "open a new upload");
    RS_AUTO_FD int dir = fd;
    enum rs_status s = write_session(dir, info, reterr);
    if (s != RS_OK)
        return s;
    int data = rs_blob_io_open_file(dir, "data", O_WRONLY | O_CREAT | O_EXCL);
    if (data < 0)
        return rs_fail_errno(reterr, -data, "create an upload's data");
    (void)close(data); /* nothing was written */
    return RS_OK;
}

enum rs_status rs_upload_start(struct rs_blobs *blobs, const char *repository, int64_t principal_id,
                               const char *algorithm, struct rs_upload_info *ret,
                               struct rs_err *reterr)
{
    enum rs_status s = rs_blob_io_check(blobs, reterr);
    if (s != RS_OK)
        return s;
    struct rs_upload_info info = {.principal_id = principal_id, .started_ms = rs_clock_unix_ms()};
    info.touched_ms = info.started_ms;
    if (!rs_text_copy(info.repository, sizeof(info.repository), repository) ||
        !rs_text_copy(info.algorithm, sizeof(info.algorithm), algorithm))
        return rs_fail(reterr, RS_INTERNAL, NULL);
    rs_id_new(info.id);
    struct rs_running *running = NULL; /* while half of it is there nobody may find it too old */
    s = rs_running_take(blobs->running, info.id, &running, reterr);
    if (s != RS_OK)
        return s;
    s = create(blobs, &info, reterr);
    if (s == RS_OK)
        *ret = info;
    else
        rs_session_remove(blobs, info.id);
    rs_running_drop(blobs->running, running);
    return s;
}

enum rs_status rs_upload_get(struct rs_blobs *blobs, const char *repository, int64_t principal_id,
                             const char *id, struct rs_upload_info *ret, struct rs_err *reterr)
{
    RS_AUTO_FD int dir = -1;
    return rs_session_load_own(blobs, repository, principal_id, id, ret, &dir, reterr);
}

enum rs_status rs_upload_cancel(struct rs_blobs *blobs, const char *repository,
                                int64_t principal_id, const char *id, struct rs_err *reterr)
{
    struct rs_upload_info info;
    struct rs_running *running = NULL;
    enum rs_status s = rs_upload_get(blobs, repository, principal_id, id, &info, reterr);
    if (s == RS_OK)
        s = rs_running_take(blobs->running, id, &running, reterr);
    if (s != RS_OK)
        return s;
    rs_session_remove(blobs, id);
    rs_running_drop(blobs->running, running);
    return RS_OK;
}

/* ---- expiry ---- */

/* When anything last happened to it, whole session or not; 0 when it is gone. */
static int64_t touched_ms(struct rs_blobs *blobs, const char *id)
{
    struct rs_upload_info info;
    RS_AUTO_FD int dir = -1;
    if (rs_session_load(blobs, id, &info, &dir, NULL) == RS_OK)
        return info.touched_ms;
    struct stat st;
    if (fstatat(blobs->uploads_fd, id, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return 0;
    return modified_ms(&st);
}

/* Whether it was removed.  One that somebody writes to is not old, whatever the clocks say. */
static bool expire_one(struct rs_blobs *blobs, const char *id, int64_t older_than_ms)
{
    int64_t touched = touched_ms(blobs, id);
    struct rs_running *running = NULL;
    if (touched == 0 || touched > older_than_ms ||
        rs_running_take(blobs->running, id, &running, NULL) != RS_OK)
        return false;
    if (touched_ms(blobs, id) != touched) { /* somebody came between the look and the take */
        rs_running_give(blobs->running, running);
        return false;
    }
    rs_session_remove(blobs, id);
    rs_running_drop(blobs->running, running);
    return true;
}

enum rs_status rs_uploads_expire(struct rs_blobs *blobs, int64_t now_ms, int64_t max_age_ms,
                                 uint64_t *ret_n, struct rs_err *reterr)
{
    *ret_n = 0;
    int fd = rs_blob_io_open_dir(blobs->uploads_fd, ".");
    if (fd < 0)
        return rs_fail_errno(reterr, -fd, "list uploads");
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        int e = errno;
        (void)close(fd); /* nothing was done with it */
        return rs_fail_errno(reterr, e, "list uploads");
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(list); /* a stream of our own: thread-safe */
        if (entry == NULL)
            break;
        if (rs_session_id_is_valid(entry->d_name) &&
            expire_one(blobs, entry->d_name, now_ms - max_age_ms))
            ++*ret_n;
    }
    int e = errno;
    (void)closedir(list); /* only read */
    return e == 0 ? RS_OK : rs_fail_errno(reterr, e, "list uploads");
}
