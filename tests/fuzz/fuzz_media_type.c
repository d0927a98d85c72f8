/* Media types and Accept headers. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "oci/media_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char out[RS_MEDIA_TYPE_BYTES];
    char again[RS_MEDIA_TYPE_BYTES];
    struct rs_str s = rs_str_n((const char *)data, n);
    if (rs_media_type_parse(s, out)) {
        /* what came out is a plain type in lower case, and stays itself */
        if (!rs_media_type_is_valid(rs_str_of(out)) ||
            !rs_media_type_parse(rs_str_of(out), again) || strcmp(out, again) != 0 ||
            strpbrk(out, " ;,\t\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
            abort();
        /* no filesystem type is taken for a manifest, or the other way round */
        if (rs_media_type_is_filesystem(out) && rs_media_type_is_manifest(out))
            abort();
    } else if (rs_media_type_is_valid(s)) {
        abort();
    }
    char *text = malloc(n + 1);
    if (text == NULL)
        abort();
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    if (rs_media_type_accept_names(text, "text/event-stream") &&
        strcasestr(text, "text/event-stream") == NULL)
        abort();
    free(text);
    return 0;
}
