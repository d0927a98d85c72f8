#include "cli/reference.h"

#include <string.h>

static enum rs_status set_tag(struct rs_str tag, struct rs_image *ret, struct rs_err *reterr)
{
    if (!rs_tag_is_valid(tag))
        return rs_fail(reterr, RS_BAD_REQUEST, "\"%.*s\" cannot be a tag", (int)tag.n, tag.p);
    memcpy(ret->tag, tag.p, tag.n);
    return RS_OK;
}

enum rs_status rs_image_parse(const char *text, bool may_default, struct rs_image *ret,
                              struct rs_err *reterr)
{
    struct rs_digest digest;
    memset(ret, 0, sizeof(*ret));
    if (strstr(text, "://") != NULL)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "\"%.100s\" is no image: --server says which registry, the image is named"
                       " without it",
                       text);
    if (rs_digest_is_valid(rs_str_of(text)))
        return rs_fail(reterr, RS_BAD_REQUEST, "\"%.150s\" says no repository: NAME@DIGEST", text);
    const char *at = strchr(text, '@');
    size_t n = at == NULL ? strlen(text) : (size_t)(at - text);
    const char *colon = memchr(text, ':', n); /* a name has none */
    size_t name_n = colon == NULL ? n : (size_t)(colon - text);
    if (!rs_name_is_valid(rs_str_n(text, name_n)))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "\"%.100s\" is no image: NAME:TAG or NAME@DIGEST is expected, where NAME is"
                       " the repository without the server",
                       text);
    memcpy(ret->name, text, name_n);
    if (colon != NULL) {
        enum rs_status s = set_tag(rs_str_n(colon + 1, n - name_n - 1), ret, reterr);
        if (s != RS_OK)
            return s;
    }
    if (at != NULL) {
        if (!rs_digest_parse(rs_str_of(at + 1), &digest))
            return rs_fail(reterr, RS_BAD_REQUEST, "\"%.150s\" is no digest", at + 1);
        memcpy(ret->digest, digest.text, sizeof(ret->digest));
        ret->tag[0] = '\0'; /* the digest says which image is meant */
    } else if (colon == NULL) {
        if (!may_default)
            return rs_fail(reterr, RS_BAD_REQUEST, "\"%.100s\" has neither a tag nor a digest",
                           text);
        memcpy(ret->tag, "latest", sizeof("latest"));
    }
    return RS_OK;
}

enum rs_exit rs_image_resolve(struct rs_client *c, const char *text, struct rs_image *ret)
{
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_err err = RS_ERR_INIT;
    char state[32];
    if (rs_image_parse(text, false, ret, &err) != RS_OK)
        return rs_usage("%s", err.message);
    if (ret->digest[0] != '\0')
        return RS_EXIT_OK;
    (void)rs_buf_addf(&path, "/v2/%s/manifests/%s", ret->name, ret->tag);
    struct rs_call call = {
        .method = "HEAD", .path = rs_buf_text(&path), .accept = "*/*", .quiet = true};
    enum rs_exit e = rs_client_send(c, &call, &a);
    if (e == RS_EXIT_UNREACHABLE || e == RS_EXIT_USAGE)
        return e;
    if (e != RS_EXIT_OK) {
        rs_tell("%s: %s (HTTP %ld)", text,
                e == RS_EXIT_NO       ? "there is no such tag, or you may not see it"
                : e == RS_EXIT_DENIED ? "you may not see this tag"
                                      : "the tag cannot be resolved",
                a.http.http_status);
        return e;
    }
    struct rs_digest digest;
    char value[RS_DIGEST_TEXT_BYTES];
    if (!rs_http_response_header(&a.http, "docker-content-digest", value, sizeof(value)) ||
        !rs_digest_parse(rs_str_of(value), &digest)) {
        rs_tell("%s: the server did not say which digest the tag has", text);
        return RS_EXIT_SERVER;
    }
    memcpy(ret->digest, digest.text, sizeof(ret->digest));
    ret->is_staged = rs_http_response_header(&a.http, "roadstead-quarantine", state, sizeof(state));
    return RS_EXIT_OK;
}

void rs_image_path(const struct rs_image *image, struct rs_buf *out)
{
    (void)rs_buf_addf(out, "/v2/%s/_roadstead/quarantine/%s", image->name, image->digest);
}
