/* An issuer's key set: whatever comes, nothing is verified that was not signed. */
#include <stdlib.h>

#include "auth/key_set.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    RS_AUTO(rs_key_set) struct rs_key_set *set = NULL;
    struct rs_err err = RS_ERR_INIT;
    char signature[256] = {0};
    if (rs_key_set_parse(rs_str_n((const char *)data, n), &set, &err) != RS_OK) {
        if (err.message[0] == '\0' || set != NULL)
            abort();
        return 0;
    }
    for (unsigned a = RS_SIGNATURE_RS256; a <= RS_SIGNATURE_EDDSA; a++) {
        size_t lengths[] = {0, 64, 96, 132, 256};
        for (size_t i = 0; i < RS_ARRAY_LEN(lengths); i++) {
            if (rs_key_set_verify(set, "a", (enum rs_signature_algorithm)a, rs_str_of("x"),
                                  rs_str_n(signature, lengths[i])))
                abort();
        }
    }
    return 0;
}
