/* Keys and checkpoints: what is accepted is written again as it was read, and nothing is accepted
 * that the key did not sign. */
#include <stdlib.h>
#include <string.h>

#include "audit/checkpoint.h"
#include "fuzz.h"

static const char public_text[] =
    "roadstead/audit/test+3104d45c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

static void try_key(struct rs_str text)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(1024);
    struct rs_note_key key;
    struct rs_note_key again;
    struct rs_err err = RS_ERR_INIT;
    if (rs_note_key_read(text, &key, &err) != RS_OK) {
        if (err.message[0] == '\0')
            abort();
        return;
    }
    if ((key.can_sign ? rs_note_key_write_private : rs_note_key_write_public)(&key, &out) !=
            RS_OK ||
        rs_note_key_read(rs_str_n(out.data, out.len), &again, NULL) != RS_OK ||
        memcmp(&key, &again, sizeof(key)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rs_str text = rs_str_n((const char *)data, n);
    struct rs_note_key key;
    struct rs_checkpoint c;
    struct rs_err err = RS_ERR_INIT;
    if (rs_note_key_read(rs_str_of(public_text), &key, NULL) != RS_OK)
        abort();
    if (rs_checkpoint_open(text, &key, &c, &err) == RS_OK) {
        if (c.size != 42 || strcmp(c.origin, key.name) != 0) /* the one note that was ever signed */
            abort();
    } else if (err.message[0] == '\0') {
        abort();
    }
    try_key(text);
    return 0;
}
