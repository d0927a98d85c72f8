/* An export of the audit log: nothing but the log itself, to the byte, is sound against its
 * checkpoint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"
#include "crypto/hash.h"
#include "fuzz.h"

/* Of corpus/audit_export/sound. */
#define RECORDS 6
static const char root_hex[] = "7c8bc092a03fa12606ff60c50b89660edffb816186654cbd99e4839d7d47a395";
static const char sound_digest[] =
    "sha256:052167ca0ac7d2366b365a8bd210c7816506afa923afe89887d322d351ec293e";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rs_checkpoint checkpoint = {.size = RECORDS};
    struct rs_verify_options whole = {.checkpoints = &checkpoint, .n_checkpoints = 1};
    struct rs_verify_options part = {.is_partial = true};
    struct rs_verify_result result;
    char digest[RS_HASH_TEXT_BYTES];
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(65536);
    FILE *file = n == 0 ? fopen("/dev/null", "re") : fmemopen((void *)(uintptr_t)data, n, "r");
    if (file == NULL ||
        !rs_hex_decode(rs_str_of(root_hex), checkpoint.root, sizeof(checkpoint.root)))
        abort();
    if (rs_verify_file(file, &whole, &result, NULL) != RS_OK)
        abort();
    rs_hash_text(RS_HASH_SHA256, data, n, digest);
    if (result.is_sound != (strcmp(digest, sound_digest) == 0) ||
        result.is_sound != (result.problems == 0) ||
        rs_verify_result_write(&result, &json) != RS_OK)
        abort();
    rewind(file);
    if (rs_verify_file(file, &part, &result, NULL) != RS_OK)
        abort();
    return fclose(file);
}
