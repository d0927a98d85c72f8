/* Strict JSON: what is accepted has one canonical text, and that text is accepted again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json/json.h"

static enum rs_status parse(const void *bytes, size_t n, struct rs_json **ret, struct rs_err *err)
{
    struct rs_json_limits limits = RS_JSON_LIMITS(1U << 20);
    return rs_json_parse(bytes, n, &limits, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    RS_AUTO(rs_json) struct rs_json *first = NULL;
    RS_AUTO(rs_json) struct rs_json *second = NULL;
    RS_AUTO(rs_buf) struct rs_buf once = RS_BUF_INIT(8U << 20);
    RS_AUTO(rs_buf) struct rs_buf twice = RS_BUF_INIT(8U << 20);
    struct rs_err err = RS_ERR_INIT;
    if (parse(data, n, &first, &err) != RS_OK) {
        if (first != NULL || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (memchr(data, '\0', n) != NULL || !rs_utf8_is_valid((const char *)data, n))
        abort();
    if (rs_json_dump_canonical(first, &once) != RS_OK ||
        parse(once.data, once.len, &second, NULL) != RS_OK ||
        rs_json_dump_canonical(second, &twice) != RS_OK ||
        strcmp(rs_buf_text(&once), rs_buf_text(&twice)) != 0)
        abort();
    for (size_t i = 0; i < once.len; i++)
        if ((unsigned char)once.data[i] < 0x20 || once.data[i] == 0x7f)
            abort();
    return 0;
}
