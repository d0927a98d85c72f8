#include "oci/manifest.h"

#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "base/buf.h"
#include "oci/media_type.h"

#define EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D512                                                                  \
    "sha512:1111111111111111111111111111111111111111111111111111111111111111" \
    "1111111111111111111111111111111111111111111111111111111111111111"
#define CONFIG_OF(type) "{\"mediaType\":\"" type "\",\"digest\":\"" D1 "\",\"size\":7}"
#define CONFIG CONFIG_OF("application/vnd.oci.image.config.v1+json")
#define EMPTY_CONFIG                                                                  \
    "{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" EMPTY_DIGEST \
    "\",\"size\":2}"
#define LAYER_OF(type) "{\"mediaType\":\"" type "\",\"digest\":\"" D2 "\",\"size\":32654}"
#define LAYER LAYER_OF("application/vnd.oci.image.layer.v1.tar+gzip")
#define CHILD LAYER_OF(RS_MT_OCI_MANIFEST)
#define IMAGE(config, layers, more) \
    "{\"schemaVersion\":2,\"config\":" config ",\"layers\":" layers more "}"
#define INDEX(manifests, more) "{\"schemaVersion\":2,\"manifests\":" manifests more "}"
#define WITH_LAYER(members) IMAGE(CONFIG, "[" members "]", "")

static struct rs_arena arena;

static int set_up(void **state)
{
    (void)state;
    rs_arena_init(&arena, 64U << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rs_arena_release(&arena);
    return 0;
}

static enum rs_status parse(const char *text, const char *type, struct rs_manifest *m,
                            struct rs_err *err)
{
    return rs_manifest_parse(text, strlen(text), type, &arena, m, err);
}

static struct rs_manifest parsed(const char *text, const char *type)
{
    struct rs_manifest m;
    struct rs_err err = RS_ERR_INIT;
    memset(&m, 0xff, sizeof(m));
    if (parse(text, type, &m, &err) != RS_OK)
        fail_msg("%s\n%s", text, err.message);
    return m;
}

/* `said` must be part of the message. */
static void refused(const char *text, const char *type, const char *said)
{
    struct rs_manifest m;
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s = parse(text, type, &m, &err);
    if (s != RS_MANIFEST_INVALID)
        fail_msg("%s: %s", rs_status_name(s), text);
    if (strstr(err.message, said) == NULL)
        fail_msg("\"%s\" does not say \"%s\": %s", err.message, said, text);
}

static void an_image(void **state)
{
    (void)state;
    struct rs_manifest m = parsed(
        IMAGE(CONFIG, "[" LAYER "," LAYER_OF("application/vnd.oci.image.layer.v1.tar") "]",
              ",\"mediaType\":\"" RS_MT_OCI_MANIFEST "\",\"annotations\":{\"b\":\"2\",\"a\":\"1\"},"
              "\"artifactType\":\"a/b\",\"subject\":" CHILD ",\"org.example.extra\":[1,{}]"),
        RS_MT_OCI_MANIFEST);
    assert_false(m.is_index);
    assert_string_equal(m.media_type, RS_MT_OCI_MANIFEST);
    assert_string_equal(m.artifact_type, "a/b");
    assert_true(m.has_config);
    assert_string_equal(m.config.digest, D1);
    assert_string_equal(m.config.media_type, RS_MT_OCI_CONFIG);
    assert_int_equal(m.config.size, 7);
    assert_int_equal(m.n_layers, 2);
    assert_string_equal(m.layers[0].digest, D2);
    assert_int_equal(m.layers[1].size, 32654);
    assert_false(m.layers[0].is_manifest);
    assert_int_equal(m.n_manifests, 0);
    assert_true(m.has_subject);
    assert_string_equal(m.subject.digest, D2);
    assert_true(m.subject.is_manifest);
    assert_string_equal(m.annotations, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_false(m.has_data);
    assert_false(m.is_attachment_shape);
    assert_false(m.has_empty_config);
    assert_string_equal(rs_manifest_artifact_type(&m), "a/b");
}

static void an_index(void **state)
{
    (void)state;
    struct rs_manifest m = parsed(
        INDEX("[{\"mediaType\":\"" RS_MT_OCI_MANIFEST "\",\"digest\":\"" D1 "\",\"size\":1,"
              "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},\"annotations\":{}},"
              "{\"mediaType\":\"" RS_MT_OCI_INDEX "\",\"digest\":\"" D512 "\",\"size\":0,"
              "\"artifactType\":\"x/y\"}," LAYER "]",
              ""),
        RS_MT_OCI_INDEX "; charset=utf-8");
    assert_true(m.is_index);
    assert_string_equal(m.media_type, RS_MT_OCI_INDEX);
    assert_false(m.has_config);
    assert_int_equal(m.n_manifests, 3);
    assert_true(m.manifests[0].is_manifest);
    assert_string_equal(m.manifests[0].platform, "{\"architecture\":\"amd64\",\"os\":\"linux\"}");
    assert_string_equal(m.manifests[0].annotations, "{}");
    assert_true(m.manifests[1].is_manifest);
    assert_string_equal(m.manifests[1].digest, D512);
    assert_string_equal(m.manifests[1].artifact_type, "x/y");
    assert_null(m.manifests[1].platform);
    assert_false(m.manifests[2].is_manifest);
    assert_false(m.is_attachment_shape);
    assert_null(rs_manifest_artifact_type(&m));
    assert_null(m.annotations);
}

static void docker_types(void **state)
{
    (void)state;
    struct rs_manifest m =
        parsed(IMAGE(CONFIG_OF(RS_MT_DOCKER_CONFIG),
                     "[" LAYER_OF("application/vnd.docker.image.rootfs.diff.tar.gzip") "]",
                     ",\"mediaType\":\"" RS_MT_DOCKER_MANIFEST "\""),
               RS_MT_DOCKER_MANIFEST);
    assert_string_equal(m.media_type, RS_MT_DOCKER_MANIFEST);
    assert_false(m.is_attachment_shape);
    assert_string_equal(rs_manifest_artifact_type(&m), RS_MT_DOCKER_CONFIG);
    m = parsed(
        INDEX("[" LAYER_OF(RS_MT_DOCKER_MANIFEST) "]", ",\"mediaType\":\"" RS_MT_DOCKER_LIST "\""),
        RS_MT_DOCKER_LIST);
    assert_true(m.is_index);
    assert_true(m.manifests[0].is_manifest);
}

static void shapes_that_occur(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *type;
    } rows[] = {
        {IMAGE(CONFIG, "[]", ""), RS_MT_OCI_MANIFEST},
        {IMAGE(CONFIG, "null", ""), RS_MT_OCI_MANIFEST},
        {"{\"schemaVersion\":2,\"config\":" CONFIG "}", RS_MT_OCI_MANIFEST},
        {INDEX("[]", ""), RS_MT_OCI_INDEX},
        {INDEX("null", ""), RS_MT_OCI_INDEX},
        {INDEX("[" CHILD "]", ",\"subject\":" CHILD), RS_MT_OCI_INDEX},
        {IMAGE(CONFIG, "[]", ",\"subject\":null,\"annotations\":null,\"artifactType\":null"),
         RS_MT_OCI_MANIFEST},
        {IMAGE(CONFIG, "[]", ",\"artifactType\":\"\""), RS_MT_OCI_MANIFEST},
        {IMAGE(CONFIG, "[]", ",\"artifactType\":\"sbom\""), RS_MT_OCI_MANIFEST},
        {IMAGE(CONFIG, "[]", ",\"mediaType\":\"" RS_MT_OCI_MANIFEST "\""), NULL},
        {IMAGE(CONFIG, "[]", ""), "Application/vnd.OCI.image.manifest.v1+json"},
        {WITH_LAYER("{\"mediaType\":\"a/b; c=d\",\"digest\":\"" D1 "\",\"size\":0}"),
         RS_MT_OCI_MANIFEST},
        {WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":9007199254740992}"),
         RS_MT_OCI_MANIFEST},
        {WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":0,\"urls\":[\"x\"],"
                    "\"x.y\":1,\"annotations\":{\"MediaType\":\"\xc3\xa9\"}}"),
         RS_MT_OCI_MANIFEST},
        {"  " IMAGE(CONFIG, "[]", "") "\r\n", RS_MT_OCI_MANIFEST},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        (void)parsed(rows[i].text, rows[i].type);
}

static void attachment_shapes(void **state)
{
    (void)state;
#define COSIGN LAYER_OF("application/vnd.dev.cosign.simplesigning.v1+json")
    static const struct {
        const char *text;
        bool is_attachment, empty_config;
    } rows[] = {
        {IMAGE(EMPTY_CONFIG, "[" COSIGN "]", ""), true, true},
        /* the empty config decides, whatever the layers are called: no runtime can start it */
        {IMAGE(EMPTY_CONFIG, "[" LAYER "]", ""), true, true},
        {IMAGE(CONFIG, "[" COSIGN "]", ""), true, false},
        {IMAGE(CONFIG, "[]", ""), true, false},
        {IMAGE(CONFIG, "[" COSIGN "," LAYER "]", ""), false, false},
        {IMAGE(CONFIG, "[" LAYER_OF("application/vnd.oci.image.layer.v9.new") "]", ""), false,
         false},
        {IMAGE(CONFIG, "[" LAYER_OF("APPLICATION/VND.OCI.IMAGE.LAYER.V1.TAR") "]", ""), false,
         false},
        {IMAGE(CONFIG, "[" LAYER_OF("application/vnd.oci.image.layer.v1.tar;a=b") "]", ""), false,
         false},
        {IMAGE(CONFIG, "[" LAYER_OF("application/vnd.docker.image.rootfs.diff.tar.gzip") "]", ""),
         false, false},
        {IMAGE(CONFIG, "[" LAYER_OF("application/vnd.erofs.layer.v1") "]", ""), false, false},
        /* not exactly the two bytes {} */
        {IMAGE("{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" D1
               "\",\"size\":2}",
               "[" LAYER "]", ""),
         false, false},
        {IMAGE("{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" EMPTY_DIGEST
               "\",\"size\":3}",
               "[" LAYER "]", ""),
         false, false},
        {IMAGE("{\"mediaType\":\"" RS_MT_OCI_CONFIG "\",\"digest\":\"" EMPTY_DIGEST
               "\",\"size\":2}",
               "[" LAYER "]", ""),
         false, false},
    };
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        struct rs_manifest m = parsed(rows[i].text, RS_MT_OCI_MANIFEST);
        if (m.is_attachment_shape != rows[i].is_attachment ||
            m.has_empty_config != rows[i].empty_config)
            fail_msg("%s", rows[i].text);
    }
    /* an index never is one */
    struct rs_manifest m = parsed(INDEX("[]", ",\"subject\":" CHILD), RS_MT_OCI_INDEX);
    assert_false(m.is_attachment_shape);
}

static void inline_data(void **state)
{
    (void)state;
#define DATA(digest, size, base64) \
    "{\"mediaType\":\"a/b\",\"digest\":\"" digest "\",\"size\":" size ",\"data\":" base64 "}"
#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    struct rs_manifest m =
        parsed(WITH_LAYER(DATA(EMPTY_DIGEST, "2", "\"e30=\"")), RS_MT_OCI_MANIFEST);
    assert_true(m.layers[0].has_data);
    assert_false(m.has_data); /* the two bytes {} */
    m = parsed(WITH_LAYER(DATA(HELLO, "5", "\"aGVsbG8=\"")), RS_MT_OCI_MANIFEST);
    assert_true(m.layers[0].has_data);
    assert_true(m.has_data);
    m = parsed(IMAGE(DATA(HELLO, "5", "\"aGVsbG8=\""), "[]", ""), RS_MT_OCI_MANIFEST);
    assert_true(m.has_data);
    m = parsed(INDEX("[" DATA(HELLO, "5", "\"aGVsbG8=\"") "]", ""), RS_MT_OCI_INDEX);
    assert_true(m.has_data);
    m = parsed(IMAGE(CONFIG, "[]", ",\"subject\":" DATA(HELLO, "5", "\"aGVsbG8=\"")),
               RS_MT_OCI_MANIFEST);
    assert_true(m.has_data);
    m = parsed(WITH_LAYER(DATA(HELLO, "5", "null")), RS_MT_OCI_MANIFEST);
    assert_false(m.has_data);
    static const char *const rows[] = {
        WITH_LAYER(DATA(HELLO, "5", "\"aGVsbG8\"")),
        WITH_LAYER(DATA(HELLO, "5", "\"aGVsbG8=\\n\"")),
        WITH_LAYER(DATA(HELLO, "5", "\"\"")),
        WITH_LAYER(DATA(HELLO, "6", "\"aGVsbG8=\"")),
        WITH_LAYER(DATA(HELLO, "4", "\"aGVsbG8=\"")),
        WITH_LAYER(DATA(D1, "5", "\"aGVsbG8=\"")),
        WITH_LAYER(DATA(HELLO, "5", "\"aGVsbG9=\"")),
        WITH_LAYER(DATA(HELLO, "5", "5")),
        WITH_LAYER(DATA(HELLO, "5", "[\"aGVsbG8=\"]")),
        WITH_LAYER(DATA(D512, "5", "\"aGVsbG8=\"")),
        IMAGE(CONFIG, "[]", ",\"subject\":" DATA(D1, "5", "\"aGVsbG8=\""))};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        refused(rows[i], RS_MT_OCI_MANIFEST, "`data`");
}

static void refuses_schema1(void **state)
{
    (void)state;
    refused("{\"schemaVersion\":1,\"name\":\"x\",\"tag\":\"y\",\"fsLayers\":[],\"history\":[]}",
            "application/vnd.docker.distribution.manifest.v1+json", "schema 1");
    refused("{\"schemaVersion\":1,\"fsLayers\":[],\"signatures\":[]}",
            "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1");
    refused("{\"schemaVersion\":1,\"fsLayers\":[]}", "application/json", "schema 1");
    refused("{\"schemaVersion\":1,\"fsLayers\":[]}", RS_MT_OCI_MANIFEST, "schema 1");
    refused(IMAGE(CONFIG, "[]", ",\"fsLayers\":[]"), RS_MT_OCI_MANIFEST, "schema 1");
    refused(IMAGE(CONFIG, "[]", ",\"signatures\":null"), RS_MT_OCI_MANIFEST, "schema 1");
    refused(IMAGE(CONFIG, "[]", ""), "application/vnd.docker.distribution.manifest.v1+json",
            "schema 1");
    refused(INDEX("[" LAYER_OF("application/vnd.docker.distribution.manifest.v1+json") "]", ""),
            RS_MT_OCI_INDEX, "schema 1");
}

static void refuses_mixtures(void **state)
{
    (void)state;
    static const char *const types[] = {RS_MT_OCI_MANIFEST, RS_MT_OCI_INDEX, RS_MT_DOCKER_MANIFEST,
                                        RS_MT_DOCKER_LIST};
    static const char *const rows[] = {
        IMAGE(CONFIG, "[" LAYER "]", ",\"manifests\":[]"),
        IMAGE(CONFIG, "[" LAYER "]", ",\"manifests\":null"),
        "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[],\"layers\":null}",
        "{\"schemaVersion\":2,\"manifests\":[" CHILD "],\"config\":" CONFIG "}",
        "{\"schemaVersion\":2,\"manifests\":[" CHILD "],\"config\":null}"};
    for (size_t t = 0; t < RS_ARRAY_LEN(types); t++)
        for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
            refused(rows[i], types[t], "cannot stand together");
    refused(IMAGE(CONFIG, "[]", ""), RS_MT_OCI_INDEX, "needs `manifests`");
    refused(INDEX("[]", ""), RS_MT_OCI_MANIFEST, "needs `config`");
    refused("{\"schemaVersion\":2}", RS_MT_OCI_MANIFEST, "needs `config`");
    refused("{\"schemaVersion\":2,\"layers\":[]}", RS_MT_OCI_MANIFEST, "needs `config`");
    refused("{\"schemaVersion\":2}", RS_MT_DOCKER_LIST, "needs `manifests`");
}

static void refuses_two_readings(void **state)
{
    (void)state;
    refused("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"layers\":[" LAYER "]}",
            RS_MT_OCI_MANIFEST, "duplicate");
    refused(WITH_LAYER("{\"mediaType\":\"a/b\",\"mediaType\":\"c/d\",\"digest\":\"" D1
                       "\",\"size\":0}"),
            RS_MT_OCI_MANIFEST, "duplicate");
    static const char *const rows[] = {
        IMAGE(CONFIG, "[]", ",\"Layers\":[" LAYER "]"),
        IMAGE(CONFIG, "[]", ",\"LAYERS\":[" LAYER "]"),
        IMAGE(CONFIG, "[]", ",\"layer\xc5\xbf\":[" LAYER "]"), /* long s */
        IMAGE(CONFIG, "[]", ",\"layer\\u017f\":[" LAYER "]"),
        IMAGE(CONFIG, "[]", ",\"Manifests\":[]"),
        IMAGE(CONFIG, "[]", ",\"manifest\\u017f\":[]"),
        IMAGE(CONFIG, "[]", ",\"Subject\":" CHILD),
        IMAGE(CONFIG, "[]", ",\"\\u017fubject\":" CHILD),
        IMAGE(CONFIG, "[]", ",\"MediaType\":\"x\""),
        IMAGE(CONFIG, "[]", ",\"mediatype\":\"x\""),
        IMAGE(CONFIG, "[]", ",\"FSLayers\":[]"),
        IMAGE(CONFIG, "[]", ",\"Config\":{}"),
        IMAGE(CONFIG, "[]", ",\"artifacttype\":\"x\""),
        IMAGE(CONFIG, "[]", ",\"Annotations\":{}"),
        IMAGE(CONFIG, "[]", ",\"SchemaVersion\":1"),
        WITH_LAYER("{\"mediaType\":\"a/b\",\"Digest\":\"x\",\"digest\":\"" D1 "\",\"size\":0}"),
        WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":0,\"Data\":\"x\"}"),
        WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":0,\"\\u017fize\":1}"),
        WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":0,\"platform\":"
                   "{\"OS\":\"linux\"}}")};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        refused(rows[i], RS_MT_OCI_MANIFEST, "only in case");
}

static void types_must_agree(void **state)
{
    (void)state;
    const char *oci = IMAGE(CONFIG, "[]", ",\"mediaType\":\"" RS_MT_OCI_MANIFEST "\"");
    refused(oci, RS_MT_DOCKER_MANIFEST, "was sent as");
    refused(oci, "application/json", "no manifest");
    refused(oci, "text/plain", "no manifest");
    refused(oci, "", "no media type");
    refused(oci, "nonsense", "no media type");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":\"" RS_MT_OCI_INDEX "\""), RS_MT_OCI_MANIFEST,
            "was sent as");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":\"Application/vnd.oci.image.manifest.v1+json\""),
            RS_MT_OCI_MANIFEST, "was sent as");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":\"" RS_MT_OCI_MANIFEST ";a=b\""),
            RS_MT_OCI_MANIFEST, "was sent as");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":\"\""), RS_MT_OCI_MANIFEST, "was sent as");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":7"), RS_MT_OCI_MANIFEST, "no string");
    refused(IMAGE(CONFIG, "[]", ""), NULL, "neither");
    refused(IMAGE(CONFIG, "[]", ",\"mediaType\":\"a/b\""), NULL, "names no kind");
}

static void bad_descriptors(void **state)
{
    (void)state;
    static const struct {
        const char *layer;
        const char *said;
    } rows[] = {
        {"5", "no object"},
        {"null", "no object"},
        {"{}", "mediaType"},
        {"{\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":\"\",\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":\"ab\",\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":\" a/b\",\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":\"a/b c\",\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":[],\"digest\":\"" D1 "\",\"size\":1}", "mediaType"},
        {"{\"mediaType\":\"a/b\",\"size\":1}", "digest"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"\",\"size\":1}", "digest"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"sha256:abc\",\"size\":1}", "digest"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"../../etc/passwd\",\"size\":1}", "digest"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\",\"size\":1}",
         "digest"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\"}", "size"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":-1}", "size"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1.0}", "size"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":\"1\"}", "size"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":9007199254740993}", "size"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"annotations\":[]}",
         "annotations"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"annotations\":{\"k\":1}}",
         "annotation"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"platform\":\"linux\"}",
         "platform"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"artifactType\":7}",
         "artifactType"},
        {"{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"artifactType\":\"a\\nb\"}",
         "artifactType"},
        /* clients that compare letter by letter would not take these for manifests */
        {"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json;a=b\",\"digest\":\"" D1
         "\",\"size\":1}",
         "exactly"},
        {"{\"mediaType\":\"Application/vnd.oci.image.index.v1+json\",\"digest\":\"" D1
         "\",\"size\":1}",
         "exactly"},
    };
    char text[2000];
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        (void)snprintf(text, sizeof(text), IMAGE(CONFIG, "[" LAYER ",%s]", ""), rows[i].layer);
        refused(text, RS_MT_OCI_MANIFEST, rows[i].said);
        refused(text, RS_MT_OCI_MANIFEST, "layers[1]");
        (void)snprintf(text, sizeof(text), INDEX("[%s]", ""), rows[i].layer);
        refused(text, RS_MT_OCI_INDEX, "manifests[0]");
        (void)snprintf(text, sizeof(text), IMAGE("%s", "[]", ""), rows[i].layer);
        refused(text, RS_MT_OCI_MANIFEST, "config");
        if (strcmp(rows[i].layer, "null") == 0)
            continue;
        (void)snprintf(text, sizeof(text), IMAGE(CONFIG, "[]", ",\"subject\":%s"), rows[i].layer);
        refused(text, RS_MT_OCI_MANIFEST, "subject");
    }
}

static void bad_documents(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "{",
                                       "[]",
                                       "null",
                                       "7",
                                       "\"x\"",
                                       "\xef\xbb\xbf" IMAGE(CONFIG, "[]", ""),
                                       IMAGE(CONFIG, "[]", "") "x",
                                       IMAGE(CONFIG, "[]", "") IMAGE(CONFIG, "[]", ""),
                                       "{\"config\":" CONFIG ",\"layers\":[]}",
                                       "{\"schemaVersion\":\"2\",\"config\":" CONFIG "}",
                                       "{\"schemaVersion\":2.0,\"config\":" CONFIG "}",
                                       "{\"schemaVersion\":3,\"config\":" CONFIG "}",
                                       IMAGE(CONFIG, "{}", ""),
                                       IMAGE(CONFIG, "\"x\"", ""),
                                       IMAGE("[]", "[]", ""),
                                       IMAGE("null", "[]", ""),
                                       IMAGE(CONFIG, "[]", ",\"annotations\":{\"a\":null}"),
                                       IMAGE(CONFIG, "[]", ",\"annotations\":\"x\""),
                                       IMAGE(CONFIG, "[]", ",\"subject\":[]"),
                                       IMAGE(CONFIG, "[]", ",\"subject\":\"" D1 "\""),
                                       IMAGE(CONFIG, "[]", ",\"artifactType\":1"),
                                       IMAGE(CONFIG, "[]", ",\"x\":\"\xff\""),
                                       IMAGE(CONFIG, "[]", ",\"x\":\"\\ud800\""),
                                       IMAGE(CONFIG, "[]", ",\"x\":\"\\u0000\""),
                                       IMAGE(CONFIG, "[]", ",\"x\":1e999")};
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++)
        refused(rows[i], RS_MT_OCI_MANIFEST, "");
    refused(INDEX("{}", ""), RS_MT_OCI_INDEX, "no array");
    refused(INDEX("[[]]", ""), RS_MT_OCI_INDEX, "no object");
}

static void size_limits(void **state)
{
    (void)state;
    struct rs_manifest m;
    size_t n = RS_MANIFEST_BYTES_MAX;
    RS_AUTO_FREE char *text = malloc(n + 1);
    const char *image = IMAGE(CONFIG, "[]", "");
    assert_non_null(text);
    memset(text, ' ', n + 1);
    memcpy(text, image, strlen(image));
    assert_int_equal(rs_manifest_parse(text, n, RS_MT_OCI_MANIFEST, &arena, &m, NULL), RS_OK);
    assert_int_equal(rs_manifest_parse(text, n + 1, RS_MT_OCI_MANIFEST, &arena, &m, NULL),
                     RS_TOO_LARGE);
    /* the conformance suite's large manifest: 390 annotations of 10,000 bytes */
    RS_AUTO(rs_buf) struct rs_buf large = RS_BUF_INIT(RS_MANIFEST_BYTES_MAX);
    memset(text, 'v', 10000);
    assert_int_equal(
        rs_buf_addf(&large, "{\"schemaVersion\":2,\"config\":%s,\"annotations\":{", CONFIG), RS_OK);
    for (int i = 0; i < 390; i++)
        assert_int_equal(rs_buf_addf(&large, "%s\"k%d\":\"%.10000s\"", i == 0 ? "" : ",", i, text),
                         RS_OK);
    assert_int_equal(rs_buf_adds(&large, "}}"), RS_OK);
    assert_int_equal(rs_manifest_parse(large.data, large.len, RS_MT_OCI_MANIFEST, &arena, &m, NULL),
                     RS_OK);
    assert_int_equal(strlen(m.annotations), large.len -
                                                strlen("{\"schemaVersion\":2,\"config\":"
                                                       ",\"annotations\":}") -
                                                strlen(CONFIG));
    /* deep nesting in a member that nobody looks at */
    memset(text, '[', 200000);
    assert_int_equal(rs_manifest_parse(text, 200000, RS_MT_OCI_MANIFEST, &arena, &m, NULL),
                     RS_MANIFEST_INVALID);
    /* a tree that would need a hundred times its bytes */
    for (size_t i = 0; i + 3 <= 3000000; i += 3)
        memcpy(text + i, "[],", 3);
    text[0] = '[';
    assert_int_equal(rs_manifest_parse(text, 3000000, RS_MT_OCI_MANIFEST, &arena, &m, NULL),
                     RS_MANIFEST_INVALID);
}

static void descriptor_limit(void **state)
{
    (void)state;
    struct rs_manifest m;
    struct rs_err err = RS_ERR_INIT;
    for (unsigned more = 0; more < 2; more++) {
        RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_MANIFEST_BYTES_MAX);
        assert_int_equal(rs_buf_adds(&text, "{\"schemaVersion\":2,\"manifests\":["), RS_OK);
        for (unsigned i = 0; i < RS_MANIFEST_DESCRIPTORS_MAX + more; i++)
            assert_int_equal(rs_buf_addf(&text, "%s%s", i == 0 ? "" : ",", CHILD), RS_OK);
        assert_int_equal(rs_buf_adds(&text, "]}"), RS_OK);
        assert_int_equal(rs_manifest_parse(text.data, text.len, RS_MT_OCI_INDEX, &arena, &m, &err),
                         more == 0 ? RS_OK : RS_MANIFEST_INVALID);
    }
    assert_non_null(strstr(err.message, "8193"));
    assert_int_equal(m.n_manifests, RS_MANIFEST_DESCRIPTORS_MAX);
}

/* Without memory it says so, and nothing else happens, wherever the arena ends. */
static void small_arenas(void **state)
{
    (void)state;
    const char *text = IMAGE(CONFIG, "[" LAYER "," LAYER "]",
                             ",\"annotations\":{\"a\":\"b\"},\"artifactType\":\"a/b\"");
    bool done = false;
    for (size_t max = 0; !done; max += 64) {
        struct rs_arena small;
        struct rs_manifest m;
        rs_arena_init(&small, max);
        enum rs_status s =
            rs_manifest_parse(text, strlen(text), RS_MT_OCI_MANIFEST, &small, &m, NULL);
        rs_arena_release(&small);
        done = s == RS_OK;
        if (!done)
            assert_int_equal(s, RS_NOMEM);
        assert_true(max < 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image),
        cmocka_unit_test(an_index),
        cmocka_unit_test(docker_types),
        cmocka_unit_test(shapes_that_occur),
        cmocka_unit_test(attachment_shapes),
        cmocka_unit_test(inline_data),
        cmocka_unit_test(refuses_schema1),
        cmocka_unit_test(refuses_mixtures),
        cmocka_unit_test(refuses_two_readings),
        cmocka_unit_test(types_must_agree),
        cmocka_unit_test(bad_descriptors),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(size_limits),
        cmocka_unit_test(descriptor_limit),
        cmocka_unit_test(small_arenas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
