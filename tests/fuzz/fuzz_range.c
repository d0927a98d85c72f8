/* Range and Content-Range.  The first byte chooses the size. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "oci/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint64_t sizes[] = {0, 1, 2, 2048, INT64_MAX, UINT64_MAX};
    struct rs_range range = {0, 0};
    if (n == 0)
        return 0;
    uint64_t size = sizes[data[0] % RS_ARRAY_LEN(sizes)];
    char *text = malloc(n);
    if (text == NULL)
        abort();
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    enum rs_range_verdict v = rs_range_parse(text, size, &range);
    if (v == RS_RANGE_PART && (range.first > range.last || range.last >= size))
        abort();
    if (rs_range_parse_chunk(text, &range) && (range.first > range.last || range.last > INT64_MAX))
        abort();
    free(text);
    return 0;
}
