#include "oci/media_type.h"

#include <string.h>

#include "../cm.h"

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *type; /* NULL: none */
    } rows[] = {
        {"application/json", "application/json"},
        {"  Application/JSON ; charset=utf-8", "application/json"},
        {"application/vnd.oci.image.manifest.v1+json;a=b;c=d", RS_MT_OCI_MANIFEST},
        {"a/b;", "a/b"},
        {"a/b ", "a/b"},
        {"", NULL},
        {"application", NULL},
        {"/json", NULL},
        {"application/", NULL},
        {"application/;a", NULL},
        {"application /json", NULL},
        {"application/json,text/plain", NULL},
        {"application/json text", NULL},
        {"application/j\x01son", NULL},
        {"application/json/x", NULL},
        {"\xc3\xa9/x", NULL},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char out[RS_MEDIA_TYPE_BYTES] = "";
        bool ok = rs_media_type_parse(rs_str_of(rows[i].header), out);
        if (ok != (rows[i].type != NULL))
            fail_msg("%s", rows[i].header);
        assert_string_equal(out, ok ? rows[i].type : "");
    }
    char longest[RS_MEDIA_TYPE_BYTES + 1];
    char out[RS_MEDIA_TYPE_BYTES];
    memset(longest, 'a', sizeof(longest));
    longest[1] = '/';
    assert_true(rs_media_type_parse(rs_str_n(longest, RS_MEDIA_TYPE_BYTES - 1), out));
    assert_false(rs_media_type_parse(rs_str_n(longest, RS_MEDIA_TYPE_BYTES), out));
}

static void plain_types(void **state)
{
    (void)state;
    assert_true(rs_media_type_is_valid(rs_str_of("application/vnd.oci.empty.v1+json")));
    assert_true(rs_media_type_is_valid(rs_str_of("a/b")));
    assert_false(rs_media_type_is_valid(rs_str_of("a/b;c=d")));
    assert_false(rs_media_type_is_valid(rs_str_of(" a/b")));
    assert_false(rs_media_type_is_valid(rs_str_of("a")));
    assert_false(rs_media_type_is_valid(rs_str_of("")));
    assert_false(rs_media_type_is_valid(rs_str_n("a/b\0", 4)));
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum rs_media_kind kind;
        bool is_index, is_manifest;
    } rows[] = {
        {RS_MT_OCI_MANIFEST, RS_MEDIA_OCI_MANIFEST, false, true},
        {RS_MT_OCI_INDEX, RS_MEDIA_OCI_INDEX, true, true},
        {RS_MT_DOCKER_MANIFEST, RS_MEDIA_DOCKER_MANIFEST, false, true},
        {RS_MT_DOCKER_LIST, RS_MEDIA_DOCKER_LIST, true, true},
        {"Application/Vnd.OCI.Image.Index.v1+JSON", RS_MEDIA_OCI_INDEX, true, true},
        {"application/vnd.docker.distribution.manifest.v1+json", RS_MEDIA_DOCKER_SCHEMA1, false,
         false},
        {"application/vnd.docker.distribution.manifest.v1+prettyjws", RS_MEDIA_DOCKER_SCHEMA1,
         false, false},
        {"application/json", RS_MEDIA_OTHER, false, false},
        {"application/vnd.oci.image.manifest.v2+json", RS_MEDIA_OTHER, false, false},
        {"", RS_MEDIA_OTHER, false, false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        assert_int_equal(rs_media_type_kind(rows[i].type), rows[i].kind);
        assert_int_equal(rs_media_type_is_index(rows[i].type), rows[i].is_index);
        assert_int_equal(rs_media_type_is_manifest(rows[i].type), rows[i].is_manifest);
    }
}

static void layers(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool is_filesystem, is_nondistributable;
    } rows[] = {
        {"application/vnd.oci.image.layer.v1.tar", true, false},
        {"application/vnd.oci.image.layer.v1.tar+gzip", true, false},
        {"application/vnd.oci.image.layer.v1.tar+zstd", true, false},
        {"application/vnd.oci.image.layer.v1.tar+gzip+encrypted", true, false},
        {"application/vnd.oci.image.layer.v1.erofs", true, false},
        {"application/vnd.oci.image.layer.nydus.blob.v1", true, false},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true, true},
        {"APPLICATION/VND.OCI.IMAGE.LAYER.V1.TAR", true, false},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", true, false},
        {"application/vnd.docker.image.rootfs.diff.tar", true, false},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true, true},
        {"application/vnd.docker.container.image.rootfs.diff+x-gtar", true, false},
        {"application/vnd.erofs.layer.v1", true, false},
        {"application/vnd.erofs", true, false},
        {"application/vnd.dev.cosign.simplesigning.v1+json", false, false},
        {"application/vnd.cncf.helm.chart.content.v1.tar+gzip", false, false},
        {"application/vnd.in-toto+json", false, false},
        {"application/spdx+json", false, false},
        {"application/vnd.oci.empty.v1+json", false, false},
        {"application/vnd.oci.image.config.v1+json", false, false},
        {"application/octet-stream", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        if (rs_media_type_is_filesystem(rows[i].type) != rows[i].is_filesystem)
            fail_msg("%s", rows[i].type);
        if (rs_media_type_is_nondistributable(rows[i].type) != rows[i].is_nondistributable)
            fail_msg("%s", rows[i].type);
    }
    assert_true(rs_media_type_is_image_config(RS_MT_OCI_CONFIG));
    assert_true(rs_media_type_is_image_config(RS_MT_DOCKER_CONFIG));
    assert_false(rs_media_type_is_image_config(RS_MT_OCI_EMPTY));
}

static void accepts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool named;
    } rows[] = {{"text/event-stream", true},
                {"Text/Event-Stream;charset=utf-8", true},
                {"application/json, text/event-stream;q=0.5", true},
                {"text/event-stream;q=1", true},
                {"text/event-stream;q=0.001", true},
                {"text/event-stream ; q=0", false},
                {"text/event-stream;q=0.000", false},
                {"text/event-stream;q=0", false},
                {"*/*", false},
                {"text/*", false},
                {"", false},
                {NULL, false},
                {"text/event-stream2", false},
                {",,text/event-stream", true},
                {"application/json", false}};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        if (rs_media_type_accept_names(rows[i].header, "text/event-stream") != rows[i].named)
            fail_msg("%s", rows[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers), cmocka_unit_test(plain_types), cmocka_unit_test(kinds),
        cmocka_unit_test(layers),  cmocka_unit_test(accepts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
