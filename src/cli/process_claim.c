/* Claims, as `roadstead process` uses them. */
#include "cli/process.h"

#include <string.h>

#include "json/write.h"

#define BODY_BYTES_MAX ((size_t)262144)
#define CLAIMS "/v2/_roadstead/quarantine/claims"

static enum rs_process_answer answer_of(enum rs_exit e)
{
    switch (e) {
    case RS_EXIT_OK:
        return RS_PROCESS_DONE;
    case RS_EXIT_NO:
    case RS_EXIT_REFUSED:
        return RS_PROCESS_LOST;
    case RS_EXIT_UNREACHABLE:
    case RS_EXIT_SERVER:
    case RS_EXIT_TIMEOUT:
        return RS_PROCESS_LATER;
    case RS_EXIT_USAGE:
    case RS_EXIT_DENIED:
        break;
    }
    return RS_PROCESS_IMPOSSIBLE;
}

static enum rs_exit send(struct rs_client *c, const char *method, const char *path,
                         const struct rs_buf *body, struct rs_answer *a)
{
    struct rs_call call = {
        .method = method, .path = path, .body = body == NULL ? NULL : rs_buf_text(body)};
    if (body != NULL && rs_buf_status(body) != RS_OK)
        return rs_usage("the request is too large");
    return rs_client_send(c, &call, a);
}

static bool claim_read(const struct rs_json *json, struct rs_process_claim *ret)
{
    const char *id = rs_json_text(rs_json_get(json, "claim"));
    const char *repository = rs_json_text(rs_json_get(json, "repository"));
    const char *digest = rs_json_text(rs_json_get(json, "digest"));
    return id != NULL && repository != NULL && digest != NULL &&
           rs_name_is_valid(rs_str_of(repository)) && rs_digest_is_valid(rs_str_of(digest)) &&
           rs_text_copy(ret->id, sizeof(ret->id), id) &&
           rs_text_copy(ret->repository, sizeof(ret->repository), repository) &&
           rs_text_copy(ret->digest, sizeof(ret->digest), digest);
}

enum rs_process_answer rs_process_claim_take(struct rs_client *c,
                                             const struct rs_process_wish *wish,
                                             struct rs_process_claim *ret)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_jw w = RS_JW_INIT(&body);
    rs_jw_object(&w);
    if (wish->check != NULL)
        rs_jw_member_text(&w, "check", wish->check);
    if (wish->n_repositories > 0) {
        rs_jw_key(&w, "repositories");
        rs_jw_array(&w);
        for (size_t i = 0; i < wish->n_repositories; i++)
            rs_jw_text(&w, wish->repositories[i]);
        rs_jw_array_end(&w);
    }
    rs_jw_member_int(&w, "leaseSeconds", (int64_t)(wish->lease_ms / 1000));
    rs_jw_object_end(&w);
    enum rs_exit e = send(c, "POST", CLAIMS, &body, &a);
    if (e != RS_EXIT_OK)
        return answer_of(e) == RS_PROCESS_LOST ? RS_PROCESS_IMPOSSIBLE : answer_of(e);
    if (a.http.http_status == 204)
        return RS_PROCESS_NOTHING;
    if (claim_read(a.json, ret))
        return RS_PROCESS_DONE;
    rs_tell("the server's answer is no claim");
    return RS_PROCESS_IMPOSSIBLE;
}

static void claim_path(const struct rs_process_claim *claim, struct rs_buf *out)
{
    (void)rs_buf_adds(out, CLAIMS);
    rs_path_add(out, claim->id);
}

enum rs_process_answer
rs_process_claim_renew(struct rs_client *c, const struct rs_process_claim *claim, uint64_t lease_ms)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(256);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_jw w = RS_JW_INIT(&body);
    claim_path(claim, &path);
    rs_jw_object(&w);
    rs_jw_member_int(&w, "leaseSeconds", (int64_t)(lease_ms / 1000));
    rs_jw_object_end(&w);
    return answer_of(send(c, "PUT", rs_buf_text(&path), &body, &a));
}

void rs_process_claim_return(struct rs_client *c, const struct rs_process_claim *claim)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    claim_path(claim, &path);
    struct rs_call call = {.method = "DELETE", .path = rs_buf_text(&path), .quiet = true};
    (void)(rs_client_send(c, &call, &a) == RS_EXIT_OK); /* its lease ends by itself otherwise */
}

enum rs_process_answer rs_process_claim_report(struct rs_client *c,
                                               const struct rs_process_claim *claim,
                                               const char *check, bool has_passed,
                                               const char *details)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_jw w = RS_JW_INIT(&body);
    const char *yes = check != NULL ? "passed" : "released";
    (void)rs_buf_addf(&path, "/v2/%s/_roadstead/quarantine/%s", claim->repository, claim->digest);
    if (check != NULL) {
        (void)rs_buf_adds(&path, "/checks");
        rs_path_add(&path, check);
    }
    rs_jw_object(&w);
    rs_jw_member_text(&w, "state", has_passed ? yes : "failed");
    rs_jw_member_raw(&w, "details", details);
    rs_jw_member_text(&w, "claim", claim->id);
    rs_jw_object_end(&w);
    return answer_of(send(c, check != NULL ? "PUT" : "PATCH", rs_buf_text(&path), &body, &a));
}
