/*
 * audit/checkpoint.h: signed heads of the audit log's tree, and the keys that sign them.
 * Layer: audit.  Threads: any (pure functions but for the key files).
 * Spec: SPEC section 7; the text forms are those of C2SP tlog-checkpoint and signed-note (Ed25519),
 * so that common witnesses and tools read them.
 */
#ifndef RS_AUDIT_CHECKPOINT_H
#define RS_AUDIT_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "catalog/audit.h"
#include "crypto/ed25519.h"

#define RS_NOTE_NAME_BYTES 128
#define RS_NOTE_BYTES_MAX ((size_t)65536)

/* A key with its name.  `seed` counts only when can_sign. */
struct rs_note_key {
    char name[RS_NOTE_NAME_BYTES];
    unsigned char id[4]; /* SHA-256(name || "\n" || 0x01 || public key), first four bytes */
    unsigned char public_key[RS_ED25519_KEY_BYTES];
    unsigned char seed[RS_ED25519_KEY_BYTES];
    bool can_sign;
};

/* A new key of that name.  Errors: RS_NOMEM, RS_INTERNAL. */
RS_MUST_CHECK enum rs_status rs_note_key_generate(const char *name, struct rs_note_key *ret,
                                                  struct rs_err *reterr);
/* Append "<name>+<hex key id>+<base64>": the verifier key, for whoever checks.  (A failure is
 * sticky in the buffer.) */
enum rs_status rs_note_key_write_public(const struct rs_note_key *key, struct rs_buf *out);
/* "PRIVATE+KEY+<name>+<hex key id>+<base64>": for the key file only. */
enum rs_status rs_note_key_write_private(const struct rs_note_key *key, struct rs_buf *out);
/* Either text form, surrounding white space ignored.  RS_BAD_REQUEST for anything else. */
RS_MUST_CHECK enum rs_status rs_note_key_read(struct rs_str text, struct rs_note_key *ret,
                                              struct rs_err *reterr);

/*
 * rs_note_key_load(): the log's key in <keys_dir>/audit-log.key (0600); the first start makes it
 * durably, and writes the verifier key beside it (audit-log.pub).  Errors: RS_CORRUPT (a file that
 * is not ours: nothing is overwritten), RS_IO, RS_NO_SPACE.
 */
RS_MUST_CHECK enum rs_status rs_note_key_load(const char *keys_dir, struct rs_note_key *ret,
                                              struct rs_err *reterr);

/* The same, but nothing is made: RS_NOT_FOUND when there is no key yet. */
RS_MUST_CHECK enum rs_status rs_note_key_find(const char *keys_dir, struct rs_note_key *ret,
                                              struct rs_err *reterr);

struct rs_checkpoint {
    char origin[RS_NOTE_NAME_BYTES];
    uint64_t size; /* records */
    unsigned char root[RS_AUDIT_HASH_BYTES];
};

/* Append the signed note; the origin is the key's name. */
RS_MUST_CHECK enum rs_status rs_checkpoint_sign(const struct rs_note_key *key, uint64_t size,
                                                const unsigned char root[RS_AUDIT_HASH_BYTES],
                                                struct rs_buf *out, struct rs_err *reterr);
/*
 * rs_checkpoint_open(): parse a note and check the key's signature on it.  Signatures of other keys
 * are passed over. Errors: RS_BAD_REQUEST (no checkpoint, no signature of this key, a signature of
 * this key that is wrong).
 */
RS_MUST_CHECK enum rs_status rs_checkpoint_open(struct rs_str note, const struct rs_note_key *key,
                                                struct rs_checkpoint *ret, struct rs_err *reterr);

/* The newest checkpoint that was signed, kept beside the key (and so outside of the catalog). */
#define RS_CHECKPOINT_FILE "audit-log.checkpoint"
/* RS_NOT_FOUND; RS_BAD_REQUEST and RS_CORRUPT: the file is no checkpoint of this key; RS_IO. */
RS_MUST_CHECK enum rs_status rs_checkpoint_find(const char *keys_dir, const struct rs_note_key *key,
                                                struct rs_checkpoint *ret, struct rs_err *reterr);

#endif
