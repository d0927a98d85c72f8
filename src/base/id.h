/*
 * base/id.h: unguessable identifiers.
 * Layer: base.  Threads: any.
 */
#ifndef RS_BASE_ID_H
#define RS_BASE_ID_H

#include <stddef.h>

#define RS_ID_TEXT_BYTES 33

/* 128 random bits as 32 lower-case hex digits and a NUL.  Aborts when the kernel gives no random
 * bytes. */
void rs_id_new(char out[RS_ID_TEXT_BYTES]);
void rs_random_bytes(void *out, size_t n);

#endif
