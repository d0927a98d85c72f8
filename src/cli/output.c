/* What the command line says, and the small inputs it reads. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "crypto/secret.h"
#include "json/write.h"

#define OUTPUT_BYTES_MAX ((size_t)256 << 20)
#define DETAILS_BYTES_MAX ((size_t)65536)

RS_PRINTF(1, 0) static void tell(const char *fmt, va_list ap)
{
    char raw[1024];
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(8192);
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    (void)rs_buf_adds(&text, "roadstead: ");
    (void)rs_terminal_add(&text, rs_str_of(raw));
    (void)rs_buf_addc(&text, '\n');
    (void)fwrite(rs_buf_text(&text), 1, text.len, stderr); /* there is nowhere else to say it */
}

void rs_tell(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(fmt, ap);
    va_end(ap);
}

enum rs_exit rs_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(fmt, ap);
    va_end(ap);
    return RS_EXIT_USAGE;
}

enum rs_exit rs_tell_err(const struct rs_err *err)
{
    rs_tell("%s", err->message[0] == '\0' ? rs_status_text(err->status) : err->message);
    return err->status == RS_BAD_REQUEST ? RS_EXIT_USAGE : RS_EXIT_SERVER;
}

void rs_pause_ms(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ; /* what is left of it */
}

enum rs_exit rs_print(const struct rs_buf *text)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_buf_status(text) != RS_OK) {
        (void)rs_fail(&err, rs_buf_status(text), NULL);
        return rs_tell_err(&err);
    }
    if (fwrite(rs_buf_text(text), 1, text->len, stdout) == text->len && fflush(stdout) == 0)
        return RS_EXIT_OK;
    char why[128];
    rs_tell("standard output: %s", strerror_r(errno, why, sizeof(why)));
    return RS_EXIT_SERVER;
}

enum rs_exit rs_print_json(const struct rs_json *value)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    (void)rs_json_dump_canonical(value, &text);
    (void)rs_buf_addc(&text, '\n');
    return rs_print(&text);
}

enum rs_exit rs_print_value(const struct rs_client *c, const struct rs_json *value)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(OUTPUT_BYTES_MAX);
    if (rs_client_wants_json(c))
        return rs_print_json(value);
    (void)rs_table_write_tree(value, 0, &text);
    return rs_print(&text);
}

static enum rs_status read_all(FILE *f, const char *path, struct rs_buf *out, struct rs_err *reterr)
{
    char block[4096];
    size_t n = 0;
    while (rs_buf_status(out) == RS_OK && (n = fread(block, 1, sizeof(block), f)) > 0)
        (void)rs_buf_add(out, block, n);
    rs_secret_wipe(block, sizeof(block));
    if (ferror(f) != 0)
        return rs_fail(reterr, RS_IO, "%.200s cannot be read", path);
    if (rs_buf_status(out) == RS_TOO_LARGE)
        return rs_fail(reterr, RS_BAD_REQUEST, "%.200s holds more than %zu bytes", path, out->max);
    return rs_buf_status(out) == RS_OK ? RS_OK : rs_fail(reterr, rs_buf_status(out), NULL);
}

/* Take `n` bytes off the end. */
static void shorten(struct rs_buf *b, size_t n)
{
    b->len -= n;
    b->data[b->len] = '\0';
}

enum rs_status rs_read_input(const char *path, size_t bytes_max, struct rs_buf *out,
                             struct rs_err *reterr)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    if (f == NULL) {
        char why[128];
        return rs_fail(reterr, RS_BAD_REQUEST, "%.200s: %s", path,
                       strerror_r(errno, why, sizeof(why)));
    }
    out->max = bytes_max + 2; /* and a line end */
    enum rs_status s = read_all(f, is_stdin ? "standard input" : path, out, reterr);
    if (!is_stdin)
        (void)fclose(f); /* it was only read */
    if (s != RS_OK)
        return s;
    if (out->len > 0 && out->data[out->len - 1] == '\n')
        shorten(out, 1);
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        shorten(out, 1);
    if (out->len > bytes_max || memchr(rs_buf_text(out), '\0', out->len) != NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "%.200s holds more than %zu bytes, or a NUL byte",
                       is_stdin ? "standard input" : path, bytes_max);
    return RS_OK;
}

void rs_jw_member_option(struct rs_jw *w, const char *key, const struct rs_args *args,
                         const char *option)
{
    const char *value = rs_args_text(args, option);
    if (value == NULL)
        return;
    rs_jw_key(w, key);
    rs_jw_array(w);
    for (size_t i = 0; (value = rs_args_text_at(args, option, i)) != NULL; i++)
        rs_jw_text(w, value);
    rs_jw_array_end(w);
}

enum rs_exit rs_read_details(const struct rs_args *args, struct rs_buf *out, bool *ret_given)
{
    const char *text = rs_args_text(args, "details");
    const char *file = rs_args_text(args, "details-file");
    RS_AUTO(rs_buf) struct rs_buf input = RS_BUF_INIT(DETAILS_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *parsed = NULL;
    struct rs_err err = RS_ERR_INIT;
    *ret_given = text != NULL || file != NULL;
    if (text != NULL && file != NULL)
        return rs_usage("--details and --details-file are two ways of saying the same");
    if (!*ret_given)
        return RS_EXIT_OK;
    if (file != NULL && rs_read_input(file, DETAILS_BYTES_MAX, &input, &err) != RS_OK)
        return rs_tell_err(&err);
    if (text != NULL && rs_buf_adds(&input, text) != RS_OK)
        return rs_usage("--details: at most %zu bytes", DETAILS_BYTES_MAX);
    if (rs_json_parse_text(rs_buf_text(&input), RS_BAD_REQUEST, &parsed, NULL) == RS_OK)
        (void)rs_json_dump_canonical(parsed, out);
    else
        (void)rs_jw_quote(out, rs_str_n(rs_buf_text(&input), input.len));
    if (rs_buf_status(out) != RS_OK) {
        (void)rs_fail(&err, rs_buf_status(out), NULL);
        return rs_tell_err(&err);
    }
    return RS_EXIT_OK;
}
