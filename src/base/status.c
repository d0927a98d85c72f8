#include "base/status.h"

#include "base/assert.h"

static const struct {
    const char *name;
    const char *code;
    unsigned http;
    const char *text;
} rows[] = {
#define RS_X(name, code, http, text) {#name, code, http, text},
#include "base/status.def"
#undef RS_X
};

const char *rs_status_name(enum rs_status s)
{
    rs_assert((unsigned)s < RS_ARRAY_LEN(rows));
    return rows[s].name;
}

const char *rs_status_oci_code(enum rs_status s)
{
    rs_assert((unsigned)s < RS_ARRAY_LEN(rows));
    return rows[s].code;
}

unsigned rs_status_http(enum rs_status s)
{
    rs_assert((unsigned)s < RS_ARRAY_LEN(rows));
    return rows[s].http;
}

const char *rs_status_text(enum rs_status s)
{
    rs_assert((unsigned)s < RS_ARRAY_LEN(rows));
    return rows[s].text;
}
