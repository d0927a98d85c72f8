#include "oci/media_type.h"

#include <string.h>
#include <strings.h>

struct known {
    const char *media_type;
    enum rs_media_kind kind;
};
static const struct known known_types[] = {
    {RS_MT_OCI_MANIFEST, RS_MEDIA_OCI_MANIFEST},
    {RS_MT_OCI_INDEX, RS_MEDIA_OCI_INDEX},
    {RS_MT_DOCKER_MANIFEST, RS_MEDIA_DOCKER_MANIFEST},
    {RS_MT_DOCKER_LIST, RS_MEDIA_DOCKER_LIST},
    {"application/vnd.docker.distribution.manifest.v1+json", RS_MEDIA_DOCKER_SCHEMA1},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", RS_MEDIA_DOCKER_SCHEMA1},
};

enum rs_media_kind rs_media_type_kind(const char *media_type)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(known_types); i++)
        if (strcasecmp(media_type, known_types[i].media_type) == 0)
            return known_types[i].kind;
    return RS_MEDIA_OTHER;
}

bool rs_media_type_is_index(const char *media_type)
{
    enum rs_media_kind kind = rs_media_type_kind(media_type);
    return kind == RS_MEDIA_OCI_INDEX || kind == RS_MEDIA_DOCKER_LIST;
}

bool rs_media_type_is_manifest(const char *media_type)
{
    enum rs_media_kind kind = rs_media_type_kind(media_type);
    return kind != RS_MEDIA_OTHER && kind != RS_MEDIA_DOCKER_SCHEMA1;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * Rather too wide than too narrow: what is taken for a filesystem layer here is held as an image,
 * so a type that some runtime might unpack must not slip past as an artifact's.
 */
bool rs_media_type_is_filesystem(const char *media_type)
{
    if (begins_with(media_type, "application/vnd.oci.image.layer."))
        return true;
    if (begins_with(media_type, "application/vnd.docker.") &&
        strcasestr(media_type, "rootfs.") != NULL)
        return true;
    return strcasestr(media_type, "erofs") != NULL;
}

bool rs_media_type_is_nondistributable(const char *media_type)
{
    return begins_with(media_type, "application/vnd.oci.image.layer.nondistributable.") ||
           begins_with(media_type, "application/vnd.docker.image.rootfs.foreign.");
}

bool rs_media_type_is_image_config(const char *media_type)
{
    return strcasecmp(media_type, RS_MT_OCI_CONFIG) == 0 ||
           strcasecmp(media_type, RS_MT_DOCKER_CONFIG) == 0;
}

/* ---- syntax ---- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_bytes(struct rs_str s)
{
    size_t n = 0;
    while (n < s.n && is_token_char(s.p[n]))
        n++;
    return n;
}

static struct rs_str after(struct rs_str s, size_t n)
{
    return rs_str_n(s.p + n, s.n - n);
}

static struct rs_str skip_blanks(struct rs_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = after(s, 1);
    return s;
}

/* Length of type "/" subtype at the front; 0 when there is none. */
static size_t essence_bytes(struct rs_str s)
{
    size_t type = token_bytes(s);
    if (type == 0 || type == s.n || s.p[type] != '/')
        return 0;
    size_t subtype = token_bytes(after(s, type + 1));
    return subtype == 0 ? 0 : type + 1 + subtype;
}

bool rs_media_type_parse(struct rs_str header, char out[RS_MEDIA_TYPE_BYTES])
{
    struct rs_str s = skip_blanks(header);
    size_t n = essence_bytes(s);
    if (n == 0 || n >= RS_MEDIA_TYPE_BYTES)
        return false;
    struct rs_str rest = skip_blanks(after(s, n));
    if (rest.n > 0 && rest.p[0] != ';')
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    out[n] = '\0';
    return true;
}

bool rs_media_type_is_valid(struct rs_str text)
{
    return text.n < RS_MEDIA_TYPE_BYTES && essence_bytes(text) == text.n && text.n > 0;
}

/* Do the parameters contain q=0, q=0.0, ...? */
static bool is_excluded(struct rs_str params)
{
    while (params.n > 0) {
        const char *semicolon = memchr(params.p, ';', params.n);
        size_t n = semicolon == NULL ? params.n : (size_t)(semicolon - params.p);
        struct rs_str one = skip_blanks(rs_str_n(params.p, n));
        if (one.n >= 3 && (one.p[0] == 'q' || one.p[0] == 'Q') && one.p[1] == '=' &&
            one.p[2] == '0') {
            size_t i = 2;
            while (i < one.n && (one.p[i] == '0' || one.p[i] == '.'))
                i++;
            return skip_blanks(after(one, i)).n == 0;
        }
        params = semicolon == NULL ? after(params, params.n) : after(params, n + 1);
    }
    return false;
}

bool rs_media_type_accept_names(const char *accept_header, const char *media_type)
{
    struct rs_str s = rs_str_of(accept_header);
    while (s.n > 0) {
        const char *comma = memchr(s.p, ',', s.n);
        size_t n = comma == NULL ? s.n : (size_t)(comma - s.p);
        struct rs_str one = rs_str_n(s.p, n);
        char name[RS_MEDIA_TYPE_BYTES];
        if (rs_media_type_parse(one, name) && strcasecmp(name, media_type) == 0) {
            const char *semicolon = memchr(one.p, ';', one.n);
            return semicolon == NULL || !is_excluded(after(one, (size_t)(semicolon - one.p) + 1));
        }
        s = comma == NULL ? after(s, s.n) : after(s, n + 1);
    }
    return false;
}
