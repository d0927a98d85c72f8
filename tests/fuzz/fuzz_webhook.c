/* A webhook's settings: what is accepted keeps the rules, and comes back from its stored form as it
 * was. */
#include <stdlib.h>
#include <string.h>

#include "events/type.h"
#include "events/webhook.h"
#include "events/webhook_internal.h"
#include "fuzz.h"

static void must_keep_the_rules(const struct rs_webhook *w)
{
    size_t host = strcspn(w->url + 8, "/?#");
    if (strncmp(w->url, "https://", 8) != 0 || host == 0 || memchr(w->url + 8, '@', host) != NULL ||
        w->name[0] == '\0' || w->types == 0 || w->n_patterns > RS_WEBHOOK_PATTERNS_MAX)
        abort();
    for (const char *p = w->url; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            abort();
    for (unsigned t = 0; t < RS_EVENT_TYPES; t++)
        if ((w->types & (1U << t)) != 0 &&
            !rs_event_format_has(w->format, rs_event_type_name((enum rs_event_type)t)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct rs_webhook_rules strict = {0};
    struct rs_json_limits limits = RS_JSON_LIMITS(65536U);
    RS_AUTO(rs_json) struct rs_json *root = NULL;
    RS_AUTO(rs_buf) struct rs_buf settings = RS_BUF_INIT(65536);
    struct rs_webhook w;
    struct rs_webhook again;
    struct rs_err err = RS_ERR_INIT;
    if (rs_json_parse(data, n, &limits, &root, NULL) != RS_OK)
        return 0;
    rs_webhook_init(&w);
    if (rs_webhook_read(root, &strict, &w, &err) != RS_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    must_keep_the_rules(&w);
    if (rs_webhook_settings_write(&w, &settings, NULL) != RS_OK)
        abort();
    struct rs_webhook_row row = {.settings = rs_buf_text(&settings), .enabled = w.enabled};
    if (rs_webhook_load(&row, &again, NULL) != RS_OK || memcmp(&w, &again, sizeof(w)) != 0)
        abort();
    return 0;
}
