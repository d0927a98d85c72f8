/*
 * cli/terminal.h: text from elsewhere, made safe for a terminal.
 * Layer: cli.  Threads: any (pure).  Spec: TESTPLAN T46.
 */
#ifndef RS_CLI_TERMINAL_H
#define RS_CLI_TERMINAL_H

#include "base/buf.h"
#include "base/text.h"

/*
 * Append `text` so that it is one line and moves nothing but the cursor to the right: control bytes
 * (C0, DEL, C1) and bytes that are no UTF-8 become \xNN, the characters that turn the direction of
 * writing or end a line \u{N}; a backslash stays itself.
 */
enum rs_status rs_terminal_add(struct rs_buf *out, struct rs_str text);
/* Columns that such text takes: one per character (wide characters count as two). */
size_t rs_terminal_width(struct rs_str text);
/* Safe text of at most 511 bytes in `out`, for messages; returns it. */
#define RS_TERMINAL_TEXT_BYTES 512
const char *rs_terminal_text(const char *text, char out[RS_TERMINAL_TEXT_BYTES]);

#endif
