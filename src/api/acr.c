#include "api/acr.h"

#include <string.h>

#include "api/json_api.h"
#include "api/viewer.h"
#include "audit/append.h"
#include "db/db.h"
#include "oci/digest.h"
#include "quarantine/decide.h"
#include "quarantine/show_azure.h"
#include "registry/services.h"

/* A manifest with all the tags that it may have. */
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

static struct rs_azure_question question_of(struct rs_request *r,
                                            const struct rs_platform_source *platforms)
{
    const char *url = rs_request_base_url(r);
    const char *host = strstr(url, "://");
    return (struct rs_azure_question){
        .asker = {.identity = rs_request_identity(r), .access = rs_request_access(r)},
        .platforms = platforms,
        .registry = host == NULL ? url : host + 3,
        .repository = rs_request_param(r, "name"),
        .digest = rs_request_param(r, "digest"),
    };
}

static enum rs_status digest_check(const struct rs_request *r, struct rs_err *reterr)
{
    if (rs_digest_is_valid(rs_str_of(rs_request_param(r, "digest"))))
        return RS_OK;
    return rs_fail(reterr, RS_DIGEST_INVALID, "attributes of a manifest are found by its digest");
}

enum rs_status rs_api_acr_manifest_show(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_services *services = rs_request_services(r);
    const struct rs_viewer viewer = rs_api_viewer(r);
    const struct rs_platform_source platforms = {
        .db = services->db, .blobs = services->blobs, .viewer = &viewer};
    const struct rs_azure_question q = question_of(r, &platforms);
    enum rs_status s = digest_check(r, reterr);
    if (s == RS_OK)
        s = rs_show_azure_manifest(services->db, &q, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

/* ---- decide ---- */

/* Azure lets other attributes be changed here; we have none of them. */
static enum rs_status members_check(const struct rs_json *body, struct rs_err *reterr)
{
    static const char *const others[] = {"deleteEnabled", "writeEnabled", "readEnabled",
                                         "listEnabled"};
    for (size_t i = 0; i < RS_ARRAY_LEN(others); i++)
        if (rs_json_get(body, others[i]) != NULL)
            return rs_fail(
                reterr, RS_BAD_REQUEST,
                "%s cannot be changed here: only quarantineState and quarantineDetails can",
                others[i]);
    return rs_json_only(body, RS_JSON_KEYS("quarantineState", "quarantineDetails"), reterr);
}

static enum rs_status state_read(const struct rs_json *body, enum rs_verdict *ret,
                                 struct rs_err *reterr)
{
    static const struct {
        const char *word;
        enum rs_verdict verdict;
    } words[] = {{"Passed", RS_VERDICT_RELEASE},
                 {"Failed", RS_VERDICT_FAIL},
                 {"Quarantined", RS_VERDICT_QUARANTINE}};
    const char *word = rs_json_text(rs_json_get(body, "quarantineState"));
    for (size_t i = 0; word != NULL && i < RS_ARRAY_LEN(words); i++) {
        if (strcasecmp(words[i].word, word) == 0) {
            *ret = words[i].verdict;
            return RS_OK;
        }
    }
    return rs_fail(reterr, RS_BAD_REQUEST, "\"quarantineState\" must be \"Passed\" or \"Failed\"");
}

static enum rs_status decision_read(const struct rs_json *body, struct rs_buf *details,
                                    struct rs_decision *d, struct rs_err *reterr)
{
    const char *text = NULL;
    enum rs_status s = members_check(body, reterr);
    if (s == RS_OK)
        s = state_read(body, &d->verdict, reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "quarantineDetails", RS_JSON_OPTIONAL,
                                RS_AUDIT_DETAILS_BYTES_MAX, &text, reterr);
    if (s == RS_OK && text != NULL)
        s = rs_audit_details_of_text(rs_str_of(text), details, reterr);
    if (s == RS_OK && text != NULL)
        d->details = rs_buf_text(details);
    return s;
}

static enum rs_status decide(struct rs_request *r, const struct rs_decision *d,
                             struct rs_err *reterr)
{
    struct rs_arena arena;
    struct rs_decided decided;
    rs_arena_init(&arena, RS_CHANGE_ARENA_BYTES);
    enum rs_status s = rs_decide(rs_request_services(r)->db, d, &arena, &decided, reterr);
    rs_arena_release(&arena);
    return s;
}

enum rs_status rs_api_acr_manifest_decide(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(RS_AUDIT_DETAILS_BYTES_MAX);
    struct rs_decision d = {
        .asker = {.identity = rs_request_identity(r), .access = rs_request_access(r)},
        .actor = rs_request_actor(r),
        .repository = rs_request_param(r, "name"),
        .digest = rs_request_param(r, "digest"),
        .if_match = rs_request_header_list(r, "If-Match"),
    };
    enum rs_status s = digest_check(r, reterr);
    if (s == RS_OK)
        s = rs_json_api_body(r, (size_t)RS_API_ACR_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = decision_read(body, &details, &d, reterr);
    if (s == RS_OK)
        s = decide(r, &d, reterr);
    return s == RS_OK ? rs_api_acr_manifest_show(r, re, reterr) : s;
}
