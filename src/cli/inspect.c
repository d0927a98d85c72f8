/* `roadstead inspect`: a manifest, what it refers to, and what refers to it. */
#include <string.h>

#include "cli/reference.h"
#include "cli/table.h"
#include "json/write.h"
#include "oci/media_type.h"

#define ACCEPT \
    RS_MT_OCI_MANIFEST ", " RS_MT_OCI_INDEX ", " RS_MT_DOCKER_MANIFEST ", " RS_MT_DOCKER_LIST

static const struct rs_option options[] = {
    RS_FLAG("raw", "the manifest alone, byte for byte"),
    RS_OPTIONS_END,
};

/* A part that may be missing: null then. */
static void add_optional(struct rs_client *c, struct rs_jw *w, const char *key, const char *path,
                         const char *member)
{
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_call call = {.method = "GET", .path = path, .quiet = true};
    bool ok = rs_client_send(c, &call, &a) == RS_EXIT_OK;
    rs_jw_key(w, key);
    rs_jw_node(w, !ok ? NULL : member == NULL ? a.json : rs_json_get(a.json, member));
}

static enum rs_exit print_whole(struct rs_client *c, const struct rs_image *image,
                                const struct rs_answer *manifest)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT((size_t)64 << 20);
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *tree = NULL;
    struct rs_json_limits limits = RS_JSON_LIMITS((size_t)64 << 20);
    struct rs_jw w = RS_JW_INIT(&text);
    char type[RS_MEDIA_TYPE_BYTES] = "";
    limits.nodes_max = 4U << 20;
    bool has_type = rs_http_response_header(&manifest->http, "content-type", type, sizeof(type));
    rs_jw_object(&w);
    rs_jw_member_text(&w, "repository", image->name);
    rs_jw_member_text(&w, "digest", image->digest);
    rs_jw_member_text(&w, "contentType", has_type ? type : NULL);
    rs_jw_member_int(&w, "size", (int64_t)manifest->http.body.len);
    rs_jw_key(&w, "manifest");
    rs_jw_node(&w, manifest->json);
    rs_image_path(image, &path);
    add_optional(c, &w, "quarantine", rs_buf_text(&path), NULL);
    rs_buf_clear(&path);
    (void)rs_buf_addf(&path, "/v2/%s/referrers/%s", image->name, image->digest);
    add_optional(c, &w, "referrers", rs_buf_text(&path), "manifests");
    rs_jw_object_end(&w);
    struct rs_err err = RS_ERR_INIT;
    if (rs_buf_status(&text) != RS_OK ||
        rs_json_parse(rs_buf_text(&text), text.len, &limits, &tree, &err) != RS_OK)
        return rs_tell_err(&err);
    return rs_print_value(c, tree);
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_image image;
    enum rs_exit e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_image_resolve(c, args->positional[0], &image);
    if (e != RS_EXIT_OK)
        return e;
    (void)rs_buf_addf(&path, "/v2/%s/manifests/%s", image.name, image.digest);
    struct rs_call call = {.method = "GET", .path = rs_buf_text(&path), .accept = ACCEPT};
    e = rs_client_send(c, &call, &a);
    if (e != RS_EXIT_OK)
        return e;
    /* What came is checked before anybody acts on it. */
    if (!rs_digest_matches(image.digest, rs_buf_text(&a.http.body), a.http.body.len)) {
        rs_tell("what the server sent does not have the digest %s", image.digest);
        return RS_EXIT_SERVER;
    }
    return rs_args_flag(args, "raw") ? rs_print(&a.http.body) : print_whole(c, &image, &a);
}

const struct rs_command rs_command_inspect = {
    .name = "inspect",
    .arguments = "IMAGE",
    .summary = "a manifest, its state and what is attached to it",
    .help = "The manifest of NAME:TAG or NAME@DIGEST, checked against its digest; its state;\n"
            "and the signatures, SBOMs and reports that refer to it. What you may not see\n"
            "is left empty.",
    .examples = "roadstead inspect team/app:1.0\n"
                "roadstead inspect team/app@sha256:... --raw",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
