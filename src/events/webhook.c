#include "events/webhook.h"

#include <string.h>

#include "events/type.h"
#include "events/webhook_internal.h"
#include "json/write.h"
#include "net/url.h"

/* ---- what a webhook is ---- */

void rs_webhook_init(struct rs_webhook *webhook)
{
    memset(webhook, 0, sizeof(*webhook));
    webhook->enabled = true;
}

static bool name_is_valid(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= RS_WEBHOOK_NAME_BYTES)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n &&
           strchr("._-", name[0]) == NULL;
}

static enum rs_status url_check(const char *url, const struct rs_webhook_rules *rules,
                                struct rs_err *reterr)
{
    struct rs_url parsed;
    if (!rs_url_parse(url, &parsed))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "url: an absolute https:// URL is expected, printable ASCII without spaces "
                       "and fragment");
    if (!parsed.is_https && !rules->allow_http)
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "url: http:// is not permitted here: use https://, or set webhooks.allow_http in the configuration");
    if (parsed.has_user)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "url: no user name or password in it: deliveries are signed instead");
    return RS_OK;
}

static enum rs_status types_read(const struct rs_json *array, struct rs_webhook *webhook,
                                 struct rs_err *reterr)
{
    webhook->types = 0;
    for (size_t i = 0; i < rs_json_len(array); i++) {
        const char *word = rs_json_text(rs_json_at(array, i));
        enum rs_event_type type;
        if (word == NULL || !rs_event_type_parse(word, &type))
            return rs_fail(
                reterr, RS_BAD_REQUEST,
                "events: expected are quarantine, push, delete, quarantine_failed, quarantine_overdue");
        webhook->types |= 1U << type;
    }
    return webhook->types != 0 ? RS_OK
                               : rs_fail(reterr, RS_BAD_REQUEST, "events: name at least one");
}

static unsigned types_of_format(enum rs_event_format format)
{
    unsigned types = 0;
    for (unsigned t = 0; t < RS_EVENT_TYPES; t++)
        if (rs_event_format_has(format, rs_event_type_name((enum rs_event_type)t)))
            types |= 1U << t;
    return types;
}

static enum rs_status patterns_read(const struct rs_json *array, struct rs_webhook *webhook,
                                    struct rs_err *reterr)
{
    webhook->n_patterns = 0;
    for (size_t i = 0; i < rs_json_len(array); i++) {
        const char *pattern = rs_json_text(rs_json_at(array, i));
        if (pattern == NULL || !rs_glob_is_valid(pattern) ||
            !rs_text_copy(webhook->pattern[i], sizeof(webhook->pattern[i]), pattern))
            return rs_fail(
                reterr, RS_BAD_REQUEST,
                "repositories: patterns like \"team/app\", \"team/*\" or \"team/**\" are expected");
        webhook->n_patterns++;
    }
    return RS_OK;
}

/* A format that cannot tell of an event is not silently less than was asked for. */
static enum rs_status types_settle(struct rs_webhook *webhook, bool are_named,
                                   struct rs_err *reterr)
{
    unsigned possible = types_of_format(webhook->format);
    if (!are_named && (webhook->types == 0 || (webhook->types & ~possible) != 0))
        webhook->types = possible;
    if ((webhook->types & ~possible) != 0)
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "events: the format %s cannot tell of all of them: acr knows quarantine, push and delete, docker push and delete",
            rs_event_format_name(webhook->format));
    return RS_OK;
}

static enum rs_status names_read(const struct rs_json *object, const struct rs_webhook_rules *rules,
                                 struct rs_webhook *webhook, struct rs_err *reterr)
{
    const char *name = webhook->name;
    const char *url = NULL;
    enum rs_json_need need = webhook->name[0] == '\0' ? RS_JSON_REQUIRED : RS_JSON_OPTIONAL;
    enum rs_status s =
        rs_json_member_text(object, "name", need, RS_WEBHOOK_NAME_BYTES - 1, &name, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(object, "url", need, RS_WEBHOOK_URL_BYTES - 1, &url, reterr);
    if (s != RS_OK)
        return s;
    if (!name_is_valid(name))
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "name: 1 to 64 of a-z, 0-9, '.', '_' and '-' are expected, a letter or digit first");
    if (need == RS_JSON_OPTIONAL && strcmp(name, webhook->name) != 0)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "name: a webhook keeps its name: create another one");
    if (name != webhook->name)
        (void)rs_text_copy(webhook->name, sizeof(webhook->name), name);
    if (url == NULL)
        return RS_OK;
    s = url_check(url, rules, reterr);
    if (s == RS_OK)
        (void)rs_text_copy(webhook->url, sizeof(webhook->url), url);
    return s;
}

enum rs_status rs_webhook_read(const struct rs_json *object, const struct rs_webhook_rules *rules,
                               struct rs_webhook *webhook, struct rs_err *reterr)
{
    const struct rs_json *types = NULL;
    const struct rs_json *patterns = NULL;
    const char *format = rs_event_format_name(webhook->format);
    enum rs_status s = rs_json_only(
        object,
        RS_JSON_KEYS("name", "url", "events", "repositories", "format", "details", "enabled"),
        reterr);
    if (s == RS_OK)
        s = names_read(object, rules, webhook, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(object, "format", RS_JSON_OPTIONAL, 32, &format, reterr);
    if (s == RS_OK && !rs_event_format_parse(format, &webhook->format))
        s = rs_fail(reterr, RS_BAD_REQUEST, "format: cloudevents, acr or docker is expected");
    if (s == RS_OK)
        s = rs_json_member_bool(object, "details", RS_JSON_OPTIONAL, &webhook->details, reterr);
    if (s == RS_OK)
        s = rs_json_member_bool(object, "enabled", RS_JSON_OPTIONAL, &webhook->enabled, reterr);
    if (s == RS_OK)
        s = rs_json_member_array(object, "events", RS_JSON_OPTIONAL, RS_EVENT_TYPES, &types,
                                 reterr);
    if (s == RS_OK && types != NULL)
        s = types_read(types, webhook, reterr);
    if (s == RS_OK)
        s = rs_json_member_array(object, "repositories", RS_JSON_OPTIONAL, RS_WEBHOOK_PATTERNS_MAX,
                                 &patterns, reterr);
    if (s == RS_OK && patterns != NULL)
        s = patterns_read(patterns, webhook, reterr);
    return s == RS_OK ? types_settle(webhook, types != NULL, reterr) : s;
}

bool rs_webhook_wants(const struct rs_webhook *webhook, const char *type, const char *repository)
{
    enum rs_event_type t;
    if (!rs_event_type_parse(type, &t) || (webhook->types & (1U << t)) == 0)
        return false;
    for (size_t i = 0; i < webhook->n_patterns; i++)
        if (rs_glob_match(webhook->pattern[i], repository))
            return true;
    return webhook->n_patterns == 0;
}

/* ---- to and from its row ---- */

void rs_webhook_write(const struct rs_webhook *webhook, struct rs_jw *w)
{
    rs_jw_member_text(w, "name", webhook->name);
    rs_jw_member_text(w, "url", webhook->url);
    rs_jw_key(w, "events");
    rs_jw_array(w);
    for (unsigned t = 0; t < RS_EVENT_TYPES; t++)
        if ((webhook->types & (1U << t)) != 0)
            rs_jw_text(w, rs_event_type_name((enum rs_event_type)t));
    rs_jw_array_end(w);
    rs_jw_key(w, "repositories");
    rs_jw_array(w);
    for (size_t i = 0; i < webhook->n_patterns; i++)
        rs_jw_text(w, webhook->pattern[i]);
    rs_jw_array_end(w);
    rs_jw_member_text(w, "format", rs_event_format_name(webhook->format));
    rs_jw_member_bool(w, "details", webhook->details);
    rs_jw_member_bool(w, "enabled", webhook->enabled);
}

enum rs_status rs_webhook_settings_write(const struct rs_webhook *webhook, struct rs_buf *out,
                                         struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_webhook_write(webhook, &w);
    rs_jw_object_end(&w);
    enum rs_status s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_webhook_load(const struct rs_webhook_row *row, struct rs_webhook *ret,
                               struct rs_err *reterr)
{
    /* What was permitted when it was stored is judged again when something is sent
     * (events/sender.c). */
    static const struct rs_webhook_rules any = {.allow_http = true};
    RS_AUTO(rs_json) struct rs_json *settings = NULL;
    rs_webhook_init(ret);
    enum rs_status s = row->settings == NULL
                           ? RS_CORRUPT
                           : rs_json_parse_text(row->settings, RS_CORRUPT, &settings, NULL);
    if (s == RS_OK)
        s = rs_webhook_read(settings, &any, ret, NULL);
    ret->enabled = row->enabled;
    if (s == RS_NOMEM)
        return rs_fail(reterr, s, NULL);
    return s == RS_OK
               ? RS_OK
               : rs_fail(
                     reterr, RS_CORRUPT,
                     "the stored settings of a webhook are damaged: delete it and create it anew");
}
